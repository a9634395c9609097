/* reshape(x, shape), flatten(x, start, end), squeeze and unsqueeze:  y = x in another shape, the
 * elements in the same row-major order;  dx = dy in x's shape. */
#include <string.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "tensor/copy.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

static void reshape_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0, tn_reshape(ctx, dy, tn_input_ndim(node, 0), tn_input_shape(node, 0)));
}

static const tn_op reshape_op = {.name = "reshape", .backward = reshape_backward};

/* The strides that show x in `shape` without a copy, if there are any. Sizes of x are taken in runs
 * that are contiguous among themselves; each run must be a run of `shape`, too. Before all of them
 * may be sizes of 1, which have the strides of a contiguous tensor. */
static bool view_strides(const tn_tensor *x, int ndim, const int64_t *shape, int64_t *strides)
{
    int64_t run = 1, base = 1;
    int j = ndim - 1;
    tn__contiguous_strides(ndim, shape, strides);
    for (int i = x->ndim - 1; i >= 0; i--) {
        if (x->shape[i] == 1)
            continue;
        if (run == 1)
            base = x->strides[i];
        run *= x->shape[i];
        int up = i - 1;
        while (up >= 0 && x->shape[up] == 1)
            up--;
        if (up >= 0 && x->strides[up] == base * run)
            continue;
        int64_t inner = 1;
        for (; j >= 0 && (inner < run || shape[j] == 1); j--) {
            strides[j] = base * inner;
            inner *= shape[j];
        }
        if (inner != run)
            return false;
        run = 1;
    }
    return true;
}

/* Replaces the one size that is -1. */
static bool infer_shape(tn_ctx *ctx, const tn_tensor *x, int ndim, const int64_t *wanted,
                        int64_t *shape)
{
    int unknown = -1;
    int64_t known = 1, numel = tn_numel(x);
    bool fits = true;
    for (int i = 0; fits && i < ndim; i++) {
        shape[i] = wanted[i];
        if (wanted[i] == -1 && unknown < 0)
            unknown = i;
        else
            fits = wanted[i] >= 0 && !__builtin_mul_overflow(known, wanted[i], &known);
    }
    if (fits && unknown >= 0) {
        fits = known > 0 && numel % known == 0;
        shape[unknown] = fits ? numel / known : 0;
    } else {
        fits = fits && known == numel;
    }
    fits = fits && tn__numel_of(ndim, shape, tn_dtype_size(x->dtype)) >= 0;
    if (!fits)
        tn_fail(ctx, TN_ERR_SHAPE, "reshape: shape %s does not hold the %lld elements of %s",
                tn_shape_text(ndim, wanted).s, (long long)numel, TN_SHAPE_TEXT(x));
    return fits;
}

tn_tensor *tn_reshape(tn_ctx *ctx, const tn_tensor *x, int ndim, const int64_t *wanted)
{
    tn_begin(ctx, &reshape_op);
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS];
    if (!tn_check_input(ctx, "reshape", "input", x) ||
        !tn__check_dims(ctx, "reshape", ndim, wanted) || !infer_shape(ctx, x, ndim, wanted, shape))
        return NULL;
    const tn_tensor *from = x;
    if (tn_numel(x) == 0 || !view_strides(x, ndim, shape, strides)) {
        from = tn__contiguous(ctx, x);
        tn__contiguous_strides(ndim, shape, strides);
    }
    if (!from)
        return NULL;
    tn_tensor *y = tn__view(ctx, from, ndim, shape, strides, from->offset);
    return tn_record(ctx, &reshape_op, y, (tn_record_args){.inputs = {x}});
}

tn_tensor *tn_flatten(tn_ctx *ctx, const tn_tensor *x, int start, int end)
{
    if (!tn_check_input(ctx, "flatten", "input", x))
        return NULL;
    start = tn__dim_of(ctx, "flatten", start, x);
    end = start < 0 ? -1 : tn__dim_of(ctx, "flatten", end, x);
    if (end < 0)
        return NULL;
    if (x->ndim == 0)
        return tn_reshape(ctx, x, TN_SHAPE(1));
    if (end < start) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "flatten: dimension %d comes after dimension %d", start, end);
        return NULL;
    }
    int64_t shape[TN_MAX_DIMS], size = 1;
    memcpy(shape, x->shape, sizeof shape);
    for (int i = start; i <= end; i++)
        size *= x->shape[i];
    shape[start] = size;
    for (int i = end + 1; i < x->ndim; i++)
        shape[start + i - end] = x->shape[i];
    return tn_reshape(ctx, x, x->ndim - (end - start), shape);
}

tn_tensor *tn_squeeze(tn_ctx *ctx, const tn_tensor *x, int dim)
{
    if (!tn_check_input(ctx, "squeeze", "input", x) ||
        (dim = tn__dim_of(ctx, "squeeze", dim, x)) < 0)
        return NULL;
    int64_t shape[TN_MAX_DIMS];
    int ndim = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i != dim || x->shape[i] != 1)
            shape[ndim++] = x->shape[i];
    return tn_reshape(ctx, x, ndim, shape);
}

tn_tensor *tn_unsqueeze(tn_ctx *ctx, const tn_tensor *x, int dim)
{
    if (!tn_check_input(ctx, "unsqueeze", "input", x) ||
        (dim = tn__dim(ctx, "unsqueeze", dim, x->ndim + 1)) < 0)
        return NULL;
    if (x->ndim == TN_MAX_DIMS) {
        tn_fail(ctx, TN_ERR_SHAPE, "unsqueeze: %s has %d dimensions already", TN_SHAPE_TEXT(x),
                TN_MAX_DIMS);
        return NULL;
    }
    int64_t shape[TN_MAX_DIMS];
    for (int i = 0; i <= x->ndim; i++)
        shape[i] = i < dim ? x->shape[i] : i == dim ? 1 : x->shape[i - 1];
    return tn_reshape(ctx, x, x->ndim + 1, shape);
}
