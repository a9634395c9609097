/* The functions of <tn/tensor.h>, given what does not fit. */
#include "rows/refusals.h"

#include <math.h>
#include <string.h>

/* What each function that makes a tensor of a shape says. */
#define SHAPE_ROWS(function, name, ...)                                                            \
    REFUSES(function, TN_ERR_DTYPE, name ": 9 is no dtype",                                        \
            function(ctx, (tn_dtype)9, TN_SHAPE(2) __VA_ARGS__));                                  \
    REFUSES(function, TN_ERR_SHAPE, name ": 9 dimensions, but a tensor has 0 to 8",                \
            function(ctx, TN_F32, TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1) __VA_ARGS__));               \
    REFUSES(function, TN_ERR_SHAPE, name ": -1 dimensions, but a tensor has 0 to 8",               \
            function(ctx, TN_F32, -1, NULL __VA_ARGS__));                                          \
    REFUSES(function, TN_ERR_ARGUMENT, name ": shape is NULL for 2 dimensions",                    \
            function(ctx, TN_F32, 2, NULL __VA_ARGS__));                                           \
    REFUSES(function, TN_ERR_SHAPE, name ": shape [2,-3] has a negative size",                     \
            function(ctx, TN_F32, TN_SHAPE(2, -3) __VA_ARGS__));                                   \
    REFUSES(function, TN_ERR_MEMORY, name ": [4294967296,4294967296] of f32 does not fit 63 bits", \
            function(ctx, TN_F32, TN_SHAPE(1LL << 32, 1LL << 32) __VA_ARGS__));                    \
    REFUSES(function, TN_ERR_MEMORY,                                                               \
            name ": [0,4294967296,4294967296] of f32 does not fit 63 bits",                        \
            function(ctx, TN_F32, TN_SHAPE(0, 1LL << 32, 1LL << 32) __VA_ARGS__))

#define MEMORY_ROW(function, name, ...)                                                            \
    REFUSES(function, TN_ERR_MEMORY,                                                               \
            name ": out of memory: no 4611686018427387904 bytes for [1152921504606846976] of f32", \
            function(ctx, TN_F32, TN_SHAPE(1LL << 60) __VA_ARGS__))

static double numbers[6];

static void making_rows(void)
{
    SHAPE_ROWS(tn_empty, "empty");
    MEMORY_ROW(tn_empty, "empty");
    WORKS(tn_empty, shaped("[2,0]", tn_empty(ctx, TN_F32, TN_SHAPE(2, 0))));
    SHAPE_ROWS(tn_zeros, "zeros");
    MEMORY_ROW(tn_zeros, "zeros");
    WORKS(tn_zeros, shaped("[]", tn_zeros(ctx, TN_F32, TN_SCALAR)));
    SHAPE_ROWS(tn_ones, "ones");
    MEMORY_ROW(tn_ones, "ones");
    WORKS(tn_ones, shaped("[0]", tn_ones(ctx, TN_F32, TN_SHAPE(0))));
    SHAPE_ROWS(tn_full, "full", , 2);
    MEMORY_ROW(tn_full, "full", , 2);
    WORKS(tn_full, shaped("[3]", tn_full(ctx, TN_F32, TN_SHAPE(3), 2)));
    REFUSES(tn_scalar, TN_ERR_DTYPE, "scalar: -1 is no dtype", tn_scalar(ctx, (tn_dtype)-1, 1));
    WORKS(tn_scalar, tn_scalar(ctx, TN_F64, 1));
    REFUSES(tn_arange, TN_ERR_ARGUMENT, "arange: no range from 0 to 1 in steps of 0",
            tn_arange(ctx, TN_F32, 0, 1, 0));
    REFUSES(tn_arange, TN_ERR_ARGUMENT, "arange: no range from 0 to nan in steps of 1",
            tn_arange(ctx, TN_F32, 0, NAN, 1));
    REFUSES(tn_arange, TN_ERR_ARGUMENT, "arange: no range from 0 to inf in steps of 1",
            tn_arange(ctx, TN_F32, 0, INFINITY, 1));
    REFUSES(tn_arange, TN_ERR_ARGUMENT, "arange: no range from 0 to 1e+300 in steps of 1e-300",
            tn_arange(ctx, TN_F32, 0, 1e300, 1e-300));
    REFUSES(tn_arange, TN_ERR_DTYPE, "arange: 9 is no dtype", tn_arange(ctx, (tn_dtype)9, 0, 3, 1));
    WORKS(tn_arange, shaped("[0]", tn_arange(ctx, TN_F32, 3, 0, 1)));
    SHAPE_ROWS(tn_from_data, "from_data", , numbers);
    REFUSES(tn_from_data, TN_ERR_ARGUMENT, "from_data: data is NULL",
            tn_from_data(ctx, TN_F32, TN_SHAPE(2), NULL));
    WORKS(tn_from_data, tn_from_data(ctx, TN_F32, TN_SHAPE(0, 3), NULL));
    SHAPE_ROWS(tn_from_blob, "from_blob", , numbers, NULL, NULL);
    REFUSES(tn_from_blob, TN_ERR_ARGUMENT, "from_blob: data is NULL",
            tn_from_blob(ctx, TN_F32, TN_SHAPE(2), NULL, NULL, NULL));
    REFUSES(tn_from_blob, TN_ERR_ARGUMENT, "from_blob: data is not aligned to its elements",
            tn_from_blob(ctx, TN_F64, TN_SHAPE(2), (char *)numbers + 4, NULL, NULL));
    WORKS(tn_from_blob, tn_from_blob(ctx, TN_F64, TN_SHAPE(6), numbers, NULL, NULL));
    SHAPE_ROWS(tn_rand, "rand");
    MEMORY_ROW(tn_rand, "rand");
    REFUSES(tn_rand, TN_ERR_DTYPE, "rand: i32 is neither f32 nor f64",
            tn_rand(ctx, TN_I32, TN_SHAPE(2)));
    WORKS(tn_rand, tn_rand(ctx, TN_F32, TN_SHAPE(2)));
    SHAPE_ROWS(tn_randn, "randn");
    MEMORY_ROW(tn_randn, "randn");
    REFUSES(tn_randn, TN_ERR_DTYPE, "randn: bool is neither f32 nor f64",
            tn_randn(ctx, TN_BOOL, TN_SHAPE(2)));
    WORKS(tn_randn, tn_randn(ctx, TN_F32, TN_SHAPE(0)));
    REFUSES(tn_randperm, TN_ERR_SHAPE, "randperm: shape [-1] has a negative size",
            tn_randperm(ctx, -1));
    REFUSES(tn_randperm, TN_ERR_MEMORY,
            "randperm: [9223372036854775807] of i64 does not fit 63 bits",
            tn_randperm(ctx, INT64_MAX));
    WORKS(tn_randperm, shaped("[0]", tn_randperm(ctx, 0)));
    HOLDS(tn_free, (tn_free(NULL), true));
}

static void asking_rows(void)
{
    HOLDS(tn_dtype_name, strcmp(tn_dtype_name((tn_dtype)9), "unknown dtype") == 0);
    HOLDS(tn_dtype_size, tn_dtype_size((tn_dtype)9) == 0);
    HOLDS(tn_dtype_of, tn_dtype_of(NULL) == TN_F32);
    HOLDS(tn_ndim, tn_ndim(NULL) == 0);
    HOLDS(tn_shape, tn_shape(NULL) == NULL);
    HOLDS(tn_strides, tn_strides(NULL) == NULL);
    HOLDS(tn_size, tn_size(NULL, 0) == 0 && tn_size(x, 2) == 0 && tn_size(x, -3) == 0);
    HOLDS(tn_numel, tn_numel(NULL) == 0);
    HOLDS(tn_is_contiguous, tn_is_contiguous(NULL));
    HOLDS(tn_data, tn_data(NULL) == NULL);
    HOLDS(tn_data_f32, tn_data_f32(NULL) == NULL && tn_data_f32(p) == NULL);
    HOLDS(tn_data_f64, tn_data_f64(NULL) == NULL && tn_data_f64(x) == NULL);
    HOLDS(tn_data_i64, tn_data_i64(NULL) == NULL && tn_data_i64(x) == NULL);
    HOLDS(tn_data_mut, tn_data_mut(NULL) == NULL);
    REFUSES(tn_item, TN_ERR_ARGUMENT, "item: tensor is NULL", tn_item(ctx, NULL));
    REFUSES(tn_item, TN_ERR_SHAPE, "item: a tensor of shape [2,3] has 6 elements, not 1",
            tn_item(ctx, T("f32[2,3]")));
    REFUSES(tn_item, TN_ERR_SHAPE, "item: a tensor of shape [0] has 0 elements, not 1",
            tn_item(ctx, T("f32[0]")));
    WORKS(tn_item, tn_item(ctx, T("u8[1,1]")));
    REFUSES(tn_at, TN_ERR_ARGUMENT, "at: tensor is NULL", tn_at(ctx, NULL, (int64_t[]){0}));
    REFUSES(tn_at, TN_ERR_ARGUMENT, "at: index NULL is outside a tensor of shape [2,3]",
            tn_at(ctx, T("f32[2,3]"), NULL));
    REFUSES(tn_at, TN_ERR_ARGUMENT, "at: index [1,3] is outside a tensor of shape [2,3]",
            tn_at(ctx, T("f32[2,3]"), (int64_t[]){1, 3}));
    REFUSES(tn_at, TN_ERR_ARGUMENT, "at: index [-1,0] is outside a tensor of shape [2,3]",
            tn_at(ctx, T("f32[2,3]"), (int64_t[]){-1, 0}));
    WORKS(tn_at, tn_at(ctx, T("f32[]"), NULL));
    HOLDS(tn_format, tn_format(NULL, NULL, 0) >= 0);
    HOLDS(tn_format, tn_format(x, NULL, 0) > 0);
    HOLDS(tn_print, tn_print(NULL, x) == TN_ERR_ARGUMENT);
    REFUSES(tn_print, TN_ERR_ARGUMENT, "print: tensor is NULL", tn_print(ctx, NULL));
}

static void change_rows(void)
{
    REFUSES(tn_fill_, TN_ERR_ARGUMENT, "fill_: tensor is NULL", tn_fill_(ctx, NULL, 1));
    REFUSES(tn_fill_, TN_ERR_STATE,
            "fill_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_fill_(ctx, p, 1));
    REFUSES(tn_fill_, TN_ERR_ARGUMENT,
            "fill_: a tensor of shape [3] is expanded: its elements share memory",
            tn_fill_(ctx, tn_expand(maker, T("f32[1]"), TN_SHAPE(3)), 1));
    WORKS(tn_fill_, tn_fill_(ctx, x, 1));
    REFUSES(tn_copy_, TN_ERR_ARGUMENT, "copy_: dst is NULL", tn_copy_(ctx, NULL, x));
    REFUSES(tn_copy_, TN_ERR_ARGUMENT, "copy_: src is NULL", tn_copy_(ctx, x, NULL));
    REFUSES(tn_copy_, TN_ERR_SHAPE, "copy_: src [2] does not broadcast to dst [2,3]",
            tn_copy_(ctx, x, T("f32[2]")));
    REFUSES(tn_copy_, TN_ERR_SHAPE, "copy_: src [1,2,3] does not broadcast to dst [2,3]",
            tn_copy_(ctx, x, T("f32[1,2,3]")));
    REFUSES(tn_copy_, TN_ERR_DTYPE, "copy_: dst is f32 but src is f64; tn_cast converts",
            tn_copy_(ctx, x, T("f64[3]")));
    REFUSES(tn_copy_, TN_ERR_STATE,
            "copy_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_copy_(ctx, p, T("f64[]")));
    WORKS(tn_copy_, tn_copy_(ctx, x, T("f32[3]")));
    WORKS(tn_copy_, tn_copy_(ctx, T("f32[0,3]"), T("f32[3]")));
}

static void random_rows(void)
{
    REFUSES(tn_uniform_, TN_ERR_ARGUMENT, "uniform_: tensor is NULL", tn_uniform_(ctx, NULL, 0, 1));
    REFUSES(tn_uniform_, TN_ERR_DTYPE,
            "uniform_: tensor is i64 but must be f32 or f64; tn_cast converts",
            tn_uniform_(ctx, T("i64[2]"), 0, 1));
    REFUSES(tn_uniform_, TN_ERR_ARGUMENT, "uniform_: no interval from 1 to 0",
            tn_uniform_(ctx, x, 1, 0));
    REFUSES(tn_uniform_, TN_ERR_ARGUMENT, "uniform_: no interval from 0 to nan",
            tn_uniform_(ctx, x, 0, NAN));
    REFUSES(tn_uniform_, TN_ERR_ARGUMENT, "uniform_: no interval from -1e+308 to 1e+308",
            tn_uniform_(ctx, x, -1e308, 1e308));
    REFUSES(tn_uniform_, TN_ERR_STATE,
            "uniform_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_uniform_(ctx, p, 0, 1));
    WORKS(tn_uniform_, tn_uniform_(ctx, x, 0, 1));
    REFUSES(tn_normal_, TN_ERR_ARGUMENT, "normal_: tensor is NULL", tn_normal_(ctx, NULL, 0, 1));
    REFUSES(tn_normal_, TN_ERR_DTYPE,
            "normal_: tensor is u8 but must be f32 or f64; tn_cast converts",
            tn_normal_(ctx, T("u8[2]"), 0, 1));
    REFUSES(tn_normal_, TN_ERR_ARGUMENT, "normal_: mean 0 and standard deviation -1",
            tn_normal_(ctx, x, 0, -1));
    REFUSES(tn_normal_, TN_ERR_ARGUMENT, "normal_: mean inf and standard deviation 1",
            tn_normal_(ctx, x, INFINITY, 1));
    REFUSES(tn_normal_, TN_ERR_STATE,
            "normal_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_normal_(ctx, p, 0, 1));
    WORKS(tn_normal_, tn_normal_(ctx, x, 0, 1));
    REFUSES(tn_bernoulli_, TN_ERR_ARGUMENT, "bernoulli_: tensor is NULL",
            tn_bernoulli_(ctx, NULL, 0.5));
    REFUSES(tn_bernoulli_, TN_ERR_ARGUMENT, "bernoulli_: p = 1.5 is not between 0 and 1",
            tn_bernoulli_(ctx, x, 1.5));
    REFUSES(tn_bernoulli_, TN_ERR_ARGUMENT, "bernoulli_: p = nan is not between 0 and 1",
            tn_bernoulli_(ctx, x, NAN));
    REFUSES(tn_bernoulli_, TN_ERR_STATE,
            "bernoulli_: a tensor of shape [2] that requires a gradient is changed in place while "
            "gradients are enabled",
            tn_bernoulli_(ctx, p, 0.5));
    WORKS(tn_bernoulli_, tn_bernoulli_(ctx, x, 0.5));
}

static void check_rows(void)
{
    REFUSES(tn_check_input, TN_ERR_ARGUMENT, "f: x is NULL", tn_check_input(ctx, "f", "x", NULL));
    WORKS(tn_check_input, tn_check_input(ctx, "f", "x", T("u8[2]")));
    REFUSES(tn_check_float, TN_ERR_ARGUMENT, "f: x is NULL", tn_check_float(ctx, "f", "x", NULL));
    REFUSES(tn_check_float, TN_ERR_DTYPE, "f: x is u8 but must be f32 or f64; tn_cast converts",
            tn_check_float(ctx, "f", "x", T("u8[2]")));
    WORKS(tn_check_float, tn_check_float(ctx, "f", "x", T("f32[2]")));
    REFUSES(tn_check_same_dtype, TN_ERR_ARGUMENT, "f: x is NULL",
            tn_check_same_dtype(ctx, "f", "x", NULL, "y", T("f32[2]")));
    REFUSES(tn_check_same_dtype, TN_ERR_ARGUMENT, "f: y is NULL",
            tn_check_same_dtype(ctx, "f", "x", T("f32[2]"), "y", NULL));
    REFUSES(tn_check_same_dtype, TN_ERR_DTYPE, "f: x is f32 but y is f64; tn_cast converts",
            tn_check_same_dtype(ctx, "f", "x", T("f32[2]"), "y", T("f64[2]")));
    WORKS(tn_check_same_dtype, tn_check_same_dtype(ctx, "f", "x", T("u8[2]"), "y", T("u8[]")));
}

static void all_rows(void)
{
    making_rows();
    asking_rows();
    change_rows();
    random_rows();
    check_rows();
}

int main(void)
{
    return run_refusals("tensor.h", all_rows);
}
