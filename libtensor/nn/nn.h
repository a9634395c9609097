/* nn.h - what the files of this room share beyond <tn/nn.h>. */
#ifndef TN_NN_ROOM_H
#define TN_NN_ROOM_H

#include <tn/autograd.h>
#include <tn/nn.h>
#include <tn/op.h>
#include <tn/ops.h>

/* Frees the module, if there is one, and those of its `count` children to be that no other module
 * has. */
void tn__module_discard(tn_ctx *ctx, tn_module *module, tn_module *const *children, int count);

#endif
