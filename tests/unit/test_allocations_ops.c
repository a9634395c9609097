/* The functions of <tn/ops.h> while memory runs out. */
#include "rows/allocations.h"
#include "rows/options.h"

static void elementwise_rows(void)
{
    DIFFERENTIABLE(tn_add, "f32[2,3] f32[3]", tn_add(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_sub, "f32[2,3] f32[3]", tn_sub(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_mul, "f32[2,3] f32[3]", tn_mul(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_div, "f32[2,3] f32[3]", tn_div(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_neg, "f32[2,3]", tn_neg(ctx, in[0]));
    DIFFERENTIABLE(tn_abs, "f32[2,3]", tn_abs(ctx, in[0]));
    DIFFERENTIABLE(tn_square, "f32[2,3]", tn_square(ctx, in[0]));
    DIFFERENTIABLE(tn_sqrt, "+f32[2,3]", tn_sqrt(ctx, in[0]));
    DIFFERENTIABLE(tn_exp, "f32[2,3]", tn_exp(ctx, in[0]));
    DIFFERENTIABLE(tn_log, "+f32[2,3]", tn_log(ctx, in[0]));
    DIFFERENTIABLE(tn_add_scalar, "f32[2,3]", tn_add_scalar(ctx, in[0], 2));
    DIFFERENTIABLE(tn_mul_scalar, "f32[2,3]", tn_mul_scalar(ctx, in[0], 2));
    DIFFERENTIABLE(tn_pow_scalar, "+f32[2,3]", tn_pow_scalar(ctx, in[0], 3));
    DIFFERENTIABLE(tn_clamp, "f32[2,3]", tn_clamp(ctx, in[0], -0.5, 0.5));
    DIFFERENTIABLE(tn_relu, "f32[2,3]", tn_relu(ctx, in[0]));
    DIFFERENTIABLE(tn_sigmoid, "f32[2,3]", tn_sigmoid(ctx, in[0]));
    DIFFERENTIABLE(tn_tanh, "f32[2,3]", tn_tanh(ctx, in[0]));
    DIFFERENTIABLE(tn_gelu, "f32[2,3]", tn_gelu(ctx, in[0]));
    DIFFERENTIABLE(tn_leaky_relu, "f32[2,3]", tn_leaky_relu(ctx, in[0], 0.1));
    DIFFERENTIABLE(tn_softplus, "f32[2,3]", tn_softplus(ctx, in[0]));
    DIFFERENTIABLE(tn_dropout, "f32[2,3]", tn_dropout(ctx, in[0], 0.5, true));
    DIFFERENTIABLE(tn_dropout, "f32[2,3]", tn_dropout(ctx, in[0], 0.5, false));
    CALLS(tn_eq, "i64[2,3] i64[3]", tn_eq(ctx, in[0], in[1]));
    CALLS(tn_ne, "i64[2,3] i64[3]", tn_ne(ctx, in[0], in[1]));
    CALLS(tn_lt, "i64[2,3] i64[3]", tn_lt(ctx, in[0], in[1]));
    CALLS(tn_le, "i64[2,3] i64[3]", tn_le(ctx, in[0], in[1]));
    CALLS(tn_gt, "i64[2,3] i64[3]", tn_gt(ctx, in[0], in[1]));
    CALLS(tn_ge, "i64[2,3] i64[3]", tn_ge(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_where, "f32[2,3] f32[3] bool[2,1]", tn_where(ctx, in[2], in[0], in[1]));
}

static tn_tensor *extreme(tn_tensor *(*fn)(tn_ctx *, const tn_tensor *, int, bool, tn_tensor **))
{
    tn_tensor *indices = NULL;
    return fn(ctx, in[0], 1, false, &indices);
}

static tn_tensor *largest_two(void)
{
    tn_tensor *indices = NULL;
    return tn_topk(ctx, in[0], 2, 1, true, &indices);
}

static void reduction_rows(void)
{
    DIFFERENTIABLE(tn_sum, "f32[2,3]", tn_sum(ctx, in[0], TN_DIMS(0)));
    DIFFERENTIABLE(tn_mean, "f32[2,3]", tn_mean(ctx, in[0], TN_KEEPDIMS(1)));
    DIFFERENTIABLE(tn_var, "f32[2,3]", tn_var(ctx, in[0], (tn_var_opts){0}));
    DIFFERENTIABLE(tn_max, "f32[2,3]", extreme(tn_max));
    DIFFERENTIABLE(tn_min, "f32[2,3]", extreme(tn_min));
    DIFFERENTIABLE(tn_amax, "f32[2,3]", tn_amax(ctx, in[0], TN_DIMS(0)));
    DIFFERENTIABLE(tn_amin, "f32[2,3]", tn_amin(ctx, in[0], TN_DIMS(0)));
    CALLS(tn_argmax, "f32[2,3]", tn_argmax(ctx, in[0], 1));
    CALLS(tn_argmin, "f32[2,3]", tn_argmin(ctx, in[0], 1));
    DIFFERENTIABLE(tn_topk, "f32[2,3]", largest_two());
    ASKS(tn_count_equal, "i64[4] i64[4]", tn_count_equal(ctx, in[0], in[1]));
    CALLS(tn_count_equal, "i64[2,3] i64[2,3]", tn_count_equal(ctx, flipped(0), flipped(1)));
    DIFFERENTIABLE(tn_softmax, "f32[2,3]", tn_softmax(ctx, in[0], 0));
    DIFFERENTIABLE(tn_log_softmax, "f32[2,3]", tn_log_softmax(ctx, in[0], 1));
}

static tn_tensor *convolved(tn_conv2d_opts opts)
{
    return tn_conv2d(ctx, in[0], in[1], in[2], opts);
}

static tn_tensor *normalised(bool training)
{
    return tn_batch_norm(ctx, in[0], in[3], in[4], in[1], in[2],
                         (tn_batch_norm_opts){.training = training});
}

static void product_rows(void)
{
    DIFFERENTIABLE(tn_matmul, "f32[2,3] f32[3,2]", tn_matmul(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_matmul, "f32[2,2,3] f32[2,3]", tn_matmul(ctx, in[0], flipped(1)));
    DIFFERENTIABLE(tn_matmul, "f32[2,2,3] f32[2,3,2]", tn_matmul(ctx, in[0], in[1]));
    DIFFERENTIABLE(tn_linear, "f32[4,3] f32[2,3] f32[2]", tn_linear(ctx, in[0], in[1], in[2]));
    DIFFERENTIABLE(tn_conv2d, "f32[2,2,4,4] f32[3,2,3,3] f32[3]", convolved((tn_conv2d_opts){0}));
    DIFFERENTIABLE(tn_conv2d, "f32[2,2,5,5] f32[4,1,2,2] f32[4]",
                   convolved((tn_conv2d_opts){.groups = 2, .stride = 2, .padding = 1}));
    DIFFERENTIABLE(tn_conv2d, "f32[1,32,6,6] f32[32,32,3,3] f32[32]",
                   convolved((tn_conv2d_opts){.padding = 1}));
    DIFFERENTIABLE(tn_max_pool2d, "f32[1,2,4,4]", tn_max_pool2d(ctx, in[0], 2, POOL(0)));
    DIFFERENTIABLE(tn_avg_pool2d, "f32[1,2,4,4]", tn_avg_pool2d(ctx, in[0], 2, POOL(0)));
    DIFFERENTIABLE(tn_adaptive_avg_pool2d, "f32[1,2,4,4]",
                   tn_adaptive_avg_pool2d(ctx, in[0], 3, 2));
    DIFFERENTIABLE(tn_batch_norm, "f32[3,2,2] f32[2] f32[2] =f32[2] =f32[2]", normalised(true));
    DIFFERENTIABLE(tn_batch_norm, "f32[3,2,2] f32[2] f32[2] =f32[2] =f32[2]", normalised(false));
}

static void loss_rows(void)
{
    DIFFERENTIABLE(
        tn_cross_entropy, "f32[2,3] u8[2] =f32[3]",
        tn_cross_entropy(ctx, in[0], in[1],
                         (tn_cross_entropy_opts){.weight = in[2], .label_smoothing = 0.1}));
    DIFFERENTIABLE(tn_nll_loss, "f32[2,3] i32[2] =f32[3]",
                   tn_nll_loss(ctx, in[0], in[1], (tn_nll_loss_opts){.weight = in[2]}));
    DIFFERENTIABLE(tn_mse_loss, "f32[2,3] f32[2,3]",
                   tn_mse_loss(ctx, in[0], in[1], (tn_mse_loss_opts){0}));
    DIFFERENTIABLE(tn_binary_cross_entropy_with_logits, "f32[2,3] =f32[2,3] =f32[3]",
                   tn_binary_cross_entropy_with_logits(
                       ctx, in[0], in[1], (tn_bce_opts){.weight = in[2], .pos_weight = in[2]}));
}

static void view_rows(void)
{
    DIFFERENTIABLE(tn_reshape, "f32[2,3]", tn_reshape(ctx, in[0], TN_SHAPE(6)));
    DIFFERENTIABLE(tn_reshape, "f32[2,3]", tn_reshape(ctx, flipped(0), TN_SHAPE(6)));
    DIFFERENTIABLE(tn_flatten, "f32[2,3]", tn_flatten(ctx, in[0], 0, -1));
    DIFFERENTIABLE(tn_permute, "f32[2,3]", tn_permute(ctx, in[0], (int[]){1, 0}));
    DIFFERENTIABLE(tn_transpose, "f32[2,3]", tn_transpose(ctx, in[0], 0, 1));
    DIFFERENTIABLE(tn_slice, "f32[2,5]", tn_slice(ctx, in[0], 1, 0, 5, 2));
    DIFFERENTIABLE(tn_narrow, "f32[2,5]", tn_narrow(ctx, in[0], 1, 1, 2));
    DIFFERENTIABLE(tn_select, "f32[2,3]", tn_select(ctx, in[0], 0, 1));
    DIFFERENTIABLE(tn_squeeze, "f32[2,1]", tn_squeeze(ctx, in[0], 1));
    DIFFERENTIABLE(tn_unsqueeze, "f32[2,3]", tn_unsqueeze(ctx, in[0], 1));
    DIFFERENTIABLE(tn_expand, "f32[1,3]", tn_expand(ctx, in[0], TN_SHAPE(2, 3)));
    DIFFERENTIABLE(tn_cat, "f32[2,3] f32[1,3]", tn_cat(ctx, TN_TENSORS(in[0], in[1]), 0));
    DIFFERENTIABLE(tn_stack, "f32[2,3] f32[2,3]", tn_stack(ctx, TN_TENSORS(in[0], in[1]), 1));
    DIFFERENTIABLE(tn_index_select, "f32[3,2] i32[4]", tn_index_select(ctx, in[0], 0, in[1]));
    DIFFERENTIABLE(tn_gather, "f32[3,2] u8[2,2]", tn_gather(ctx, in[0], 0, in[1]));
    DIFFERENTIABLE(tn_pad, "f32[2,3]", tn_pad(ctx, in[0], TN_SHAPE(1, 1), 2));
    DIFFERENTIABLE(tn_contiguous, "f32[2,3]", tn_contiguous(ctx, in[0]));
    DIFFERENTIABLE(tn_contiguous, "f32[2,3]", tn_contiguous(ctx, flipped(0)));
    DIFFERENTIABLE(tn_clone, "f32[2,3]", tn_clone(ctx, in[0]));
    DIFFERENTIABLE(tn_cast, "f32[2,3]", tn_cast(ctx, in[0], TN_F64));
}

static void all_rows(void)
{
    elementwise_rows();
    reduction_rows();
    product_rows();
    loss_rows();
    view_rows();
}

int main(void)
{
    return run_allocations("ops.h", all_rows);
}
