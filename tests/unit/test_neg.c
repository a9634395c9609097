/* neg(x) = -x. */
#include "common/ops.h"

OP(neg_of, tn_neg(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("neg", neg_of, false)};

static double y(const double *x)
{
    return -x[0];
}

static double dx(const double *x, int i)
{
    (void)x, (void)i;
    return -1;
}

static const elementwise op = {"neg", neg_of, 1, y, dx, false};

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

OP_TESTS("neg", cases, test_values, test_errors)
