/* Shapes, as text and as arguments. */
#include "common/check_tn.h"

#include <string.h>

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

START_TEST(shapes_as_text)
{
    int64_t longest[9];
    for (int i = 0; i < 9; i++)
        longest[i] = INT64_MIN;
    ck_assert_str_eq(tn_shape_text(0, NULL).s, "[]");
    ck_assert_str_eq(tn_shape_text(TN_SHAPE(8, 3, 32, 32)).s, "[8,3,32,32]");
    ck_assert_str_eq(TN_SHAPE_TEXT((tn_tensor *)NULL), "[]");
    ck_assert_str_eq(tn_shape_text(8, longest).s,
                     "[-9223372036854775808,-9223372036854775808,-9223372036854775808,"
                     "-9223372036854775808,-9223372036854775808,-9223372036854775808,"
                     "-9223372036854775808,-9223372036854775808]");
    ck_assert_uint_eq(strlen(tn_shape_text(9, longest).s), strlen(tn_shape_text(8, longest).s));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shape");
    TCase *tc = tn_case(suite, "shape");
    tcase_add_test(tc, wrong_shapes);
    tcase_add_test(tc, shapes_as_text);
    return tn_run(suite);
}
