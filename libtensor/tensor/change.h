/* change.h - changing tensors in place. */
#ifndef TN_TENSOR_CHANGE_H
#define TN_TENSOR_CHANGE_H

#include "tensor/tensor.h"

/* May t be changed in place? False with TN_ERR_STATE if the tape forbids it, and with
 * TN_ERR_ARGUMENT if its elements share memory (change.c). The second counts a change, by a call of
 * ctx or, where that is not known (NULL), of any context. */
bool tn__check_change(tn_ctx *ctx, const char *what, const tn_tensor *t);
void tn__count_change(const tn_ctx *ctx, const tn_tensor *t);

#endif
