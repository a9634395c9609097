/* sigmoid(x) = 1 / (1 + e^-x). */
#include "common/ops.h"

OP(sigmoid_of, tn_sigmoid(ctx, in[0]))

static const op_case cases[] = {UNARY_CASES("sigmoid", sigmoid_of, false)};

static double y(const double *x)
{
    return 1 / (1 + exp(-x[0]));
}

static double dx(const double *x, int i)
{
    (void)i;
    return exp(-x[0]) / ((1 + exp(-x[0])) * (1 + exp(-x[0])));
}

static const elementwise op = {"sigmoid", sigmoid_of, 1, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_special_values)
{
    tn_tensor *x = LEAF(NAN, INFINITY, -INFINITY, 0, 1000, -1000);
    tn_tensor *y = tn_sigmoid(ctx, x);
    ck_tn_equal(y, NAN, 1, 0, 0.5, 1, 0);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), NAN, 0, 0, 0.25, 0, 0);
}
END_TEST

/* Small results are as accurate as large ones. */
START_TEST(test_accuracy)
{
    static const double x[] = {-700, -80, -30};
    tn_tensor *y = tn_sigmoid(ctx, tn_from_data(ctx, TN_F64, TN_SHAPE(3), x));
    for (int i = 0; i < 3; i++)
        ck_assert_double_le(fabs(element_of(y, i) * (1 + exp(-x[i])) - 1), 1e-14);
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("sigmoid", cases, test_values, test_special_values, test_accuracy, test_errors)
