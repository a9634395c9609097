/* view.c - views of a tensor in another shape. No gradient flows through them. */
#include <string.h>
#include "tensor/scope.h"
#include "tensor/view.h"

tn_tensor *tn__swap_dims(tn_ctx *ctx, const tn_tensor *t, int dim0, int dim1)
{
    if (!t)
        return NULL;
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS];
    memcpy(shape, t->shape, sizeof shape);
    memcpy(strides, t->strides, sizeof strides);
    if (t->ndim > 0) {
        shape[dim0] = t->shape[dim1], shape[dim1] = t->shape[dim0];
        strides[dim0] = t->strides[dim1], strides[dim1] = t->strides[dim0];
    }
    return tn__view(ctx, t, t->ndim, shape, strides, t->offset);
}

tn_tensor *tn__reshaped(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape)
{
    return t ? tn__view(ctx, t, ndim, shape, NULL, t->offset) : NULL;
}

tn_tensor *tn__alias(tn_ctx *ctx, const tn_tensor *t)
{
    tn_tensor *alias = tn__view(ctx, t, t->ndim, t->shape, t->strides, t->offset);
    if (alias)
        tn__disown(alias);
    return alias;
}

tn_tensor *tn__drop_dims(tn_ctx *ctx, const tn_tensor *t, const bool *drop)
{
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS];
    int ndim = 0;
    for (int i = 0; i < t->ndim; i++)
        if (!drop[i]) {
            shape[ndim] = t->shape[i];
            strides[ndim++] = t->strides[i];
        }
    return tn__view(ctx, t, ndim, shape, strides, t->offset);
}

tn_tensor *tn__keep_dims(tn_ctx *ctx, const tn_tensor *t, int ndim, const bool *keep)
{
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS];
    int from = 0;
    bool dropped = t->ndim < ndim;
    for (int i = 0; i < ndim; i++) {
        bool absent = keep[i] && dropped;
        shape[i] = absent ? 1 : t->shape[from];
        strides[i] = absent ? 0 : t->strides[from];
        from += !absent;
    }
    return tn__view(ctx, t, ndim, shape, strides, t->offset);
}
