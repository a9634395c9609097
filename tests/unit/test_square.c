/* square(x) = x^2. */
#include "common/ops.h"

OP(square_of, tn_square(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("square", square_of, false)};

static double y(const double *x)
{
    return x[0] * x[0];
}

static double dx(const double *x, int i)
{
    (void)i;
    return 2 * x[0];
}

static const elementwise op = {"square", square_of, 1, y, dx, false};

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

OP_TESTS("square", cases, test_values, test_errors)
