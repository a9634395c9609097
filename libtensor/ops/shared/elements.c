/* elements.c - elements chosen by indices along a dimension, and the gradients of those. */
#include <string.h>
#include "base/integers.h"
#include "base/memory.h"
#include "ops/shared/elements.h"
#include "tensor/broadcast.h"
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/iter.h"
#include "tensor/reduce.h"

typedef struct gather_args {
    tn_dtype dtype;
    int64_t step; /* of x along the dimension */
} gather_args;

#define GATHER_LOOP(type)           \
    for (int64_t i = 0; i < n; i++) \
    ((type *)p[0])[i * s[0]] = ((const type *)p[2])[i * s[2] + index[i * s[1]] * step]

static void gather_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const gather_args *args = payload;
    const int64_t *index = p[1], step = args->step;
    size_t size = tn_dtype_size(args->dtype);
    if (s[0] == 1 && s[1] == 0 && s[2] == 1)
        memcpy(p[0], (const char *)p[2] + index[0] * step * (int64_t)size, (size_t)n * size);
    else if (size == 8)
        GATHER_LOOP(uint64_t);
    else if (size == 4)
        GATHER_LOOP(uint32_t);
    else
        GATHER_LOOP(uint8_t);
}

#define SCATTER_LOOP(type)          \
    for (int64_t i = 0; i < n; i++) \
    ((type *)p[0])[i * s[0] + index[i * s[1]] * step] += ((const type *)p[2])[i * s[2]]

static void scatter_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const gather_args *args = payload;
    const int64_t *index = p[1], step = args->step;
    if (args->dtype == TN_F32)
        SCATTER_LOOP(float);
    else
        SCATTER_LOOP(double);
}

/* More terms than this are not added to one element one after another. */
#define FEW 128

/* The rounding error of each addition (Knuth's two-sum) is added with the next term. It is NaN
 * where the sum is infinite. */
#define EXACT_LOOP(type)                                          \
    for (int64_t i = 0; i < n; i++) {                             \
        int64_t at = index[i * s[1]] * step;                      \
        type *to = (type *)p[0] + i * s[0] + at;                  \
        type *lost = (type *)p[3] + i * s[3] + at;                \
        type a = *to, b = ((const type *)p[2])[i * s[2]] + *lost; \
        type sum = a + b, part = sum - a;                         \
        type off = (a - (sum - part)) + (b - part);               \
        *to = sum;                                                \
        *lost = off == off ? off : 0;                             \
    }

static void scatter_exactly_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const gather_args *args = payload;
    const int64_t *index = p[1], step = args->step;
    if (args->dtype == TN_F32)
        EXACT_LOOP(float)
    else
        EXACT_LOOP(double)
}

/* x seen in the shape of `index`, every element the first along `dim`. */
static tn_tensor *firsts_along(tn_ctx *ctx, const tn_tensor *x, int dim, const tn_tensor *index)
{
    int64_t strides[TN_MAX_DIMS];
    memcpy(strides, x->strides, sizeof strides);
    strides[dim] = 0;
    return tn__view(ctx, x, x->ndim, index->shape, strides, x->offset);
}

tn_tensor *tn__gather(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                      const tn_tensor *index)
{
    tn_tensor *y = tn__new(ctx, what, x->dtype, index->ndim, index->shape);
    tn_tensor *firsts = y ? firsts_along(ctx, x, dim, index) : NULL;
    if (!firsts)
        return NULL;
    gather_args args = {.dtype = x->dtype, .step = x->strides[dim]};
    tn__iter it = tn__iter_new(y->ndim, y->shape, 3, (const tn_tensor *[]){y, index, firsts});
    tn__iter_run(ctx, &it, gather_row, &args);
    tn_free(firsts);
    return y;
}

/* Are the indices the same along all other dimensions? */
static bool is_line(const tn_tensor *index, int dim)
{
    for (int i = 0; i < index->ndim; i++)
        if (i != dim && index->shape[i] > 1 && index->strides[i] != 0)
            return false;
    return true;
}

/* May an element get more than a few terms? Lines of indices are counted. */
static bool is_crowded(tn_ctx *ctx, const tn_tensor *index, int dim, int64_t size)
{
    int64_t n = index->shape[dim];
    if (tn_numel(index) == 0 || n <= FEW || !is_line(index, dim))
        return tn_numel(index) > 0 && n > FEW;
    int64_t *counts = tn__alloc_zeroed(ctx, (size_t)size * sizeof *counts), most = 0;
    for (int64_t i = 0; counts && i < n; i++) {
        int64_t count = ++counts[((const int64_t *)tn__ptr(index))[i * index->strides[dim]]];
        most = tn__max(most, count);
    }
    tn__free(ctx, counts);
    return most > FEW;
}

static tn_tensor *scatter_exactly(tn_ctx *ctx, tn_tensor *dx, int dim, const tn_tensor *index,
                                  const tn_tensor *dy)
{
    tn_tensor *lost = tn_zeros(ctx, dx->dtype, dx->ndim, dx->shape);
    const tn_tensor *operands[] = {firsts_along(ctx, dx, dim, index), index, dy,
                                   lost ? firsts_along(ctx, lost, dim, index) : NULL};
    if (!tn_ok(ctx))
        return NULL;
    gather_args args = {.dtype = dx->dtype, .step = dx->strides[dim]};
    tn__iter it = tn__iter_new(dy->ndim, dy->shape, 4, operands);
    tn__iter_run_serial(&it, scatter_exactly_row, &args);
    return dx;
}

tn_tensor *tn__scatter_add(tn_ctx *ctx, const char *what, int ndim, const int64_t *shape, int dim,
                           const tn_tensor *index, const tn_tensor *dy)
{
    tn_tensor *dx = tn__new(ctx, what, dy->dtype, ndim, shape);
    if (dx)
        tn__fill(dx, 0);
    if (dx && is_crowded(ctx, index, dim, shape[dim]))
        return scatter_exactly(ctx, dx, dim, index, dy);
    tn_tensor *firsts = dx ? firsts_along(ctx, dx, dim, index) : NULL;
    if (!firsts)
        return NULL;
    gather_args args = {.dtype = dx->dtype, .step = dx->strides[dim]};
    tn__iter it = tn__iter_new(dy->ndim, dy->shape, 3, (const tn_tensor *[]){firsts, index, dy});
    tn__iter_run_serial(&it, scatter_row, &args);
    tn_free(firsts);
    return tn_ok(ctx) ? dx : NULL;
}

const tn_tensor *tn__plain_i64(tn_ctx *ctx, const tn_tensor *t)
{
    return t ? tn__contiguous(ctx, t->dtype == TN_I64 ? t : tn__converted(ctx, "index", t, TN_I64))
             : NULL;
}

const tn_tensor *tn__indices(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                             const tn_tensor *index)
{
    if (!tn__is_index(index->dtype)) {
        tn_fail(ctx, TN_ERR_DTYPE, "%s: index is %s but must be i64, i32 or u8", what,
                tn_dtype_name(index->dtype));
        return NULL;
    }
    const tn_tensor *plain = tn__plain_i64(ctx, tn__once(ctx, index, index));
    for (int64_t i = 0; plain && i < tn_numel(plain); i++) {
        int64_t at = ((const int64_t *)tn__ptr(plain))[i];
        if (at < 0 || at >= x->shape[dim]) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s: index %lld is outside dimension %d of %s", what,
                    (long long)at, dim, TN_SHAPE_TEXT(x));
            return NULL;
        }
    }
    return plain ? tn__broadcast_to(ctx, plain, index->ndim, index->shape) : NULL;
}
