/* Means of numbers that come one by one. */
#include "common/check_tn.h"

#include <math.h>
#include <tn/train.h>

START_TEST(counts_by_weight)
{
    tn_running_mean mean = {0};
    ck_assert(isnan(tn_running_mean_value(&mean)));
    tn_running_mean_add(&mean, 2, 3);
    ck_assert_double_eq(tn_running_mean_value(&mean), 2);
    tn_running_mean_add(&mean, 4, 1);
    ck_assert_double_eq(tn_running_mean_value(&mean), 2.5);
    tn_running_mean_add(&mean, 100, 0);
    ck_assert_double_eq(tn_running_mean_value(&mean), 2.5);
    ck_assert_double_eq(mean.weight, 4);
    tn_running_mean_add(NULL, 1, 1);
    ck_assert(isnan(tn_running_mean_value(NULL)));
}
END_TEST

/* Ten million times 0.1 is a million to the last bit; a sum without compensation is off by 1.6e-4.
 * Large numbers that cancel leave the small ones. */
START_TEST(keeps_what_rounding_takes)
{
    tn_running_mean mean = {0}, cancelled = {0};
    for (int i = 0; i < 10000000; i++)
        tn_running_mean_add(&mean, 0.1, 1);
    ck_assert_double_eq(tn_running_mean_value(&mean), 0.1);
    tn_running_mean_add(&cancelled, 1, 1);
    tn_running_mean_add(&cancelled, 1e100, 1);
    tn_running_mean_add(&cancelled, 1, 1);
    tn_running_mean_add(&cancelled, -1e100, 1);
    ck_assert_double_eq(tn_running_mean_value(&cancelled), 0.5);
}
END_TEST

/* The same for weights: without compensation those of 0.1 sum to a million less 1.6e-4. */
START_TEST(keeps_what_rounding_takes_of_weights)
{
    tn_running_mean mean = {0}, cancelled = {0};
    for (int i = 0; i < 10000000; i++)
        tn_running_mean_add(&mean, 1, 0.1);
    ck_assert_double_eq(tn_running_mean_value(&mean), 1);
    tn_running_mean_add(&cancelled, 3, 1);
    tn_running_mean_add(&cancelled, 3, 1e100);
    tn_running_mean_add(&cancelled, 3, -1e100);
    ck_assert_double_eq(tn_running_mean_value(&cancelled), 3);
    tn_running_mean_add(&cancelled, 3, INFINITY);
    ck_assert(isnan(tn_running_mean_value(&cancelled)));
}
END_TEST

START_TEST(not_finite)
{
    tn_running_mean mean = {0};
    tn_running_mean_add(&mean, 1, 1);
    tn_running_mean_add(&mean, INFINITY, 1);
    tn_running_mean_add(&mean, 1, 1);
    ck_assert_double_eq(tn_running_mean_value(&mean), INFINITY);
    tn_running_mean_add(&mean, NAN, 1);
    ck_assert(isnan(tn_running_mean_value(&mean)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("running_mean");
    TCase *tc = tn_case(suite, "running_mean");
    tcase_add_test(tc, counts_by_weight);
    tcase_add_test(tc, keeps_what_rounding_takes);
    tcase_add_test(tc, keeps_what_rounding_takes_of_weights);
    tcase_add_test(tc, not_finite);
    return tn_run(suite);
}
