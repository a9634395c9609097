#include "common/check_tn.h"

#include <math.h>
#include <string.h>

START_TEST(dtypes)
{
    static const char *const names[] = {"f32", "f64", "i64", "i32", "u8", "bool"};
    static const size_t sizes[] = {4, 8, 8, 4, 1, 1};
    for (int i = 0; i < TN_DTYPES; i++) {
        ck_assert_str_eq(tn_dtype_name((tn_dtype)i), names[i]);
        ck_assert_uint_eq(tn_dtype_size((tn_dtype)i), sizes[i]);
    }
    ck_assert_str_eq(tn_dtype_name((tn_dtype)6), "unknown dtype");
    ck_assert_str_eq(tn_dtype_name((tn_dtype)-1), "unknown dtype");
    ck_assert_uint_eq(tn_dtype_size((tn_dtype)6), 0);
}
END_TEST

START_TEST(makes_of_every_dtype)
{
    tn_dtype dtype = (tn_dtype)_i;
    ck_tn_equal(tn_zeros(ctx, dtype, TN_SHAPE(2, 2)), 0, 0, 0, 0);
    ck_tn_equal(tn_ones(ctx, dtype, TN_SHAPE(3)), 1, 1, 1);
    ck_tn_equal(tn_full(ctx, dtype, TN_SHAPE(1, 2), 1), 1, 1);
    ck_tn_equal(tn_scalar(ctx, dtype, 1), 1);
    ck_tn_equal(tn_arange(ctx, dtype, 0, 2, 1), 0, 1);
    tn_tensor *t = tn_empty(ctx, dtype, TN_SHAPE(2, 3, 4));
    ck_assert_int_eq(tn_dtype_of(t), dtype);
    ck_tn_shape(t, "[2,3,4]");
    ck_assert_int_eq(tn_fill_(ctx, t, 1), TN_OK);
    ck_assert_double_eq(tn_at(ctx, t, (int64_t[]){1, 2, 3}), 1);
}
END_TEST

/* Values out of range become the nearest that is in range; NaN becomes 0. */
START_TEST(saturates)
{
    ck_tn_equal(tn_scalar(ctx, TN_U8, 300), 255);
    ck_tn_equal(tn_scalar(ctx, TN_U8, -3), 0);
    ck_tn_equal(tn_scalar(ctx, TN_U8, 3.9), 3);
    ck_tn_equal(tn_scalar(ctx, TN_U8, NAN), 0);
    ck_tn_equal(tn_scalar(ctx, TN_I32, -3.9), -3);
    ck_tn_equal(tn_scalar(ctx, TN_I32, 1e10), INT32_MAX);
    ck_tn_equal(tn_scalar(ctx, TN_I32, -INFINITY), INT32_MIN);
    ck_tn_equal(tn_scalar(ctx, TN_BOOL, 0.5), 1);
    ck_tn_equal(tn_scalar(ctx, TN_F32, 1e300), INFINITY);
    ck_assert_int_eq(tn_data_i64(tn_scalar(ctx, TN_I64, INFINITY))[0], INT64_MAX);
    ck_assert_int_eq(tn_data_i64(tn_scalar(ctx, TN_I64, -1e300))[0], INT64_MIN);
    ck_assert_int_eq(tn_data_i64(tn_scalar(ctx, TN_I64, 0x1p62))[0], (int64_t)1 << 62);
}
END_TEST

START_TEST(asks)
{
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3, 4));
    ck_assert_int_eq(tn_ndim(t), 3);
    ck_assert_int_eq(tn_numel(t), 24);
    ck_assert_mem_eq(tn_shape(t), ((int64_t[]){2, 3, 4}), 24);
    ck_assert_mem_eq(tn_strides(t), ((int64_t[]){12, 4, 1}), 24);
    ck_assert_int_eq(tn_size(t, 0), 2);
    ck_assert_int_eq(tn_size(t, -1), 4);
    ck_assert_int_eq(tn_size(t, -3), 2);
    ck_assert_int_eq(tn_size(t, 3), 0);
    ck_assert_int_eq(tn_size(t, -4), 0);
    ck_assert_ptr_eq(tn_data(t), tn_data_f32(t));
    ck_assert_ptr_eq(tn_data(t), tn_data_mut(t));
    ck_assert_ptr_null(tn_data_f64(t));
    ck_assert_ptr_null(tn_data_i64(t));
    ck_assert_ptr_nonnull(tn_data_f64(F64(1)));
    ck_assert_ptr_nonnull(tn_data_i64(tn_arange(ctx, TN_I64, 0, 1, 1)));
}
END_TEST

START_TEST(asks_nothing)
{
    ck_assert_int_eq(tn_dtype_of(NULL), TN_F32);
    ck_assert_int_eq(tn_ndim(NULL), 0);
    ck_assert_ptr_null(tn_shape(NULL));
    ck_assert_ptr_null(tn_strides(NULL));
    ck_assert_int_eq(tn_size(tn_ones(ctx, TN_F32, TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 2)), TN_MAX_DIMS),
                     0);
    ck_assert_int_eq(tn_size(NULL, 0), 0);
    ck_assert_int_eq(tn_size(NULL, -1), 0);
    ck_assert_int_eq(tn_numel(NULL), 0);
    ck_assert_ptr_null(tn_data(NULL));
    ck_assert_ptr_null(tn_data_f32(NULL));
    ck_assert_ptr_null(tn_data_f64(NULL));
    ck_assert_ptr_null(tn_data_i64(NULL));
    ck_assert_ptr_null(tn_data_mut(NULL));
    ck_assert(!tn_requires_grad(NULL));
    ck_assert_ptr_null(tn_grad(NULL));
    tn_clear_grad(NULL);
    tn_is_contiguous(NULL);
}
END_TEST

START_TEST(contiguous_or_not)
{
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(4, 3));
    ck_assert(tn_is_contiguous(t));
    ck_assert(!tn_is_contiguous(tn_transpose(ctx, t, 0, 1)));
    ck_assert(tn_is_contiguous(tn_slice(ctx, t, 0, 1, 3, 1)));
    ck_assert(!tn_is_contiguous(tn_slice(ctx, t, 1, 0, 2, 1)));
    ck_assert(!tn_is_contiguous(tn_slice(ctx, t, 0, 0, 4, 2)));
    ck_assert(!tn_is_contiguous(tn_expand(ctx, tn_scalar(ctx, TN_F32, 1), TN_SHAPE(2))));
    ck_assert(tn_is_contiguous(tn_slice(ctx, tn_transpose(ctx, t, 0, 1), 0, 1, 1, 1)));
    ck_assert(tn_is_contiguous(tn_transpose(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(1, 5)), 0, 1)));
}
END_TEST

START_TEST(zero_dimensions)
{
    tn_tensor *t = tn_scalar(ctx, TN_F32, 2.5);
    ck_assert_int_eq(tn_ndim(t), 0);
    ck_assert_int_eq(tn_numel(t), 1);
    ck_assert(tn_is_contiguous(t));
    ck_assert_double_eq(tn_item(ctx, t), 2.5);
    ck_assert_double_eq(tn_at(ctx, t, NULL), 2.5);
    ck_tn_equal(tn_add(ctx, t, t), 5);
    ck_tn_equal(tn_add(ctx, t, tn_ones(ctx, TN_F32, TN_SHAPE(2, 1))), 3.5, 3.5);
    ck_tn_equal(tn_reshape(ctx, t, TN_SHAPE(1, 1)), 2.5);
}
END_TEST

START_TEST(zero_elements)
{
    tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 0, 3));
    ck_assert_int_eq(tn_numel(t), 0);
    ck_assert_int_eq(tn__numel_of(TN_SHAPE(2, 0, 3), 4), 0);
    ck_assert(tn_is_contiguous(t));
    ck_assert_ptr_nonnull(tn_data(t));
    ck_tn_shape(tn_add(ctx, t, tn_ones(ctx, TN_F32, TN_SHAPE(1, 3))), "[2,0,3]");
    ck_tn_shape(tn_relu(ctx, t), "[2,0,3]");
    ck_tn_shape(tn_transpose(ctx, t, 0, 2), "[3,0,2]");
    ck_tn_shape(tn_clone(ctx, tn_transpose(ctx, t, 0, 2)), "[3,0,2]");
    ck_assert_int_eq(tn_fill_(ctx, t, 1), TN_OK);
    ck_assert_int_eq(tn_copy_(ctx, t, tn_scalar(ctx, TN_F32, 1)), TN_OK);
    ck_assert_int_eq(tn_normal_(ctx, t, 0, 1), TN_OK);
    ck_tn_shape(tn_from_data(ctx, TN_F64, TN_SHAPE(0), NULL), "[0]");
    ck_assert_int_eq(tn_numel(tn_randperm(ctx, 0)), 0);
    ck_assert(isnan(tn_item(ctx, t)));
    ck_tn_error(TN_ERR_SHAPE, "item: a tensor of shape [2,0,3] has 0 elements, not 1");
    ck_assert_mem_eq(tn_strides(t), ((int64_t[]){3, 3, 1}), 24); /* as PyTorch */
}
END_TEST

START_TEST(item_of_every_dtype)
{
    ck_assert_double_eq(tn_item(ctx, tn_full(ctx, (tn_dtype)_i, TN_SHAPE(1, 1), 1)), 1);
    ck_assert(isnan(tn_item(ctx, tn_full(ctx, (tn_dtype)_i, TN_SHAPE(2, 1), 1))));
    ck_tn_error(TN_ERR_SHAPE, "item: a tensor of shape [2,1] has 2 elements, not 1");
}
END_TEST

START_TEST(at_an_index)
{
    tn_tensor *t = tn_reshape(ctx, tn_arange(ctx, TN_I32, 0, 24, 1), TN_SHAPE(2, 3, 4));
    t = tn_slice(ctx, tn_permute(ctx, t, (int[]){2, 0, 1}), 0, 1, 4, 2);
    for (int64_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < 2; j++)
            for (int64_t k = 0; k < 3; k++)
                ck_assert_double_eq(tn_at(ctx, t, (int64_t[]){i, j, k}),
                                    (double)(12 * j + 4 * k + 2 * i + 1));
    ck_assert(isnan(tn_at(ctx, t, (int64_t[]){0, 2, 0})));
    ck_tn_error(TN_ERR_ARGUMENT, "at: index [0,2,0] is outside a tensor of shape [2,2,3]");
    ck_assert(isnan(tn_at(ctx, t, (int64_t[]){0, 0, -1})));
    ck_tn_error(TN_ERR_ARGUMENT, "at: index [0,0,-1] is outside a tensor of shape [2,2,3]");
    ck_assert(isnan(tn_at(ctx, t, NULL)));
    ck_tn_error(TN_ERR_ARGUMENT, "at: index NULL is outside a tensor of shape [2,2,3]");
    ck_assert(isnan(tn_at(ctx, NULL, NULL)));
    ck_tn_error(TN_ERR_ARGUMENT, "at: tensor is NULL");
}
END_TEST

static int next(int *count)
{
    return ++*count;
}

static const tn_tensor *count(const tn_tensor *t, int *calls)
{
    ++*calls;
    return t;
}

/* The macros that list things evaluate each of them once. */
START_TEST(lists_are_evaluated_once)
{
    int calls = 0;
    const tn_tensor *t = tn_zeros(ctx, TN_F32, TN_SHAPE(next(&calls), 2, 3));
    ck_assert_str_eq(TN_SHAPE_TEXT(count(t, &calls)), "[1,2,3]");
    ck_assert_int_eq(calls, 2);
    ck_tn_shape(tn_sum(ctx, t, TN_DIMS(next(&calls) - 3, 1)), "[3]");
    ck_tn_shape(tn_sum(ctx, t, TN_KEEPDIMS(next(&calls) - 4)), "[1,2,3]");
    ck_tn_shape(tn_cat(ctx, TN_TENSORS(count(t, &calls), t), 0), "[2,2,3]");
    ck_assert_int_eq(calls, 5);
}
END_TEST

START_TEST(arange)
{
    ck_tn_equal(tn_arange(ctx, TN_F64, 1, 2, 0.25), 1, 1.25, 1.5, 1.75);
    ck_tn_equal(tn_arange(ctx, TN_I64, 5, 0, -2), 5, 3, 1);
    ck_tn_equal(tn_arange(ctx, TN_F32, 0, 1.1, 1), 0, 1);
    ck_tn_shape(tn_arange(ctx, TN_F32, 3, 3, 1), "[0]");
    ck_tn_shape(tn_arange(ctx, TN_F32, 3, 1, 1), "[0]");
    ck_assert_ptr_null(tn_arange(ctx, TN_F32, 0, 1, 0));
    ck_tn_error(TN_ERR_ARGUMENT, "arange: no range from 0 to 1 in steps of 0");
    ck_assert_ptr_null(tn_arange(ctx, TN_F32, 0, INFINITY, 1));
    ck_tn_error(TN_ERR_ARGUMENT, "arange: no range from 0 to inf in steps of 1");
    ck_assert_ptr_null(tn_arange(ctx, TN_F32, NAN, 1, 1));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
}
END_TEST

START_TEST(from_data_copies)
{
    int32_t data[] = {1, 2, 3, 4, 5, 6};
    tn_tensor *t = tn_from_data(ctx, TN_I32, TN_SHAPE(2, 3), data);
    data[0] = 9;
    ck_tn_equal(t, 1, 2, 3, 4, 5, 6);
    ck_assert_ptr_null(tn_from_data(ctx, TN_I32, TN_SHAPE(2), NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "from_data: data is NULL");
}
END_TEST

static void release(void *data, void *payload)
{
    ck_assert_ptr_nonnull(data);
    ++*(int *)payload;
}

START_TEST(blob_is_shared_and_released_once)
{
    float data[] = {1, 2, 3, 4};
    int released = 0;
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *t = tn_from_blob(ctx, TN_F32, TN_SHAPE(2, 2), data, release, &released);
    ck_assert_ptr_eq(tn_data(t), data);
    tn_tensor *view = tn_transpose(ctx, t, 0, 1);
    data[1] = 7;
    ck_tn_equal(view, 1, 3, 7, 4);
    tn_fill_(ctx, tn_select(ctx, t, 0, 1), 5);
    ck_assert_float_eq(data[3], 5);
    tn_free(t);
    ck_assert_int_eq(released, 0);
    ck_tn_equal(view, 1, 5, 7, 5);
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(released, 1);
    tn_from_blob(ctx, TN_F32, TN_SHAPE(4), data, NULL, NULL);
}
END_TEST

START_TEST(blob_is_not_released_on_failure)
{
    double data[4] = {0};
    int released = 0;
    ck_assert_ptr_null(tn_from_blob(ctx, TN_F64, TN_SHAPE(4), NULL, release, &released));
    ck_tn_error(TN_ERR_ARGUMENT, "from_blob: data is NULL");
    ck_assert_ptr_null(
        tn_from_blob(ctx, TN_F64, TN_SHAPE(3), (char *)data + 4, release, &released));
    ck_tn_error(TN_ERR_ARGUMENT, "from_blob: data is not aligned to its elements");
    ck_assert_ptr_null(tn_from_blob(ctx, TN_F64, TN_SHAPE(-4), data, release, &released));
    ck_tn_error(TN_ERR_SHAPE, "from_blob: shape [-4] has a negative size");
    tn_empty_cache(ctx);
    memory.for_good = true;
    for (int64_t k = 1; k <= 2; k++) {
        memory.fail_at = memory.calls + k;
        ck_assert_ptr_null(tn_from_blob(ctx, TN_F64, TN_SHAPE(4), data, release, &released));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
        tn_clear_error(ctx);
        tn_empty_cache(ctx);
    }
    memory.fail_at = 0;
    tn_tensor *t = tn_from_blob(ctx, TN_F64, TN_SHAPE(4), data, release, &released);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(released, 0);
    tn_free(t);
    ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(wrong_shapes)
{
    int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    ck_tn_shape(tn_zeros(ctx, TN_F32, 8, nine), "[1,1,1,1,1,1,1,1]");
    ck_assert_ptr_null(tn_zeros(ctx, TN_F32, 9, nine));
    ck_tn_error(TN_ERR_SHAPE, "zeros: 9 dimensions, but a tensor has 0 to 8");
    ck_assert_ptr_null(tn_zeros(ctx, TN_F32, -1, nine));
    ck_tn_error(TN_ERR_SHAPE, "zeros: -1 dimensions, but a tensor has 0 to 8");
    ck_assert_ptr_null(tn_ones(ctx, TN_F32, TN_SHAPE(2, -1)));
    ck_tn_error(TN_ERR_SHAPE, "ones: shape [2,-1] has a negative size");
    ck_assert_ptr_null(tn_empty(ctx, (tn_dtype)17, TN_SHAPE(2)));
    ck_tn_error(TN_ERR_DTYPE, "empty: 17 is no dtype");
    ck_assert_ptr_null(tn_randperm(ctx, -1));
    ck_tn_error(TN_ERR_SHAPE, "randperm: shape [-1] has a negative size");
    ck_assert_ptr_null(tn_empty(ctx, TN_F32, 1, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "empty: shape is NULL for 1 dimensions");
}
END_TEST

/* Integers of 64 bits are not passed through doubles. */
START_TEST(loads_and_stores)
{
    int64_t big = ((int64_t)1 << 60) + 1, out;
    tn__store_i64(TN_I64, &out, big);
    ck_assert_int_eq(tn__load_i64(TN_I64, &out), big);
    int32_t i32;
    tn__store_i64(TN_I32, &i32, big);
    ck_assert_int_eq(i32, INT32_MAX);
    tn__store_i64(TN_I32, &i32, -big);
    ck_assert_int_eq(i32, INT32_MIN);
    uint8_t u8;
    tn__store_i64(TN_U8, &u8, -1);
    ck_assert_int_eq(u8, 0);
    tn__store_i64(TN_BOOL, &u8, 256);
    ck_assert_int_eq(u8, 1);
    float f32;
    tn__store_i64(TN_F32, &f32, -3);
    ck_assert_float_eq(f32, -3);
    ck_assert_int_eq(tn__load_i64(TN_F32, &f32), -3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor");
    TCase *tc = tn_case(suite, "tensor");
    tcase_add_test(tc, dtypes);
    tcase_add_loop_test(tc, makes_of_every_dtype, 0, TN_DTYPES);
    tcase_add_test(tc, saturates);
    tcase_add_test(tc, asks);
    tcase_add_test(tc, asks_nothing);
    tcase_add_test(tc, contiguous_or_not);
    tcase_add_test(tc, zero_dimensions);
    tcase_add_test(tc, zero_elements);
    tcase_add_loop_test(tc, item_of_every_dtype, 0, TN_DTYPES);
    tcase_add_test(tc, at_an_index);
    tcase_add_test(tc, lists_are_evaluated_once);
    tcase_add_test(tc, arange);
    tcase_add_test(tc, from_data_copies);
    tcase_add_test(tc, blob_is_shared_and_released_once);
    tcase_add_test(tc, blob_is_not_released_on_failure);
    tcase_add_test(tc, wrong_shapes);
    tcase_add_test(tc, loads_and_stores);
    return tn_run(suite);
}
