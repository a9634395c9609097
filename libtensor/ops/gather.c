/* gather(x, dim, index):  y[i, j, k] = x[i, index[i, j, k], k], the indices along a dimension;
 * dx[i, index[i, j, k], k] += dy[i, j, k]. */
#include <string.h>
#include "ops/ops.h"

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

tn_tensor *tn__scatter_add(tn_ctx *ctx, const char *what, int ndim, const int64_t *shape, int dim,
                           const tn_tensor *index, const tn_tensor *dy)
{
    tn_tensor *dx = tn__new(ctx, what, dy->dtype, ndim, shape);
    tn_tensor *firsts = dx ? firsts_along(ctx, dx, dim, index) : NULL;
    if (!firsts)
        return NULL;
    tn__fill(dx, 0);
    gather_args args = {.dtype = dx->dtype, .step = dx->strides[dim]};
    tn__iter it = tn__iter_new(dy->ndim, dy->shape, 3, (const tn_tensor *[]){firsts, index, dy});
    tn__iter_run_serial(&it, scatter_row, &args);
    tn_free(firsts);
    return dx;
}

const tn_tensor *tn__plain_i64(tn_ctx *ctx, const tn_tensor *t)
{
    return tn__contiguous(ctx, t->dtype == TN_I64 ? t : tn_cast(ctx, t, TN_I64));
}

const tn_tensor *tn__indices(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                             const tn_tensor *index)
{
    if (!tn__is_index(index->dtype)) {
        tn_fail(ctx, TN_ERR_DTYPE, "%s: index is %s but must be i64, i32 or u8", what,
                tn_dtype_name(index->dtype));
        return NULL;
    }
    const tn_tensor *plain = tn__plain_i64(ctx, index);
    for (int64_t i = 0; plain && i < tn_numel(plain); i++) {
        int64_t at = ((const int64_t *)tn__ptr(plain))[i];
        if (at < 0 || at >= x->shape[dim]) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s: index %lld is outside dimension %d of %s", what,
                    (long long)at, dim, TN_SHAPE_TEXT(x));
            return NULL;
        }
    }
    return plain;
}

static void gather_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0,
                tn__scatter_add(ctx, "gather", tn_input_ndim(node, 0), tn_input_shape(node, 0),
                                *(const int *)tn_node_data(node), tn_saved(node, 0), dy));
}

static const tn_op gather_op = {.name = "gather", .backward = gather_backward};

static bool fits(const tn_tensor *x, int dim, const tn_tensor *index)
{
    for (int i = 0; i < x->ndim && x->ndim == index->ndim; i++)
        if (i != dim && index->shape[i] > x->shape[i])
            return false;
    return x->ndim == index->ndim;
}

tn_tensor *tn_gather(tn_ctx *ctx, const tn_tensor *x, int dim, const tn_tensor *index)
{
    if (!tn_check_input(ctx, "gather", "input", x) ||
        !tn_check_input(ctx, "gather", "index", index) ||
        (dim = tn__dim(ctx, "gather", dim, x->ndim)) < 0)
        return NULL;
    if (!fits(x, dim, index)) {
        tn_fail(ctx, TN_ERR_SHAPE,
                "gather: index %s does not fit input %s; sizes other than that of dimension %d "
                "must not be larger",
                TN_SHAPE_TEXT(index), TN_SHAPE_TEXT(x), dim);
        return NULL;
    }
    index = tn__indices(ctx, "gather", x, dim, index);
    if (!index)
        return NULL;
    return tn_record(
        ctx, &gather_op, tn__gather(ctx, "gather", x, dim, index),
        (tn_record_args){.inputs = {x}, .saved = {index}, .data = &dim, .size = sizeof dim});
}
