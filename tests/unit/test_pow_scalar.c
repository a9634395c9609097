/* pow_scalar(x, p) = x^p. */
#include "common/ops.h"

OP(pow_scalar_of, tn_pow_scalar(ctx, in[0], 2.5))

OP(cube_of, tn_pow_scalar(ctx, in[0], 3))
OP(inverse_of, tn_pow_scalar(ctx, in[0], -1))

static const op_case cases[] = {UNARY_CASES("pow_scalar", pow_scalar_of, true),
                                {"pow_scalar 3", cube_of, "[3,4]", false},
                                {"pow_scalar -1", inverse_of, "[3,4]", false}};

static double y(const double *x)
{
    return pow(x[0], 2.5);
}

static double dx(const double *x, int i)
{
    (void)i;
    return 2.5 * pow(x[0], 1.5);
}

static const elementwise op = {"pow_scalar", pow_scalar_of, 1, y, dx, true};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

static void check_power(double p, double x, double want, double slope)
{
    tn_tensor *t = LEAF(x), *y = tn_pow_scalar(ctx, t, p);
    ck_tn_close(y, 1e-15, want);
    tn_backward(ctx, y);
    ck_tn_close(tn_grad(t), 1e-15, slope);
}

/* As PyTorch: the gradient of x^0 is 0 everywhere. */
START_TEST(test_powers)
{
    check_power(0, 3, 1, 0);
    check_power(0, 0, 1, 0);
    check_power(0, NAN, 1, 0);
    check_power(1, 0, 0, 1);
    check_power(1, -2, -2, 1);
    check_power(2, -3, 9, -6);
    check_power(3, -2, -8, 12);
    check_power(-1, -2, -0.5, -0.25);
    check_power(-1, 0, INFINITY, -INFINITY);
    check_power(0.5, 4, 2, 0.25);
    check_power(0.5, 0, 0, INFINITY);
    check_power(0.5, -1, NAN, NAN);
    check_power(2, INFINITY, INFINITY, INFINITY);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("pow_scalar", cases, test_values, test_powers, test_errors)
