/* mul_scalar(x, s) = s x. */
#include "common/ops.h"

OP(mul_scalar_of, tn_mul_scalar(ctx, in[0], -1.75))

static const op_case cases[] = {UNARY_CASES("mul_scalar", mul_scalar_of, false)};

static double y(const double *x)
{
    return -1.75 * x[0];
}

static double dx(const double *x, int i)
{
    (void)x, (void)i;
    return -1.75;
}

static const elementwise op = {"mul_scalar", mul_scalar_of, 1, y, dx, false};

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

OP_TESTS("mul_scalar", cases, test_values, test_errors)
