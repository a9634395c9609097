/* copy.h - copying elements and filling in values. */
#ifndef TN_TENSOR_COPY_H
#define TN_TENSOR_COPY_H

#include "tensor/tensor.h"

/* A contiguous tensor with t's elements: a view of t, or a copy. No gradient flows. */
tn_tensor *tn__contiguous(tn_ctx *ctx, const tn_tensor *t);

/* The same as a matrix, whose rows are those along the last dimension of t. */
tn_tensor *tn__rows(tn_ctx *ctx, const tn_tensor *t);

/* A contiguous tensor with the elements of t, which are its own. `what` names the caller in
 * messages. */
tn_tensor *tn__copied(tn_ctx *ctx, const char *what, const tn_tensor *t);

/* Every element = value. */
void tn__fill(const tn_tensor *t, double value);

/* dst[...] = src[...], src broadcast to dst; same dtype, any strides, no memory shared. */
void tn__copy(tn_ctx *ctx, const tn_tensor *dst, const tn_tensor *src);

/* A tensor of another dtype with the values of t. */
tn_tensor *tn__converted(tn_ctx *ctx, const char *what, const tn_tensor *t, tn_dtype dtype);

#endif
