/* create.c - tensors of given values. */
#include <math.h>
#include <string.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

tn_tensor *tn_empty(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape)
{
    return tn__new(ctx, "empty", dtype, ndim, shape);
}

static tn_tensor *filled(tn_ctx *ctx, const char *what, tn_dtype dtype, int ndim,
                         const int64_t *shape, double value)
{
    tn_tensor *t = tn__new(ctx, what, dtype, ndim, shape);
    if (t)
        tn__fill(t, value);
    return t;
}

tn_tensor *tn_zeros(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape)
{
    return filled(ctx, "zeros", dtype, ndim, shape, 0);
}

tn_tensor *tn_ones(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape)
{
    return filled(ctx, "ones", dtype, ndim, shape, 1);
}

tn_tensor *tn_full(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape, double value)
{
    return filled(ctx, "full", dtype, ndim, shape, value);
}

tn_tensor *tn_scalar(tn_ctx *ctx, tn_dtype dtype, double value)
{
    return filled(ctx, "scalar", dtype, TN_SCALAR, value);
}

typedef struct range {
    tn_tensor *t;
    double start, step;
} range;

/* Elements begin .. end are start + i step, in double, by blocks that a kernel converts. */
static void count_up(int64_t begin, int64_t end, void *payload)
{
    enum { BLOCK = 256 };
    const range *r = payload;
    double places[BLOCK], x[BLOCK];
    for (int j = 0; j < BLOCK; j++)
        places[j] = j;
    for (int64_t i = begin; i < end; i += BLOCK) {
        int64_t length = tn__min(end - i, BLOCK);
        void *to = (char *)tn__ptr(r->t) + (size_t)i * tn_dtype_size(r->t->dtype);
        for (int j = 0; j < BLOCK; j++)
            x[j] = r->start + ((double)i + places[j]) * r->step;
        if (r->t->dtype == TN_F64)
            memcpy(to, x, (size_t)length * sizeof *x);
        else
            tn__kernels_of(r->t->ctx, TN_F64)->cast_to(length, x, (tn__type)r->t->dtype, to);
    }
}

tn_tensor *tn_arange(tn_ctx *ctx, tn_dtype dtype, double start, double end, double step)
{
    if (!tn_ok(ctx))
        return NULL;
    double count = ceil((end - start) / step);
    if (!(step != 0) || isnan(count) || count >= 0x1p53) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "arange: no range from %g to %g in steps of %g", start, end,
                step);
        return NULL;
    }
    int64_t n = count > 0 ? (int64_t)count : 0;
    tn_tensor *t = tn__new(ctx, "arange", dtype, 1, &n);
    range r = {.t = t, .start = start, .step = step};
    if (t)
        tn__parallel(ctx, n, TN__GRAIN_ELEMENTS, count_up, &r);
    return t;
}

tn_tensor *tn_from_data(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape,
                        const void *data)
{
    tn_tensor *t = tn__new(ctx, "from_data", dtype, ndim, shape);
    if (!t)
        return NULL;
    size_t size = (size_t)tn_numel(t) * tn_dtype_size(dtype);
    if (size && !data) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "from_data: data is NULL");
        return NULL;
    }
    if (size)
        memcpy(tn__ptr(t), data, size);
    return t;
}
