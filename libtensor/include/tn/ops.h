/* ops.h - the differentiable operators.
 *
 * Each is one file in libtensor/ops/, with its formula on top. Unless a line says otherwise:
 * inputs are TN_F32 or TN_F64, all of one dtype, with any strides and sizes (0 included); the
 * result is a new tensor of the innermost scope; a NULL input gives NULL. Names, argument order and
 * defaults are PyTorch's. Failures are recorded in the context: TN_ERR_SHAPE, TN_ERR_DTYPE,
 * TN_ERR_ARGUMENT, TN_ERR_MEMORY. Options go in structs whose zero means the default. */
#ifndef TN_OPS_H
#define TN_OPS_H

#include <tn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- element by element, shapes broadcast as in NumPy -----------------------------------------
 */

TN_API tn_tensor *tn_add(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a + b */
TN_API tn_tensor *tn_sub(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a - b */
TN_API tn_tensor *tn_mul(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a b */
TN_API tn_tensor *tn_div(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a / b */

TN_API tn_tensor *tn_neg(tn_ctx *ctx, const tn_tensor *x);    /* -x */
TN_API tn_tensor *tn_square(tn_ctx *ctx, const tn_tensor *x); /* x^2 */
TN_API tn_tensor *tn_exp(tn_ctx *ctx, const tn_tensor *x);    /* e^x */
TN_API tn_tensor *tn_log(tn_ctx *ctx, const tn_tensor *x);    /* ln x */

TN_API tn_tensor *tn_add_scalar(tn_ctx *ctx, const tn_tensor *x, double s); /* x + s */
TN_API tn_tensor *tn_mul_scalar(tn_ctx *ctx, const tn_tensor *x, double s); /* s x */

TN_API tn_tensor *tn_relu(tn_ctx *ctx, const tn_tensor *x); /* max(x, 0) */

/* ---- reductions ------------------------------------------------------------------------------ */

typedef struct tn_reduce_opts {
    const int *dims; /* the dimensions to reduce, negative ones count from the end; */
    int ndims;       /* none: all of them */
    bool keepdim;    /* reduced dimensions stay, with size 1 */
} tn_reduce_opts;

/* Options that reduce over the dimensions listed: tn_sum(ctx, x, TN_DIMS(0, 2)). */
#define TN_DIMS(...)                                               \
    (tn_reduce_opts)                                               \
    {                                                              \
        .dims = (const int[]){__VA_ARGS__},                        \
        .ndims = (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)) \
    }
#define TN_KEEPDIMS(...)                                                            \
    (tn_reduce_opts)                                                                \
    {                                                                               \
        .dims = (const int[]){__VA_ARGS__},                                         \
        .ndims = (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), .keepdim = true \
    }

/* The sum or mean over no elements is 0 or NaN. */
TN_API tn_tensor *tn_sum(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts);
TN_API tn_tensor *tn_mean(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts);

/* The index of the largest element along `dim`, the first one where several are equal; a NaN counts
 * as largest. TN_I64, of x's shape without `dim`. Takes every dtype; no gradient. */
TN_API tn_tensor *tn_argmax(tn_ctx *ctx, const tn_tensor *x, int dim);

/* How many elements of `a` and `b`, of one shape and of TN_I64, TN_I32, TN_U8 or TN_BOOL, are
 * equal; -1 on failure. For accuracies. */
TN_API int64_t tn_count_equal(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b);

/* ---- soft-max -------------------------------------------------------------------------------- */

/* e^x_i / sum_j e^x_j along `dim`, and its logarithm; stable for large x. */
TN_API tn_tensor *tn_softmax(tn_ctx *ctx, const tn_tensor *x, int dim);
TN_API tn_tensor *tn_log_softmax(tn_ctx *ctx, const tn_tensor *x, int dim);

/* ---- products -------------------------------------------------------------------------------- */

/* Matrix products [..., m, k] [..., k, n] -> [..., m, n]. Leading dimensions broadcast. A tensor of
 * one dimension is a row on the left and a column on the right, and that dimension is dropped from
 * the result (torch.matmul). Transposed views are taken without a copy. */
TN_API tn_tensor *tn_matmul(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b);

/* x weight^T + bias: x [..., in], weight [out, in], bias [out] or NULL -> [..., out]
 * (torch.nn.functional.linear). */
TN_API tn_tensor *tn_linear(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                            const tn_tensor *bias);

/* ---- losses ---------------------------------------------------------------------------------- */

typedef enum tn_reduction {
    TN_REDUCE_MEAN = 0, /* over the targets, weighted where there are weights */
    TN_REDUCE_SUM = 1,
    TN_REDUCE_NONE = 2 /* one loss per target */
} tn_reduction;

typedef struct tn_cross_entropy_opts {
    tn_reduction reduction;
    double label_smoothing;  /* 0 .. 1 */
    const tn_tensor *weight; /* [classes], of the dtype of the logits; NULL: all 1 */
    int64_t ignore_index;    /* a target that counts for nothing; 0 means the default, -100. */
    bool ignore_index_zero;  /* class 0 is the one to ignore */
} tn_cross_entropy_opts;

/* -log softmax(logits)[target]: logits [n, classes] or [classes], target [n] or [] of TN_I64,
 * TN_I32 or TN_U8 -> a scalar, or the shape of target with TN_REDUCE_NONE
 * (torch.nn.functional.cross_entropy). TN_ERR_ARGUMENT for a target that is no class. */
TN_API tn_tensor *tn_cross_entropy(tn_ctx *ctx, const tn_tensor *logits, const tn_tensor *target,
                                   tn_cross_entropy_opts opts);

/* ---- shape: views of the input's storage where that is possible -------------------------------
 */

/* The same elements in row-major order; one size may be -1. A copy if the strides ask for one. */
TN_API tn_tensor *tn_reshape(tn_ctx *ctx, const tn_tensor *x, int ndim, const int64_t *shape);

/* Dimensions start .. end, both included, become one. */
TN_API tn_tensor *tn_flatten(tn_ctx *ctx, const tn_tensor *x, int start, int end);

/* Dimension i of the result is dimension dims[i] of x; dims is a permutation of [ndim]. */
TN_API tn_tensor *tn_permute(tn_ctx *ctx, const tn_tensor *x, const int *dims);
TN_API tn_tensor *tn_transpose(tn_ctx *ctx, const tn_tensor *x, int dim0, int dim1);

/* x[start:end:step] along `dim`, by Python's rules: negative ends count from the end, and both are
 * clamped to the size. step >= 1. INT64_MAX as end means up to the last. */
TN_API tn_tensor *tn_slice(tn_ctx *ctx, const tn_tensor *x, int dim, int64_t start, int64_t end,
                           int64_t step);

/* `length` elements from `start` along `dim`; out of range is an error. */
TN_API tn_tensor *tn_narrow(tn_ctx *ctx, const tn_tensor *x, int dim, int64_t start,
                            int64_t length);

/* The part of x at `index` of `dim`, without that dimension. */
TN_API tn_tensor *tn_select(tn_ctx *ctx, const tn_tensor *x, int dim, int64_t index);

/* Drops `dim` if its size is 1 and leaves x as it is otherwise (as PyTorch does); adds a dimension
 * of size 1 before `dim` of the result. */
TN_API tn_tensor *tn_squeeze(tn_ctx *ctx, const tn_tensor *x, int dim);
TN_API tn_tensor *tn_unsqueeze(tn_ctx *ctx, const tn_tensor *x, int dim);

/* x broadcast to `shape`, without a copy; -1 keeps a size of x. */
TN_API tn_tensor *tn_expand(tn_ctx *ctx, const tn_tensor *x, int ndim, const int64_t *shape);

/* The shape functions above, and these three, take every dtype. */

/* x itself as a view if it is contiguous, a contiguous copy otherwise. */
TN_API tn_tensor *tn_contiguous(tn_ctx *ctx, const tn_tensor *x);

/* A contiguous copy. */
TN_API tn_tensor *tn_clone(tn_ctx *ctx, const tn_tensor *x);

/* A copy as `dtype`. Floats become integers by truncation towards 0, values out of range the
 * nearest one in range and NaN 0; TN_BOOL is x != 0. Gradients flow between TN_F32 and TN_F64. */
TN_API tn_tensor *tn_cast(tn_ctx *ctx, const tn_tensor *x, tn_dtype dtype);

#ifdef __cplusplus
}
#endif

#endif
