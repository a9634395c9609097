/* The module sequential: order, gradients, and who frees the children. */
#include "common/check_tn.h"

START_TEST(runs_in_order)
{
    tn_module *net =
        tn_sequential(ctx, tn_nn_linear(ctx, 3, 4), tn_nn_relu(ctx), tn_nn_linear(ctx, 4, 2));
    char name[16];
    static const char *const names[] = {"0.weight", "0.bias", "2.weight", "2.bias"};
    ck_assert_int_eq(tn_parameter_count(net), 4);
    for (int i = 0; i < 4; i++) {
        tn_parameter(net, i, name, sizeof name);
        ck_assert_str_eq(name, names[i]);
    }
    ck_assert_str_eq(tn_module_name(net), "Sequential");
    ck_assert_str_eq(tn_module_name(tn_child(net, 1)), "ReLU");
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(5, 3));
    tn_tensor *h = tn_relu(
        ctx, tn_linear(ctx, x, tn_parameter(net, 0, NULL, 0), tn_parameter(net, 1, NULL, 0)));
    tn_tensor *y = tn_linear(ctx, h, tn_parameter(net, 2, NULL, 0), tn_parameter(net, 3, NULL, 0));
    check_same_bits(tn_forward(ctx, net, x), y);
    bool before = tn_set_grad_enabled(ctx, false);
    check_same_bits(tn_forward(ctx, net, x), y);
    tn_set_grad_enabled(ctx, before);
}
END_TEST

START_TEST(gradients_flow)
{
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 3, 4), tn_nn_relu(ctx),
                                   tn_sequential(ctx, tn_nn_linear(ctx, 4, 1)));
    tn_tensor *x = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)));
    tn_tensor *y = tn_forward(ctx, net, x);
    ck_assert_int_eq(tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0})), TN_OK);
    ck_assert_ptr_nonnull(tn_grad(x));
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(tn_grad(tn_parameter(net, i, NULL, 0)));
    ck_tn_equal(tn_grad(tn_parameter_named(net, "2.0.bias")), 2);
}
END_TEST

START_TEST(empty)
{
    tn_module *net = tn_sequential_of(ctx, 0, NULL);
    tn_tensor *x = F64(1, 2), *y = tn_forward(ctx, net, x);
    ck_assert_ptr_ne(y, x);
    ck_tn_equal(y, 1, 2);
    tn_free(y);
    ck_tn_equal(x, 1, 2);
}
END_TEST

/* Without a record, only what the next module needs is kept. */
START_TEST(inference_keeps_little)
{
    enum { LAYERS = 12, SIZE = 64, ROWS = 200 };
    const int64_t bytes = ROWS * SIZE * 4;
    tn_module *layers[2 * LAYERS];
    for (int i = 0; i < LAYERS; i++) {
        layers[2 * i] = tn_nn_linear(ctx, SIZE, SIZE);
        layers[2 * i + 1] = tn_nn_relu(ctx);
    }
    tn_module *net = tn_sequential_of(ctx, 2 * LAYERS, layers);
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(ROWS, SIZE));
    bool before = tn_set_grad_enabled(ctx, false);
    int64_t live = tn_memory(ctx).live_bytes, tensors = tn_memory(ctx).tensors;
    tn_memory_reset_peak(ctx);
    tn_tensor *y = tn_forward(ctx, net, x);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, 3 * bytes);
    ck_assert_int_lt(tn_memory(ctx).live_bytes - live, 2 * bytes);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 1);
    ck_assert_ptr_nonnull(y);
    tn_set_grad_enabled(ctx, before);
}
END_TEST

static tn_tensor *same(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    (void)c, (void)self;
    return (tn_tensor *)x;
}

static const tn_module_type same_type = {.name = "Same", .forward = same};

/* A module may give back what it got, or a parameter: neither is freed. */
START_TEST(modules_that_return_their_input)
{
    tn_module *net =
        tn_sequential(ctx, tn_module_new(ctx, &same_type, 0), tn_module_new(ctx, &same_type, 0),
                      tn_nn_relu(ctx), tn_module_new(ctx, &same_type, 0));
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *x = F64(1, -2);
    tn_scope scope = tn_scope_begin(ctx);
    ck_tn_equal(tn_forward(ctx, net, x), 1, 0);
    tn_tensor *y = F64(3, -4);
    ck_tn_equal(tn_forward(ctx, net, y), 3, 0);
    ck_tn_equal(y, 3, -4);
    tn_scope_end(ctx, scope);
    ck_tn_equal(x, 1, -2);
    tn_set_grad_enabled(ctx, before);
}
END_TEST

/* Children are taken over on failure, too. */
START_TEST(failure_frees_the_children)
{
    int64_t tensors = tn_memory(ctx).tensors;
    ck_assert_ptr_null(tn_sequential(ctx, tn_nn_linear(ctx, 2, 3), NULL, tn_nn_linear(ctx, 3, 1)));
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: the child is NULL");
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_ptr_null(ctx->objects);
    ck_assert_ptr_null(tn_sequential(ctx, tn_nn_linear(ctx, 2, 3), tn_nn_linear(ctx, 0, 1)));
    ck_tn_error(TN_ERR_ARGUMENT, "Linear: 0 inputs and 1 outputs");
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_ptr_null(ctx->objects);
}
END_TEST

/* A child that is given twice, or is part of another module, is an error and freed once. */
START_TEST(children_that_are_not_free)
{
    tn_module *a = tn_nn_linear(ctx, 2, 2), *b = tn_nn_relu(ctx);
    ck_assert_ptr_null(tn_sequential(ctx, a, b, a));
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: the child is part of a module already");
    a = tn_nn_linear(ctx, 2, 2);
    tn_module *outer = tn_sequential(ctx, a, tn_nn_relu(ctx));
    ck_assert_ptr_null(tn_sequential(ctx, tn_nn_relu(ctx), a, outer));
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: the child is part of a module already");
    a = tn_nn_linear(ctx, 2, 2);
    outer = tn_sequential(ctx, a, tn_nn_relu(ctx));
    ck_assert_ptr_null(tn_sequential(ctx, outer, a));
    tn_clear_error(ctx);
    ck_assert_ptr_null(tn_sequential(ctx, tn_nn_linear(ctx, 0, 2), NULL));
    tn_clear_error(ctx);
}
END_TEST

START_TEST(errors_of_children)
{
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 3, 4), tn_nn_relu(ctx));
    ck_assert_ptr_null(tn_forward(ctx, net, tn_ones(ctx, TN_F32, TN_SHAPE(2, 5))));
    ck_tn_error(TN_ERR_SHAPE,
                "linear: input [2,5] and weight [4,3]; expected [...,in] and [out,in]");
    ck_assert_ptr_null(tn_forward(ctx, net, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "Sequential: input is NULL");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sequential");
    TCase *tc = tn_case(suite, "sequential");
    tcase_add_test(tc, runs_in_order);
    tcase_add_test(tc, gradients_flow);
    tcase_add_test(tc, empty);
    tcase_add_test(tc, inference_keeps_little);
    tcase_add_test(tc, modules_that_return_their_input);
    tcase_add_test(tc, failure_frees_the_children);
    tcase_add_test(tc, children_that_are_not_free);
    tcase_add_test(tc, errors_of_children);
    return tn_run(suite);
}
