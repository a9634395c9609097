/* elements.h - elements chosen by indices along a dimension. */
#ifndef TN_OPS_SHARED_ELEMENTS_H
#define TN_OPS_SHARED_ELEMENTS_H

#include "tensor/tensor.h"

/* t as TN_I64, contiguous: a view of t, or a copy. */
const tn_tensor *tn__plain_i64(tn_ctx *ctx, const tn_tensor *t);

/* The same for indices; NULL with an error if it is not of an integer type, or an index is outside
 * dimension `dim` of x. */
const tn_tensor *tn__indices(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                             const tn_tensor *index);

/* y[i, j, k] = x[i, index[i, j, k], k], with the indices along `dim`. y has the shape of `index`,
 * which is no larger than x in the other dimensions. No gradient flows. */
tn_tensor *tn__gather(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim,
                      const tn_tensor *index);

/* The gradient of that: zeros of `shape`, with dx[i, index[i, j, k], k] += dy[i, j, k]. Indices
 * that differ along the dimension need not be counted. */
tn_tensor *tn__scatter_add(tn_ctx *ctx, const char *what, int ndim, const int64_t *shape, int dim,
                           const tn_tensor *index, bool they_differ, const tn_tensor *dy);

#endif
