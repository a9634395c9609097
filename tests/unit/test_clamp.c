/* clamp(x, low, high) = min(max(x, low), high). */
#include "common/ops.h"

OP(clamp_of, tn_clamp(ctx, in[0], -0.53125, 0.78125))

static const op_case cases[] = {UNARY_CASES("clamp", clamp_of, false)};

static double y(const double *x)
{
    return fmin(fmax(x[0], -0.53125), 0.78125);
}

static double dx(const double *x, int i)
{
    (void)i;
    return x[0] >= -0.53125 && x[0] <= 0.78125;
}

static const elementwise op = {"clamp", clamp_of, 1, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

/* As PyTorch: the bounds pass the gradient on, NaN does not. */
START_TEST(test_special_values)
{
    tn_tensor *x = LEAF(NAN, INFINITY, -INFINITY, 0, -1, 2, 3, -2);
    tn_tensor *y = tn_clamp(ctx, x, -1, 2);
    ck_tn_equal(y, NAN, 2, -1, 0, -1, 2, 2, -1);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), 0, 0, 0, 1, 1, 1, 0, 0);
}
END_TEST

START_TEST(test_one_bound)
{
    tn_tensor *x = F64(-3, 0, 3, INFINITY);
    ck_tn_equal(tn_clamp(ctx, x, 1, INFINITY), 1, 1, 3, INFINITY);
    ck_tn_equal(tn_clamp(ctx, x, -INFINITY, 1), -3, 0, 1, 1);
}
END_TEST

/* As PyTorch: everything is the upper bound if that is the lower one. */
START_TEST(test_bounds_exchanged)
{
    tn_tensor *x = LEAF(-3, 0, 3, 1, -1);
    tn_tensor *y = tn_clamp(ctx, x, 1, -1);
    ck_tn_equal(y, -1, -1, -1, -1, -1);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(test_bounds_that_are_none)
{
    tn_tensor *x = F64(1, 2);
    check_fails(tn_clamp(ctx, x, NAN, 1), TN_ERR_ARGUMENT, "clamp: bounds nan and 1");
    check_fails(tn_clamp(ctx, x, 0.5, NAN), TN_ERR_ARGUMENT, "clamp: bounds 0.5 and nan");
}
END_TEST

START_TEST(test_errors)
{
    check_elementwise_errors(&op);
}
END_TEST

OP_TESTS("clamp", cases, test_values, test_special_values, test_one_bound, test_bounds_exchanged,
         test_bounds_that_are_none, test_errors)
