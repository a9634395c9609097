/* sum(x) and mean(x), over any dimensions. */
#include "common/ops.h"

OP(sum_all, tn_sum(ctx, in[0], (tn_reduce_opts){0}))
OP(sum_first, tn_sum(ctx, in[0], TN_DIMS(0)))
OP(sum_last_kept, tn_sum(ctx, in[0], TN_KEEPDIMS(-1)))
OP(sum_two, tn_sum(ctx, in[0], TN_DIMS(0, 2)))
OP(mean_all, tn_mean(ctx, in[0], (tn_reduce_opts){0}))
OP(mean_first, tn_mean(ctx, in[0], TN_DIMS(0)))
OP(mean_last_kept, tn_mean(ctx, in[0], TN_KEEPDIMS(-1)))
OP(mean_two, tn_mean(ctx, in[0], TN_DIMS(0, 2)))

static const op_case cases[] = {{"sum", sum_all, "[]", false},
                                {"sum", sum_all, "[3,4]", false},
                                {"sum", sum_all, "[2,1,2,1,2,1,2,2]", false},
                                {"sum dim=0", sum_first, "[3,4]", false},
                                {"sum dim=-1 keepdim", sum_last_kept, "[3,4]", false},
                                {"sum dims=0,2", sum_two, "[3,4,2]", false},
                                {"sum dims=0,2", sum_two, "[2,0,3]", false},
                                {"mean", mean_all, "[]", false},
                                {"mean", mean_all, "[3,4]", false},
                                {"mean dim=0", mean_first, "[3,4]", false},
                                {"mean dim=-1 keepdim", mean_last_kept, "[3,4]", false},
                                {"mean dims=0,2", mean_two, "[3,4,2]", false}};

/* One after another, a million times 0.1 in float is off by a percent. */
START_TEST(test_rounding)
{
    tn_tensor *x = tn_full(ctx, TN_F32, TN_SHAPE(1000, 1000), 0.1);
    double exact = 1e6 * (double)0.1F;
    ck_assert_double_le(fabs(tn_item(ctx, tn_sum(ctx, x, (tn_reduce_opts){0})) / exact - 1), 1e-6);
    ck_assert_double_le(fabs(tn_item(ctx, tn_mean(ctx, x, (tn_reduce_opts){0})) / 0.1 - 1), 1e-6);
    tn_tensor *columns = tn_reshape(ctx, x, TN_SHAPE(500000, 2));
    double column = element_of(tn_sum(ctx, columns, TN_DIMS(0)), 1);
    ck_assert_double_le(fabs(column / (exact / 2) - 1), 1e-5);
}
END_TEST

/* The mean of equal numbers is that number: n / n is 1, which n (1 / n) need not be. */
START_TEST(test_mean_of_ones)
{
    for (int64_t n = 1; n <= 300; n++)
        for (int i = 0; i < 2; i++) {
            tn_dtype dtype = i == 0 ? TN_F32 : TN_F64;
            tn_tensor *ones = tn_ones(ctx, dtype, TN_SHAPE(n)),
                      *rows = tn_reshape(ctx, ones, TN_SHAPE(n, 1));
            ck_tn_equal(tn_mean(ctx, ones, (tn_reduce_opts){0}), 1);
            ck_tn_equal(tn_mean(ctx, rows, TN_DIMS(0)), 1);
            tn_tensor *zeros = tn_zeros(ctx, dtype, TN_SHAPE(n));
            ck_tn_equal(tn_mse_loss(ctx, ones, zeros, (tn_mse_loss_opts){0}), 1);
        }
}
END_TEST

START_TEST(test_of_nothing)
{
    tn_tensor *none = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(0, 3)));
    ck_tn_equal(tn_sum(ctx, none, (tn_reduce_opts){0}), 0);
    ck_tn_equal(tn_sum(ctx, none, TN_DIMS(0)), 0, 0, 0);
    ck_tn_equal(tn_mean(ctx, none, (tn_reduce_opts){0}), NAN);
    tn_tensor *mean = tn_mean(ctx, none, TN_DIMS(0));
    ck_tn_equal(mean, NAN, NAN, NAN);
    tn_backward_with(ctx, mean, tn_ones(ctx, TN_F32, TN_SHAPE(3)));
    ck_tn_shape(tn_grad(none), "[0,3]");
}
END_TEST

/* Many rows without columns. */
START_TEST(test_to_nothing)
{
    tn_tensor *rows = leaf(tn_zeros(ctx, TN_F64, TN_SHAPE(2, 1000, 0)));
    ck_tn_shape(tn_sum(ctx, rows, TN_DIMS(1)), "[2,0]");
    ck_tn_shape(tn_var(ctx, rows, (tn_var_opts){.dims = (int[]){0, 1}, .ndims = 2}), "[0]");
    tn_tensor *mean = tn_mean(ctx, rows, TN_KEEPDIMS(1));
    ck_tn_shape(mean, "[2,1,0]");
    tn_backward_with(ctx, mean, tn_ones(ctx, TN_F64, TN_SHAPE(2, 1, 0)));
    ck_tn_shape(tn_grad(rows), "[2,1000,0]");
}
END_TEST

/* The result is never a view of the input. */
START_TEST(test_result_has_its_own_memory)
{
    tn_tensor *scalar = tn_scalar(ctx, TN_F64, 3), *one = F64(3);
    tn_fill_(ctx, tn_sum(ctx, scalar, (tn_reduce_opts){0}), 5);
    ck_tn_equal(scalar, 3);
    tn_fill_(ctx, tn_sum(ctx, one, TN_KEEPDIMS(0)), 5);
    tn_fill_(ctx, tn_mean(ctx, one, TN_KEEPDIMS(0)), 5);
    ck_tn_equal(one, 3);
}
END_TEST

START_TEST(test_errors)
{
    tn_reduce_opts all = {0};
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    check_fails(tn_sum(ctx, NULL, all), TN_ERR_ARGUMENT, "sum: input is NULL");
    check_fails(tn_mean(ctx, NULL, all), TN_ERR_ARGUMENT, "mean: input is NULL");
    check_fails(tn_sum(ctx, tn_ones(ctx, TN_I64, TN_SHAPE(2)), all), TN_ERR_DTYPE,
                "sum: input is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_sum(ctx, x, TN_DIMS(2)), TN_ERR_ARGUMENT,
                "sum: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_mean(ctx, x, TN_DIMS(0, -3)), TN_ERR_ARGUMENT,
                "mean: dimension -3 is outside a tensor of 2 dimensions");
    check_fails(tn_sum(ctx, x, TN_DIMS(1, -1)), TN_ERR_ARGUMENT,
                "sum: dimension 1 is listed twice");
    check_fails(tn_sum(ctx, x, (tn_reduce_opts){.ndims = 2}), TN_ERR_ARGUMENT,
                "sum: 2 dimensions to reduce, but dims is NULL");
    ck_assert_ptr_null(tn_sum(NULL, x, all));
}
END_TEST

OP_TESTS("sum", cases, test_rounding, test_mean_of_ones, test_of_nothing, test_to_nothing,
         test_result_has_its_own_memory, test_errors)
