/* Tensors without dimensions or without elements, and the lists of the header. */
#include "common/check_tn.h"

#include <math.h>
#include <string.h>

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

int main(void)
{
    Suite *suite = suite_create("tensor");
    TCase *tc = tn_case(suite, "tensor");
    tcase_add_test(tc, zero_dimensions);
    tcase_add_test(tc, zero_elements);
    tcase_add_test(tc, lists_are_evaluated_once);
    return tn_run(suite);
}
