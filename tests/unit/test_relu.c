/* relu(x) = max(x, 0). */
#include "common/ops.h"

OP(relu_of, tn_relu(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("relu", relu_of, false)};

static double y(const double *x)
{
    return x[0] > 0 ? x[0] : 0;
}

static double dx(const double *x, int i)
{
    (void)i;
    return x[0] > 0;
}

static const elementwise op = {"relu", relu_of, 1, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

/* As PyTorch: NaN stays NaN and passes the gradient on; at 0 the gradient is 0. */
START_TEST(test_special_values)
{
    tn_tensor *x = LEAF(NAN, INFINITY, -INFINITY, 0, -0.0, 1, -1);
    tn_tensor *y = tn_relu(ctx, x);
    ck_tn_equal(y, NAN, INFINITY, 0, 0, 0, 1, 0);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), 1, 1, 0, 0, 0, 1, 0);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("relu", cases, test_values, test_special_values, test_errors)
