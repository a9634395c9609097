/* samples.c - samples of a dataset, from tensors or by a function of the program's. */
#include <stdio.h>
#include <string.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "data/data.h"
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"

/* ---- where they come from -------------------------------------------------------------------- */

static tn_tensor *own(tn_tensor *t)
{
    if (t)
        tn__disown(t);
    return t;
}

bool tn__samples_of(tn__samples *s, tn_ctx *ctx, int64_t count, const tn_tensor *const *tensors,
                    double scale)
{
    s->n = tensors[0]->shape[0];
    s->count = count;
    s->scale = scale;
    for (int64_t i = 0; i < count && tn_ok(ctx); i++) {
        const tn_tensor *t = tensors[i];
        s->tensors[i] = own(tn__contiguous(ctx, t));
        s->elements[i] = tn_numel(t) / s->n;
        s->dtypes[i] = i == 0 && scale != 0 ? TN_F32 : t->dtype;
        s->ndims[i] = t->ndim;
        memcpy(s->shapes[i], t->shape, sizeof t->shape);
    }
    return tn_ok(ctx);
}

static bool check_field(tn_ctx *ctx, int64_t i, const tn_field *f)
{
    if (!tn__is_dtype(f->dtype))
        tn_fail(ctx, TN_ERR_DTYPE, "loader: field %lld has no dtype that there is: %d",
                (long long)i, (int)f->dtype);
    else if (f->ndim < 0 || f->ndim >= TN_MAX_DIMS)
        tn_fail(ctx, TN_ERR_SHAPE, "loader: field %lld has %d dimensions, not 0 to %d",
                (long long)i, f->ndim, TN_MAX_DIMS - 1);
    else if (f->ndim > 0 && !f->shape)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: field %lld has no shape", (long long)i);
    return tn_ok(ctx);
}

/* Sizes that do not fit are refused where a batch is made. */
static void set_field(tn__samples *s, int64_t i, const tn_field *f)
{
    double elements = 1;
    s->dtypes[i] = f->dtype;
    s->ndims[i] = f->ndim + 1;
    for (int d = 0; d < f->ndim; d++) {
        s->shapes[i][d + 1] = f->shape[d];
        elements *= (double)f->shape[d];
    }
    s->elements[i] = elements < 0x1p53 ? (int64_t)elements : 0;
}

bool tn__samples_from(tn__samples *s, tn_ctx *ctx, const tn_dataset *dataset)
{
    s->n = dataset->size;
    s->count = dataset->count;
    s->get = dataset->get;
    s->payload = dataset->payload;
    for (int64_t i = 0; i < s->count && check_field(ctx, i, &dataset->fields[i]); i++)
        set_field(s, i, &dataset->fields[i]);
    return tn_ok(ctx);
}

void tn__samples_close(tn__samples *s)
{
    for (int64_t i = 0; i < s->count; i++)
        tn__release(s->tensors[i]);
}

tn_tensor *tn__samples_batch(const tn__samples *s, tn_ctx *ctx, int64_t i, int64_t size)
{
    int64_t shape[TN_MAX_DIMS];
    memcpy(shape, s->shapes[i], sizeof shape);
    shape[0] = size;
    return own(tn__new(ctx, "loader", s->dtypes[i], s->ndims[i], shape));
}

/* ---- from tensors ---------------------------------------------------------------------------- */

typedef struct gather_args {
    const tn_ctx *ctx;
    const int64_t *order;
    const tn_tensor *from, *to;
    int64_t first, sample; /* elements of a sample */
    double scale;          /* 0: copy bytes */
} gather_args;

static void gather_samples(int64_t begin, int64_t end, void *payload)
{
    const gather_args *a = payload;
    size_t size = tn_dtype_size(a->from->dtype);
    for (int64_t i = begin; i < end; i++) {
        int64_t at = a->order ? a->order[a->first + i] : a->first + i;
        const char *from = (const char *)tn__ptr(a->from) + (size_t)(at * a->sample) * size;
        char *to = (char *)tn__ptr(a->to) + (size_t)(i * a->sample) * tn_dtype_size(a->to->dtype);
        if (a->scale == 0)
            memcpy(to, from, (size_t)a->sample * size);
        else if (a->from->dtype == TN_U8)
            tn__kernels_of(a->ctx, TN_F32)
                ->scale_u8(a->sample, (const uint8_t *)from, a->scale, to);
        else
            for (int64_t j = 0; j < a->sample; j++)
                ((float *)(void *)to)[j] =
                    (float)(a->scale * tn__load_f64(a->from->dtype, from + (size_t)j * size));
    }
}

static void gather(const tn__samples *s, tn_ctx *ctx, const int64_t *order, int64_t first,
                   int64_t size, tn_tensor *const *out)
{
    for (int64_t i = 0; i < s->count; i++) {
        gather_args args = {.ctx = ctx, .order = order, .first = first};
        args.from = s->tensors[i];
        args.to = out[i];
        args.sample = s->elements[i];
        args.scale = i == 0 ? s->scale : 0;
        if (args.sample > 0)
            tn__parallel(ctx, size, tn__grain(TN__GRAIN_SUMMED, (double)args.sample),
                         gather_samples, &args);
    }
}

/* ---- by a function --------------------------------------------------------------------------- */

static bool get_sample(const tn__samples *s, int64_t sample, void *const *out, tn__fault *fault)
{
    tn_text error = {""};
    tn_status status = s->get(sample, out, &error, s->payload);
    if (status >= 0)
        return true;
    error.s[sizeof error.s - 1] = '\0';
    fault->status = status;
    if (!error.s[0])
        snprintf(error.s, sizeof error.s, "get returned %d (%s)", (int)status,
                 tn_status_name(status));
    snprintf(fault->text, sizeof fault->text, "loader_next: sample %lld: %s", (long long)sample,
             error.s);
    return false;
}

static bool get_samples(const tn__samples *s, const int64_t *order, int64_t first, int64_t size,
                        tn_tensor *const *out, atomic_bool *stop, tn__fault *fault)
{
    void *to[TN_MAX_FIELDS];
    for (int64_t i = 0; i < s->count; i++)
        to[i] = tn__ptr(out[i]);
    for (int64_t k = first; k < first + size; k++) {
        if ((stop && atomic_load(stop)) || !get_sample(s, order ? order[k] : k, to, fault))
            return false;
        for (int64_t i = 0; i < s->count; i++)
            to[i] = (char *)to[i] + (size_t)s->elements[i] * tn_dtype_size(s->dtypes[i]);
    }
    return true;
}

bool tn__samples_fill(const tn__samples *s, tn_ctx *ctx, const int64_t *order, int64_t first,
                      int64_t size, tn_tensor *const *out, atomic_bool *stop, tn__fault *fault)
{
    if (s->get)
        return get_samples(s, order, first, size, out, stop, fault);
    gather(s, ctx, order, first, size, out);
    return true;
}
