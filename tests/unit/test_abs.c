/* abs(x) = |x|. */
#include "common/ops.h"

OP(abs_of, tn_abs(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("abs", abs_of, false)};

static double y(const double *x)
{
    return fabs(x[0]);
}

static double dx(const double *x, int i)
{
    (void)i;
    return x[0] > 0 ? 1 : -1;
}

static const elementwise op = {"abs", abs_of, 1, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

/* As PyTorch: the gradient at 0 and at NaN is 0. */
START_TEST(test_special_values)
{
    tn_tensor *x = LEAF(NAN, INFINITY, -INFINITY, 0, -0.0, 1, -1);
    tn_tensor *y = tn_abs(ctx, x);
    ck_tn_equal(y, NAN, INFINITY, INFINITY, 0, 0, 1, 1);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), 0, 1, -1, 0, 0, 1, -1);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("abs", cases, test_values, test_special_values, test_errors)
