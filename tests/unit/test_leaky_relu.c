/* leaky_relu(x, s) = x where it is positive, s x elsewhere. */
#include "common/ops.h"

OP(leaky_relu_of, tn_leaky_relu(ctx, in[0], 0.125))

static const op_case cases[] = {UNARY_CASES("leaky_relu", leaky_relu_of, false)};

static double y(const double *x)
{
    return x[0] > 0 ? x[0] : 0.125 * x[0];
}

static double dx(const double *x, int i)
{
    (void)i;
    return x[0] > 0 ? 1 : 0.125;
}

static const elementwise op = {"leaky_relu", leaky_relu_of, 1, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

/* As PyTorch: at 0 and at NaN the gradient is the slope. */
START_TEST(test_special_values)
{
    tn_tensor *x = LEAF(NAN, INFINITY, -INFINITY, 0, -0.0, 2, -2);
    tn_tensor *y = tn_leaky_relu(ctx, x, -0.5);
    ck_tn_equal(y, NAN, INFINITY, INFINITY, 0, 0, 2, 1);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), -0.5, 1, -0.5, -0.5, -0.5, 1, -0.5);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("leaky_relu", cases, test_values, test_special_values, test_errors)
