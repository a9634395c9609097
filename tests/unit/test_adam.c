/* Adam and AdamW: the formula, options, and memory. */
#include "common/check_tn.h"

#include <math.h>
#include <string.h>

RUNS_WITH_EACH_ISA;

/* What both optimisers are called with. */
typedef struct variant {
    bool decoupled;
    tn_adam_opts opts;
} variant;

static const variant variants[] = {
    {false, {.lr = 0.1}},
    {false, {.lr = 0.1, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-3}},
    {false, {.lr = 0.05, .weight_decay = 0.1}},
    {true, {.lr = 0.1, .weight_decay = 0.2}},
    {true, {.lr = 0.02, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-6, .weight_decay = 1}},
};

#define VARIANTS ((int)(sizeof variants / sizeof *variants))

static tn_optim *make(const variant *v, tn_tensor **params, int64_t count)
{
    const tn_adam_opts *o = &v->opts;
    if (!v->decoupled)
        return tn_adam_of(ctx, count, params, *o);
    return tn_adamw_of(ctx, count, params,
                       (tn_adamw_opts){.lr = o->lr,
                                       .beta1 = o->beta1,
                                       .beta2 = o->beta2,
                                       .eps = o->eps,
                                       .weight_decay = o->weight_decay});
}

/* The formula on one number, as it stands in the papers. */
static void naive_step(const variant *o, int t, double grad, double *p, double *m, double *v)
{
    double beta1 = o->opts.beta1 > 0 ? o->opts.beta1 : 0.9;
    double beta2 = o->opts.beta2 > 0 ? o->opts.beta2 : 0.999;
    double eps = o->opts.eps > 0 ? o->opts.eps : 1e-8, lr = o->opts.lr;
    if (o->decoupled)
        *p -= lr * o->opts.weight_decay * *p;
    else
        grad += o->opts.weight_decay * *p;
    *m = beta1 * *m + (1 - beta1) * grad;
    *v = beta2 * *v + (1 - beta2) * grad * grad;
    *p -= lr * *m / (1 - pow(beta1, t)) / (sqrt(*v / (1 - pow(beta2, t))) + eps);
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

static void follow(const variant *o, tn_dtype dtype, double tolerance)
{
    enum { N = 37 };
    tn_tensor *w = tn_empty(ctx, dtype, TN_SHAPE(N));
    tn_uniform_(ctx, w, -0.5, 1);
    leaf(w);
    double p[N], m[N] = {0}, v[N] = {0};
    for (int64_t i = 0; i < N; i++)
        p[i] = tn_at(ctx, w, &i);
    tn_optim *opt = make(o, &w, 1);
    for (int step = 1; step <= 20; step++) {
        take_step(opt, w);
        for (int i = 0; i < N; i++)
            naive_step(o, step, p[i] * p[i] * p[i] + 1, &p[i], &m[i], &v[i]);
        check_elements(__FILE__, __LINE__, w, tolerance, p, N);
    }
}

START_TEST(follows_the_formula)
{
    follow(&variants[_i], TN_F64, 1e-12);
    follow(&variants[_i], TN_F32, 1e-4);
}
END_TEST

/* Whatever the gradient, the first step is lr long. */
START_TEST(first_step)
{
    tn_tensor *p = LEAF(1, 1, 1);
    tn_optim *opt = tn_adam_of(ctx, 1, &p, (tn_adam_opts){.lr = 0.25});
    tn_backward_with(ctx, tn_clone(ctx, p), F64(1e-3, -7, 1e5));
    ck_assert_int_eq(tn_step(opt), TN_OK);
    ck_tn_close(p, 1e-5, 0.75, 1.25, 0.75);
}
END_TEST

/* Each parameter counts its own steps. */
START_TEST(first_step_of_a_late_parameter)
{
    tn_tensor *params[] = {LEAF(1), LEAF(1)};
    tn_optim *opt = tn_adam_of(ctx, 2, params, (tn_adam_opts){.lr = 0.5});
    for (int i = 0; i < 3; i++) {
        tn_backward(ctx, tn_mul_scalar(ctx, params[0], 2));
        tn_step(opt);
    }
    ck_tn_equal(params[1], 1);
    tn_backward(ctx, tn_mul_scalar(ctx, params[1], 4));
    tn_step(opt);
    ck_tn_close(params[1], 1e-7, 0.5);
}
END_TEST

START_TEST(defaults)
{
    tn_tensor *p = LEAF(2), *q = LEAF(2), *r = LEAF(2);
    ck_assert_double_eq(tn_lr(tn_adam_of(ctx, 1, &p, (tn_adam_opts){0})), 1e-3);
    tn_optim *decaying = tn_adamw_of(ctx, 1, &q, (tn_adamw_opts){0});
    tn_optim *plain = tn_adamw_of(ctx, 1, &r, (tn_adamw_opts){.weight_decay = TN_ZERO});
    ck_assert_double_eq(tn_lr(decaying), 1e-3);
    tn_backward_with(ctx, q, F64(1));
    tn_backward_with(ctx, r, F64(1));
    tn_step(decaying);
    tn_step(plain);
    ck_tn_close(q, 1e-10, 2 * (1 - 1e-3 * 1e-2) - 1e-3);
    ck_tn_close(r, 1e-10, 2 - 1e-3);
}
END_TEST

START_TEST(options_that_will_not_do)
{
    static const struct {
        tn_adam_opts opts;
        const char *text;
    } wrong[] = {
        {{.lr = -1}, "adam: learning rate -1"},
        {{.beta1 = 1}, "adam: beta1 1"},
        {{.beta1 = -0.5}, "adam: beta1 -0.5"},
        {{.beta2 = 1.5}, "adam: beta2 1.5"},
        {{.eps = -1e-8}, "adam: eps -1e-08"},
        {{.weight_decay = -2}, "adam: weight decay -2"},
        {{.lr = NAN}, NULL},
        {{.beta1 = NAN}, NULL},
        {{.beta2 = NAN}, NULL},
        {{.eps = INFINITY}, NULL},
        {{.weight_decay = NAN}, NULL},
    };
    tn_tensor *p = LEAF(1);
    tn_module *net = tn_nn_linear(ctx, 1, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        variant decoupled = {true, wrong[i].opts};
        ck_assert_ptr_null(tn_adam_of(ctx, 1, &p, wrong[i].opts));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
        if (wrong[i].text)
            ck_assert_str_eq(tn_error(ctx), wrong[i].text);
        tn_clear_error(ctx);
        ck_assert_ptr_null(tn_adam(ctx, net, wrong[i].opts));
        tn_clear_error(ctx);
        ck_assert_ptr_null(make(&decoupled, &p, 1));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
        ck_assert(strncmp(tn_error(ctx), "adamw: ", 7) == 0);
        tn_clear_error(ctx);
    }
    ck_assert_ptr_null(tn_adam(ctx, NULL, (tn_adam_opts){0}));
    ck_tn_error(TN_ERR_ARGUMENT, "adam: the module is NULL");
    ck_assert_ptr_null(tn_adamw(ctx, NULL, (tn_adamw_opts){0}));
    ck_tn_error(TN_ERR_ARGUMENT, "adamw: the module is NULL");
    ck_assert_ptr_null(tn_adam(NULL, net, (tn_adam_opts){0}));
    ck_assert_ptr_null(tn_adamw_of(NULL, 1, &p, (tn_adamw_opts){0}));
}
END_TEST

static void train_step(tn_module *net, tn_optim *opt, const tn_tensor *x)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *y = tn_forward(ctx, net, x);
    tn_zero_grad(opt);
    tn_backward(ctx, tn_mean(ctx, tn_square(ctx, y), (tn_reduce_opts){0}));
    tn_clip_grad_norm(opt, 1);
    ck_assert_int_eq(tn_step(opt), TN_OK);
    tn_scope_end(ctx, scope);
}

START_TEST(steady_steps_allocate_nothing)
{
    tn_module *net =
        tn_sequential(ctx, tn_nn_linear(ctx, 8, 16), tn_nn_relu(ctx), tn_nn_linear(ctx, 16, 3));
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(5, 8));
    tn_optim *opt =
        _i ? tn_adamw(ctx, net, (tn_adamw_opts){0}) : tn_adam(ctx, net, (tn_adam_opts){.lr = 0.01});
    for (int i = 0; i < 3; i++)
        train_step(net, opt, x);
    int64_t calls = memory.calls;
    for (int i = 0; i < 10; i++)
        train_step(net, opt, x);
    ck_assert_int_eq(memory.calls, calls);
}
END_TEST

/* Without memory there is no optimiser, and nothing is left behind. */
START_TEST(no_memory)
{
    tn_tensor *params[] = {LEAF(1, 2), LEAF(3)};
    int64_t live = tn_memory(ctx).live_bytes;
    for (int k = 1;; k++) {
        tn_empty_cache(ctx);
        memory.calls = memory.failed = 0;
        memory.fail_at = k;
        tn_optim *opt = tn_adam_of(ctx, 2, params, (tn_adam_opts){0});
        memory.fail_at = 0;
        if (opt) {
            ck_assert_int_gt(k, 4);
            break;
        }
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
        tn_clear_error(ctx);
        ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("adam");
    TCase *tc = tn_case(suite, "adam");
    tcase_add_loop_test(tc, follows_the_formula, 0, VARIANTS);
    tcase_add_test(tc, first_step);
    tcase_add_test(tc, first_step_of_a_late_parameter);
    tcase_add_test(tc, defaults);
    tcase_add_test(tc, options_that_will_not_do);
    tcase_add_loop_test(tc, steady_steps_allocate_nothing, 0, 2);
    tcase_add_test(tc, no_memory);
    return tn_run(suite);
}
