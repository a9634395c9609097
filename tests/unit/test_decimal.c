/* The decimal digits of numbers: rounded, the fewest that read back, and their places. */
#include "common/check_tn.h"

#include <float.h>
#include <stdio.h>

/* "-1.25e+2" */
static void ck_decimal(tn__decimal d, const char *expected)
{
    char text[64];
    snprintf(text, sizeof text, "%s%c%s%.*se%d", d.negative ? "-" : "", d.digits[0],
             d.count > 1 ? "." : "", d.count - 1, d.digits + 1, d.exponent);
    ck_assert_str_eq(text, expected);
}

START_TEST(rounds)
{
    ck_decimal(tn__rounded(0, 5), "0e0");
    ck_decimal(tn__rounded(-0.0, 1), "-0e0");
    ck_decimal(tn__rounded(-125, 3), "-1.25e2");
    ck_decimal(tn__rounded(-125, 2), "-1.2e2");
    ck_decimal(tn__rounded(9.96, 2), "1e1");
    ck_decimal(tn__rounded(0.1, 20), "1.0000000000000000555e-1");
}
END_TEST

/* 5.684341886080801e-14 is nearer to 2^-44, but reads as a number below it. */
START_TEST(finds_the_fewest_digits)
{
    ck_decimal(tn__shortest(TN_F64, 0.1, 17), "1e-1");
    ck_decimal(tn__shortest(TN_F32, (double)0.1F, 17), "1e-1");
    ck_decimal(tn__shortest(TN_F64, (double)0.1F, 17), "1.0000000149011612e-1");
    ck_decimal(tn__shortest(TN_F64, 1 / 3., 17), "3.333333333333333e-1");
    ck_decimal(tn__shortest(TN_F64, -DBL_MAX, 17), "-1.7976931348623157e308");
    ck_decimal(tn__shortest(TN_F32, (double)FLT_MAX, 17), "3.4028235e38");
    ck_decimal(tn__shortest(TN_F64, 0x1p-1074, 17), "5e-324");
    ck_decimal(tn__shortest(TN_F32, 0x1p-149, 17), "1e-45");
    ck_decimal(tn__shortest(TN_F64, 0x1p-24, 17), "5.960464477539063e-8");
    ck_decimal(tn__shortest(TN_F64, 9007199254740993., 17), "9.007199254740992e15");
    ck_decimal(tn__shortest(TN_F64, 0x1p-44, 17), "5.684341886080802e-14");
    ck_decimal(tn__shortest(TN_F64, 0, 17), "0e0");
}
END_TEST

START_TEST(is_limited)
{
    ck_decimal(tn__shortest(TN_F64, 2 / 3., 4), "6.667e-1");
    ck_decimal(tn__shortest(TN_F64, 123, 1), "1e2");
    ck_decimal(tn__shortest(TN_F64, 123, 0), "0e0");
    ck_decimal(tn__shortest(TN_F64, 123, -3), "0e0");
    ck_decimal(tn__shortest_positional(TN_F64, 2 / 3., 3), "6.67e-1");
    ck_decimal(tn__shortest_positional(TN_F64, 1e-9, 8), "0e0");
    ck_decimal(tn__shortest_positional(TN_F64, 1234567.875, 0), "1.234568e6");
    ck_decimal(tn__shortest_positional(TN_F32, 16777216, 8), "1.6777216e7");
    ck_decimal(tn__shortest_positional(TN_F32, 0x1p40, 8), "1.099511627776e12");
}
END_TEST

START_TEST(knows_places)
{
    tn__decimal d = tn__rounded(-120.5, 17);
    ck_assert_int_eq(tn__digit_at(&d, 3), '0');
    ck_assert_int_eq(tn__digit_at(&d, 2), '1');
    ck_assert_int_eq(tn__digit_at(&d, 1), '2');
    ck_assert_int_eq(tn__digit_at(&d, 0), '0');
    ck_assert_int_eq(tn__digit_at(&d, -1), '5');
    ck_assert_int_eq(tn__digit_at(&d, -2), '0');
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decimal");
    TCase *tc = tn_case(suite, "decimal");
    tcase_add_test(tc, rounds);
    tcase_add_test(tc, finds_the_fewest_digits);
    tcase_add_test(tc, is_limited);
    tcase_add_test(tc, knows_places);
    return tn_run(suite);
}
