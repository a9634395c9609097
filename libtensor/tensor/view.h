/* view.h - views of tensors, without a gradient. */
#ifndef TN_TENSOR_VIEW_H
#define TN_TENSOR_VIEW_H

#include "tensor/tensor.h"

/* t with two dimensions swapped; NULL gives NULL. A view without a gradient. */
tn_tensor *tn__swap_dims(tn_ctx *ctx, const tn_tensor *t, int dim0, int dim1);

/* A view of contiguous t with another shape of as many elements; NULL gives NULL. */
tn_tensor *tn__reshaped(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape);

/* A view of all of t that belongs to the caller, to be released by tn__release. */
tn_tensor *tn__alias(tn_ctx *ctx, const tn_tensor *t);

/* A view of t without the dimensions marked, which have size 1. */
tn_tensor *tn__drop_dims(tn_ctx *ctx, const tn_tensor *t, const bool *drop);

/* A view of t with `ndim` dimensions: those marked, which t may lack, have size 1. */
tn_tensor *tn__keep_dims(tn_ctx *ctx, const tn_tensor *t, int ndim, const bool *keep);

#endif
