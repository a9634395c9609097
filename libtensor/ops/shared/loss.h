/* loss.h - what the losses share. */
#ifndef TN_OPS_SHARED_LOSS_H
#define TN_OPS_SHARED_LOSS_H

#include <tn/ops.h>

bool tn__check_reduction(tn_ctx *ctx, const char *what, tn_reduction reduction);

/* Checks a target of numbers, which has the dtype and, unless `broadcast`, the shape of x; `name`
 * is x's in messages, and `hint` what stands behind that of the shapes. */
bool tn__check_numbers(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *x,
                       const tn_tensor *target, bool broadcast, const char *hint);

/* Checks x [n, classes] and target [n], or [classes] and [], and weight [classes] or NULL; `name`
 * is x's in messages. */
bool tn__check_classes(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *x,
                       const tn_tensor *target, const tn_tensor *weight);

/* Checks that every target, contiguous and of TN_I64, is one of the classes or ignored, and adds up
 * their weights. */
bool tn__check_targets(tn_ctx *ctx, const char *what, const tn_tensor *target, int64_t classes,
                       int64_t ignore, const tn_tensor *weight, double *total);

/* The losses, contiguous, as they are with TN_REDUCE_NONE; otherwise their sum, for the
 * mean divided by `total`. */
tn_tensor *tn__reduce_losses(tn_ctx *ctx, tn_tensor *losses, tn_reduction reduction, double total);

#endif
