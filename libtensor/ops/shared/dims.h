/* dims.h - the dimensions that a reduction is over. */
#ifndef TN_OPS_SHARED_DIMS_H
#define TN_OPS_SHARED_DIMS_H

#include <tn/ops.h>
#include "tensor/tensor.h"

/* Marks the dimensions of x that opts reduces; false if one is out of range or listed twice. */
bool tn__reduced_dims(tn_ctx *ctx, const char *what, const tn_tensor *x, tn_reduce_opts opts,
                      bool *reduce);

#endif
