/* div(a, b) = a / b. */
#include "common/ops.h"

OP(div_of, tn_div(ctx, in[0], in[1]))

static const op_case cases[] = {BINARY_CASES("div", div_of)};

static double y(const double *x)
{
    return x[0] / x[1];
}

static double dx(const double *x, int i)
{
    return i == 0 ? 1 / x[1] : -x[0] / (x[1] * x[1]);
}

static const elementwise op = {"div", div_of, 2, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_one_tensor_twice)
{
    tn_tensor *x = LEAF(2, -3);
    tn_backward(ctx, tn_sum(ctx, tn_div(ctx, x, x), (tn_reduce_opts){0}));
    ck_tn_close(tn_grad(x), 1e-15, 0, 0);
}
END_TEST

/* The square of b may be out of the range of float where the gradient is not. */
START_TEST(test_gradient_of_extreme_quotients)
{
    tn_tensor *a = leaf(tn_from_data(ctx, TN_F32, TN_SHAPE(2), (float[]){1e-30F, 1e30F}));
    tn_tensor *b = leaf(tn_from_data(ctx, TN_F32, TN_SHAPE(2), (float[]){1e-25F, 1e25F}));
    tn_backward(ctx, tn_sum(ctx, tn_div(ctx, a, b), (tn_reduce_opts){0}));
    ck_assert_double_eq_tol(element_of(tn_grad(b), 0) / -1e20, 1, 1e-5);
    ck_assert_double_eq_tol(element_of(tn_grad(b), 1) / -1e-20, 1, 1e-5);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("div", cases, test_values, test_one_tensor_twice, test_gradient_of_extreme_quotients,
         test_errors)
