/* The functions of <tn/ops.h>, given what does not fit. */
#include "rows/refusals.h"
#include "rows/options.h"

#include <math.h>

/* An operator of one float tensor, whose arguments after it are the last ones here. */
#define UNARY_ROWS(function, name, ...)                                                          \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL", function(ctx, NULL __VA_ARGS__)); \
    REFUSES(function, TN_ERR_DTYPE,                                                              \
            name ": input is i64 but must be f32 or f64; tn_cast converts",                      \
            function(ctx, T("i64[2]") __VA_ARGS__));                                             \
    WORKS(function, shaped("[2,3]", function(ctx, T("f32[2,3]") __VA_ARGS__)));                  \
    WORKS(function, shaped("[0,3]", function(ctx, T("f64[0,3]") __VA_ARGS__)))

#define BINARY_ROWS(function, name)                                                               \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL", function(ctx, NULL, T("f32[2]"))); \
    REFUSES(function, TN_ERR_ARGUMENT, name ": other is NULL", function(ctx, T("f32[2]"), NULL)); \
    REFUSES(function, TN_ERR_DTYPE, name ": input is f32 but other is f64; tn_cast converts",     \
            function(ctx, T("f32[2]"), T("f64[2]")));                                             \
    REFUSES(function, TN_ERR_SHAPE, name ": shapes [2,3] and [2] do not broadcast",               \
            function(ctx, T("f32[2,3]"), T("f32[2]")));                                           \
    REFUSES(function, TN_ERR_SHAPE, name ": shapes [0] and [2] do not broadcast",                 \
            function(ctx, T("f32[0]"), T("f32[2]")));                                             \
    WORKS(function, shaped("[2,3]", function(ctx, T("f32[2,1]"), T("f32[3]"))));                  \
    WORKS(function, shaped("[0,3]", function(ctx, T("f32[0,1]"), T("f32[3]"))))

/* Of these together the sizes overflow; each alone is more than there is memory. */
static tn_tensor *tall(void)
{
    return tn_expand(maker, T("f64[1,1]"), TN_SHAPE(1LL << 59, 1));
}

static tn_tensor *wide(void)
{
    return tn_expand(maker, T("f64[1,1]"), TN_SHAPE(1, 1LL << 59));
}

static void binary_rows(void)
{
    BINARY_ROWS(tn_add, "add");
    BINARY_ROWS(tn_sub, "sub");
    BINARY_ROWS(tn_mul, "mul");
    BINARY_ROWS(tn_div, "div");
    REFUSES(tn_add, TN_ERR_DTYPE, "add: input is i64 but must be f32 or f64; tn_cast converts",
            tn_add(ctx, T("i64[2]"), T("i64[2]")));
    REFUSES(tn_add, TN_ERR_MEMORY,
            "add: [576460752303423488,576460752303423488] of f64 does not fit 63 bits",
            tn_add(ctx, tall(), wide()));
    REFUSES(tn_mul, TN_ERR_MEMORY,
            "mul: [576460752303423488,576460752303423488] of f64 does not fit 63 bits",
            tn_mul(ctx, tall(), wide()));
    BINARY_ROWS(tn_eq, "eq");
    BINARY_ROWS(tn_ne, "ne");
    BINARY_ROWS(tn_lt, "lt");
    BINARY_ROWS(tn_le, "le");
    BINARY_ROWS(tn_gt, "gt");
    BINARY_ROWS(tn_ge, "ge");
    REFUSES(tn_eq, TN_ERR_MEMORY,
            "eq: [576460752303423488,576460752303423488] of bool does not fit 63 bits",
            tn_eq(ctx, tall(), wide()));
}

static void unary_rows(void)
{
    UNARY_ROWS(tn_neg, "neg");
    UNARY_ROWS(tn_abs, "abs");
    UNARY_ROWS(tn_square, "square");
    UNARY_ROWS(tn_sqrt, "sqrt");
    UNARY_ROWS(tn_exp, "exp");
    UNARY_ROWS(tn_log, "log");
    UNARY_ROWS(tn_add_scalar, "add_scalar", , 1);
    UNARY_ROWS(tn_mul_scalar, "mul_scalar", , 1);
    UNARY_ROWS(tn_pow_scalar, "pow_scalar", , 1);
    UNARY_ROWS(tn_clamp, "clamp", , 0, 1);
    REFUSES(tn_clamp, TN_ERR_ARGUMENT, "clamp: bounds nan and 1",
            tn_clamp(ctx, T("f32[2]"), NAN, 1));
    UNARY_ROWS(tn_relu, "relu");
    UNARY_ROWS(tn_sigmoid, "sigmoid");
    UNARY_ROWS(tn_tanh, "tanh");
    UNARY_ROWS(tn_gelu, "gelu");
    UNARY_ROWS(tn_leaky_relu, "leaky_relu", , 0.1);
    UNARY_ROWS(tn_softplus, "softplus");
    UNARY_ROWS(tn_dropout, "dropout", , 0.5, true);
    REFUSES(tn_dropout, TN_ERR_ARGUMENT, "dropout: p = 1.5 is not between 0 and 1",
            tn_dropout(ctx, T("f32[2]"), 1.5, true));
    REFUSES(tn_dropout, TN_ERR_ARGUMENT, "dropout: p = -0.5 is not between 0 and 1",
            tn_dropout(ctx, T("f32[2]"), -0.5, false));
    REFUSES(tn_dropout, TN_ERR_ARGUMENT, "dropout: p = nan is not between 0 and 1",
            tn_dropout(ctx, T("f32[2]"), NAN, true));
}

static void where_rows(void)
{
    REFUSES(tn_where, TN_ERR_ARGUMENT, "where: condition is NULL",
            tn_where(ctx, NULL, T("f32[2]"), T("f32[2]")));
    REFUSES(tn_where, TN_ERR_ARGUMENT, "where: input is NULL",
            tn_where(ctx, T("bool[2]"), NULL, T("f32[2]")));
    REFUSES(tn_where, TN_ERR_ARGUMENT, "where: other is NULL",
            tn_where(ctx, T("bool[2]"), T("f32[2]"), NULL));
    REFUSES(tn_where, TN_ERR_DTYPE, "where: condition is u8 but must be bool",
            tn_where(ctx, T("u8[2]"), T("f32[2]"), T("f32[2]")));
    REFUSES(tn_where, TN_ERR_DTYPE, "where: input is f32 but other is f64; tn_cast converts",
            tn_where(ctx, T("bool[2]"), T("f32[2]"), T("f64[2]")));
    REFUSES(tn_where, TN_ERR_SHAPE, "where: shapes [3] and [2] do not broadcast",
            tn_where(ctx, T("bool[3]"), T("f32[2]"), T("f32[2]")));
    REFUSES(tn_where, TN_ERR_SHAPE, "where: shapes [3] and [2] do not broadcast",
            tn_where(ctx, T("bool[3]"), T("f32[3]"), T("f32[2]")));
    WORKS(tn_where, shaped("[0,2]", tn_where(ctx, T("bool[0,1]"), T("u8[2]"), T("u8[]"))));
}

/* A reduction over dimensions. */
#define REDUCTION_ROWS(function, name, opts)                                                     \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL", function(ctx, NULL, (opts){0}));  \
    REFUSES(function, TN_ERR_ARGUMENT, name ": dimension 2 is outside a tensor of 2 dimensions", \
            function(ctx, T("f32[2,3]"), (opts){.dims = (int[]){2}, .ndims = 1}));               \
    REFUSES(function, TN_ERR_ARGUMENT, name ": dimension 1 is listed twice",                     \
            function(ctx, T("f32[2,3]"), (opts){.dims = (int[]){1, -1}, .ndims = 2}));           \
    REFUSES(function, TN_ERR_ARGUMENT, name ": 2 dimensions to reduce, but dims is NULL",        \
            function(ctx, T("f32[2,3]"), (opts){.dims = NULL, .ndims = 2}));                     \
    REFUSES(function, TN_ERR_ARGUMENT, name ": -1 dimensions to reduce",                         \
            function(ctx, T("f32[2,3]"), (opts){.dims = (int[]){0}, .ndims = -1}));              \
    WORKS(function,                                                                              \
          shaped("[2,1]", function(ctx, T("f32[2,3]"),                                           \
                                   (opts){.dims = (int[]){1}, .ndims = 1, .keepdim = true})));   \
    WORKS(function,                                                                              \
          shaped("[0]", function(ctx, T("f32[0,3]"), (opts){.dims = (int[]){1}, .ndims = 1})))

/* A choice of elements along a dimension. */
#define ALONG_ROWS(function, name, ...)                                                           \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL",                                    \
            function(ctx, NULL, 0 __VA_ARGS__));                                                  \
    REFUSES(function, TN_ERR_ARGUMENT, name ": dimension 2 is outside a tensor of 2 dimensions",  \
            function(ctx, T("f32[2,3]"), 2 __VA_ARGS__));                                         \
    REFUSES(function, TN_ERR_ARGUMENT, name ": dimension -3 is outside a tensor of 2 dimensions", \
            function(ctx, T("f32[2,3]"), -3 __VA_ARGS__))

static void reduction_rows(void)
{
    REDUCTION_ROWS(tn_sum, "sum", tn_reduce_opts);
    REDUCTION_ROWS(tn_mean, "mean", tn_reduce_opts);
    REDUCTION_ROWS(tn_var, "var", tn_var_opts);
    REDUCTION_ROWS(tn_amax, "amax", tn_reduce_opts);
    REDUCTION_ROWS(tn_amin, "amin", tn_reduce_opts);
    REFUSES(tn_sum, TN_ERR_DTYPE, "sum: input is i64 but must be f32 or f64; tn_cast converts",
            tn_sum(ctx, T("i64[2]"), (tn_reduce_opts){0}));
    REFUSES(tn_mean, TN_ERR_DTYPE, "mean: input is u8 but must be f32 or f64; tn_cast converts",
            tn_mean(ctx, T("u8[2]"), (tn_reduce_opts){0}));
    REFUSES(tn_var, TN_ERR_DTYPE, "var: input is u8 but must be f32 or f64; tn_cast converts",
            tn_var(ctx, T("u8[2]"), (tn_var_opts){0}));
    REFUSES(tn_amax, TN_ERR_SHAPE, "amax: dimension 0 of [0] has no elements",
            tn_amax(ctx, T("f32[0]"), (tn_reduce_opts){0}));
    REFUSES(tn_amin, TN_ERR_SHAPE, "amin: dimension 0 of [0] has no elements",
            tn_amin(ctx, T("f32[0]"), (tn_reduce_opts){0}));
}

static void choice_rows(void)
{
    ALONG_ROWS(tn_max, "max", , false, NULL);
    REFUSES(tn_max, TN_ERR_SHAPE, "max: dimension 1 of [2,0] has no elements",
            tn_max(ctx, T("f32[2,0]"), 1, false, NULL));
    WORKS(tn_max, shaped("[0,1]", tn_max(ctx, T("i32[0,3]"), 1, true, NULL)));
    ALONG_ROWS(tn_min, "min", , false, NULL);
    REFUSES(tn_min, TN_ERR_SHAPE, "min: dimension 1 of [2,0] has no elements",
            tn_min(ctx, T("f32[2,0]"), 1, false, NULL));
    WORKS(tn_min, shaped("[0]", tn_min(ctx, T("bool[0,3]"), 1, false, NULL)));
    ALONG_ROWS(tn_argmax, "argmax");
    REFUSES(tn_argmax, TN_ERR_SHAPE, "argmax: dimension 1 of [2,0] has no elements",
            tn_argmax(ctx, T("f32[2,0]"), 1));
    WORKS(tn_argmax, shaped("[0]", tn_argmax(ctx, T("f32[0,3]"), 1)));
    ALONG_ROWS(tn_argmin, "argmin");
    REFUSES(tn_argmin, TN_ERR_SHAPE, "argmin: dimension 0 of [0] has no elements",
            tn_argmin(ctx, T("f32[0]"), 0));
    WORKS(tn_argmin, shaped("[0]", tn_argmin(ctx, T("u8[0,3]"), -1)));
    REFUSES(tn_topk, TN_ERR_ARGUMENT, "topk: input is NULL", tn_topk(ctx, NULL, 1, 0, true, NULL));
    REFUSES(tn_topk, TN_ERR_DTYPE, "topk: input is i64 but must be f32 or f64; tn_cast converts",
            tn_topk(ctx, T("i64[2]"), 1, 0, true, NULL));
    REFUSES(tn_topk, TN_ERR_ARGUMENT, "topk: dimension 1 is outside a tensor of 1 dimensions",
            tn_topk(ctx, T("f32[2]"), 1, 1, true, NULL));
    REFUSES(tn_topk, TN_ERR_ARGUMENT, "topk: 3 elements of dimension 0 of [2]",
            tn_topk(ctx, T("f32[2]"), 3, 0, true, NULL));
    REFUSES(tn_topk, TN_ERR_ARGUMENT, "topk: -1 elements of dimension 0 of [2]",
            tn_topk(ctx, T("f32[2]"), -1, 0, true, NULL));
    WORKS(tn_topk, shaped("[0,2]", tn_topk(ctx, T("f32[0,3]"), 2, 1, true, NULL)));
    REFUSES(tn_count_equal, TN_ERR_ARGUMENT, "count_equal: input is NULL",
            tn_count_equal(ctx, NULL, T("i64[2]")));
    REFUSES(tn_count_equal, TN_ERR_ARGUMENT, "count_equal: other is NULL",
            tn_count_equal(ctx, T("i64[2]"), NULL));
    REFUSES(tn_count_equal, TN_ERR_DTYPE,
            "count_equal: input is f32 but must be an integer or bool",
            tn_count_equal(ctx, T("f32[2]"), T("i64[2]")));
    REFUSES(tn_count_equal, TN_ERR_SHAPE, "count_equal: shapes [2] and [3] differ",
            tn_count_equal(ctx, T("i64[2]"), T("i64[3]")));
    WORKS(tn_count_equal, tn_count_equal(ctx, T("i64[0]"), T("u8[0]")));
}

static void softmax_rows(void)
{
    ALONG_ROWS(tn_softmax, "softmax");
    REFUSES(tn_softmax, TN_ERR_DTYPE,
            "softmax: input is i64 but must be f32 or f64; tn_cast converts",
            tn_softmax(ctx, T("i64[2]"), 0));
    WORKS(tn_softmax, shaped("[0,3]", tn_softmax(ctx, T("f32[0,3]"), 1)));
    ALONG_ROWS(tn_log_softmax, "log_softmax");
    REFUSES(tn_log_softmax, TN_ERR_DTYPE,
            "log_softmax: input is bool but must be f32 or f64; tn_cast converts",
            tn_log_softmax(ctx, T("bool[2]"), 0));
    WORKS(tn_log_softmax, shaped("[0,3]", tn_log_softmax(ctx, T("f32[0,3]"), 1)));
}

static void product_rows(void)
{
    REFUSES(tn_matmul, TN_ERR_ARGUMENT, "matmul: input is NULL", tn_matmul(ctx, NULL, T("f32[2]")));
    REFUSES(tn_matmul, TN_ERR_ARGUMENT, "matmul: other is NULL", tn_matmul(ctx, T("f32[2]"), NULL));
    REFUSES(tn_matmul, TN_ERR_DTYPE, "matmul: input is f32 but other is f64; tn_cast converts",
            tn_matmul(ctx, T("f32[2]"), T("f64[2]")));
    REFUSES(tn_matmul, TN_ERR_DTYPE,
            "matmul: input is i32 but must be f32 or f64; tn_cast converts",
            tn_matmul(ctx, T("i32[2]"), T("i32[2]")));
    REFUSES(tn_matmul, TN_ERR_SHAPE, "matmul: input [2,3] has 3 columns but other [2,3] has 2 rows",
            tn_matmul(ctx, T("f32[2,3]"), T("f32[2,3]")));
    REFUSES(tn_matmul, TN_ERR_SHAPE, "matmul: shapes [] and [2] need at least one dimension each",
            tn_matmul(ctx, T("f32[]"), T("f32[2]")));
    REFUSES(
        tn_matmul, TN_ERR_SHAPE,
        "matmul: input [2,2,3] and other [3,3,2] do not broadcast before their last two dimensions",
        tn_matmul(ctx, T("f32[2,2,3]"), T("f32[3,3,2]")));
    REFUSES(tn_matmul, TN_ERR_SHAPE,
            "matmul: matrix [576460752303423488,1] has a size or stride above 2147483647",
            tn_matmul(ctx, tall(), wide()));
    WORKS(tn_matmul, shaped("[0,2]", tn_matmul(ctx, T("f32[0,3]"), T("f32[3,2]"))));
    REFUSES(tn_linear, TN_ERR_ARGUMENT, "linear: input is NULL",
            tn_linear(ctx, NULL, T("f32[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_ARGUMENT, "linear: weight is NULL",
            tn_linear(ctx, T("f32[4,3]"), NULL, NULL));
    REFUSES(tn_linear, TN_ERR_DTYPE, "linear: input is u8 but must be f32 or f64; tn_cast converts",
            tn_linear(ctx, T("u8[4,3]"), T("f32[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_DTYPE, "linear: input is f32 but weight is f64; tn_cast converts",
            tn_linear(ctx, T("f32[4,3]"), T("f64[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_DTYPE, "linear: input is f32 but bias is f64; tn_cast converts",
            tn_linear(ctx, T("f32[4,3]"), T("f32[2,3]"), T("f64[2]")));
    REFUSES(tn_linear, TN_ERR_SHAPE,
            "linear: input [4,2] and weight [2,3]; expected [...,in] and [out,in]",
            tn_linear(ctx, T("f32[4,2]"), T("f32[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_SHAPE,
            "linear: input [] and weight [2,3]; expected [...,in] and [out,in]",
            tn_linear(ctx, T("f32[]"), T("f32[2,3]"), NULL));
    REFUSES(tn_linear, TN_ERR_SHAPE,
            "linear: input [4,3] and weight [3]; expected [...,in] and [out,in]",
            tn_linear(ctx, T("f32[4,3]"), T("f32[3]"), NULL));
    REFUSES(tn_linear, TN_ERR_SHAPE, "linear: weight [2,3] has 2 outputs but bias is [3]",
            tn_linear(ctx, T("f32[4,3]"), T("f32[2,3]"), T("f32[3]")));
    WORKS(tn_linear, shaped("[0,2]", tn_linear(ctx, T("f32[0,3]"), T("f32[2,3]"), T("f32[2]"))));
}

static void conv_rows(void)
{
    tn_conv2d_opts plain = {0};
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: input is NULL",
            tn_conv2d(ctx, NULL, T("f32[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: weight is NULL",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), NULL, NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_DTYPE, "conv2d: input is u8 but must be f32 or f64; tn_cast converts",
            tn_conv2d(ctx, T("u8[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_DTYPE, "conv2d: input is f32 but weight is f64; tn_cast converts",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f64[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_DTYPE, "conv2d: input is f32 but bias is f64; tn_cast converts",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), T("f64[4]"), plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE,
            "conv2d: input [5,5]; expected [n,channels,h,w] or [channels,h,w]",
            tn_conv2d(ctx, T("f32[5,5]"), T("f32[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE, "conv2d: weight [4,3,2]; expected [out,channels/groups,h,w]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE,
            "conv2d: input [1,2,5,5] has 2 channels but weight [4,3,2,2] expects 3",
            tn_conv2d(ctx, T("f32[1,2,5,5]"), T("f32[4,3,2,2]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE, "conv2d: weight [4,3,2,2] has 4 outputs but bias is [3]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), T("f32[3]"), plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE, "conv2d: weight [4,3,2,2] has 4 outputs but bias is [4,1]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), T("f32[4,1]"), plain));
    REFUSES(
        tn_conv2d, TN_ERR_SHAPE,
        "conv2d: kernel [6,2] with dilation [1,1] does not fit input [1,3,5,5] with padding [0,0]",
        tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,6,2]"), NULL, plain));
    REFUSES(
        tn_conv2d, TN_ERR_SHAPE,
        "conv2d: kernel [1,1] with dilation [1,1] does not fit input [1,3,0,5] with padding [0,0]",
        tn_conv2d(ctx, T("f32[1,3,0,5]"), T("f32[4,3,1,1]"), NULL, plain));
    REFUSES(tn_conv2d, TN_ERR_SHAPE,
            "conv2d: 2 groups do not divide the 4 channels of input [1,4,5,5] and the 3 of weight "
            "[3,2,2,2]",
            tn_conv2d(ctx, T("f32[1,4,5,5]"), T("f32[3,2,2,2]"), NULL, CONV(.groups = 2)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: kernel [2,3], but weight [4,3,2,2]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.kernel_w = 3)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: kernel [3,2], but weight [4,3,2,2]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.kernel_h = 3)));
    WORKS(tn_conv2d,
          tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,3]"), NULL, CONV(.kernel_w = 3)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: stride [-1,-1] is not between 1 and 2147483647",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.stride = -1)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: padding [-1,0] is not between 0 and 2147483647",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.padding_h = -1)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT, "conv2d: dilation [1,-2] is not between 1 and 2147483647",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.dilation_w = -2)));
    REFUSES(tn_conv2d, TN_ERR_ARGUMENT,
            "conv2d: -1 groups do not divide the 3 channels of input [1,3,5,5] and the 4 of weight "
            "[4,3,2,2]",
            tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.groups = -1)));
    REFUSES(
        tn_conv2d, TN_ERR_ARGUMENT,
        "conv2d: padding [9223372036854775807,9223372036854775807] is not between 0 and 2147483647",
        tn_conv2d(ctx, T("f32[1,3,5,5]"), T("f32[4,3,2,2]"), NULL, CONV(.padding = INT64_MAX)));
    WORKS(tn_conv2d, shaped("[0,4,4,4]", tn_conv2d(ctx, T("f32[0,3,5,5]"), T("f32[4,3,2,2]"),
                                                   T("f32[4]"), plain)));
}

#define POOL_ROWS(function, name)                                                                  \
    REFUSES(function, TN_ERR_ARGUMENT, name ": input is NULL", function(ctx, NULL, 2, POOL(0)));   \
    REFUSES(function, TN_ERR_DTYPE, name ": input is u8 but must be f32 or f64; tn_cast converts", \
            function(ctx, T("u8[1,3,5,5]"), 2, POOL(0)));                                          \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name ": input [5,5]; expected [n,channels,h,w] or [channels,h,w]",                     \
            function(ctx, T("f32[5,5]"), 2, POOL(0)));                                             \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name                                                                                   \
            ": kernel [6,6] with dilation [1,1] does not fit input [1,3,5,5] with padding [0,0]",  \
            function(ctx, T("f32[1,3,5,5]"), 6, POOL(0)));                                         \
    REFUSES(function, TN_ERR_ARGUMENT, name ": kernel [0,0] is not between 1 and 2147483647",      \
            function(ctx, T("f32[1,3,5,5]"), 0, POOL(0)));                                         \
    REFUSES(function, TN_ERR_ARGUMENT, name ": kernel [-2,-2] is not between 1 and 2147483647",    \
            function(ctx, T("f32[1,3,5,5]"), -2, POOL(0)));                                        \
    REFUSES(function, TN_ERR_ARGUMENT, name ": stride [2,-1] is not between 1 and 2147483647",     \
            function(ctx, T("f32[1,3,5,5]"), 2, POOL(.stride_w = -1)));                            \
    REFUSES(function, TN_ERR_ARGUMENT, name ": padding [2,2] is more than half of kernel [2,2]",   \
            function(ctx, T("f32[1,3,5,5]"), 2, POOL(.padding = 2)));                              \
    REFUSES(function, TN_ERR_ARGUMENT, name ": padding [-1,0] is not between 0 and 2147483647",    \
            function(ctx, T("f32[1,3,5,5]"), 2, POOL(.padding_h = -1)));                           \
    WORKS(function, shaped("[0,3,2,2]", function(ctx, T("f32[0,3,5,5]"), 2, POOL(0))))

static void pooling_rows(void)
{
    POOL_ROWS(tn_max_pool2d, "max_pool2d");
    REFUSES(tn_max_pool2d, TN_ERR_ARGUMENT,
            "max_pool2d: dilation [-1,-1] is not between 1 and 2147483647",
            tn_max_pool2d(ctx, T("f32[1,3,5,5]"), 2, POOL(.dilation = -1)));
    POOL_ROWS(tn_avg_pool2d, "avg_pool2d");
    REFUSES(tn_avg_pool2d, TN_ERR_ARGUMENT, "avg_pool2d: the divisor -1 is not positive",
            tn_avg_pool2d(ctx, T("f32[1,3,5,5]"), 2, POOL(.divisor = -1)));
    REFUSES(tn_avg_pool2d, TN_ERR_ARGUMENT, "avg_pool2d: dilation is for max_pool2d alone",
            tn_avg_pool2d(ctx, T("f32[1,3,5,5]"), 2, POOL(.dilation = 2)));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_ARGUMENT, "adaptive_avg_pool2d: input is NULL",
            tn_adaptive_avg_pool2d(ctx, NULL, 1, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_DTYPE,
            "adaptive_avg_pool2d: input is i64 but must be f32 or f64; tn_cast converts",
            tn_adaptive_avg_pool2d(ctx, T("i64[1,3,5,5]"), 1, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_SHAPE,
            "adaptive_avg_pool2d: input [5,5]; expected [n,channels,h,w] or [channels,h,w]",
            tn_adaptive_avg_pool2d(ctx, T("f32[5,5]"), 1, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_SHAPE,
            "adaptive_avg_pool2d: input [1,3,0,5] has planes without elements",
            tn_adaptive_avg_pool2d(ctx, T("f32[1,3,0,5]"), 1, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_ARGUMENT,
            "adaptive_avg_pool2d: output size [-2,1] is not between 0 and 2147483647",
            tn_adaptive_avg_pool2d(ctx, T("f32[1,3,5,5]"), -2, 1));
    REFUSES(tn_adaptive_avg_pool2d, TN_ERR_ARGUMENT,
            "adaptive_avg_pool2d: output size [1,-1] is not between 0 and 2147483647",
            tn_adaptive_avg_pool2d(ctx, T("f32[1,3,5,5]"), 1, -1));
    WORKS(tn_adaptive_avg_pool2d,
          shaped("[0,3,2,6]", tn_adaptive_avg_pool2d(ctx, T("f32[0,3,5,5]"), 2, 6)));
}

static void batch_norm_rows(void)
{
    tn_batch_norm_opts plain = {0}, training = {.training = true};
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: input is NULL",
            tn_batch_norm(ctx, NULL, T("f32[3]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: running_mean is NULL",
            tn_batch_norm(ctx, T("f32[2,3]"), NULL, NULL, NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: running_var is NULL",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f32[3]"), NULL, NULL, NULL, training));
    REFUSES(tn_batch_norm, TN_ERR_DTYPE,
            "batch_norm: input is u8 but must be f32 or f64; tn_cast converts",
            tn_batch_norm(ctx, T("u8[2,3]"), T("f32[3]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_DTYPE,
            "batch_norm: input is f32 but running_mean is f64; tn_cast converts",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f64[3]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_DTYPE,
            "batch_norm: input is f32 but weight is f64; tn_cast converts",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f32[3]"), T("f32[3]"), T("f64[3]"), NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_SHAPE, "batch_norm: input [3]; expected [n,channels,...]",
            tn_batch_norm(ctx, T("f32[3]"), T("f32[3]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_SHAPE,
            "batch_norm: input [2,3] has 3 channels but running_mean is [2]",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f32[2]"), T("f32[3]"), NULL, NULL, plain));
    REFUSES(tn_batch_norm, TN_ERR_SHAPE, "batch_norm: input [2,3] has 3 channels but bias is [2]",
            tn_batch_norm(ctx, T("f32[2,3]"), T("f32[3]"), T("f32[3]"), NULL, T("f32[2]"), plain));
    REFUSES(tn_batch_norm, TN_ERR_SHAPE,
            "batch_norm: training on input [1,3], which has one value per channel",
            tn_batch_norm(ctx, T("f32[1,3]"), NULL, NULL, NULL, NULL, training));
    REFUSES(tn_batch_norm, TN_ERR_STATE,
            "batch_norm: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_batch_norm(ctx, T("f64[4,2]"), p, T("f64[2]"), NULL, NULL, training));
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: momentum 0.1 and eps -1",
            tn_batch_norm(ctx, T("f32[2,3]"), NULL, NULL, NULL, NULL,
                          NORM(.training = true, .eps = -1)));
    REFUSES(tn_batch_norm, TN_ERR_ARGUMENT, "batch_norm: momentum nan and eps 1e-05",
            tn_batch_norm(ctx, T("f32[2,3]"), NULL, NULL, NULL, NULL,
                          NORM(.training = true, .momentum = NAN)));
    WORKS(tn_batch_norm, shaped("[0,3]", tn_batch_norm(ctx, T("f32[0,3]"), T("f32[3]"), T("f32[3]"),
                                                       NULL, NULL, plain)));
}

#define CE(...)             \
    (tn_cross_entropy_opts) \
    {                       \
        __VA_ARGS__         \
    }
#define NLL(...)       \
    (tn_nll_loss_opts) \
    {                  \
        __VA_ARGS__    \
    }

/* The two losses of classes. */
#define CLASS_ROWS(function, name, first, OPTS, options)                                           \
    REFUSES(function, TN_ERR_ARGUMENT, name ": " first " is NULL",                                 \
            function(ctx, NULL, T("i64[2]"), OPTS(0)));                                            \
    REFUSES(function, TN_ERR_ARGUMENT, name ": target is NULL",                                    \
            function(ctx, T("f32[2,3]"), NULL, OPTS(0)));                                          \
    REFUSES(function, TN_ERR_DTYPE,                                                                \
            name ": " first " is i64 but must be f32 or f64; tn_cast converts",                    \
            function(ctx, T("i64[2,3]"), T("i64[2]"), OPTS(0)));                                   \
    REFUSES(function, TN_ERR_DTYPE, name ": target is f32 but must be i64, i32 or u8",             \
            function(ctx, T("f32[2,3]"), T("f32[2]"), OPTS(0)));                                   \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name ": " first                                                                        \
                 " [2,3] and target [3]; expected [n,classes] and [n], or [classes] and []",       \
            function(ctx, T("f32[2,3]"), T("i64[3]"), OPTS(0)));                                   \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name ": " first                                                                        \
                 " [2,3] and target [2,1]; expected [n,classes] and [n], or [classes] and []",     \
            function(ctx, T("f32[2,3]"), T("i64[2,1]"), OPTS(0)));                                 \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name ": " first                                                                        \
                 " [2,3,4] and target [2]; expected [n,classes] and [n], or [classes] and []",     \
            function(ctx, T("f32[2,3,4]"), T("i64[2]"), OPTS(0)));                                 \
    REFUSES(function, TN_ERR_SHAPE,                                                                \
            name ": " first                                                                        \
                 " [] and target []; expected [n,classes] and [n], or [classes] and []",           \
            function(ctx, T("f32[]"), T("i64[]"), OPTS(0)));                                       \
    REFUSES(function, TN_ERR_SHAPE, name ": " first " [2,0]: there are no classes",                \
            function(ctx, T("f32[2,0]"), T("i64[2]"), OPTS(0)));                                   \
    REFUSES(function, TN_ERR_ARGUMENT, name ": target[0] is 3, not one of 3 classes",              \
            function(ctx, T("f32[2,3]"), T_OF("i64[2]", 3), OPTS(0)));                             \
    REFUSES(function, TN_ERR_ARGUMENT, name ": target[0] is -1, not one of 3 classes",             \
            function(ctx, T("f32[2,3]"), T_OF("i32[2]", -1), OPTS(0)));                            \
    REFUSES(function, TN_ERR_SHAPE, name ": weight [2] does not match " first " [2,3]",            \
            function(ctx, T("f32[2,3]"), T("i64[2]"), OPTS(.weight = T("f32[2]"))));               \
    REFUSES(function, TN_ERR_SHAPE, name ": weight [3,1] does not match " first " [2,3]",          \
            function(ctx, T("f32[2,3]"), T("i64[2]"), OPTS(.weight = T("f32[3,1]"))));             \
    REFUSES(function, TN_ERR_DTYPE, name ": " first " is f32 but weight is f64; tn_cast converts", \
            function(ctx, T("f32[2,3]"), T("i64[2]"), OPTS(.weight = T("f64[3]"))));               \
    REFUSES(function, TN_ERR_ARGUMENT, name ": " options,                                          \
            function(ctx, T("f32[2,3]"), T("i64[2]"), OPTS(.reduction = (tn_reduction)7)));        \
    WORKS(function, shaped("[]", function(ctx, T("f32[0,3]"), T("i64[0]"), OPTS(0))));             \
    WORKS(function, shaped("[0]", function(ctx, T("f32[0,3]"), T("u8[0]"),                         \
                                           OPTS(.reduction = TN_REDUCE_NONE))))

static void loss_rows(void)
{
    tn_bce_opts plain = {0};
    CLASS_ROWS(tn_cross_entropy, "cross_entropy", "logits", CE, "label smoothing 0, reduction 7");
    REFUSES(tn_cross_entropy, TN_ERR_ARGUMENT, "cross_entropy: label smoothing 1.5, reduction 0",
            tn_cross_entropy(ctx, T("f32[2,3]"), T("i64[2]"), CE(.label_smoothing = 1.5)));
    REFUSES(tn_cross_entropy, TN_ERR_ARGUMENT, "cross_entropy: label smoothing nan, reduction 0",
            tn_cross_entropy(ctx, T("f32[2,3]"), T("i64[2]"), CE(.label_smoothing = NAN)));
    CLASS_ROWS(tn_nll_loss, "nll_loss", "input", NLL, "reduction 7");
    REFUSES(tn_mse_loss, TN_ERR_ARGUMENT, "mse_loss: input is NULL",
            tn_mse_loss(ctx, NULL, T("f32[2]"), (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_ARGUMENT, "mse_loss: target is NULL",
            tn_mse_loss(ctx, T("f32[2]"), NULL, (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_DTYPE, "mse_loss: input is f32 but target is f64; tn_cast converts",
            tn_mse_loss(ctx, T("f32[2]"), T("f64[2]"), (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_DTYPE,
            "mse_loss: input is u8 but must be f32 or f64; tn_cast converts",
            tn_mse_loss(ctx, T("u8[2]"), T("u8[2]"), (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_SHAPE,
            "mse_loss: input [5,1] and target [5] have different shapes; the option broadcast "
            "allows that",
            tn_mse_loss(ctx, T("f32[5,1]"), T("f32[5]"), (tn_mse_loss_opts){0}));
    REFUSES(tn_mse_loss, TN_ERR_SHAPE, "mse_loss: shapes [2] and [3] do not broadcast",
            tn_mse_loss(ctx, T("f32[2]"), T("f32[3]"), (tn_mse_loss_opts){.broadcast = true}));
    REFUSES(tn_mse_loss, TN_ERR_ARGUMENT, "mse_loss: reduction -1",
            tn_mse_loss(ctx, T("f32[2]"), T("f32[2]"),
                        (tn_mse_loss_opts){.reduction = (tn_reduction)-1}));
    WORKS(tn_mse_loss, shaped("[0]", tn_mse_loss(ctx, T("f32[0]"), T("f32[0]"),
                                                 (tn_mse_loss_opts){.reduction = TN_REDUCE_NONE})));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_ARGUMENT,
            "binary_cross_entropy_with_logits: logits is NULL",
            tn_binary_cross_entropy_with_logits(ctx, NULL, T("f32[2]"), plain));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_ARGUMENT,
            "binary_cross_entropy_with_logits: target is NULL",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), NULL, plain));
    REFUSES(
        tn_binary_cross_entropy_with_logits, TN_ERR_DTYPE,
        "binary_cross_entropy_with_logits: target is i64 but must be f32 or f64; tn_cast converts",
        tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("i64[2]"), plain));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_SHAPE,
            "binary_cross_entropy_with_logits: logits [2] and target [1] have different shapes",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[1]"), plain));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_SHAPE,
            "binary_cross_entropy_with_logits: weight [3] does not broadcast to logits [2]",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[2]"),
                                                (tn_bce_opts){.weight = T("f32[3]")}));
    REFUSES(
        tn_binary_cross_entropy_with_logits, TN_ERR_DTYPE,
        "binary_cross_entropy_with_logits: logits is f32 but pos_weight is f64; tn_cast converts",
        tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[2]"),
                                            (tn_bce_opts){.pos_weight = T("f64[2]")}));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_SHAPE,
            "binary_cross_entropy_with_logits: pos_weight [2,2] does not broadcast to logits [2]",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[2]"),
                                                (tn_bce_opts){.pos_weight = T("f32[2,2]")}));
    REFUSES(tn_binary_cross_entropy_with_logits, TN_ERR_ARGUMENT,
            "binary_cross_entropy_with_logits: reduction 3",
            tn_binary_cross_entropy_with_logits(ctx, T("f32[2]"), T("f32[2]"),
                                                (tn_bce_opts){.reduction = (tn_reduction)3}));
    WORKS(tn_binary_cross_entropy_with_logits,
          tn_binary_cross_entropy_with_logits(ctx, T("f32[0,2]"), T("f32[0,2]"), plain));
}

static void reshape_rows(void)
{
    REFUSES(tn_reshape, TN_ERR_ARGUMENT, "reshape: input is NULL",
            tn_reshape(ctx, NULL, TN_SHAPE(2)));
    REFUSES(tn_reshape, TN_ERR_ARGUMENT, "reshape: shape is NULL for 2 dimensions",
            tn_reshape(ctx, T("f32[6]"), 2, NULL));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [4] does not hold the 6 elements of [6]",
            tn_reshape(ctx, T("f32[6]"), TN_SHAPE(4)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [-1,-1] does not hold the 6 elements of [6]",
            tn_reshape(ctx, T("f32[6]"), TN_SHAPE(-1, -1)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [-1,4] does not hold the 6 elements of [6]",
            tn_reshape(ctx, T("f32[6]"), TN_SHAPE(-1, 4)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [-2,-3] does not hold the 6 elements of [6]",
            tn_reshape(ctx, T("f32[6]"), TN_SHAPE(-2, -3)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: shape [-1,0] does not hold the 0 elements of [0]",
            tn_reshape(ctx, T("f32[0]"), TN_SHAPE(-1, 0)));
    REFUSES(tn_reshape, TN_ERR_SHAPE, "reshape: 9 dimensions, but a tensor has 0 to 8",
            tn_reshape(ctx, T("f32[1]"), TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1)));
    REFUSES(tn_reshape, TN_ERR_SHAPE,
            "reshape: shape [4294967296,4294967296] does not hold the 0 elements of [0]",
            tn_reshape(ctx, T("f32[0]"), TN_SHAPE(1LL << 32, 1LL << 32)));
    WORKS(tn_reshape, shaped("[0,2]", tn_reshape(ctx, T("f32[0]"), TN_SHAPE(-1, 2))));
    REFUSES(tn_flatten, TN_ERR_ARGUMENT, "flatten: input is NULL", tn_flatten(ctx, NULL, 0, -1));
    REFUSES(tn_flatten, TN_ERR_ARGUMENT, "flatten: dimension 2 is outside a tensor of 2 dimensions",
            tn_flatten(ctx, T("f32[2,3]"), 2, -1));
    REFUSES(tn_flatten, TN_ERR_ARGUMENT, "flatten: dimension 1 comes after dimension 0",
            tn_flatten(ctx, T("f32[2,3]"), 1, 0));
    WORKS(tn_flatten, shaped("[0,12]", tn_flatten(ctx, T("f32[0,3,4]"), 1, -1)));
    REFUSES(tn_permute, TN_ERR_ARGUMENT, "permute: input is NULL",
            tn_permute(ctx, NULL, (int[]){0}));
    REFUSES(tn_permute, TN_ERR_ARGUMENT, "permute: dims is NULL",
            tn_permute(ctx, T("f32[2,3]"), NULL));
    REFUSES(tn_permute, TN_ERR_ARGUMENT, "permute: dimension 0 of [2,3] is listed twice",
            tn_permute(ctx, T("f32[2,3]"), (int[]){0, 0}));
    REFUSES(tn_permute, TN_ERR_ARGUMENT, "permute: dimension 2 is outside a tensor of 2 dimensions",
            tn_permute(ctx, T("f32[2,3]"), (int[]){0, 2}));
    WORKS(tn_permute, shaped("[3,0]", tn_permute(ctx, T("u8[0,3]"), (int[]){1, 0})));
    REFUSES(tn_transpose, TN_ERR_ARGUMENT, "transpose: input is NULL",
            tn_transpose(ctx, NULL, 0, 1));
    REFUSES(tn_transpose, TN_ERR_ARGUMENT,
            "transpose: dimension 2 is outside a tensor of 2 dimensions",
            tn_transpose(ctx, T("f32[2,3]"), 0, 2));
    REFUSES(tn_transpose, TN_ERR_ARGUMENT,
            "transpose: dimension -3 is outside a tensor of 2 dimensions",
            tn_transpose(ctx, T("f32[2,3]"), -3, 0));
    WORKS(tn_transpose, shaped("[3,0]", tn_transpose(ctx, T("u8[0,3]"), 0, 1)));
}

static void slice_rows(void)
{
    REFUSES(tn_slice, TN_ERR_ARGUMENT, "slice: input is NULL", tn_slice(ctx, NULL, 0, 0, 1, 1));
    REFUSES(tn_slice, TN_ERR_ARGUMENT, "slice: dimension 2 is outside a tensor of 2 dimensions",
            tn_slice(ctx, T("f32[2,3]"), 2, 0, 1, 1));
    REFUSES(tn_slice, TN_ERR_ARGUMENT, "slice: step 0 is not positive",
            tn_slice(ctx, T("f32[2,3]"), 0, 0, 1, 0));
    REFUSES(tn_slice, TN_ERR_ARGUMENT, "slice: step -1 is not positive",
            tn_slice(ctx, T("f32[2,3]"), 0, 0, 1, -1));
    WORKS(tn_slice,
          shaped("[0,3]", tn_slice(ctx, T("f32[2,3]"), 0, INT64_MAX, INT64_MIN, INT64_MAX)));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT, "narrow: input is NULL", tn_narrow(ctx, NULL, 0, 0, 1));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT, "narrow: dimension 2 is outside a tensor of 2 dimensions",
            tn_narrow(ctx, T("f32[2,3]"), 2, 0, 1));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT, "narrow: 2 elements from 2 of dimension 1 of [2,3]",
            tn_narrow(ctx, T("f32[2,3]"), 1, 2, 2));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT, "narrow: -1 elements from 0 of dimension 1 of [2,3]",
            tn_narrow(ctx, T("f32[2,3]"), 1, 0, -1));
    REFUSES(tn_narrow, TN_ERR_ARGUMENT,
            "narrow: 2 elements from 9223372036854775807 of dimension 1 of [2,3]",
            tn_narrow(ctx, T("f32[2,3]"), 1, INT64_MAX, 2));
    WORKS(tn_narrow, shaped("[2,0]", tn_narrow(ctx, T("f32[2,3]"), 1, 3, 0)));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: input is NULL", tn_select(ctx, NULL, 0, 0));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: dimension 2 is outside a tensor of 2 dimensions",
            tn_select(ctx, T("f32[2,3]"), 2, 0));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: index 2 is outside dimension 0 of [2,3]",
            tn_select(ctx, T("f32[2,3]"), 0, 2));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: index -3 is outside dimension 0 of [2,3]",
            tn_select(ctx, T("f32[2,3]"), 0, -3));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: dimension 0 is outside a tensor of 0 dimensions",
            tn_select(ctx, T("f32[]"), 0, 0));
    REFUSES(tn_select, TN_ERR_ARGUMENT, "select: index 0 is outside dimension 0 of [0,3]",
            tn_select(ctx, T("f32[0,3]"), 0, 0));
    WORKS(tn_select, shaped("[0]", tn_select(ctx, T("f32[0,3]"), 1, -1)));
}

static void dimension_rows(void)
{
    REFUSES(tn_squeeze, TN_ERR_ARGUMENT, "squeeze: input is NULL", tn_squeeze(ctx, NULL, 0));
    REFUSES(tn_squeeze, TN_ERR_ARGUMENT, "squeeze: dimension 2 is outside a tensor of 2 dimensions",
            tn_squeeze(ctx, T("f32[2,1]"), 2));
    WORKS(tn_squeeze, shaped("[0]", tn_squeeze(ctx, T("f32[0,1]"), 1)));
    REFUSES(tn_unsqueeze, TN_ERR_ARGUMENT, "unsqueeze: input is NULL", tn_unsqueeze(ctx, NULL, 0));
    REFUSES(tn_unsqueeze, TN_ERR_ARGUMENT,
            "unsqueeze: dimension 2 is outside a tensor of 2 dimensions",
            tn_unsqueeze(ctx, T("f32[2]"), 2));
    REFUSES(tn_unsqueeze, TN_ERR_SHAPE, "unsqueeze: [1,1,1,1,1,1,1,1] has 8 dimensions already",
            tn_unsqueeze(ctx, T("f32[1,1,1,1,1,1,1,1]"), 0));
    WORKS(tn_unsqueeze, shaped("[0,1]", tn_unsqueeze(ctx, T("f32[0]"), -1)));
    REFUSES(tn_expand, TN_ERR_ARGUMENT, "expand: input is NULL", tn_expand(ctx, NULL, TN_SHAPE(2)));
    REFUSES(tn_expand, TN_ERR_ARGUMENT, "expand: shape is NULL for 1 dimensions",
            tn_expand(ctx, T("f32[1]"), 1, NULL));
    REFUSES(tn_expand, TN_ERR_SHAPE, "expand: [2] does not broadcast to [3]",
            tn_expand(ctx, T("f32[2]"), TN_SHAPE(3)));
    REFUSES(tn_expand, TN_ERR_SHAPE, "expand: [2,1] does not broadcast to [2]",
            tn_expand(ctx, T("f32[2,1]"), TN_SHAPE(2)));
    REFUSES(tn_expand, TN_ERR_SHAPE, "expand: [2] does not broadcast to [-1,2]",
            tn_expand(ctx, T("f32[2]"), TN_SHAPE(-1, 2)));
    REFUSES(tn_expand, TN_ERR_SHAPE, "expand: 9 dimensions, but a tensor has 0 to 8",
            tn_expand(ctx, T("f32[1]"), TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1)));
    REFUSES(tn_expand, TN_ERR_MEMORY, "expand: [4294967296,4294967296] of f32 does not fit 63 bits",
            tn_expand(ctx, T("f32[1]"), TN_SHAPE(1LL << 32, 1LL << 32)));
    WORKS(tn_expand, shaped("[0,3]", tn_expand(ctx, T("f32[1,3]"), TN_SHAPE(0, -1))));
}

static void cat_rows(void)
{
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: 0 tensors at NULL", tn_cat(ctx, 0, NULL, 0));
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: 2 tensors at NULL", tn_cat(ctx, 2, NULL, 0));
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: tensor 1 is NULL",
            tn_cat(ctx, TN_TENSORS(T("f32[2]"), NULL), 0));
    REFUSES(tn_cat, TN_ERR_DTYPE, "cat: tensor 0 is f32 but tensor 1 is f64; tn_cast converts",
            tn_cat(ctx, TN_TENSORS(T("f32[2]"), T("f64[2]")), 0));
    REFUSES(tn_cat, TN_ERR_SHAPE,
            "cat: tensor 1 of shape [2,2] does not fit tensor 0 of shape [2,3] along dimension 0",
            tn_cat(ctx, TN_TENSORS(T("f32[2,3]"), T("f32[2,2]")), 0));
    REFUSES(tn_cat, TN_ERR_SHAPE,
            "cat: tensor 1 of shape [3] does not fit tensor 0 of shape [2,3] along dimension 0",
            tn_cat(ctx, TN_TENSORS(T("f32[2,3]"), T("f32[3]")), 0));
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: dimension 0 is outside a tensor of 0 dimensions",
            tn_cat(ctx, TN_TENSORS(T("f32[]"), T("f32[]")), 0));
    REFUSES(tn_cat, TN_ERR_ARGUMENT, "cat: dimension 1 is outside a tensor of 1 dimensions",
            tn_cat(ctx, TN_TENSORS(T("f32[2]"), T("f32[2]")), 1));
    WORKS(tn_cat, shaped("[2,3]", tn_cat(ctx, TN_TENSORS(T("u8[0,3]"), T("u8[2,3]")), 0)));
    REFUSES(tn_stack, TN_ERR_ARGUMENT, "stack: 0 tensors at NULL", tn_stack(ctx, 0, NULL, 0));
    REFUSES(tn_stack, TN_ERR_ARGUMENT, "stack: tensor 0 is NULL",
            tn_stack(ctx, TN_TENSORS(NULL, T("f32[2]")), 0));
    REFUSES(tn_stack, TN_ERR_DTYPE, "stack: tensor 0 is f32 but tensor 1 is u8; tn_cast converts",
            tn_stack(ctx, TN_TENSORS(T("f32[2]"), T("u8[2]")), 0));
    REFUSES(tn_stack, TN_ERR_SHAPE, "stack: tensor 1 has shape [3] but tensor 0 has [2]",
            tn_stack(ctx, TN_TENSORS(T("f32[2]"), T("f32[3]")), 0));
    REFUSES(tn_stack, TN_ERR_ARGUMENT, "stack: dimension 3 is outside a tensor of 2 dimensions",
            tn_stack(ctx, TN_TENSORS(T("f32[2]"), T("f32[2]")), 3));
    REFUSES(tn_stack, TN_ERR_SHAPE, "stack: [1,1,1,1,1,1,1,1] has 8 dimensions already",
            tn_stack(ctx, TN_TENSORS(T("f32[1,1,1,1,1,1,1,1]")), 0));
    WORKS(tn_stack, shaped("[2,0]", tn_stack(ctx, TN_TENSORS(T("f32[0]"), T("f32[0]")), 0)));
}

static void index_rows(void)
{
    REFUSES(tn_index_select, TN_ERR_ARGUMENT, "index_select: input is NULL",
            tn_index_select(ctx, NULL, 0, T("i64[1]")));
    REFUSES(tn_index_select, TN_ERR_ARGUMENT, "index_select: index is NULL",
            tn_index_select(ctx, T("f32[2]"), 0, NULL));
    REFUSES(tn_index_select, TN_ERR_ARGUMENT,
            "index_select: dimension 1 is outside a tensor of 1 dimensions",
            tn_index_select(ctx, T("f32[2]"), 1, T("i64[1]")));
    REFUSES(tn_index_select, TN_ERR_DTYPE, "index_select: index is f32 but must be i64, i32 or u8",
            tn_index_select(ctx, T("f32[2]"), 0, T("f32[1]")));
    REFUSES(tn_index_select, TN_ERR_SHAPE, "index_select: index [1,1] has more than one dimension",
            tn_index_select(ctx, T("f32[2]"), 0, T("i64[1,1]")));
    REFUSES(tn_index_select, TN_ERR_ARGUMENT, "index_select: index 2 is outside dimension 0 of [2]",
            tn_index_select(ctx, T("f32[2]"), 0, T_OF("i64[1]", 2)));
    REFUSES(tn_index_select, TN_ERR_ARGUMENT,
            "index_select: index -1 is outside dimension 0 of [2]",
            tn_index_select(ctx, T("f32[2]"), 0, T_OF("i32[1]", -1)));
    WORKS(tn_index_select, shaped("[0,3]", tn_index_select(ctx, T("u8[2,3]"), 0, T("i64[0]"))));
    REFUSES(tn_gather, TN_ERR_ARGUMENT, "gather: input is NULL",
            tn_gather(ctx, NULL, 0, T("i64[1]")));
    REFUSES(tn_gather, TN_ERR_ARGUMENT, "gather: index is NULL",
            tn_gather(ctx, T("f32[2]"), 0, NULL));
    REFUSES(tn_gather, TN_ERR_ARGUMENT, "gather: dimension 1 is outside a tensor of 1 dimensions",
            tn_gather(ctx, T("f32[2]"), 1, T("i64[1]")));
    REFUSES(tn_gather, TN_ERR_DTYPE, "gather: index is f64 but must be i64, i32 or u8",
            tn_gather(ctx, T("f32[2]"), 0, T("f64[1]")));
    REFUSES(tn_gather, TN_ERR_SHAPE,
            "gather: index [1,1] does not fit input [2]; sizes other than that of dimension 0 must "
            "not be larger",
            tn_gather(ctx, T("f32[2]"), 0, T("i64[1,1]")));
    REFUSES(tn_gather, TN_ERR_SHAPE,
            "gather: index [3,3] does not fit input [2,3]; sizes other than that of dimension 1 "
            "must not be larger",
            tn_gather(ctx, T("f32[2,3]"), 1, T("i64[3,3]")));
    REFUSES(tn_gather, TN_ERR_ARGUMENT, "gather: index 2 is outside dimension 0 of [2]",
            tn_gather(ctx, T("f32[2]"), 0, T_OF("i64[1]", 2)));
    WORKS(tn_gather, shaped("[0,3]", tn_gather(ctx, T("u8[2,3]"), 0, T("i64[0,3]"))));
}

static void copy_rows(void)
{
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: input is NULL", tn_pad(ctx, NULL, TN_SHAPE(1, 1), 0));
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: 2 numbers at NULL for [2]; expected two for a dimension",
            tn_pad(ctx, T("f32[2]"), 2, NULL, 0));
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: 1 numbers for [2]; expected two for a dimension",
            tn_pad(ctx, T("f32[2]"), TN_SHAPE(1), 0));
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: 4 numbers for [2]; expected two for a dimension",
            tn_pad(ctx, T("f32[2]"), TN_SHAPE(1, 1, 1, 1), 0));
    REFUSES(tn_pad, TN_ERR_ARGUMENT, "pad: -2 numbers for [2]; expected two for a dimension",
            tn_pad(ctx, T("f32[2]"), -2, (int64_t[]){0}, 0));
    REFUSES(tn_pad, TN_ERR_SHAPE, "pad: -2 before and -1 after dimension 0 of [2]",
            tn_pad(ctx, T("f32[2]"), TN_SHAPE(-2, -1), 0));
    REFUSES(tn_pad, TN_ERR_SHAPE, "pad: 9223372036854775807 before and 1 after dimension 0 of [2]",
            tn_pad(ctx, T("f32[2]"), TN_SHAPE(INT64_MAX, 1), 0));
    WORKS(tn_pad, shaped("[0,5]", tn_pad(ctx, T("f32[0,3]"), TN_SHAPE(1, 1), 0)));
    REFUSES(tn_contiguous, TN_ERR_ARGUMENT, "contiguous: input is NULL", tn_contiguous(ctx, NULL));
    WORKS(tn_contiguous, shaped("[0,3]", tn_contiguous(ctx, T("u8[0,3]"))));
    REFUSES(tn_clone, TN_ERR_ARGUMENT, "clone: input is NULL", tn_clone(ctx, NULL));
    REFUSES(tn_clone, TN_ERR_MEMORY,
            "clone: out of memory: no 4611686018427387904 bytes for [1,576460752303423488] of f64",
            tn_clone(ctx, wide()));
    WORKS(tn_clone, shaped("[0,3]", tn_clone(ctx, T("bool[0,3]"))));
    REFUSES(tn_cast, TN_ERR_ARGUMENT, "cast: input is NULL", tn_cast(ctx, NULL, TN_F32));
    REFUSES(tn_cast, TN_ERR_DTYPE, "cast: 6 is no dtype", tn_cast(ctx, T("f32[2]"), (tn_dtype)6));
    WORKS(tn_cast, shaped("[0,3]", tn_cast(ctx, T("u8[0,3]"), TN_F64)));
}

static void all_rows(void)
{
    binary_rows();
    unary_rows();
    where_rows();
    reduction_rows();
    choice_rows();
    softmax_rows();
    product_rows();
    conv_rows();
    pooling_rows();
    batch_norm_rows();
    loss_rows();
    reshape_rows();
    slice_rows();
    dimension_rows();
    cat_rows();
    index_rows();
    copy_rows();
}

int main(void)
{
    return run_refusals("ops.h", all_rows);
}
