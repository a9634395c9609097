/* in_place.h - ReLU and the normalisation of channels where the result of another operator is,
 * before anybody has seen that. */
#ifndef TN_OPS_IN_PLACE_H
#define TN_OPS_IN_PLACE_H

#include <tn/ops.h>

/* tn_relu of a tensor that the caller made and needs no more: in its memory, if nothing else refers
 * to it, and recorded as ever. NULL gives NULL (relu.c). */
tn_tensor *tn__relu_in_place(tn_ctx *ctx, tn_tensor *x);

/* The same of a tensor whose elements went through ReLU as the caller made them: records that. */
tn_tensor *tn__record_relu(tn_ctx *ctx, tn_tensor *x);

/* tn_relu of tn_conv2d, of tn_linear and of tn_batch_norm, with the same bits: each piece of the
 * result goes through ReLU while it is in the cache. */
tn_tensor *tn__conv2d_relu(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, tn_conv2d_opts opts);
tn_tensor *tn__linear_relu(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias);
tn_tensor *tn__batch_norm_relu(tn_ctx *ctx, const tn_tensor *x, tn_tensor *running_mean,
                               tn_tensor *running_var, const tn_tensor *weight,
                               const tn_tensor *bias, tn_batch_norm_opts opts);

/* What tn_batch_norm is given in evaluation besides its input, four vectors of a size and dtype. */
typedef struct tn__norm {
    const tn_tensor *mean, *var, *weight, *bias;
    tn_batch_norm_opts opts;
} tn__norm;

/* Would tn_batch_norm take so many channels of that dtype, without an error? And the numbers that
 * it computes with, as doubles [3, channels]: mean, scale and shift (batch_norm.c). */
bool tn__norm_fits(const tn__norm *norm, tn_dtype dtype, int64_t channels);
void tn__norm_numbers(const tn__norm *norm, int64_t channels, double *numbers);

/* Can tn_batch_norm of tn_conv2d be made piece by piece? Nothing is recorded then, and the norm
 * fits. The pieces go through ReLU, too, if `relu` says so. The bits are those of the operators one
 * after another. */
bool tn__conv2d_takes_norm(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, const tn__norm *norm);
tn_tensor *tn__conv2d_norm(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, tn_conv2d_opts opts, const tn__norm *norm,
                           bool relu);

#endif
