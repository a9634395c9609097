/* extreme.h - where the largest or smallest element along a dimension is. */
#ifndef TN_OPS_SHARED_EXTREME_H
#define TN_OPS_SHARED_EXTREME_H

#include "tensor/tensor.h"

/* The index of the largest or smallest element along `dim`: the first of equal ones, a NaN before
 * all others. Of x's shape without `dim`, which is in range. */
tn_tensor *tn__argmax(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim, bool smallest);

#endif
