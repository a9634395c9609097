/* log(x) = ln x. */
#include "common/ops.h"

OP(log_of, tn_log(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("log", log_of, true)};

static double y(const double *x)
{
    return log(x[0]);
}

static double dx(const double *x, int i)
{
    (void)i;
    return 1 / x[0];
}

static const elementwise op = {"log", log_of, 1, y, dx, true};

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

OP_TESTS("log", cases, test_values, test_errors)
