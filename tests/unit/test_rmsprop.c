/* RMSprop: the formula, options, and state. */
#include "common/check_tn.h"

#include <math.h>

RUNS_WITH_EACH_ISA;

static const tn_rmsprop_opts variants[] = {
    {.lr = 0.05},
    {.lr = 0.05, .alpha = 0.8, .eps = 1e-2},
    {.lr = 0.02, .weight_decay = 0.1},
    {.lr = 0.02, .momentum = 0.9},
    {.lr = 0.02, .centered = true, .eps = 0.1},
    {.lr = 0.01, .alpha = 0.9, .momentum = 0.5, .centered = true, .eps = 0.1, .weight_decay = 0.3},
};

#define VARIANTS ((int)(sizeof variants / sizeof *variants))

typedef struct state {
    double square, mean, buf;
} state;

/* torch.optim.RMSprop's formula, on one number. */
static void naive_step(const tn_rmsprop_opts *o, double grad, double *p, state *s)
{
    double alpha = o->alpha > 0 ? o->alpha : 0.99, eps = o->eps > 0 ? o->eps : 1e-8;
    double d = grad + o->weight_decay * *p;
    s->square = alpha * s->square + (1 - alpha) * d * d;
    s->mean = alpha * s->mean + (1 - alpha) * d;
    double variance = o->centered ? s->square - s->mean * s->mean : s->square;
    s->buf = o->momentum * s->buf + d / (sqrt(variance) + eps);
    *p -= o->lr * s->buf;
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

static void follow(const tn_rmsprop_opts *o, tn_dtype dtype, double tolerance)
{
    enum { N = 37 };
    tn_tensor *w = tn_empty(ctx, dtype, TN_SHAPE(N));
    tn_uniform_(ctx, w, -0.5, 1);
    leaf(w);
    double p[N];
    state s[N] = {{0}};
    for (int64_t i = 0; i < N; i++)
        p[i] = tn_at(ctx, w, &i);
    tn_optim *opt = tn_rmsprop_of(ctx, 1, &w, *o);
    for (int step = 0; step < 10; step++) {
        take_step(opt, w);
        for (int i = 0; i < N; i++)
            naive_step(o, p[i] * p[i] * p[i] + 1, &p[i], &s[i]);
        check_elements(__FILE__, __LINE__, w, tolerance, p, N);
    }
}

START_TEST(follows_the_formula)
{
    follow(&variants[_i], TN_F64, 1e-12);
    follow(&variants[_i], TN_F32, 1e-4);
}
END_TEST

START_TEST(state_is_what_the_options_need)
{
    static const int moments[VARIANTS] = {1, 1, 1, 2, 2, 3};
    tn_tensor *p = LEAF(1);
    int64_t tensors = tn_memory(ctx).tensors;
    tn_optim *opt = tn_rmsprop_of(ctx, 1, &p, variants[_i]);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + moments[_i]);
    tn_optim_free(opt);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_double_eq(tn_lr(tn_rmsprop_of(ctx, 1, &p, (tn_rmsprop_opts){0})), 1e-2);
}
END_TEST

/* The mean of equal squares is that of the numbers, squared, but for rounding. */
START_TEST(equal_gradients_stay_finite)
{
    tn_tensor *w = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(100)));
    tn_optim *opt = tn_rmsprop_of(ctx, 1, &w, (tn_rmsprop_opts){.alpha = 0.1, .centered = true});
    tn_tensor *c = tn_rand(ctx, TN_F32, TN_SHAPE(100));
    for (int i = 0; i < 100; i++) {
        tn_zero_grad(opt);
        tn_backward(ctx, tn_sum(ctx, tn_mul(ctx, w, c), (tn_reduce_opts){0}));
        ck_assert_int_eq(tn_step(opt), TN_OK);
    }
    for (int64_t i = 0; i < 100; i++)
        ck_assert(isfinite(tn_at(ctx, w, &i)));
}
END_TEST

START_TEST(options_that_will_not_do)
{
    static const struct {
        tn_rmsprop_opts opts;
        const char *text;
    } wrong[] = {
        {{.lr = -1}, "rmsprop: learning rate -1"},
        {{.alpha = 1}, "rmsprop: alpha 1"},
        {{.alpha = -0.5}, "rmsprop: alpha -0.5"},
        {{.eps = -1}, "rmsprop: eps -1"},
        {{.momentum = -0.9}, "rmsprop: momentum -0.9"},
        {{.weight_decay = -2}, "rmsprop: weight decay -2"},
        {{.alpha = NAN}, NULL},
        {{.momentum = INFINITY}, NULL},
        {{.weight_decay = INFINITY}, NULL},
    };
    tn_tensor *p = LEAF(1);
    tn_module *net = tn_nn_linear(ctx, 1, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_ptr_null(tn_rmsprop_of(ctx, 1, &p, wrong[i].opts));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
        if (wrong[i].text)
            ck_assert_str_eq(tn_error(ctx), wrong[i].text);
        tn_clear_error(ctx);
        ck_assert_ptr_null(tn_rmsprop(ctx, net, wrong[i].opts));
        tn_clear_error(ctx);
    }
    ck_assert_ptr_null(tn_rmsprop(ctx, NULL, (tn_rmsprop_opts){0}));
    ck_tn_error(TN_ERR_ARGUMENT, "rmsprop: the module is NULL");
}
END_TEST

START_TEST(steps_a_module)
{
    tn_module *net = tn_nn_linear(ctx, 1, 1);
    tn_optim *opt = tn_rmsprop(ctx, net, (tn_rmsprop_opts){.lr = 0.5, .alpha = 0.75});
    double before = tn_item(ctx, tn_parameter_named(net, "bias"));
    tn_backward(ctx, tn_forward(ctx, net, tn_full(ctx, TN_F32, TN_SHAPE(1), 3)));
    ck_assert_int_eq(tn_step(opt), TN_OK);
    ck_tn_close(tn_parameter_named(net, "bias"), 1e-6, before - 0.5 / sqrt(0.25));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rmsprop");
    TCase *tc = tn_case(suite, "rmsprop");
    tcase_add_loop_test(tc, follows_the_formula, 0, VARIANTS);
    tcase_add_loop_test(tc, state_is_what_the_options_need, 0, VARIANTS);
    tcase_add_test(tc, equal_gradients_stay_finite);
    tcase_add_test(tc, options_that_will_not_do);
    tcase_add_test(tc, steps_a_module);
    return tn_run(suite);
}
