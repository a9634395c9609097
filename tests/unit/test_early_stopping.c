/* When a metric gets no better. */
#include "common/check_tn.h"

#include <math.h>
#include <tn/train.h>

/* Which of the metrics are the best so far, as bits, and after how many it is over. */
static void check_steps(tn_early_stopping s, int count, const double *metrics, unsigned best,
                        int over)
{
    unsigned found = 0;
    int steps = 0;
    while (steps < count && !tn_early_stopping_over(&s))
        found |= (unsigned)tn_early_stopping_step(&s, metrics[steps]) << steps, steps++;
    ck_assert_uint_eq(found, best);
    ck_assert_int_eq(steps, over);
    ck_assert_int_eq(s.steps, over);
}

#define STEPS(stopping, best, over, ...)                                           \
    check_steps(stopping, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), \
                (double[]){__VA_ARGS__}, best, over)

START_TEST(of_a_loss)
{
    tn_early_stopping one = {.patience = 1}, two = {.patience = 2}, never = {0};
    STEPS(one, 1 | 2, 3, 3, 2, 2, 1);
    STEPS(two, 1 | 2, 4, 3, 2, 2, 5, 1);
    STEPS(two, 1 | 4 | 8, 6, 3, 4, 2, 1, 1, 1, 0);
    STEPS(two, 2, 4, NAN, 3, NAN, 4, 2);
    STEPS(two, 0, 2, NAN, NAN, 1);
    STEPS(two, 1 | 4, 5, INFINITY, INFINITY, 7, 7, 7, 7);
    STEPS(never, 1, 6, 1, 2, 3, 4, 5, 6);
    STEPS(never, 1 | 2, 3, 1, -INFINITY, -INFINITY);
}
END_TEST

START_TEST(of_an_accuracy)
{
    tn_early_stopping two = {.patience = 2, .maximize = true};
    STEPS(two, 1 | 2 | 8, 6, -1, 0, 0, 5, 4, 5, 6);
}
END_TEST

/* Small gains do not count, and do not add up to the next best one. */
START_TEST(by_a_margin)
{
    tn_early_stopping down = {.patience = 3, .min_delta = 0.5};
    tn_early_stopping up = {.patience = 3, .min_delta = -0.5, .maximize = true};
    STEPS(down, 1 | 8, 7, 3, 2.75, 2.5, 2.25, 2.25, 2, 1.75, 1);
    STEPS(up, 1 | 8, 7, 1, 1.25, 1.5, 1.75, 1.75, 2, 2.25, 9);
}
END_TEST

START_TEST(tells_the_best)
{
    tn_early_stopping s = {.patience = 5};
    const double metrics[] = {4, 2, 3};
    for (int i = 0; i < 3; i++)
        tn_early_stopping_step(&s, metrics[i]);
    ck_assert(s.best == 2 && s.best_step == 2 && s.steps == 3);
    ck_assert(!tn_early_stopping_step(NULL, 1) && !tn_early_stopping_over(NULL));
}
END_TEST

START_TEST(goes_on_where_it_was)
{
    tn_early_stopping s = {.patience = 2}, other = {.patience = 2, .steps = 9, .best = 7};
    for (int i = 0; i < 2; i++) {
        tn_dict *state = tn_early_stopping_state_dict(ctx, &s);
        ck_assert_int_eq(tn_early_stopping_load_state_dict(ctx, &other, state), TN_OK);
        ck_assert(other.steps == s.steps && other.best_step == s.best_step && other.best == s.best);
        tn_early_stopping_step(&s, -1.5);
        tn_early_stopping_step(&s, 0);
    }
    tn_dict *state = tn_dict_clone(tn_early_stopping_state_dict(ctx, &s));
    tn_fill_(ctx, tn_dict_get(state, "best_step"), 5);
    tn_early_stopping_load_state_dict(ctx, &other, state);
    ck_tn_error(TN_ERR_FORMAT, "early_stopping_load_state_dict: best_step is 5 of 4 steps");
    ck_assert_int_eq(other.steps, 2);
    tn_fill_(ctx, tn_dict_get(state, "best_step"), -1);
    tn_early_stopping_load_state_dict(ctx, &other, state);
    ck_tn_error(TN_ERR_FORMAT, "early_stopping_load_state_dict: best_step is -1");
    tn_fill_(ctx, tn_dict_get(state, "steps"), 0x1p53 + 2);
    tn_early_stopping_load_state_dict(ctx, &other, state);
    ck_tn_error(TN_ERR_FORMAT, "early_stopping_load_state_dict: steps is 9.0072e+15");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("early_stopping");
    TCase *tc = tn_case(suite, "early_stopping");
    tcase_add_test(tc, of_a_loss);
    tcase_add_test(tc, of_an_accuracy);
    tcase_add_test(tc, by_a_margin);
    tcase_add_test(tc, tells_the_best);
    tcase_add_test(tc, goes_on_where_it_was);
    return tn_run(suite);
}
