/* extreme.h - the largest or smallest elements over some dimensions, and where they are. */
#ifndef TN_OPS_SHARED_EXTREME_H
#define TN_OPS_SHARED_EXTREME_H

#include "tensor/tensor.h"

/* The largest or smallest elements of x over the dimensions marked, which stay with size 1. If one
 * dimension is marked, `at` may be there, and gets their indices along it: those of the first of
 * equal ones, and of a NaN before all others. */
tn_tensor *tn__extreme(tn_ctx *ctx, const char *what, const tn_tensor *x, const bool *reduce,
                       bool smallest, tn_tensor **at);

#endif
