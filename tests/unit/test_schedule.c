/* Schedules of learning rates: their formulas, groups, and plateaus. */
#include "common/check_tn.h"

#include <math.h>

RUNS_WITH_EACH_ISA;

static tn_tensor *params[2];

static tn_optim *optimiser(double lr)
{
    params[0] = LEAF(1);
    params[1] = LEAF(1);
    return tn_sgd_of(ctx, 1, params, (tn_sgd_opts){.lr = lr});
}

#define check_lr(opt, expected) ck_assert_double_eq_tol(tn_lr(opt), expected, 1e-12)

static void advance(tn_schedule *s)
{
    ck_assert_int_eq(tn_schedule_step(s), TN_OK);
}

/* The formulas of the header, which are not those that the library steps by. */
static double step_rate(int t)
{
    return 0.5 * pow(0.1, floor(t / 4.0));
}

static double exponential_rate(int t)
{
    return 0.5 * pow(0.8, t);
}

static double cosine_rate(int t)
{
    return 0.1 + 0.4 * (1 + cos(acos(-1) * t / 6)) / 2;
}

static double linear_rate(int t)
{
    return 0.5 * (t < 5 ? 0.2 + 0.8 * t / 5 : 1);
}

START_TEST(follow_their_formulas)
{
    static double (*const rates[])(int) = {step_rate, exponential_rate, cosine_rate, linear_rate};
    tn_optim *opt = optimiser(0.5);
    tn_schedule *s = _i == 0   ? tn_step_lr(ctx, opt, 4, 0)
                     : _i == 1 ? tn_exponential_lr(ctx, opt, 0.8)
                     : _i == 2 ? tn_cosine_annealing_lr(ctx, opt, 6, 0.1)
                               : tn_linear_lr(ctx, opt, 0.2, 1, 5);
    for (int t = 0; t < 30; t++) {
        check_lr(opt, rates[_i](t));
        advance(s);
    }
}
END_TEST

/* Each group goes its own way from its own rate; one that joins late starts from where it is. */
START_TEST(groups)
{
    tn_optim *opt = optimiser(0.5);
    tn_add_group_of(opt, 1, &params[1], (tn_group_opts){.lr = 0.25});
    tn_schedule *s = tn_cosine_annealing_lr(ctx, opt, 2, 0.125);
    advance(s);
    check_lr(opt, (0.5 + 0.125) / 2);
    ck_assert_double_eq_tol(tn_group_lr(opt, 1), (0.25 + 0.125) / 2, 1e-12);
    advance(s);
    check_lr(opt, 0.125);
    tn_add_group_of(opt, 1, &params[1], (tn_group_opts){.lr = 0.125});
    for (int i = 0; i < 2; i++)
        advance(s);
    check_lr(opt, 0.5);
    ck_assert_double_eq_tol(tn_group_lr(opt, 1), 0.25, 1e-12);
    ck_assert_double_eq_tol(tn_group_lr(opt, 2), 0.125, 1e-12);
}
END_TEST

START_TEST(what_is_set_in_between_stays)
{
    tn_optim *opt = optimiser(0.5);
    tn_schedule *s = tn_exponential_lr(ctx, opt, 0.5);
    advance(s);
    tn_set_lr(opt, 3);
    advance(s);
    check_lr(opt, 1.5);
}
END_TEST

START_TEST(warm_up_and_decay_multiply)
{
    tn_optim *opt = optimiser(0.5);
    tn_schedule *warm_up = tn_linear_lr(ctx, opt, 0.25, 1, 3);
    tn_schedule *decay = tn_exponential_lr(ctx, opt, 0.9);
    for (int t = 0; t < 10; t++) {
        check_lr(opt, 0.5 * fmin(0.25 + 0.25 * t, 1) * pow(0.9, t));
        advance(warm_up);
        advance(decay);
    }
}
END_TEST

/* 3 steps without progress are within the patience of 2 no more. */
START_TEST(plateau)
{
    tn_optim *opt = optimiser(1);
    tn_schedule *s = tn_reduce_lr_on_plateau(
        ctx, opt, (tn_plateau_opts){.factor = 0.5, .patience = 2, .cooldown = 2});
    static const struct {
        double metric, lr;
    } steps[] = {{5, 1},     {4, 1},    {4, 1},    {NAN, 1},  {4, 0.5},  {3.9999, 0.5}, {4, 0.5},
                 {3.9, 0.5}, {4, 0.5},  {4, 0.5},  {4, 0.25}, {4, 0.25}, {4, 0.25},     {4, 0.25},
                 {4, 0.25},  {3, 0.25}, {3, 0.25}, {3, 0.25}, {3, 0.125}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        ck_assert_int_eq(tn_schedule_step_with(s, steps[i].metric), TN_OK);
        ck_assert_msg(tn_lr(opt) == steps[i].lr, "after step %d: %g", (int)i, tn_lr(opt));
    }
}
END_TEST

START_TEST(plateau_has_a_floor)
{
    tn_optim *opt = optimiser(1);
    tn_schedule *s = tn_reduce_lr_on_plateau(ctx, opt,
                                             (tn_plateau_opts){.factor = 0.5,
                                                               .patience = TN_ZERO,
                                                               .min_lr = 0.2,
                                                               .maximize = true,
                                                               .absolute = true,
                                                               .threshold = 1});
    static const double metrics[] = {1, 2, 2.5, 3.5, 3, 3, 3, 3};
    static const double rates[] = {1, 0.5, 0.5, 0.25, 0.2, 0.2, 0.2, 0.2};
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(tn_schedule_step_with(s, metrics[i]), TN_OK);
        ck_assert_msg(tn_lr(opt) == rates[i], "after step %d: %g", i, tn_lr(opt));
    }
}
END_TEST

START_TEST(options_that_will_not_do)
{
    tn_optim *opt = optimiser(1);
    ck_assert_ptr_null(tn_step_lr(ctx, opt, 0, 0.5));
    ck_tn_error(TN_ERR_ARGUMENT, "step_lr: step size 0");
    ck_assert_ptr_null(tn_step_lr(ctx, opt, 1, -1));
    ck_tn_error(TN_ERR_ARGUMENT, "step_lr: gamma -1");
    ck_assert_ptr_null(tn_exponential_lr(ctx, opt, NAN));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
    ck_assert_ptr_null(tn_cosine_annealing_lr(ctx, opt, 0, 0));
    ck_tn_error(TN_ERR_ARGUMENT, "cosine_annealing_lr: T_max 0");
    ck_assert_ptr_null(tn_cosine_annealing_lr(ctx, opt, 5, -0.5));
    ck_tn_error(TN_ERR_ARGUMENT, "cosine_annealing_lr: eta_min -0.5");
    ck_assert_ptr_null(tn_linear_lr(ctx, opt, 0, 1, 5));
    ck_tn_error(TN_ERR_ARGUMENT, "linear_lr: factors from 0 to 1");
    ck_assert_ptr_null(tn_linear_lr(ctx, opt, 0.5, 1.5, 5));
    ck_tn_error(TN_ERR_ARGUMENT, "linear_lr: factors from 0.5 to 1.5");
    ck_assert_ptr_null(tn_linear_lr(ctx, opt, 0.5, 1, 0));
    ck_tn_error(TN_ERR_ARGUMENT, "linear_lr: total_iters 0");
    static const tn_plateau_opts wrong[] = {
        {.factor = 1},     {.factor = -0.5}, {.patience = -1}, {.cooldown = -1},
        {.threshold = -1}, {.min_lr = -1},   {.eps = -1},      {.factor = NAN},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_ptr_null(tn_reduce_lr_on_plateau(ctx, opt, wrong[i]));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
        tn_clear_error(ctx);
    }
    check_lr(opt, 1);
    ck_assert_ptr_null(tn_exponential_lr(ctx, NULL, 0.5));
    ck_tn_error(TN_ERR_ARGUMENT, "exponential_lr: the optimiser is NULL");
    ck_assert_ptr_null(tn_exponential_lr(NULL, opt, 0.5));
}
END_TEST

START_TEST(steps_of_the_wrong_kind)
{
    tn_optim *opt = optimiser(1);
    tn_schedule *plain = tn_exponential_lr(ctx, opt, 0.5);
    tn_schedule *with_metric = tn_reduce_lr_on_plateau(ctx, opt, (tn_plateau_opts){0});
    ck_assert_int_eq(tn_schedule_step_with(plain, 1), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "exponential_lr: it takes no metric; use tn_schedule_step");
    ck_assert_int_eq(tn_schedule_step(with_metric), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT,
                "reduce_lr_on_plateau: a step needs the metric; use tn_schedule_step_with");
    ck_assert_int_eq(tn_schedule_step(NULL), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_schedule_step_with(NULL, 1), TN_ERR_ARGUMENT);
    tn_fail(ctx, TN_ERR_SHAPE, "wrong");
    ck_assert_int_eq(tn_schedule_step(plain), TN_ERR_SHAPE);
    ck_assert_int_eq(tn_schedule_step_with(with_metric, 1), TN_ERR_SHAPE);
    tn_clear_error(ctx);
    check_lr(opt, 1);
}
END_TEST

/* Some are freed, the others go with the context. */
START_TEST(freeing)
{
    tn_optim *opt = optimiser(1);
    tn_schedule *s[3];
    int64_t live = tn_memory(ctx).live_bytes;
    for (int i = 0; i < 3; i++)
        s[i] = tn_exponential_lr(ctx, opt, 0.5);
    tn_schedule_free(s[1]);
    advance(s[0]);
    advance(s[2]);
    check_lr(opt, 0.25);
    tn_schedule_free(s[0]);
    tn_schedule_free(s[2]);
    tn_schedule_free(NULL);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    tn_step_lr(ctx, opt, 1, 0.5);
    memory.calls = 0;
    memory.fail_at = 1;
    memory.for_good = true;
    tn_empty_cache(ctx);
    ck_assert_ptr_null(tn_exponential_lr(ctx, opt, 0.5));
    memory.fail_at = 0;
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    tn_clear_error(ctx);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schedule");
    TCase *tc = tn_case(suite, "schedule");
    tcase_add_loop_test(tc, follow_their_formulas, 0, 4);
    tcase_add_test(tc, groups);
    tcase_add_test(tc, what_is_set_in_between_stays);
    tcase_add_test(tc, warm_up_and_decay_multiply);
    tcase_add_test(tc, plateau);
    tcase_add_test(tc, plateau_has_a_floor);
    tcase_add_test(tc, options_that_will_not_do);
    tcase_add_test(tc, steps_of_the_wrong_kind);
    tcase_add_test(tc, freeing);
    return tn_run(suite);
}
