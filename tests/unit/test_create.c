/* Tensors of given elements. */
#include "common/check_tn.h"

#include <math.h>

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

static void check_range(tn_dtype dtype, int64_t n)
{
    tn_tensor *t = tn_arange(ctx, dtype, -20.5, -20.5 + 0.75 * (double)n, 0.75);
    ck_assert_int_eq(tn_numel(t), n);
    for (int64_t i = 0; i < n; i++) {
        tn_tensor *one = tn_scalar(ctx, dtype, -20.5 + 0.75 * (double)i);
        ck_assert_double_eq(tn_at(ctx, t, &i), tn_item(ctx, one));
        tn_free(one);
    }
    tn_free(t);
}

/* Around the blocks that are converted at once, and by threads, with numbers that a type does not
 * hold. */
START_TEST(long_ranges)
{
    for (int64_t n = 254; n < 780; n += n % 256 < 2 || n % 256 > 253 ? 1 : 251)
        check_range((tn_dtype)_i, n);
    for (int threads = 2; threads <= 5; threads++) {
        tn_set_threads(ctx, threads);
        check_range((tn_dtype)_i, 80003);
    }
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

int main(void)
{
    Suite *suite = suite_create("create");
    TCase *tc = tn_case(suite, "create");
    tcase_add_loop_test(tc, makes_of_every_dtype, 0, TN_DTYPES);
    tcase_add_test(tc, arange);
    tcase_add_loop_test(tc, long_ranges, 0, TN_DTYPES);
    tcase_add_test(tc, from_data_copies);
    return tn_run(suite);
}
