/* sub(a, b) = a - b. */
#include "common/ops.h"

OP(sub_of, tn_sub(ctx, in[0], in[1]))

static const op_case cases[] = {BINARY_CASES("sub", sub_of)};

static double y(const double *x)
{
    return x[0] - x[1];
}

static double dx(const double *x, int i)
{
    (void)x;
    return i == 0 ? 1 : -1;
}

static const elementwise op = {"sub", sub_of, 2, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_one_tensor_twice)
{
    tn_tensor *x = LEAF(2, -3);
    tn_backward(ctx, tn_sum(ctx, tn_sub(ctx, x, x), (tn_reduce_opts){0}));
    ck_tn_close(tn_grad(x), 1e-15, 0, 0);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("sub", cases, test_values, test_one_tensor_twice, test_errors)
