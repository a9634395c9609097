/* What a tensor says of itself. */
#include "common/check_tn.h"

#include <math.h>

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

int main(void)
{
    Suite *suite = suite_create("ask");
    TCase *tc = tn_case(suite, "ask");
    tcase_add_test(tc, asks);
    tcase_add_test(tc, asks_nothing);
    tcase_add_test(tc, contiguous_or_not);
    tcase_add_loop_test(tc, item_of_every_dtype, 0, TN_DTYPES);
    tcase_add_test(tc, at_an_index);
    return tn_run(suite);
}
