/* loader.c - batches of samples in order or shuffled. */
#include <math.h>
#include <string.h>
#include "autograd/tape.h"
#include "base/integers.h"
#include "base/isa.h"
#include "base/memory.h"
#include "base/object.h"
#include "base/options.h"
#include "base/threads.h"
#include "data/data.h"
#include "dict/dict.h"
#include "dict/entries.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/random.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

struct tn_loader {
    tn__object object;
    tn_ctx *ctx;
    tn_loader_opts opts;
    tn_tensor *x, *y;             /* the dataset, contiguous, shared */
    tn_tensor *x_batch, *y_batch; /* [batch_size, ...] */
    tn_tensor *x_view, *y_view;   /* the last batch is the first `size` of these */
    int64_t n, batches, next;
    int64_t *order; /* [n] if shuffled */
};

static void free_object(tn__object *object)
{
    tn_loader_free((tn_loader *)(void *)object);
}

void tn_loader_free(tn_loader *loader)
{
    if (!loader)
        return;
    tn_ctx *ctx = loader->ctx;
    tn__object_remove(&loader->object);
    tn_tensor *tensors[] = {loader->x,       loader->y,      loader->x_batch,
                            loader->y_batch, loader->x_view, loader->y_view};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        tn__release(tensors[i]);
    tn__free(ctx, loader->order);
    tn__free(ctx, loader);
}

static bool check_arguments(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *y,
                            const tn_loader_opts *opts)
{
    if (!tn_check_input(ctx, "loader", "x", x))
        return false;
    if (x->ndim < 1 || x->shape[0] < 1 || (y && (y->ndim < 1 || y->shape[0] != x->shape[0])))
        tn_fail(ctx, TN_ERR_SHAPE,
                "loader: x %s and y %s; expected as many samples in each, and "
                "at least one",
                TN_SHAPE_TEXT(x), y ? TN_SHAPE_TEXT(y) : "NULL");
    else if (opts->batch_size < 0)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: batch size %lld",
                (long long)tn__int_option(opts->batch_size, 0));
    else if (!isfinite(opts->scale) || opts->scale == (double)TN_ZERO)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: scale %g", tn__real_option(opts->scale, 0));
    return tn_ok(ctx);
}

static tn_tensor *own(tn_tensor *t)
{
    if (t)
        tn__disown(t);
    return t;
}

/* A batch of samples shaped like those in `t`, and a view of it that can be narrowed. */
static tn_tensor *batch_like(tn_ctx *ctx, const tn_tensor *t, tn_dtype dtype, int64_t size,
                             tn_tensor **view)
{
    int64_t shape[TN_MAX_DIMS];
    memcpy(shape, t->shape, sizeof shape);
    shape[0] = size;
    tn_tensor *batch = own(tn__new(ctx, "loader", dtype, t->ndim, shape));
    *view = batch ? tn__alias(ctx, batch) : NULL;
    return batch;
}

static void prepare(tn_loader *l, const tn_tensor *x, const tn_tensor *y)
{
    tn_ctx *ctx = l->ctx;
    int64_t size = l->opts.batch_size;
    l->x = own(tn__contiguous(ctx, x));
    l->y = own(tn__contiguous(ctx, y));
    l->x_batch = batch_like(ctx, x, l->opts.scale != 0 ? TN_F32 : x->dtype, size, &l->x_view);
    if (y)
        l->y_batch = batch_like(ctx, y, y->dtype, size, &l->y_view);
    if (l->opts.shuffle)
        l->order = tn__alloc(ctx, (size_t)l->n * sizeof *l->order);
}

tn_loader *tn_loader_new(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *y, tn_loader_opts opts)
{
    if (!check_arguments(ctx, x, y, &opts))
        return NULL;
    tn_loader *l = tn__alloc_zeroed(ctx, sizeof *l);
    if (!l)
        return NULL;
    tn__object_add(ctx, &l->object, free_object);
    l->ctx = ctx;
    l->n = x->shape[0];
    if (opts.batch_size == 0)
        opts.batch_size = l->n;
    l->batches = opts.drop_last ? l->n / opts.batch_size : (l->n - 1) / opts.batch_size + 1;
    if (opts.batch_size > l->n)
        opts.batch_size = l->n;
    l->opts = opts;
    prepare(l, x, y);
    if (tn_ok(ctx))
        return l;
    tn_loader_free(l);
    return NULL;
}

int64_t tn_loader_batches(const tn_loader *loader)
{
    return loader ? loader->batches : 0;
}

typedef struct gather_args {
    const tn_loader *loader;
    const tn_tensor *from, *to;
    int64_t first, sample; /* elements of a sample */
    double scale;          /* 0: copy bytes */
} gather_args;

static void gather_samples(int64_t begin, int64_t end, void *payload)
{
    const gather_args *a = payload;
    size_t size = tn_dtype_size(a->from->dtype);
    for (int64_t i = begin; i < end; i++) {
        int64_t at = a->loader->order ? a->loader->order[a->first + i] : a->first + i;
        const char *from = (const char *)tn__ptr(a->from) + (size_t)(at * a->sample) * size;
        char *to = (char *)tn__ptr(a->to) + (size_t)(i * a->sample) * tn_dtype_size(a->to->dtype);
        if (a->scale == 0)
            memcpy(to, from, (size_t)a->sample * size);
        else if (a->from->dtype == TN_U8)
            tn__kernels_of(a->loader->ctx, TN_F32)
                ->scale_u8(a->sample, (const uint8_t *)from, a->scale, to);
        else
            for (int64_t j = 0; j < a->sample; j++)
                ((float *)(void *)to)[j] =
                    (float)(a->scale * tn__load_f64(a->from->dtype, from + (size_t)j * size));
    }
}

/* A batch that requires a gradient is a new leaf: it may have another size than the last one, and
 * gathers a gradient of its own. */
static void renew_leaf(tn_ctx *ctx, tn_tensor *view)
{
    if (!view->var)
        return;
    tn__var_release(view->var);
    view->var = tn__var_new(ctx, view);
}

static tn_tensor *gather(const tn_loader *l, const tn_tensor *from, tn_tensor *batch,
                         tn_tensor *view, int64_t first, int64_t size, double scale)
{
    gather_args args = {.loader = l, .from = from, .to = batch, .first = first, .scale = scale};
    args.sample = tn_numel(from) / l->n;
    if (args.sample > 0)
        tn__parallel(l->ctx, size, tn__grain(TN__GRAIN_SUMMED, (double)args.sample), gather_samples,
                     &args);
    tn__count_change(l->ctx, batch);
    view->shape[0] = size;
    renew_leaf(l->ctx, view);
    return view;
}

bool tn_loader_next(tn_loader *l, tn_batch *batch)
{
    if (!l || !tn_ok(l->ctx))
        return false;
    if (!batch) {
        tn_fail(l->ctx, TN_ERR_ARGUMENT, "loader_next: batch is NULL");
        return false;
    }
    if (l->next == l->batches) {
        l->next = 0;
        return false;
    }
    if (l->next == 0 && l->order)
        tn__random_permutation(l->ctx, l->n, l->order);
    int64_t first = l->next * l->opts.batch_size, left = l->n - first;
    int64_t size = tn__min(left, l->opts.batch_size);
    *batch = (tn_batch){.size = size, .number = l->next++};
    batch->x = gather(l, l->x, l->x_batch, l->x_view, first, size, l->opts.scale);
    if (l->y)
        batch->y = gather(l, l->y, l->y_batch, l->y_view, first, size, 0);
    return tn_ok(l->ctx);
}

/* ---- state ----------------------------------------------------------------------------------- */

static const tn__field fields[] = {
    {"samples", TN__FIELD_I64, offsetof(tn_loader, n), true, 0, 0},
    {"batch_size", TN__FIELD_I64, offsetof(tn_loader, opts.batch_size), true, 0, 0},
    {"shuffle", TN__FIELD_BOOL, offsetof(tn_loader, opts.shuffle), true, 0, 0},
    {"drop_last", TN__FIELD_BOOL, offsetof(tn_loader, opts.drop_last), true, 0, 0},
    {"scale", TN__FIELD_F64, offsetof(tn_loader, opts.scale), true, 0, 0},
    {"next", TN__FIELD_I64, offsetof(tn_loader, next), false, 0, 0x1p53},
};

#define FIELDS ((int)(sizeof fields / sizeof *fields))

/* Between epochs there is no order yet. */
tn_dict *tn_loader_state_dict(const tn_loader *loader)
{
    tn_dict *dict = loader ? tn_dict_new(loader->ctx) : NULL;
    if (!dict)
        return NULL;
    tn__put_fields(dict, "", fields, FIELDS, loader);
    if (loader->order && loader->next > 0)
        tn__put_integers(dict, "order", loader->n, loader->order);
    if (tn_ok(loader->ctx))
        return dict;
    tn_dict_free(dict);
    return NULL;
}

/* Every sample must come once. */
static bool check_order(const tn_loader *l, const char *what, const tn_dict *dict)
{
    if (!tn__get_integers(dict, what, "order", l->n, 0, l->n - 1, NULL))
        return false;
    const tn_tensor *t = tn_dict_get(dict, "order");
    bool *seen = tn__alloc_zeroed(l->ctx, (size_t)l->n * sizeof *seen);
    for (int64_t i = 0; seen && tn_ok(l->ctx) && i < l->n; i++) {
        int64_t sample = ((const int64_t *)tn__ptr(t))[i * t->strides[0]];
        if (seen[sample])
            tn_fail(l->ctx, TN_ERR_FORMAT, "%s: order has sample %lld twice", what,
                    (long long)sample);
        seen[sample] = true;
    }
    tn__free(l->ctx, seen);
    return tn_ok(l->ctx);
}

static bool load_order(tn_loader *l, const char *what, const tn_dict *dict, bool apply)
{
    if (!l->order || !tn_dict_get(dict, "order"))
        return true;
    return apply ? tn__get_integers(dict, what, "order", l->n, 0, l->n - 1, l->order)
                 : check_order(l, what, dict);
}

static bool check_next(const tn_loader *l, const char *what, const tn_dict *dict)
{
    int64_t next = tn__load_i64(TN_I64, tn__ptr(tn_dict_get(dict, "next")));
    if (next > l->batches)
        tn_fail(l->ctx, TN_ERR_FORMAT, "%s: next is %lld of %lld batches", what, (long long)next,
                (long long)l->batches);
    else if (next > 0 && l->order && !tn_dict_get(dict, "order"))
        tn_fail(l->ctx, TN_ERR_FORMAT, "%s: order is missing", what);
    return tn_ok(l->ctx);
}

bool tn__loader_load(tn_loader *loader, const char *what, const tn_dict *dict, bool apply)
{
    return tn__get_fields(dict, what, "", fields, FIELDS, loader, apply) &&
           check_next(loader, what, dict) && load_order(loader, what, dict, apply);
}

tn_status tn_loader_load_state_dict(tn_loader *loader, const tn_dict *dict)
{
    const char *what = "loader_load_state_dict";
    if (!loader)
        return TN_ERR_ARGUMENT;
    if (tn__check_dict(loader->ctx, what, dict) && tn__loader_load(loader, what, dict, false))
        tn__loader_load(loader, what, dict, true);
    return tn_error_status(loader->ctx);
}
