/* broadcast.c - shapes that broadcast to others, as in NumPy. */
#include "base/integers.h"
#include "tensor/broadcast.h"

bool tn__broadcast_shape(int ndim_a, const int64_t *a, int ndim_b, const int64_t *b, int *ndim,
                         int64_t *shape)
{
    *ndim = tn__max_int(ndim_a, ndim_b);
    for (int i = 1; i <= *ndim; i++) {
        int64_t size_a = i <= ndim_a ? a[ndim_a - i] : 1;
        int64_t size_b = i <= ndim_b ? b[ndim_b - i] : 1;
        if (size_a != size_b && size_a != 1 && size_b != 1)
            return false;
        shape[*ndim - i] = size_a == 1 ? size_b : size_a;
    }
    return true;
}

bool tn__broadcast(tn_ctx *ctx, const char *what, int ndim_a, const int64_t *a, int ndim_b,
                   const int64_t *b, int *ndim, int64_t *shape)
{
    if (tn__broadcast_shape(ndim_a, a, ndim_b, b, ndim, shape))
        return true;
    tn_fail(ctx, TN_ERR_SHAPE, "%s: shapes %s and %s do not broadcast", what,
            tn_shape_text(ndim_a, a).s, tn_shape_text(ndim_b, b).s);
    return false;
}

bool tn__broadcasts_to(const tn_tensor *t, int ndim, const int64_t *shape)
{
    if (t->ndim > ndim)
        return false;
    for (int i = 1; i <= t->ndim; i++)
        if (t->shape[t->ndim - i] != 1 && t->shape[t->ndim - i] != shape[ndim - i])
            return false;
    return true;
}

int64_t tn__broadcast_stride(const tn_tensor *t, int dim, int ndim)
{
    int i = dim - (ndim - t->ndim);
    return i < 0 || t->shape[i] == 1 ? 0 : t->strides[i];
}

tn_tensor *tn__broadcast_to(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape)
{
    int64_t strides[TN_MAX_DIMS];
    for (int i = 0; i < ndim; i++)
        strides[i] = tn__broadcast_stride(t, i, ndim);
    return tn__view(ctx, t, ndim, shape, strides, t->offset);
}
