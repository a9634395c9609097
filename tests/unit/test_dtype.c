/* The types of elements: names, sizes, and numbers from and to them. */
#include "common/check_tn.h"

#include <math.h>

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
    ck_assert_int_eq(tn_data_i64(tn_scalar(ctx, TN_I64, 1e19))[0], INT64_MAX);
    ck_assert_int_eq(tn_data_i64(tn_scalar(ctx, TN_I64, -1e300))[0], INT64_MIN);
    ck_assert_int_eq(tn_data_i64(tn_scalar(ctx, TN_I64, 0x1p62))[0], (int64_t)1 << 62);
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
    Suite *suite = suite_create("dtype");
    TCase *tc = tn_case(suite, "dtype");
    tcase_add_test(tc, dtypes);
    tcase_add_test(tc, saturates);
    tcase_add_test(tc, loads_and_stores);
    return tn_run(suite);
}
