/* list.h - lists of tensors. */
#ifndef TN_OPS_SHARED_LIST_H
#define TN_OPS_SHARED_LIST_H

#include "tensor/tensor.h"

/* Checks that there are tensors, that none is NULL, and that all have the dtype of the first. */
bool tn__check_list(tn_ctx *ctx, const char *what, int64_t count, const tn_tensor *const *x);

#endif
