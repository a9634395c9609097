/* count_equal(a, b). */
#include "common/ops.h"

static void check_count(const char *shape, tn_dtype da, tn_dtype db, layout a, layout b)
{
    array x = array_zeros(shape), y = array_zeros(shape);
    int64_t want = 0;
    for (int64_t i = 0; i < x.numel; i++) {
        x.data[i] = (double)(random_bits() % 2);
        y.data[i] = (double)(random_bits() % 2);
        want += x.data[i] == y.data[i];
    }
    ck_assert_int_eq(tn_count_equal(ctx, tensor_of(&x, da, a), tensor_of(&y, db, b)), want);
}

START_TEST(test_values)
{
    static const char *const shapes[] = {"[]",    "[0]",     "[67]",
                                         "[5,7]", "[3,0,2]", "[2,1,2,1,2,1,2,3]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int run = 0; run < 16 * 9; run++)
            check_count(shapes[i], (tn_dtype)(TN_I64 + run % 4), (tn_dtype)(TN_I64 + run / 4 % 4),
                        (layout)(run / 16 % 3), (layout)(run / 48));
}
END_TEST

START_TEST(test_threads)
{
    check_count("[70001]", TN_I64, TN_U8, PLAIN, SLICED);
    check_count("[5,20011]", TN_BOOL, TN_I32, TRANSPOSED, PLAIN);
}
END_TEST

/* What both repeat is compared once. */
START_TEST(test_repeated_numbers)
{
    int64_t many = INT64_C(1) << 40, numbers[] = {1, 2, 3}, others[] = {1, 5, 3};
    tn_tensor *a = tn_from_data(ctx, TN_I64, TN_SHAPE(3, 1), numbers);
    tn_tensor *b = tn_from_data(ctx, TN_I64, TN_SHAPE(3, 1), others);
    a = tn_expand(ctx, a, TN_SHAPE(3, many));
    b = tn_expand(ctx, b, TN_SHAPE(3, many));
    ck_assert_int_eq(tn_count_equal(ctx, a, b), 2 * many);
    tn_tensor *one = tn_expand(ctx, tn_ones(ctx, TN_I64, TN_SHAPE(1, 1)), TN_SHAPE(3, many));
    ck_assert_int_eq(tn_count_equal(ctx, a, one), many);
    ck_assert_int_eq(tn_count_equal(ctx, tn_zeros(ctx, TN_I64, TN_SHAPE(0, 3)),
                                    tn_zeros(ctx, TN_I64, TN_SHAPE(0, 3))),
                     0);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *a = tn_zeros(ctx, TN_I64, TN_SHAPE(2)), *f = tn_zeros(ctx, TN_F32, TN_SHAPE(2));
    ck_assert_int_eq(tn_count_equal(ctx, NULL, a), -1);
    ck_tn_error(TN_ERR_ARGUMENT, "count_equal: input is NULL");
    ck_assert_int_eq(tn_count_equal(ctx, a, NULL), -1);
    ck_tn_error(TN_ERR_ARGUMENT, "count_equal: other is NULL");
    ck_assert_int_eq(tn_count_equal(ctx, f, a), -1);
    ck_tn_error(TN_ERR_DTYPE, "count_equal: input is f32 but must be an integer or bool");
    ck_assert_int_eq(tn_count_equal(ctx, a, f), -1);
    ck_tn_error(TN_ERR_DTYPE, "count_equal: other is f32 but must be an integer or bool");
    ck_assert_int_eq(tn_count_equal(ctx, a, tn_zeros(ctx, TN_I64, TN_SHAPE(2, 1))), -1);
    ck_tn_error(TN_ERR_SHAPE, "count_equal: shapes [2] and [2,1] differ");
    ck_assert_int_eq(tn_count_equal(NULL, a, a), -1);
}
END_TEST

OP_TESTS_NO_GRAD("count_equal", test_values, test_threads, test_repeated_numbers, test_errors)
