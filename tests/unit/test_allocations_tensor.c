/* The functions of <tn/tensor.h> while memory runs out. */
#include "rows/allocations.h"

static double numbers[] = {1, 2, 3, 4};

static void making_rows(void)
{
    CALLS(tn_empty, "", tn_ndim(tn_empty(ctx, TN_F32, TN_SHAPE(2, 2))) - 2);
    CALLS(tn_zeros, "", tn_zeros(ctx, TN_F32, TN_SHAPE(2, 2)));
    CALLS(tn_ones, "", tn_ones(ctx, TN_F32, TN_SHAPE(2, 2)));
    CALLS(tn_full, "", tn_full(ctx, TN_F32, TN_SHAPE(2, 2), 3));
    CALLS(tn_scalar, "", tn_scalar(ctx, TN_F32, 3));
    CALLS(tn_arange, "", tn_arange(ctx, TN_F32, 0, 5, 1));
    CALLS(tn_from_data, "", tn_from_data(ctx, TN_F64, TN_SHAPE(2, 2), numbers));
    CALLS(tn_from_blob, "", tn_from_blob(ctx, TN_F64, TN_SHAPE(4), numbers, NULL, NULL));
    CALLS(tn_rand, "", tn_rand(ctx, TN_F32, TN_SHAPE(3)));
    CALLS(tn_randn, "", tn_randn(ctx, TN_F64, TN_SHAPE(3)));
    CALLS(tn_randperm, "", tn_randperm(ctx, 5));
    ASKS(tn_free, "", (tn_free(NULL), 0));
}

static void asking_rows(void)
{
    ASKS(tn_dtype_name, "", tn_dtype_name(TN_F32)[0]);
    ASKS(tn_dtype_size, "", (double)tn_dtype_size(TN_F32));
    ASKS(tn_dtype_of, "", tn_dtype_of(x));
    ASKS(tn_ndim, "", tn_ndim(x));
    ASKS(tn_shape, "", tn_shape(x)[0]);
    ASKS(tn_strides, "", tn_strides(x)[0]);
    ASKS(tn_size, "", tn_size(x, 0));
    ASKS(tn_numel, "", tn_numel(x));
    ASKS(tn_is_contiguous, "", tn_is_contiguous(x));
    ASKS(tn_data, "", tn_data(x) != NULL);
    ASKS(tn_data_f32, "", tn_data_f32(x) != NULL);
    ASKS(tn_data_f64, "", tn_data_f64(p) != NULL);
    ASKS(tn_data_i64, "i64[2]", tn_data_i64(in[0]) != NULL);
    ASKS(tn_data_mut, "", tn_data_mut(x) != NULL);
    ASKS(tn_item, "=f32[1]", tn_item(ctx, in[0]));
    ASKS(tn_at, "=f32[2]", tn_at(ctx, in[0], (int64_t[]){1}));
    ASKS(tn_format, "", tn_format(x, NULL, 0));
    CALLS(tn_print, "", tn_print(ctx, x));
}

static void change_rows(void)
{
    ASKS(tn_fill_, "=f32[2,3]", tn_fill_(ctx, in[0], 3));
    ASKS(tn_copy_, "=f32[2,3] =f32[3]", tn_copy_(ctx, in[0], in[1]));
    CALLS(tn_copy_, "=f32[3,3]", tn_copy_(ctx, in[0], flipped(0)));
    CALLS(tn_copy_, "=f32[3,3]", tn_copy_(ctx, flipped(0), in[0]));
    ASKS(tn_uniform_, "=f32[2,3]", tn_uniform_(ctx, in[0], 0, 1));
    CALLS(tn_uniform_, "=f32[2,3]", tn_uniform_(ctx, flipped(0), 0, 1));
    CALLS(tn_normal_, "=f64[2,3]", tn_normal_(ctx, flipped(0), 0, 1));
    CALLS(tn_bernoulli_, "u8[2,3]", tn_bernoulli_(ctx, flipped(0), 0.5));
}

static void check_rows(void)
{
    ASKS(tn_check_input, "", tn_check_input(ctx, "f", "x", x));
    ASKS(tn_check_float, "", tn_check_float(ctx, "f", "x", x));
    ASKS(tn_check_same_dtype, "", tn_check_same_dtype(ctx, "f", "x", x, "y", x));
}

static void all_rows(void)
{
    making_rows();
    asking_rows();
    change_rows();
    check_rows();
}

int main(void)
{
    return run_allocations("tensor.h", all_rows);
}
