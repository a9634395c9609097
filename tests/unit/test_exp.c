/* exp(x) = e^x. */
#include "common/ops.h"

OP(exp_of, tn_exp(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("exp", exp_of, false)};

static double y(const double *x)
{
    return exp(x[0]);
}

static double dx(const double *x, int i)
{
    (void)i;
    return exp(x[0]);
}

static const elementwise op = {"exp", exp_of, 1, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("exp", cases, test_values, test_errors)
