/* What all optimisers share: steps, learning rates, and parameters that they refuse. */
#include "common/check_tn.h"

#include <math.h>

static tn_optim *sgd_of(tn_tensor *p, tn_sgd_opts opts)
{
    return tn_sgd_of(ctx, 1, &p, opts);
}

static void backward_sum(tn_tensor *p)
{
    ck_assert_int_eq(tn_backward(ctx, tn_sum(ctx, p, (tn_reduce_opts){0})), TN_OK);
}

START_TEST(steps_what_has_a_gradient)
{
    tn_tensor *params[] = {LEAF(1, 2), LEAF(3, 4)};
    tn_optim *opt = tn_sgd_of(ctx, 2, params, (tn_sgd_opts){.lr = 0.5});
    ck_assert_int_eq(tn_step(opt), TN_OK);
    backward_sum(params[1]);
    ck_assert_int_eq(tn_step(opt), TN_OK);
    ck_tn_equal(params[0], 1, 2);
    ck_tn_equal(params[1], 2.5, 3.5);
    ck_assert_int_eq(tn_step(opt), TN_OK);
    ck_tn_equal(params[1], 2, 3);
    tn_zero_grad(opt);
    ck_assert_ptr_null(tn_grad(params[1]));
    ck_assert_int_eq(tn_step(opt), TN_OK);
    ck_tn_equal(params[1], 2, 3);
}
END_TEST

START_TEST(steps_all_parameters_of_a_module)
{
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 1, 1), tn_nn_linear(ctx, 1, 1));
    bool before = tn_set_grad_enabled(ctx, false);
    for (int i = 0; i < 4; i++)
        tn_fill_(ctx, tn_parameter(net, i, NULL, 0), 1);
    tn_set_grad_enabled(ctx, before);
    tn_optim *opt = tn_sgd(ctx, net, (tn_sgd_opts){.lr = 1});
    tn_backward(ctx, tn_forward(ctx, net, tn_full(ctx, TN_F32, TN_SHAPE(1), 3)));
    ck_assert_int_eq(tn_step(opt), TN_OK);
    ck_tn_equal(tn_parameter(net, 0, NULL, 0), -2);
    ck_tn_equal(tn_parameter(net, 1, NULL, 0), 0);
    ck_tn_equal(tn_parameter(net, 2, NULL, 0), -3);
    ck_tn_equal(tn_parameter(net, 3, NULL, 0), 0);
}
END_TEST

START_TEST(a_step_is_a_change_in_place)
{
    tn_tensor *p = LEAF(1, 2), *y = tn_square(ctx, p);
    tn_optim *opt = sgd_of(p, (tn_sgd_opts){0});
    backward_sum(p);
    ck_assert_int_eq(tn_step(opt), TN_OK);
    ck_assert_int_eq(tn_backward_with(ctx, y, F64(1, 1)), TN_ERR_STATE);
    tn_clear_error(ctx);
}
END_TEST

START_TEST(nothing_happens_while_an_error_is_recorded)
{
    tn_tensor *p = LEAF(1, 2);
    tn_optim *opt = sgd_of(p, (tn_sgd_opts){.lr = 1});
    backward_sum(p);
    tn_fail(ctx, TN_ERR_SHAPE, "wrong");
    ck_assert_int_eq(tn_step(opt), TN_ERR_SHAPE);
    ck_assert_int_eq(tn_set_lr(opt, 5), TN_ERR_SHAPE);
    tn_clear_error(ctx);
    ck_assert_double_eq(tn_lr(opt), 1);
    ck_tn_equal(p, 1, 2);
    ck_assert_int_eq(tn_step(NULL), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_set_lr(NULL, 1), TN_ERR_ARGUMENT);
    ck_assert_double_eq(tn_lr(NULL), 0);
    tn_zero_grad(NULL);
    tn_optim_free(NULL);
}
END_TEST

START_TEST(learning_rates)
{
    tn_tensor *p = LEAF(1);
    tn_optim *opt = sgd_of(p, (tn_sgd_opts){0});
    ck_assert_double_eq(tn_lr(opt), 1e-3);
    ck_assert_int_eq(tn_set_lr(opt, 0.25), TN_OK);
    ck_assert_double_eq(tn_lr(opt), 0.25);
    backward_sum(p);
    tn_step(opt);
    ck_tn_equal(p, 0.75);
    ck_assert_int_eq(tn_set_lr(opt, 0), TN_OK);
    tn_step(opt);
    ck_tn_equal(p, 0.75);
    static const double wrong[] = {-1, NAN, INFINITY};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(tn_set_lr(opt, wrong[i]), TN_ERR_ARGUMENT);
        tn_clear_error(ctx);
        ck_assert_ptr_null(sgd_of(p, (tn_sgd_opts){.lr = wrong[i]}));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
        tn_clear_error(ctx);
    }
    tn_set_lr(opt, -1);
    ck_tn_error(TN_ERR_ARGUMENT, "set_lr: learning rate -1");
    ck_assert_double_eq(tn_lr(opt), 0);
}
END_TEST

START_TEST(parameters_that_will_not_do)
{
    tn_tensor *p = LEAF(1), *y = tn_square(ctx, p), *plain = F64(2, 3), *null = NULL;
    tn_tensor *i = tn_zeros(ctx, TN_I64, TN_SHAPE(1)), *some[] = {p, plain};
    int64_t tensors = tn_memory(ctx).tensors;
    tn_sgd_opts opts = {.momentum = 0.9};
    ck_assert_ptr_null(tn_sgd_of(ctx, 2, some, opts));
    ck_tn_error(TN_ERR_STATE,
                "sgd: parameter 1 of shape [2] is not a leaf that requires a gradient");
    ck_assert_ptr_null(tn_sgd_of(ctx, 1, &y, opts));
    ck_tn_error(TN_ERR_STATE,
                "sgd: parameter 0 of shape [1] is not a leaf that requires a gradient");
    ck_assert_ptr_null(tn_sgd_of(ctx, 1, &i, opts));
    ck_tn_error(TN_ERR_DTYPE, "sgd: a parameter is i64 but must be f32 or f64; tn_cast converts");
    ck_assert_ptr_null(tn_sgd_of(ctx, 1, &null, opts));
    ck_tn_error(TN_ERR_ARGUMENT, "sgd: a parameter is NULL");
    ck_assert_ptr_null(tn_sgd_of(ctx, 1, NULL, opts));
    ck_tn_error(TN_ERR_ARGUMENT, "sgd: no parameters");
    ck_assert_ptr_null(tn_sgd_of(ctx, 0, &p, opts));
    ck_tn_error(TN_ERR_ARGUMENT, "sgd: no parameters");
    ck_assert_ptr_null(tn_sgd(ctx, NULL, opts));
    ck_tn_error(TN_ERR_ARGUMENT, "sgd: the module is NULL");
    ck_assert_ptr_null(tn_sgd(ctx, tn_nn_relu(ctx), opts));
    ck_tn_error(TN_ERR_ARGUMENT, "sgd: the module has no parameters");
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
}
END_TEST

/* A leaf of a view, as a weight that is seen turned: the steps go over memory in order. */
START_TEST(parameters_with_gaps)
{
    tn_tensor *turned = leaf(tn_transpose(ctx, tn_ones(ctx, TN_F64, TN_SHAPE(3, 2)), 0, 1));
    tn_tensor *list[] = {leaf(F64(1, 2)), turned};
    ck_assert_ptr_null(tn_sgd_of(ctx, 2, list, (tn_sgd_opts){0}));
    ck_tn_error(TN_ERR_ARGUMENT, "sgd: parameter 1 of shape [2,3] is not contiguous");
    tn_optim *opt = tn_adam_of(ctx, 1, list, (tn_adam_opts){0});
    ck_assert_int_lt(tn_add_group_of(opt, 1, &turned, (tn_group_opts){0}), 0);
    ck_tn_error(TN_ERR_ARGUMENT, "adam: parameter 0 of shape [2,3] is not contiguous");
    ck_assert_int_eq(tn_group_count(opt), 1);
    tn_module *m = tn_nn_relu(ctx);
    tn_add_parameter(ctx, m, "weight", leaf(tn_transpose(ctx, tn_detach(ctx, turned), 0, 1)));
    tn_add_parameter(ctx, m, "turned", turned);
    tn_freeze(ctx, m, true);
    ck_assert_ptr_null(tn_rmsprop(ctx, m, (tn_rmsprop_opts){0}));
    ck_tn_error(TN_ERR_ARGUMENT, "rmsprop: parameter 1 of shape [2,3] is not contiguous");
}
END_TEST

START_TEST(parameters_that_were_converted)
{
    tn_module *net = tn_nn_linear(ctx, 2, 1);
    tn_optim *opt = tn_sgd(ctx, net, (tn_sgd_opts){.momentum = 0.9});
    tn_module_to(ctx, net, TN_F64);
    tn_backward(ctx, tn_forward(ctx, net, F64(1, 1)));
    ck_assert_int_eq(tn_step(opt), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "sgd: a parameter of shape [1,2] was converted; make the optimiser "
                              "after tn_module_to");
}
END_TEST

START_TEST(freeing)
{
    tn_tensor *p = LEAF(1, 2);
    tn_memory_stats before = tn_memory(ctx);
    tn_optim *opt = sgd_of(p, (tn_sgd_opts){.momentum = 0.9});
    ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors + 1);
    tn_optim_free(opt);
    ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, before.live_bytes);
    ck_assert_ptr_null(ctx->objects);
    sgd_of(p, (tn_sgd_opts){.momentum = 0.9});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("optim");
    TCase *tc = tn_case(suite, "optim");
    tcase_add_test(tc, steps_what_has_a_gradient);
    tcase_add_test(tc, steps_all_parameters_of_a_module);
    tcase_add_test(tc, a_step_is_a_change_in_place);
    tcase_add_test(tc, nothing_happens_while_an_error_is_recorded);
    tcase_add_test(tc, learning_rates);
    tcase_add_test(tc, parameters_that_will_not_do);
    tcase_add_test(tc, parameters_with_gaps);
    tcase_add_test(tc, parameters_that_were_converted);
    tcase_add_test(tc, freeing);
    return tn_run(suite);
}
