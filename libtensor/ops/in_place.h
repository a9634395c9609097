/* in_place.h - ReLU where the result of another operator is, before anybody has seen that. */
#ifndef TN_OPS_IN_PLACE_H
#define TN_OPS_IN_PLACE_H

#include <tn/ops.h>

/* tn_relu of a tensor that the caller made and needs no more: in its memory, if nothing else refers
 * to it, and recorded as ever. NULL gives NULL (relu.c). */
tn_tensor *tn__relu_in_place(tn_ctx *ctx, tn_tensor *x);

/* tn_relu of tn_conv2d, and of tn_linear, with the same bits. Where nothing is recorded, each piece
 * of the result goes through ReLU while it is in the cache. */
tn_tensor *tn__conv2d_relu(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, tn_conv2d_opts opts);
tn_tensor *tn__linear_relu(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias);

#endif
