/* SGD: the formula with momentum, options, and memory. */
#include "common/check_tn.h"

#include <math.h>

RUNS_WITH_EACH_ISA;

static const tn_sgd_opts variants[] = {
    {.lr = 0.1},
    {.lr = 0.1, .momentum = 0.9},
    {.lr = 0.1, .momentum = 0.9, .nesterov = true},
    {.lr = 0.1, .weight_decay = 0.01},
    {.lr = 0.1, .momentum = 0.5, .weight_decay = 0.1},
    {.lr = 0.1, .momentum = 0.9, .dampening = 0.3},
    {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.02, .nesterov = true},
    {.lr = 0.05, .momentum = 0.8, .dampening = 1, .weight_decay = 0.02},
};

#define VARIANTS ((int)(sizeof variants / sizeof *variants))

/* torch.optim.SGD's formula, on one number. */
static void naive_step(const tn_sgd_opts *o, int step, double grad, double *p, double *v)
{
    double d = grad + o->weight_decay * *p;
    if (o->momentum > 0) {
        *v = step == 0 ? d : o->momentum * *v + (1 - o->dampening) * d;
        d = o->nesterov ? d + o->momentum * *v : *v;
    }
    *p -= o->lr * d;
}

/* The loss is sum of w^4 / 4 + w, so the gradient w^3 + 1 changes from step to step. */
static void take_step(tn_optim *opt, tn_tensor *w)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *fourth = tn_mul_scalar(ctx, tn_square(ctx, tn_square(ctx, w)), 0.25);
    tn_tensor *loss = tn_sum(ctx, tn_add(ctx, fourth, w), (tn_reduce_opts){0});
    tn_zero_grad(opt);
    tn_backward(ctx, loss);
    ck_assert_int_eq(tn_step(opt), TN_OK);
    tn_scope_end(ctx, scope);
}

static void follow(const tn_sgd_opts *o, tn_dtype dtype, double tolerance)
{
    enum { N = 37 };
    tn_tensor *w = tn_empty(ctx, dtype, TN_SHAPE(N));
    tn_uniform_(ctx, w, -1, 1);
    leaf(w);
    double p[N], v[N] = {0};
    for (int64_t i = 0; i < N; i++)
        p[i] = tn_at(ctx, w, &i);
    tn_optim *opt = tn_sgd_of(ctx, 1, &w, *o);
    for (int step = 0; step < 10; step++) {
        take_step(opt, w);
        for (int i = 0; i < N; i++)
            naive_step(o, step, p[i] * p[i] * p[i] + 1, &p[i], &v[i]);
        check_elements(__FILE__, __LINE__, w, tolerance, p, N);
    }
}

START_TEST(follows_the_formula)
{
    follow(&variants[_i], TN_F64, 1e-13);
    follow(&variants[_i], TN_F32, 1e-5);
}
END_TEST

/* The first step sets v to the gradient whenever it comes, for each parameter on its own. */
START_TEST(first_step_of_a_late_parameter)
{
    tn_tensor *params[] = {LEAF(1), LEAF(1)};
    tn_optim *opt =
        tn_sgd_of(ctx, 2, params, (tn_sgd_opts){.lr = 1, .momentum = 0.5, .dampening = 0.5});
    tn_backward(ctx, tn_mul_scalar(ctx, params[0], 2));
    tn_step(opt);
    ck_tn_equal(params[0], -1);
    tn_zero_grad(opt);
    tn_backward(ctx, tn_mul_scalar(ctx, params[1], 4));
    tn_step(opt);
    ck_tn_equal(params[0], -1);
    ck_tn_equal(params[1], -3);
    tn_backward(ctx, tn_mul_scalar(ctx, params[0], 2));
    tn_step(opt);
    ck_tn_equal(params[0], -1 - (0.5 * 2 + 0.5 * 2));
    ck_tn_equal(params[1], -3 - (0.5 * 4 + 0.5 * 4));
}
END_TEST

/* A parameter may be a part of a tensor, whose other elements stay. */
START_TEST(nothing_beyond_a_parameter)
{
    for (int64_t n = 1; n < 40; n++)
        for (int momentum = 0; momentum < 2; momentum++) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_tensor *all = tn_ones(ctx, TN_F32, TN_SHAPE(n + 2));
            tn_tensor *part = leaf(tn_narrow(ctx, all, 0, 1, n));
            tn_sgd_opts opts = {.lr = 1, .momentum = 0.5 * momentum, .weight_decay = 0.5};
            tn_optim *opt = tn_sgd_of(ctx, 1, &part, opts);
            tn_backward(ctx, sum_of(part));
            ck_assert_int_eq(tn_step(opt), TN_OK);
            for (int64_t i = 0; i < n + 2; i++)
                ck_assert_double_eq(element_of(all, i), i > 0 && i <= n ? -0.5 : 1);
            tn_optim_free(opt);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

START_TEST(options_that_will_not_do)
{
    static const struct {
        tn_sgd_opts opts;
        const char *text;
    } wrong[] = {
        {{.momentum = -1}, "sgd: momentum -1"},
        {{.weight_decay = -0.5}, "sgd: weight decay -0.5"},
        {{.momentum = NAN}, NULL},
        {{.weight_decay = NAN}, NULL},
        {{.nesterov = true}, "sgd: nesterov needs momentum above 0 and no dampening, not 0 and 0"},
        {{.nesterov = true, .momentum = 0.9, .dampening = 0.1},
         "sgd: nesterov needs momentum above 0 and no dampening, not 0.9 and 0.1"},
        {{.lr = -0.1}, "sgd: learning rate -0.1"},
    };
    tn_tensor *p = LEAF(1);
    tn_module *net = tn_nn_linear(ctx, 1, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_ptr_null(tn_sgd_of(ctx, 1, &p, wrong[i].opts));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
        if (wrong[i].text)
            ck_assert_str_eq(tn_error(ctx), wrong[i].text);
        tn_clear_error(ctx);
        ck_assert_ptr_null(tn_sgd(ctx, net, wrong[i].opts));
        tn_clear_error(ctx);
    }
}
END_TEST

START_TEST(without_momentum_nothing_is_stored)
{
    tn_tensor *p = LEAF(1);
    int64_t tensors = tn_memory(ctx).tensors;
    tn_sgd_of(ctx, 1, &p, (tn_sgd_opts){.weight_decay = 0.1});
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sgd");
    TCase *tc = tn_case(suite, "sgd");
    tcase_add_loop_test(tc, follows_the_formula, 0, VARIANTS);
    tcase_add_test(tc, first_step_of_a_late_parameter);
    tcase_add_test(tc, nothing_beyond_a_parameter);
    tcase_add_test(tc, options_that_will_not_do);
    tcase_add_test(tc, without_momentum_nothing_is_stored);
    return tn_run(suite);
}
