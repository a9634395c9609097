/* reduce.h - reductions over sets of dimensions. */
#ifndef TN_TENSOR_REDUCE_H
#define TN_TENSOR_REDUCE_H

#include "tensor/tensor.h"

/* How a tensor is reduced over some of its dimensions: as it lies in memory. What stride 0 repeats
 * is there once, dimensions are in the order of their strides, and neighbours that are both reduced
 * or both kept are one. One dimension is reduced, possibly of size 1, or more are. */
typedef struct tn__axes {
    int ndim;
    int64_t shape[TN_MAX_DIMS + 1], strides[TN_MAX_DIMS + 1];
    bool reduce[TN_MAX_DIMS + 1];
} tn__axes;

/* A step reduces one of them: from each of `count` places, which are those of `outer`, to `cols`
 * numbers side by side, of n terms each that are `step` apart. */
typedef struct tn__step {
    tn__axes outer;
    int64_t count, n, step, cols;
} tn__step;

/* x [n, cols] with rows `step` apart becomes the numbers of the result from number `to` on. */
typedef void (*tn__slab_fn)(const tn__step *s, const char *x, int64_t to, void *payload);

/* t, which has elements, or a copy of what it repeats where no loop would find neighbours, and its
 * axes; the innermost step, whose result is contiguous, taken off the axes (false after the last);
 * fn called for each slab of one; and y, what all the steps have made of t, in the shape of t with
 * the dimensions marked of size 1, contiguous. */
const tn_tensor *tn__axes_of(tn_ctx *ctx, const tn_tensor *t, const bool *reduce, tn__axes *a);
bool tn__next_step(tn__axes *a, tn__step *s);
void tn__run_step(tn_ctx *ctx, const tn__step *s, const tn_tensor *x, tn__slab_fn fn,
                  void *payload);
tn_tensor *tn__reduced(tn_ctx *ctx, const tn_tensor *y, const tn_tensor *t, const bool *reduce);

/* x, seen or left by the steps before, summed by one. */
tn_tensor *tn__sum_step(tn_ctx *ctx, const tn_tensor *x, const tn__step *s);

/* t summed over the dimensions marked, which stay with size 1. */
tn_tensor *tn__sum_dims(tn_ctx *ctx, const tn_tensor *t, const bool *reduce);

/* t summed to `shape`, which broadcasts to t's: t itself if it has that shape. */
const tn_tensor *tn__sum_to(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape);

/* The shape that t and u, of as many dimensions, broadcast to, where what both repeat is once. */
void tn__shape_once(const tn_tensor *t, const tn_tensor *u, int64_t *shape);

/* x in that shape; t, whose sizes are those of x before, or 1, in that of x; and the way back: y
 * repeated to `shape`, contiguous. What has the shape already is returned itself. */
const tn_tensor *tn__once(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *u);
const tn_tensor *tn__within(tn_ctx *ctx, const tn_tensor *t, const tn_tensor *x);
tn_tensor *tn__repeat(tn_ctx *ctx, tn_tensor *y, const int64_t *shape);

/* dx of such an x in the whole shape of x: itself, so that nobody else refers to its elements, or a
 * view where it is smaller. */
const tn_tensor *tn__as_large(tn_ctx *ctx, const tn_tensor *dx, const tn_tensor *x);

/* How many elements of x go into one of the result. */
double tn__count_reduced(const tn_tensor *x, const bool *reduce);

#endif
