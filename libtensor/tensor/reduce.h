/* reduce.h - reductions over sets of dimensions. */
#ifndef TN_TENSOR_REDUCE_H
#define TN_TENSOR_REDUCE_H

#include "tensor/tensor.h"

/* The dimensions of a tensor, some to be reduced, as it lies in memory: what stride 0 repeats is
 * there once, dimensions are in the order of their strides, and neighbours that are both reduced or
 * both kept are joined. At least one is reduced, perhaps of size 1. */
typedef struct tn__axes {
    int ndim;
    int64_t shape[TN_MAX_DIMS + 1], strides[TN_MAX_DIMS + 1];
    bool reduce[TN_MAX_DIMS + 1];
} tn__axes;

/* A step reduces one axis. The axes `outer` have `count` places; from each, the step makes `cols`
 * numbers side by side, and each number from n terms that are `step` apart. For threads, terms may
 * be cut into parts, of which each makes numbers of its own, and columns into pieces. */
typedef struct tn__step {
    tn__axes outer;
    int64_t count, n, step, cols;
    int64_t parts, pieces;
} tn__step;

/* x [n, cols] with rows `step` apart becomes the numbers of the result from number `to` on: those
 * of a slab, or of a part and piece of one. */
typedef void (*tn__slab_fn)(const tn__step *s, const char *x, int64_t to, void *payload);

/* Writes the axes of t, which has elements, to *a. Returns t, or a contiguous copy of it without
 * repetitions where the innermost axis is kept and its elements are no neighbours. */
const tn_tensor *tn__axes_of(tn_ctx *ctx, const tn_tensor *t, const bool *reduce, tn__axes *a);

/* Takes the innermost axis that is reduced off *a, and describes its reduction in *s. The axes left
 * are the axes of the result, which is contiguous. Returns false if no axis is reduced any more. */
bool tn__next_step(tn__axes *a, tn__step *s);

/* How many numbers the step makes. */
static inline int64_t tn__results(const tn__step *s)
{
    return s->count * s->parts * s->cols;
}

/* The same step in parts and pieces, if few slabs hold much; its sizes alone say how many. Results
 * are [count, parts, cols] then, and tn__rest_of is the step that reduces the parts. */
tn__step tn__cut_step(const tn__step *s);
tn__step tn__rest_of(const tn__step *s);

/* Calls fn for each slab of the step, on the threads of the context. */
void tn__run_step(tn_ctx *ctx, const tn__step *s, const tn_tensor *x, tn__slab_fn fn,
                  void *payload);

/* Are its slabs lines of numbers side by side, as far apart as the next, whole ones? The first step
 * along outer.strides[0] leads from one to the next. */
bool tn__has_lines(const tn__step *s);

/* Returns y, the result of all steps, as a contiguous tensor in the shape of t, in which the
 * dimensions marked have size 1. */
tn_tensor *tn__reduced(tn_ctx *ctx, const tn_tensor *y, const tn_tensor *t, const bool *reduce);

/* x, the tensor or what the step before left of it, summed by one step. */
tn_tensor *tn__sum_step(tn_ctx *ctx, const tn_tensor *x, const tn__step *s);

/* The shape of t, in which the dimensions marked have size 1. */
void tn__kept_shape(const tn_tensor *t, const bool *reduce, int64_t *shape);

/* t summed over the dimensions marked, which stay with size 1. */
tn_tensor *tn__sum_dims(tn_ctx *ctx, const tn_tensor *t, const bool *reduce);

/* t summed to `shape`, which broadcasts to t's: t itself if it has that shape. */
const tn_tensor *tn__sum_to(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape);

/* The shape that t and u, with as many dimensions, broadcast to; dimensions that both repeat have
 * size 1. */
void tn__shape_once(const tn_tensor *t, const tn_tensor *u, int64_t *shape);

/* These three return a tensor itself if it has the shape already. */

/* A view of x in the shape that tn__shape_once gives for x and u. */
const tn_tensor *tn__once(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *u);

/* A view of t in which no dimension is larger than in x, a result of tn__once. Each dimension of t
 * has size 1 or the size that x had before. */
const tn_tensor *tn__within(tn_ctx *ctx, const tn_tensor *t, const tn_tensor *x);

/* y repeated to `shape`, as a contiguous copy: the way back. */
tn_tensor *tn__repeat(tn_ctx *ctx, tn_tensor *y, const int64_t *shape);

/* dx of such an x in the whole shape of x: itself, so that nobody else refers to its elements, or a
 * view where it is smaller. */
const tn_tensor *tn__as_large(tn_ctx *ctx, const tn_tensor *dx, const tn_tensor *x);

/* How many elements of x go into one of the result. */
double tn__count_reduced(const tn_tensor *x, const bool *reduce);

#endif
