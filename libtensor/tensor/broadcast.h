/* broadcast.h - shapes that broadcast to others. */
#ifndef TN_TENSOR_BROADCAST_H
#define TN_TENSOR_BROADCAST_H

#include "tensor/tensor.h"

/* The shape that a and b broadcast to; false if they do not, and there is none. */
bool tn__broadcast_shape(int ndim_a, const int64_t *a, int ndim_b, const int64_t *b, int *ndim,
                         int64_t *shape);

/* The same, with TN_ERR_SHAPE that names `what`. */
bool tn__broadcast(tn_ctx *ctx, const char *what, int ndim_a, const int64_t *a, int ndim_b,
                   const int64_t *b, int *ndim, int64_t *shape);

/* Does t broadcast to `shape`? A view of t that does. */
bool tn__broadcasts_to(const tn_tensor *t, int ndim, const int64_t *shape);
tn_tensor *tn__broadcast_to(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape);

/* The stride of t along dimension `dim` of a shape of `ndim` dimensions that t broadcasts to. */
int64_t tn__broadcast_stride(const tn_tensor *t, int dim, int ndim);

#endif
