/* tanh(x). */
#include "common/ops.h"

OP(tanh_of, tn_tanh(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("tanh", tanh_of, false)};

static double y(const double *x)
{
    return tanh(x[0]);
}

static double dx(const double *x, int i)
{
    (void)i;
    return 1 / (cosh(x[0]) * cosh(x[0]));
}

static const elementwise op = {"tanh", tanh_of, 1, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_special_values)
{
    tn_tensor *x = LEAF(NAN, INFINITY, -INFINITY, 0, 1000, -1000);
    tn_tensor *y = tn_tanh(ctx, x);
    ck_tn_equal(y, NAN, 1, -1, 0, 1, -1);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), NAN, 0, 0, 1, 0, 0);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("tanh", cases, test_values, test_special_values, test_errors)
