/* add(a, b) = a + b. */
#include "common/ops.h"

OP(add_of, tn_add(ctx, in[0], in[1]))

static const op_case cases[] = {BINARY_CASES("add", add_of)};

static double y(const double *x)
{
    return x[0] + x[1];
}

static double dx(const double *x, int i)
{
    (void)x, (void)i;
    return 1;
}

static const elementwise op = {"add", add_of, 2, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_one_tensor_twice)
{
    tn_tensor *x = LEAF(2, -3);
    tn_backward(ctx, tn_sum(ctx, tn_add(ctx, x, x), (tn_reduce_opts){0}));
    ck_tn_close(tn_grad(x), 1e-15, 2, 2);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("add", cases, test_values, test_one_tensor_twice, test_errors)
