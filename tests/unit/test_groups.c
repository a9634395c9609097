/* Groups of parameters, with learning rates and weight decays of their own. */
#include "common/check_tn.h"

#include <math.h>

RUNS_WITH_EACH_ISA;

/* Every parameter gets the gradient 1. */
static void step(tn_optim *opt, tn_tensor *const *params, int count)
{
    for (int i = 0; i < count; i++) {
        tn_clear_grad(params[i]);
        tn_backward(ctx, tn_sum(ctx, params[i], (tn_reduce_opts){0}));
    }
    ck_assert_int_eq(tn_step(opt), TN_OK);
}

START_TEST(rates_and_decays_of_their_own)
{
    tn_tensor *params[] = {LEAF(1), LEAF(1), LEAF(1), LEAF(1)};
    tn_optim *opt = tn_sgd_of(ctx, 1, params, (tn_sgd_opts){.lr = 0.25, .weight_decay = 0.5});
    ck_assert_int_eq(tn_group_count(opt), 1);
    ck_assert_int_eq(tn_add_group_of(opt, 1, &params[1], (tn_group_opts){.lr = 0.125}), 1);
    ck_assert_int_eq(tn_add_group_of(opt, 1, &params[2], (tn_group_opts){.weight_decay = 1}), 2);
    ck_assert_int_eq(tn_add_group_of(opt, 1, &params[3], (tn_group_opts){.weight_decay = TN_ZERO}),
                     3);
    ck_assert_int_eq(tn_group_count(opt), 4);
    step(opt, params, 4);
    ck_tn_equal(params[0], 1 - 0.25 * 1.5);
    ck_tn_equal(params[1], 1 - 0.125 * 1.5);
    ck_tn_equal(params[2], 1 - 0.25 * 2);
    ck_tn_equal(params[3], 1 - 0.25);
}
END_TEST

START_TEST(rates_can_be_changed)
{
    tn_tensor *params[] = {LEAF(1), LEAF(1)};
    tn_optim *opt = tn_sgd_of(ctx, 1, params, (tn_sgd_opts){.lr = 0.25});
    tn_add_group_of(opt, 1, &params[1], (tn_group_opts){.lr = 0.5});
    ck_assert_double_eq(tn_lr(opt), 0.25);
    ck_assert_double_eq(tn_group_lr(opt, 0), 0.25);
    ck_assert_double_eq(tn_group_lr(opt, 1), 0.5);
    ck_assert_int_eq(tn_set_lr(opt, 0.125), TN_OK);
    ck_assert_double_eq(tn_group_lr(opt, 1), 0.5);
    ck_assert_int_eq(tn_set_group_lr(opt, 1, 0), TN_OK);
    ck_assert_double_eq(tn_lr(opt), 0.125);
    step(opt, params, 2);
    ck_tn_equal(params[0], 0.875);
    ck_tn_equal(params[1], 1);
    ck_assert_double_eq(tn_group_lr(opt, 2), 0);
    ck_assert_double_eq(tn_group_lr(opt, -1), 0);
    ck_assert_double_eq(tn_group_lr(NULL, 0), 0);
    ck_assert_int_eq(tn_group_count(NULL), 0);
}
END_TEST

/* A parameter that the optimiser has already moves, and its momentum with it. */
START_TEST(moving)
{
    tn_tensor *params[] = {LEAF(0), LEAF(0)};
    tn_optim *opt = tn_sgd_of(ctx, 2, params, (tn_sgd_opts){.lr = 1, .momentum = 0.5});
    step(opt, params, 2);
    int64_t tensors = tn_memory(ctx).tensors;
    ck_assert_int_eq(tn_add_group_of(opt, 1, &params[1], (tn_group_opts){.lr = 2}), 1);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    step(opt, params, 2);
    ck_tn_equal(params[0], -1 - 1.5);
    ck_tn_equal(params[1], -1 - 2 * 1.5);
}
END_TEST

START_TEST(modules)
{
    tn_module *body = tn_nn_linear(ctx, 2, 2), *head = tn_nn_linear(ctx, 2, 1);
    tn_module *net = tn_sequential(ctx, body, head);
    tn_optim *opt = tn_adamw(ctx, net, (tn_adamw_opts){.lr = 1e-3});
    ck_assert_int_eq(tn_add_group(opt, head, (tn_group_opts){.lr = 0.5, .weight_decay = TN_ZERO}),
                     1);
    tn_tensor *bias = tn_parameter_named(net, "1.bias"), *weight = tn_parameter_named(body, "bias");
    double before = tn_item(ctx, bias), other = tn_at(ctx, weight, (int64_t[]){0});
    step(opt, (tn_tensor *[]){bias, weight}, 2);
    ck_tn_close(bias, 1e-6, before - 0.5);
    ck_assert_double_eq_tol(tn_at(ctx, weight, (int64_t[]){0}), other * (1 - 1e-5) - 1e-3, 1e-6);
}
END_TEST

/* Frozen parameters of a module are left alone, and stepped when they are frozen no more. */
START_TEST(frozen_parameters)
{
    tn_module *net = tn_nn_linear(ctx, 1, 1);
    tn_tensor *weight = tn_parameter_named(net, "weight"), *bias = tn_parameter_named(net, "bias");
    ck_assert_int_eq(tn_set_requires_grad(ctx, weight, false), TN_OK);
    int64_t tensors = tn_memory(ctx).tensors;
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 0.5});
    ck_assert_ptr_nonnull(opt);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 2);
    double w = tn_item(ctx, weight), b = tn_item(ctx, bias);
    step(opt, &bias, 1);
    ck_assert_double_eq(tn_item(ctx, weight), w);
    ck_tn_close(bias, 1e-6, b - 0.5);
    tn_set_requires_grad(ctx, weight, true);
    step(opt, &weight, 1);
    ck_tn_close(weight, 1e-6, w - 0.5);
}
END_TEST

START_TEST(groups_that_will_not_do)
{
    tn_tensor *params[] = {LEAF(1), F64(2), NULL};
    tn_optim *opt = tn_sgd_of(ctx, 1, params, (tn_sgd_opts){.lr = 1});
    ck_assert_int_eq(tn_add_group_of(opt, 2, params, (tn_group_opts){.lr = 2}), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE,
                "sgd: parameter 1 of shape [1] is not a leaf that requires a gradient");
    ck_assert_int_eq(tn_add_group_of(opt, 1, &params[2], (tn_group_opts){0}), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "sgd: a parameter is NULL");
    ck_assert_int_eq(tn_add_group_of(opt, 1, NULL, (tn_group_opts){0}), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_group: no parameters");
    ck_assert_int_eq(tn_add_group(opt, NULL, (tn_group_opts){0}), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_group: the module is NULL");
    ck_assert_int_eq(tn_add_group(opt, tn_nn_relu(ctx), (tn_group_opts){0}), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_group: the module has no parameters");
    ck_assert_int_eq(tn_add_group_of(opt, 1, params, (tn_group_opts){.lr = -1}), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "add_group: learning rate -1");
    ck_assert_int_eq(tn_add_group_of(opt, 1, params, (tn_group_opts){.weight_decay = NAN}),
                     TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_add_group_of(NULL, 1, params, (tn_group_opts){0}), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_add_group(NULL, NULL, (tn_group_opts){0}), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_set_group_lr(opt, 1, 0.5), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "set_lr: group 1 of 1");
    ck_assert_int_eq(tn_set_group_lr(opt, -1, 0.5), TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_set_group_lr(opt, 0, NAN), TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_set_group_lr(NULL, 0, 1), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_group_count(opt), 1);
    step(opt, params, 1);
    ck_tn_equal(params[0], 0);
    tn_fail(ctx, TN_ERR_SHAPE, "wrong");
    ck_assert_int_eq(tn_add_group_of(opt, 1, params, (tn_group_opts){0}), TN_ERR_SHAPE);
    tn_clear_error(ctx);
}
END_TEST

/* Each allocation fails once; the optimiser works all the same. */
START_TEST(no_memory)
{
    tn_tensor *params[40];
    for (int i = 0; i < 40; i++)
        params[i] = LEAF(1);
    tn_optim *opt = tn_adam_of(ctx, 1, params, (tn_adam_opts){.lr = 1});
    for (int k = 1, done = 0; !done; k++) {
        tn_empty_cache(ctx);
        memory.calls = 0;
        memory.fail_at = k;
        done = tn_add_group_of(opt, 40, params, (tn_group_opts){.lr = 0.5}) == 1;
        memory.fail_at = 0;
        if (!done) {
            ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
            tn_clear_error(ctx);
            ck_assert_int_eq(tn_group_count(opt), 1);
        }
    }
    step(opt, params, 40);
    ck_tn_close(params[0], 1e-6, 0.5);
    ck_tn_close(params[39], 1e-6, 0.5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups");
    TCase *tc = tn_case(suite, "groups");
    tcase_add_test(tc, rates_and_decays_of_their_own);
    tcase_add_test(tc, rates_can_be_changed);
    tcase_add_test(tc, moving);
    tcase_add_test(tc, modules);
    tcase_add_test(tc, frozen_parameters);
    tcase_add_test(tc, groups_that_will_not_do);
    tcase_add_test(tc, no_memory);
    return tn_run(suite);
}
