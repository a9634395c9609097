/* mse_loss(input, target): the mean, the sum or each of (input - target)^2. */
#include "common/ops.h"

static tn_tensor *loss(const tn_tensor *a, const tn_tensor *b, tn_reduction reduction)
{
    return tn_mse_loss(ctx, a, b, (tn_mse_loss_opts){.reduction = reduction, .broadcast = true});
}

OP(mean, loss(in[0], in[1], TN_REDUCE_MEAN))
OP(sum, loss(in[0], in[1], TN_REDUCE_SUM))
OP(each, loss(in[0], in[1], TN_REDUCE_NONE))

static const op_case cases[] = {
    BINARY_CASES("mse_loss none", each),         {"mse_loss", mean, "[] []", false},
    {"mse_loss", mean, "[3,4] [3,4]", false},    {"mse_loss", mean, "[3,1] [1,4]", false},
    {"mse_loss sum", sum, "[3,4] [3,4]", false}, {"mse_loss sum", sum, "[2,3] []", false}};

static double y(const double *x)
{
    return (x[0] - x[1]) * (x[0] - x[1]);
}

static double dx(const double *x, int i)
{
    return i == 0 ? 2 * (x[0] - x[1]) : 2 * (x[1] - x[0]);
}

static const elementwise op = {"mse_loss", each, 2, y, dx, false};

START_TEST(test_values)
{
    check_elementwise(&op);
}
END_TEST

START_TEST(test_reductions)
{
    tn_tensor *a = LEAF(1, 2, 5, 7), *b = LEAF(2, 2, 1, 6);
    tn_tensor *y = tn_mse_loss(ctx, a, b, (tn_mse_loss_opts){.reduction = TN_REDUCE_SUM});
    ck_tn_equal(y, 18);
    tn_backward(ctx, y);
    ck_tn_equal(tn_grad(a), -2, 0, 8, 2);
    ck_tn_equal(tn_grad(b), 2, 0, -8, -2);
    y = tn_mse_loss(ctx, a, b, (tn_mse_loss_opts){0});
    ck_tn_equal(y, 4.5);
    tn_clear_grad(a);
    tn_backward(ctx, tn_mul_scalar(ctx, y, 4));
    ck_tn_equal(tn_grad(a), -2, 0, 8, 2);
}
END_TEST

START_TEST(test_of_nothing)
{
    tn_tensor *none = tn_zeros(ctx, TN_F64, TN_SHAPE(0, 3));
    ck_tn_equal(tn_mse_loss(ctx, none, none, (tn_mse_loss_opts){.reduction = TN_REDUCE_SUM}), 0);
    ck_tn_equal(tn_mse_loss(ctx, none, none, (tn_mse_loss_opts){0}), NAN);
}
END_TEST

/* A column of predictions and a row of targets make a matrix of losses only if they are told to. */
START_TEST(test_shapes_are_the_same)
{
    tn_tensor *column = tn_reshape(ctx, F64(1, 2, 3, 4, 5), TN_SHAPE(5, 1)),
              *row = F64(1, 2, 3, 4, 5);
    check_fails(tn_mse_loss(ctx, column, row, (tn_mse_loss_opts){0}), TN_ERR_SHAPE,
                "mse_loss: input [5,1] and target [5] have different shapes; the option broadcast "
                "allows that");
    check_fails(tn_mse_loss(ctx, row, F64(1), (tn_mse_loss_opts){0}), TN_ERR_SHAPE,
                "mse_loss: input [5] and target [1] have different shapes; the option broadcast "
                "allows that");
    check_fails(tn_mse_loss(ctx, tn_scalar(ctx, TN_F64, 1), F64(1), (tn_mse_loss_opts){0}),
                TN_ERR_SHAPE,
                "mse_loss: input [] and target [1] have different shapes; the option broadcast "
                "allows that");
    tn_tensor *all = loss(column, row, TN_REDUCE_NONE);
    ck_assert_int_eq(tn_numel(all), 25);
    ck_tn_equal(loss(column, row, TN_REDUCE_MEAN), 4);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = F64(1, 2);
    check_fails(tn_mse_loss(ctx, x, x, (tn_mse_loss_opts){.reduction = (tn_reduction)3}),
                TN_ERR_ARGUMENT, "mse_loss: reduction 3");
}
END_TEST

OP_TESTS("mse_loss", cases, test_values, test_reductions, test_of_nothing, test_shapes_are_the_same,
         test_errors)
