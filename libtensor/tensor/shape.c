/* shape.c - shapes and strides: showing, checking, comparing, counting. */
#include <stdio.h>
#include <string.h>
#include "tensor/dtype.h"
#include "tensor/shape.h"

tn_text tn_shape_text(int ndim, const int64_t *shape)
{
    tn_text text = {"["};
    size_t length = 1;
    for (int i = 0; shape && i < ndim && i < TN_MAX_DIMS; i++) {
        int n = snprintf(text.s + length, sizeof text.s - length, i ? ",%lld" : "%lld",
                         (long long)shape[i]);
        length += (size_t)n;
    }
    text.s[length] = ']'; /* zeros come after it */
    return text;
}

void tn__contiguous_strides(int ndim, const int64_t *shape, int64_t *strides)
{
    int64_t step = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        strides[i] = step;
        step *= shape[i] > 0 ? shape[i] : 1;
    }
}

/* Sizes of 0 do not hide an overflow of the others: strides are products, too. */
int64_t tn__numel_of(int ndim, const int64_t *shape, size_t size)
{
    int64_t product = (int64_t)size;
    bool empty = false;
    for (int i = 0; i < ndim; i++) {
        empty = empty || shape[i] == 0;
        if (shape[i] > 0 && __builtin_mul_overflow(product, shape[i], &product))
            return -1;
    }
    return empty ? 0 : product / (int64_t)size;
}

bool tn__check_dims(tn_ctx *ctx, const char *what, int ndim, const int64_t *shape)
{
    if (ndim < 0 || ndim > TN_MAX_DIMS) {
        tn_fail(ctx, TN_ERR_SHAPE, "%s: %d dimensions, but a tensor has 0 to %d", what, ndim,
                TN_MAX_DIMS);
        return false;
    }
    if (ndim > 0 && !shape) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: shape is NULL for %d dimensions", what, ndim);
        return false;
    }
    return true;
}

bool tn__check_shape(tn_ctx *ctx, const char *what, tn_dtype dtype, int ndim, const int64_t *shape)
{
    if (!tn_ok(ctx))
        return false;
    if (!tn__is_dtype(dtype)) {
        tn_fail(ctx, TN_ERR_DTYPE, "%s: %d is no dtype", what, (int)dtype);
        return false;
    }
    if (!tn__check_dims(ctx, what, ndim, shape))
        return false;
    for (int i = 0; i < ndim; i++)
        if (shape[i] < 0) {
            tn_fail(ctx, TN_ERR_SHAPE, "%s: shape %s has a negative size", what,
                    tn_shape_text(ndim, shape).s);
            return false;
        }
    if (tn__numel_of(ndim, shape, tn_dtype_size(dtype)) < 0) {
        tn_fail(ctx, TN_ERR_MEMORY, "%s: %s of %s does not fit 63 bits", what,
                tn_shape_text(ndim, shape).s, tn_dtype_name(dtype));
        return false;
    }
    return true;
}

bool tn__same_shape(const tn_tensor *a, const tn_tensor *b)
{
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

int tn__dim(tn_ctx *ctx, const char *what, int dim, int ndim)
{
    if (dim >= -ndim && dim < ndim)
        return dim < 0 ? dim + ndim : dim;
    tn_fail(ctx, TN_ERR_ARGUMENT, "%s: dimension %d is outside a tensor of %d dimensions", what,
            dim, ndim);
    return -1;
}

int tn__dim_of(tn_ctx *ctx, const char *what, int dim, const tn_tensor *x)
{
    return x->ndim == 0 && (dim == 0 || dim == -1) ? 0 : tn__dim(ctx, what, dim, x->ndim);
}

bool tn__has_own_elements(const tn_tensor *t)
{
    for (int i = 0; i < t->ndim; i++)
        if (t->shape[i] > 1 && t->strides[i] == 0)
            return false;
    return true;
}
