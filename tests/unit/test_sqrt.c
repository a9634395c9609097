/* sqrt(x). */
#include "common/ops.h"

OP(sqrt_of, tn_sqrt(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("sqrt", sqrt_of, true)};

static double y(const double *x)
{
    return sqrt(x[0]);
}

static double dx(const double *x, int i)
{
    (void)i;
    return 0.5 / sqrt(x[0]);
}

static const elementwise op = {"sqrt", sqrt_of, 1, y, dx, true};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_special_values)
{
    tn_tensor *x = LEAF(NAN, INFINITY, 0, -1, 4);
    tn_tensor *y = tn_sqrt(ctx, x);
    ck_tn_equal(y, NAN, INFINITY, 0, NAN, 2);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), NAN, 0, INFINITY, NAN, 0.25);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("sqrt", cases, test_values, test_special_values, test_errors)
