/* add_scalar(x, s) = x + s. */
#include "common/ops.h"

OP(add_scalar_of, tn_add_scalar(ctx, in[0], -0.375))

static const op_case cases[] = {UNARY_CASES("add_scalar", add_scalar_of, false)};

static double y(const double *x)
{
    return x[0] - 0.375;
}

static double dx(const double *x, int i)
{
    (void)x, (void)i;
    return 1;
}

static const elementwise op = {"add_scalar", add_scalar_of, 1, y, dx, false};

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

OP_TESTS("add_scalar", cases, test_values, test_errors)
