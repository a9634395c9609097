/* gelu(x) = x (1 + erf(x / sqrt(2))) / 2. */
#include "common/ops.h"

OP(gelu_of, tn_gelu(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("gelu", gelu_of, false)};

static double y(const double *x)
{
    return x[0] * (1 + erf(x[0] / sqrt(2))) / 2;
}

static double dx(const double *x, int i)
{
    (void)i;
    return (1 + erf(x[0] / sqrt(2))) / 2 +
           x[0] * exp(-x[0] * x[0] / 2) / sqrt(2 * 3.14159265358979323846);
}

static const elementwise op = {"gelu", gelu_of, 1, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_special_values)
{
    tn_tensor *x = LEAF(NAN, INFINITY, 0, 100, -100);
    tn_tensor *y = tn_gelu(ctx, x);
    ck_tn_equal(y, NAN, INFINITY, 0, 100, 0);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), NAN, 1, 0.5, 1, 0);
}
END_TEST

/* 1 + erf would be 0 here. */
START_TEST(test_accuracy)
{
    double y = element_of(tn_gelu(ctx, F64(-10)), 0);
    ck_assert_double_le(fabs(y / (-5 * erfc(10 / sqrt(2))) - 1), 1e-12);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("gelu", cases, test_values, test_special_values, test_accuracy, test_errors)
