/* norm.h - SyncBatchNorm: what one micro-batch has of a channel's moments and gradients, and what
 * becomes of it when those of all are known.
 *
 * Moments of C channels are 1 + 2 C doubles: how many values each channel has, the means, and the
 * sums of squares about them. */
#ifndef TN_MPI_NORM_H
#define TN_MPI_NORM_H

#include <tn/nn.h>

typedef struct tn__norm {
    tn_tensor *weight, *bias;
    tn_tensor *mean, *var, *batches; /* buffers */
    tn_batch_norm_opts opts;
} tn__norm;

/* What normalises a channel, from the moments of the whole batch: 1 + 2 C doubles in their place,
 * 1 / sqrt(var + eps) being in that of the sums of squares. */
typedef double tn__moments;

/* The module's state, if it is a SyncBatchNorm that is training; otherwise NULL. */
const tn__norm *tn__norm_of(const tn_module *module);

int64_t tn__norm_channels(const tn__norm *norm);

/* Is x what the norm takes? Otherwise an error is recorded. */
bool tn__check_norm(tn_ctx *ctx, const tn__norm *norm, const tn_tensor *x);

/* The moments of x [n,C,h,w], which is contiguous. */
void tn__take_moments(const tn_tensor *x, tn__moments *m);

/* a becomes the moments of the values of both. `count` is 1 + 2 C. */
void tn__join_moments(int64_t count, double *a, const double *b);

/* The running statistics take a step, and the moments become what normalises. Fails for less than
 * two values. */
void tn__learn_moments(tn_ctx *ctx, const tn__norm *norm, tn__moments *m);

/* y = weight (x - mean) / sqrt(var + eps) + bias */
void tn__normalise(const tn__norm *norm, const tn__moments *m, const tn_tensor *x, tn_tensor *y);

/* For each channel sum dy, and behind those of all channels sum dy (x - mean). */
void tn__sum_gradients(const tn__moments *m, const tn_tensor *x, const tn_tensor *dy, double *sums);

/* dx, from the sums over the whole batch. */
void tn__norm_backward(const tn__norm *norm, const tn__moments *m, const double *sums,
                       const tn_tensor *x, const tn_tensor *dy, tn_tensor *dx);

/* dw and db of one micro-batch, from its sums, in the dtype of the weight. */
void tn__share_gradients(const tn__norm *norm, const tn__moments *m, const double *sums, void *dw,
                         void *db);

#endif
