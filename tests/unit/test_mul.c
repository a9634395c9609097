/* mul(a, b) = a b. */
#include "common/ops.h"

OP(mul_of, tn_mul(ctx, in[0], in[1]))

static const op_case cases[] = {BINARY_CASES("mul", mul_of)};

static double y(const double *x)
{
    return x[0] * x[1];
}

static double dx(const double *x, int i)
{
    return x[1 - i];
}

static const elementwise op = {"mul", mul_of, 2, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_one_tensor_twice)
{
    tn_tensor *x = LEAF(2, -3);
    tn_backward(ctx, tn_sum(ctx, tn_mul(ctx, x, x), (tn_reduce_opts){0}));
    ck_tn_close(tn_grad(x), 1e-15, 4, -6);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("mul", cases, test_values, test_one_tensor_twice, test_errors)
