/* accumulate.h - sums of gradients. */
#ifndef TN_AUTOGRAD_ACCUMULATE_H
#define TN_AUTOGRAD_ACCUMULATE_H

#include <tn/context.h>
#include "autograd/tape.h"

/* Adds g to what var has gathered, or to what arrives at it if it is a leaf. */
void tn__accumulate(tn_ctx *ctx, tn__var *var, const tn_tensor *g);

/* What has arrived at the leaves is added to their gradients: at all of them, or at none if an
 * error is recorded. */
void tn__deliver_all(tn_ctx *ctx);

#endif
