/* ops.h - the differentiable operators.
 *
 * Each is one file in libtensor/ops/, with its formula on top. Unless a line says otherwise:
 * inputs are TN_F32 or TN_F64, all of one dtype, with any strides and sizes (0 included); the
 * result is a new contiguous tensor of the innermost scope; a NULL input gives NULL. A negative
 * `dim` counts from the end, and 0 and -1 are taken for a tensor without dimensions, other than by
 * tn_slice, tn_narrow, tn_select and tn_cat. Names, argument order and defaults are PyTorch's.
 * Failures are recorded in the context: TN_ERR_SHAPE, TN_ERR_DTYPE, TN_ERR_ARGUMENT,
 * TN_ERR_MEMORY. Options go in structs whose zero means the default, and TN_ZERO zero. */
#ifndef TN_OPS_H
#define TN_OPS_H

#include <tn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- element by element, shapes broadcast as in NumPy ---------------------------------------- */

TN_API tn_tensor *tn_add(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a + b */
TN_API tn_tensor *tn_sub(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a - b */
TN_API tn_tensor *tn_mul(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a b */
TN_API tn_tensor *tn_div(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a / b */

TN_API tn_tensor *tn_neg(tn_ctx *ctx, const tn_tensor *x);    /* -x */
TN_API tn_tensor *tn_abs(tn_ctx *ctx, const tn_tensor *x);    /* |x| */
TN_API tn_tensor *tn_square(tn_ctx *ctx, const tn_tensor *x); /* x^2 */
TN_API tn_tensor *tn_sqrt(tn_ctx *ctx, const tn_tensor *x);   /* x^(1/2) */
TN_API tn_tensor *tn_exp(tn_ctx *ctx, const tn_tensor *x);    /* e^x */
TN_API tn_tensor *tn_log(tn_ctx *ctx, const tn_tensor *x);    /* ln x */

TN_API tn_tensor *tn_add_scalar(tn_ctx *ctx, const tn_tensor *x, double s); /* x + s */
TN_API tn_tensor *tn_mul_scalar(tn_ctx *ctx, const tn_tensor *x, double s); /* s x */
TN_API tn_tensor *tn_pow_scalar(tn_ctx *ctx, const tn_tensor *x, double p); /* x^p */

/* min(max(x, low), high); the bounds may be infinite, but not NaN. */
TN_API tn_tensor *tn_clamp(tn_ctx *ctx, const tn_tensor *x, double low, double high);

TN_API tn_tensor *tn_relu(tn_ctx *ctx, const tn_tensor *x);    /* max(x, 0) */
TN_API tn_tensor *tn_sigmoid(tn_ctx *ctx, const tn_tensor *x); /* 1 / (1 + e^-x) */
TN_API tn_tensor *tn_tanh(tn_ctx *ctx, const tn_tensor *x);    /* tanh x */
TN_API tn_tensor *tn_gelu(tn_ctx *ctx, const tn_tensor *x);    /* x (1 + erf(x / 2^(1/2))) / 2 */

/* x where it is positive, negative_slope x elsewhere (PyTorch's slope is 0.01 by default). */
TN_API tn_tensor *tn_leaky_relu(tn_ctx *ctx, const tn_tensor *x, double negative_slope);
TN_API tn_tensor *tn_softplus(tn_ctx *ctx, const tn_tensor *x); /* ln(1 + e^x) */

/* In training 0 with probability p, 0 .. 1, and x / (1 - p) otherwise; x itself, as a view, if not
 * training. Which elements are kept is a function of the context's random stream and their place
 * alone: not of the dtype, the strides or the threads. */
TN_API tn_tensor *tn_dropout(tn_ctx *ctx, const tn_tensor *x, double p, bool training);

/* Comparisons give TN_BOOL. Every dtype, the same on both sides; no gradient. */
TN_API tn_tensor *tn_eq(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a == b */
TN_API tn_tensor *tn_ne(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a != b */
TN_API tn_tensor *tn_lt(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a < b */
TN_API tn_tensor *tn_le(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a <= b */
TN_API tn_tensor *tn_gt(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a > b */
TN_API tn_tensor *tn_ge(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b); /* a >= b */

/* a where `condition`, of TN_BOOL, is true, and b elsewhere; a and b of every dtype. */
TN_API tn_tensor *tn_where(tn_ctx *ctx, const tn_tensor *condition, const tn_tensor *a,
                           const tn_tensor *b);

/* ---- reductions ------------------------------------------------------------------------------ */

/* Over what to reduce. */
typedef struct tn_reduce_opts {
    const int *dims; /* the dimensions to reduce, negative ones count from the end; */
    int ndims;       /* none: all of them */
    bool keepdim;    /* reduced dimensions stay, with size 1 */
} tn_reduce_opts;

/* Options that reduce over the dimensions listed: tn_sum(ctx, x, TN_DIMS(0, 2)). */
#define TN_DIMS(...) TN_REDUCE_(false, __VA_ARGS__)
#define TN_KEEPDIMS(...) TN_REDUCE_(true, __VA_ARGS__)
#define TN_REDUCE_(keepdim, ...) \
    (TN_STRUCT_(tn_reduce_opts){TN_ARRAY_(int, __VA_ARGS__), TN_COUNT_(int, __VA_ARGS__), keepdim})

/* The sum over some dimensions; 0 over no elements (torch.sum). */
TN_API tn_tensor *tn_sum(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts);

/* The mean over some dimensions; NaN over no elements (torch.mean). */
TN_API tn_tensor *tn_mean(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts);

/* Over what tn_var reduces, and how. */
typedef struct tn_var_opts {
    const int *dims; /* as in tn_reduce_opts */
    int ndims;
    bool keepdim;
    int64_t correction; /* the sum of squares is divided by n - correction; 0: 1; TN_ZERO: 0 */
} tn_var_opts;

/* The variance: sum (x - mean)^2 / (n - correction) over some dimensions (torch.var). */
TN_API tn_tensor *tn_var(tn_ctx *ctx, const tn_tensor *x, tn_var_opts opts);

/* The largest element along `dim` (torch.max and min with a dimension); `indices`, if
 * it is not NULL, becomes their indices, TN_I64 of the result's shape. Of equal elements the first
 * one is taken, and gets the gradient; NaN comes before all others. Every dtype. */
TN_API tn_tensor *tn_max(tn_ctx *ctx, const tn_tensor *x, int dim, bool keepdim,
                         tn_tensor **indices);

/* The smallest element along `dim`, in the same way. */
TN_API tn_tensor *tn_min(tn_ctx *ctx, const tn_tensor *x, int dim, bool keepdim,
                         tn_tensor **indices);

/* The largest element over any set of dimensions; equal elements share the gradient
 * (torch.amax). */
TN_API tn_tensor *tn_amax(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts);

/* The smallest element, in the same way (torch.amin). */
TN_API tn_tensor *tn_amin(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts);

/* The index of the largest element along `dim`, the first one where several are equal;
 * NaN comes before all others. TN_I64, of x's shape without `dim`. Every dtype; no gradient. */
TN_API tn_tensor *tn_argmax(tn_ctx *ctx, const tn_tensor *x, int dim);

/* The index of the smallest element along `dim`, in the same way. */
TN_API tn_tensor *tn_argmin(tn_ctx *ctx, const tn_tensor *x, int dim);

/* The k largest or smallest elements along `dim`, in order, and their indices as of tn_max; of
 * equal elements the first ones first. NaN is larger than all others. Where k is no small part of
 * them, each thread that has rows takes 16 bytes for each element of one meanwhile, 32 in f64. */
TN_API tn_tensor *tn_topk(tn_ctx *ctx, const tn_tensor *x, int64_t k, int dim, bool largest,
                          tn_tensor **indices);

/* How many elements of `a` and `b`, of one shape and of TN_I64, TN_I32, TN_U8 or TN_BOOL, are
 * equal; -1 on failure. For accuracies. */
TN_API int64_t tn_count_equal(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b);

/* ---- soft-max -------------------------------------------------------------------------------- */

/* e^x_i / sum_j e^x_j along `dim`; stable for large x. */
TN_API tn_tensor *tn_softmax(tn_ctx *ctx, const tn_tensor *x, int dim);

/* ln softmax(x) along `dim`, without the loss of digits that the two steps would have. */
TN_API tn_tensor *tn_log_softmax(tn_ctx *ctx, const tn_tensor *x, int dim);

/* ---- products -------------------------------------------------------------------------------- */

/* Matrix products [..., m, k] [..., k, n] -> [..., m, n]. Leading dimensions broadcast. A tensor of
 * one dimension is a row on the left and a column on the right, and that dimension is dropped from
 * the result (torch.matmul). Transposed views are taken without a copy. */
TN_API tn_tensor *tn_matmul(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b);

/* Weights of tn_linear and tn_conv2d. Kernels take them packed or transformed. Where nothing is
 * recorded, as in inference, what was made of a weight is kept beside its elements for the next
 * call: one to twelve times the bytes of the weight, in up to four forms (sizes of images and
 * batches decide which are needed), and prepared_bytes of tn_ctx_opts in a context. It is freed
 * with the elements, and as soon as they change: by tn_copy_ and others that change in place,
 * tn_step, tn_load_state_dict, through views, too. Results are the same bits as without it.
 * Nothing is kept of elements that the program has an address of to write to, from tn_data_mut or
 * tn_from_blob; of weights with gaps; and in calls of another context than that of the weight,
 * which find, however, what a call in that one has kept. */

/* x weight^T + bias: x [..., in], weight [out, in], bias [out] or NULL -> [..., out]
 * (torch.nn.functional.linear). */
TN_API tn_tensor *tn_linear(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                            const tn_tensor *bias);

/* ---- convolution and pooling ------------------------------------------------------------------
 * Images are [n, channels, h, w], or [channels, h, w] without a batch. Options of a direction, _h
 * and _w, count where they are not 0, those for both elsewhere, the default where neither is given:
 * {.padding = 1, .padding_h = TN_ZERO} pads the width alone. TN_ERR_ARGUMENT for an option out of
 * range, TN_ERR_SHAPE for a kernel larger than the input with its padding. */

/* Options of a convolution, with their defaults. */
typedef struct tn_conv2d_opts {
    int64_t stride, stride_h, stride_w;       /* 1 */
    int64_t padding, padding_h, padding_w;    /* 0: zeros added on each side */
    int64_t dilation, dilation_h, dilation_w; /* 1: elements from one of the kernel to the next */
    int64_t groups; /* 1: into which the channels are divided; as many as channels: depthwise */
    int64_t kernel_h, kernel_w; /* tn_nn_conv2d: kernel_size; tn_conv2d: the sizes of weight */
} tn_conv2d_opts;

/* Cross-correlation: x [n, channels, h, w], weight [out, channels/groups, kernel_h, kernel_w], bias
 * [out] or NULL -> [n, out, out_h, out_w], out_h = floor((h + 2 padding - dilation (kernel_h - 1) -
 * 1) / stride) + 1 (torch.nn.functional.conv2d). Each thread works in memory of the size of one
 * image, or of a few transformed tiles and kernels. TN_ERR_SHAPE for channels that do not fit the
 * weight or the groups. Products with the padding are 0 or left out: an infinite weight may make a
 * NaN of one, or not, as the sizes have it.
 *
 * Kernels of 3 x 3 and 5 x 5 in steps of one take Winograd's method where it is faster: y and the
 * gradients come from tiles of up to 6 x 6 elements. So does y of kernels that are more than two
 * and at most three steps high and wide, with padding of no more than half of the kernel, such as
 * 5 x 5 in steps of 2, or 11 x 11 of 4, for which x is rearranged 4 MiB at a time. In float32, with
 * normal numbers, the error is 4e-8 of the largest sum of absolute products in the root mean square
 * and 6e-7 at most, 1e-6 for dw of 5 x 5; sums of products have 2e-8 and 4e-7. It follows the
 * largest numbers of a tile: results beside one that an infinity or NaN is part of may be NaN, too,
 * up to 3 rows and columns away.
 * tn_ctx_opts.direct_conv excludes the method. */
TN_API tn_tensor *tn_conv2d(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                            const tn_tensor *bias, tn_conv2d_opts opts);

/* Options of pooling, with their defaults. */
typedef struct tn_pool2d_opts {
    int64_t kernel_h, kernel_w;               /* kernel_size */
    int64_t stride, stride_h, stride_w;       /* the kernel's size */
    int64_t padding, padding_h, padding_w;    /* 0; at most half of the kernel */
    int64_t dilation, dilation_h, dilation_w; /* 1; tn_max_pool2d alone */
    bool ceil_mode;       /* round the size of the result up: windows may hang over the end */
    bool exclude_padding; /* tn_avg_pool2d: count_include_pad=False */
    int64_t divisor;      /* tn_avg_pool2d: divisor_override; 0: the elements in the window */
} tn_pool2d_opts;

/* The largest element under each window, NaN if there is one; padding counts as -infinity. The
 * gradient goes to the first of equal ones (torch.nn.functional.max_pool2d). */
TN_API tn_tensor *tn_max_pool2d(tn_ctx *ctx, const tn_tensor *x, int64_t kernel_size,
                                tn_pool2d_opts opts);

/* The average; padding counts as zeros (torch.nn.functional.avg_pool2d). */
TN_API tn_tensor *tn_avg_pool2d(tn_ctx *ctx, const tn_tensor *x, int64_t kernel_size,
                                tn_pool2d_opts opts);

/* Averages over out_h by out_w windows that cover the plane, window i of size n from row
 * floor(i n / out) to ceil((i + 1) n / out) (torch.nn.functional.adaptive_avg_pool2d). */
TN_API tn_tensor *tn_adaptive_avg_pool2d(tn_ctx *ctx, const tn_tensor *x, int64_t out_h,
                                         int64_t out_w);

/* ---- normalisation --------------------------------------------------------------------------- */

typedef struct tn_batch_norm_opts {
    bool training;   /* normalise by the batch's own mean and variance; update the running ones */
    double momentum; /* the share of this batch in them; 0: 0.1; TN_ZERO: 0 */
    double eps;      /* 0: 1e-5; TN_ZERO: 0 */
} tn_batch_norm_opts;

/* (x - mean) / sqrt(var + eps) weight + bias for each channel of x [n, channels, ...]
 * (torch.nn.functional.batch_norm). weight and bias [channels], or NULL for 1 and 0. The running
 * mean and variance [channels], which require no gradient, are taken in evaluation, and changed in
 * place when training: r += momentum (batch's - r), with the unbiased variance; both may be NULL
 * when training. TN_ERR_SHAPE for training on one value per channel. */
TN_API tn_tensor *tn_batch_norm(tn_ctx *ctx, const tn_tensor *x, tn_tensor *running_mean,
                                tn_tensor *running_var, const tn_tensor *weight,
                                const tn_tensor *bias, tn_batch_norm_opts opts);

/* ---- losses ---------------------------------------------------------------------------------- */

/* What becomes of the losses of the targets. */
typedef enum tn_reduction {
    TN_REDUCE_MEAN = 0, /* over the targets, weighted where there are weights */
    TN_REDUCE_SUM = 1,
    TN_REDUCE_NONE = 2 /* one loss per target */
} tn_reduction;

typedef struct tn_cross_entropy_opts {
    tn_reduction reduction;
    double label_smoothing;  /* 0 .. 1 */
    const tn_tensor *weight; /* [classes], of the dtype of the logits; NULL: all 1 */
    int64_t ignore_index;    /* a target that counts for nothing; 0: -100; TN_ZERO: 0 */
} tn_cross_entropy_opts;

/* -log softmax(logits)[target]: logits [n, classes] or [classes], target [n] or [] of TN_I64,
 * TN_I32 or TN_U8 -> a scalar, or the shape of target with TN_REDUCE_NONE
 * (torch.nn.functional.cross_entropy). TN_ERR_ARGUMENT for a target that is no class. */
TN_API tn_tensor *tn_cross_entropy(tn_ctx *ctx, const tn_tensor *logits, const tn_tensor *target,
                                   tn_cross_entropy_opts opts);

typedef struct tn_nll_loss_opts {
    tn_reduction reduction;
    const tn_tensor *weight; /* [classes], of the dtype of the input; NULL: all 1 */
    int64_t ignore_index;    /* a target that counts for nothing; 0: -100; TN_ZERO: 0 */
} tn_nll_loss_opts;

/* -input[target], for logarithms of probabilities: shapes and errors as of tn_cross_entropy, which
 * is this after tn_log_softmax (torch.nn.functional.nll_loss). */
TN_API tn_tensor *tn_nll_loss(tn_ctx *ctx, const tn_tensor *input, const tn_tensor *target,
                              tn_nll_loss_opts opts);

typedef struct tn_mse_loss_opts {
    tn_reduction reduction;
    bool broadcast; /* input and target of different shapes broadcast */
} tn_mse_loss_opts;

/* (input - target)^2 (torch.nn.functional.mse_loss). TN_ERR_SHAPE for a target of another shape,
 * of which PyTorch warns: [n,1] and [n] would be n^2 losses. */
TN_API tn_tensor *tn_mse_loss(tn_ctx *ctx, const tn_tensor *input, const tn_tensor *target,
                              tn_mse_loss_opts opts);

/* Weights have the dtype of the logits and broadcast to their shape; no gradient flows to them. */
typedef struct tn_bce_opts {
    tn_reduction reduction;      /* the mean is over all elements, whatever they weigh */
    const tn_tensor *weight;     /* NULL: all 1 */
    const tn_tensor *pos_weight; /* of the terms of t, the positive targets; NULL: all 1 */
} tn_bce_opts;

/* -t ln s - (1 - t) ln(1 - s), s = 1 / (1 + e^-logits), for targets t in 0 .. 1 of the logits'
 * shape; stable for large logits (torch.nn.functional.binary_cross_entropy_with_logits). */
TN_API tn_tensor *tn_binary_cross_entropy_with_logits(tn_ctx *ctx, const tn_tensor *logits,
                                                      const tn_tensor *target, tn_bce_opts opts);

/* ---- shape: views of the input's storage where that is possible ------------------------------ */

/* The same elements in row-major order; one size may be -1. A copy if the strides ask for one. */
TN_API tn_tensor *tn_reshape(tn_ctx *ctx, const tn_tensor *x, int ndim, const int64_t *shape);

/* Dimensions start .. end, both included, become one. */
TN_API tn_tensor *tn_flatten(tn_ctx *ctx, const tn_tensor *x, int start, int end);

/* Dimension i of the result is dimension dims[i] of x; dims is a permutation of [ndim]. */
TN_API tn_tensor *tn_permute(tn_ctx *ctx, const tn_tensor *x, const int *dims);

/* x with two dimensions swapped. */
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

/* Drops `dim` if its size is 1, and leaves x as it is otherwise (as PyTorch does). */
TN_API tn_tensor *tn_squeeze(tn_ctx *ctx, const tn_tensor *x, int dim);

/* Adds a dimension of size 1 before `dim` of the result. */
TN_API tn_tensor *tn_unsqueeze(tn_ctx *ctx, const tn_tensor *x, int dim);

/* x broadcast to `shape`, without a copy; -1 keeps a size of x. */
TN_API tn_tensor *tn_expand(tn_ctx *ctx, const tn_tensor *x, int ndim, const int64_t *shape);

/* Several tensors, all of one dtype, as the next two take them:
 * tn_cat(ctx, TN_TENSORS(a, b), 0). */
#define TN_TENSORS(...) TN_LIST_(const tn_tensor *, __VA_ARGS__)

/* The tensors one after another along `dim`, in which alone their sizes may differ. A copy. */
TN_API tn_tensor *tn_cat(tn_ctx *ctx, int64_t count, const tn_tensor *const *tensors, int dim);

/* The tensors, all of one shape, along a new dimension before `dim` of the result. A copy. */
TN_API tn_tensor *tn_stack(tn_ctx *ctx, int64_t count, const tn_tensor *const *tensors, int dim);

/* The parts of x at index[0], index[1]... of `dim`: index [n] of TN_I64, TN_I32 or TN_U8. An index
 * may occur more than once, and its part gets all of the gradients. A copy. */
TN_API tn_tensor *tn_index_select(tn_ctx *ctx, const tn_tensor *x, int dim, const tn_tensor *index);

/* y[i, j, k] = x[i, index[i, j, k], k] (for dim = 1 of three): `index` has as many dimensions as x,
 * and only its size along `dim` may be larger; a scalar counts as [1] (torch.gather). A copy. */
TN_API tn_tensor *tn_gather(tn_ctx *ctx, const tn_tensor *x, int dim, const tn_tensor *index);

/* x with `value` around it: pad[0] before and pad[1] after the last dimension, pad[2] and pad[3]
 * the one before it, and so on; `count` numbers. Negative ones cut off. A copy
 * (torch.nn.functional.pad): tn_pad(ctx, x, TN_SHAPE(1, 1), 0). */
TN_API tn_tensor *tn_pad(tn_ctx *ctx, const tn_tensor *x, int64_t count, const int64_t *pad,
                         double value);

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
