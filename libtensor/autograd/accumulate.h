/* accumulate.h - sums of gradients. */
#ifndef TN_AUTOGRAD_ACCUMULATE_H
#define TN_AUTOGRAD_ACCUMULATE_H

#include <tn/op.h>
#include "autograd/tape.h"

/* Adds g to what var has gathered, or to what arrives at it if it is a leaf. */
void tn__accumulate(tn_ctx *ctx, tn__var *var, const tn_tensor *g);

/* Once the node has passed, and nothing that its backward function made is left, the leaves among
 * its inputs keep what arrived where its elements are nobody else's, laid out plainly, and no small
 * part of something larger. They get a copy of it otherwise. */
void tn__settle(tn_ctx *ctx, const tn_node *node);

/* Makes a view of a part of `whole`. */
typedef tn_tensor *(*tn__part_fn)(tn_ctx *ctx, const tn_tensor *whole, const void *payload);

/* In backward: adds dy to a part of the gradient of input i, as tn_add_grad adds one that is zero
 * elsewhere. The sum is added to in place where that may be: the parts that a tensor is cut into
 * then cost as much as the tensor, not as much each. */
void tn__add_grad_of_part(tn_ctx *ctx, tn_node *node, int i, const tn_tensor *dy, tn__part_fn part,
                          const void *payload);

/* What has arrived at the leaves is added to their gradients: at all of them, or at none if an
 * error is recorded. */
void tn__deliver_all(tn_ctx *ctx);

#endif
