/* softplus(x) = ln(1 + e^x). */
#include "common/ops.h"

OP(softplus_of, tn_softplus(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("softplus", softplus_of, false)};

static double y(const double *x)
{
    return log(1 + exp(x[0]));
}

static double dx(const double *x, int i)
{
    (void)i;
    return exp(x[0]) / (1 + exp(x[0]));
}

static const elementwise op = {"softplus", softplus_of, 1, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

/* The logarithm does not overflow. */
START_TEST(test_extremes)
{
    tn_tensor *x = F64(-1e4, -800, 800, 1e300, INFINITY, -INFINITY, NAN);
    ck_tn_equal(tn_softplus(ctx, x), 0, 0, 800, 1e300, INFINITY, 0, NAN);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("softplus", cases, test_values, test_extremes, test_errors)
