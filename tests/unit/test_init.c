/* Initial values as torch.nn.init gives them: bounds and standard deviations. */
#include "common/ops.h"

/* Mean 0 and this standard deviation; within +-`bound`, which is reached nearly, if it is not 0. */
static void check_values(const tn_tensor *t, double std, double bound)
{
    array a = array_of(t);
    double n = (double)a.numel, sum = 0, squares = 0, largest = 0;
    for (int64_t i = 0; i < a.numel; i++) {
        sum += a.data[i];
        squares += a.data[i] * a.data[i];
        largest = fmax(largest, fabs(a.data[i]));
    }
    ck_assert_double_eq_tol(sum / n / std, 0, 4 / sqrt(n));
    ck_assert_double_eq_tol(sqrt(squares / n) / std, 1, 4 / sqrt(n));
    if (bound > 0)
        ck_assert(largest <= bound && largest > 0.99 * bound);
    else
        ck_assert_double_gt(largest, 3 * std);
}

START_TEST(kaiming)
{
    tn_tensor *t = leaf(tn_empty(ctx, TN_F32, TN_SHAPE(40, 30, 3, 5)));
    double in = 30 * 15, out = 40 * 15;
    ck_assert_int_eq(tn_init_kaiming_uniform_(ctx, t, (tn_init_opts){0}), TN_OK);
    check_values(t, sqrt(2 / in), sqrt(6 / in));
    tn_init_kaiming_normal_(ctx, t, (tn_init_opts){.fan_out = true, .nonlinearity = TN_RELU});
    check_values(t, sqrt(2 / out), 0);
    tn_init_kaiming_uniform_(ctx, t, (tn_init_opts){.slope = sqrt(5)});
    check_values(t, sqrt(1 / in / 3), sqrt(1 / in));
    tn_init_kaiming_normal_(ctx, t, (tn_init_opts){.nonlinearity = TN_TANH});
    check_values(t, 5.0 / 3 / sqrt(in), 0);
    tn_init_kaiming_normal_(ctx, t, (tn_init_opts){.gain = 3});
    check_values(t, 3 / sqrt(in), 0);
    ck_assert(tn_requires_grad(t) && tn_is_grad_enabled(ctx));
}
END_TEST

START_TEST(xavier)
{
    tn_tensor *t = leaf(tn_empty(ctx, TN_F64, TN_SHAPE(70, 130)));
    ck_assert_int_eq(tn_init_xavier_uniform_(ctx, t, 0), TN_OK);
    check_values(t, sqrt(2.0 / 200), sqrt(6.0 / 200));
    tn_init_xavier_normal_(ctx, t, 2);
    check_values(t, 2 * sqrt(2.0 / 200), 0);
    t = tn_empty(ctx, TN_F32, TN_SHAPE(20, 12, 5, 5));
    tn_init_xavier_uniform_(ctx, t, tn_init_gain(TN_TANH, 0));
    check_values(t, 5.0 / 3 * sqrt(2.0 / 800), 5.0 / 3 * sqrt(6.0 / 800));
}
END_TEST

START_TEST(gains)
{
    ck_assert_double_eq(tn_init_gain(TN_LINEAR, 9), 1);
    ck_assert_double_eq(tn_init_gain(TN_TANH, 9), 5.0 / 3);
    ck_assert_double_eq(tn_init_gain(TN_RELU, 9), sqrt(2));
    ck_assert_double_eq(tn_init_gain(TN_SELU, 9), 0.75);
    ck_assert_double_eq(tn_init_gain(TN_LEAKY_RELU, 0.01), sqrt(2 / 1.0001));
}
END_TEST

START_TEST(errors)
{
    tn_tensor *row = tn_empty(ctx, TN_F32, TN_SHAPE(3)),
              *none = tn_empty(ctx, TN_F32, TN_SHAPE(0, 3));
    tn_init_opts opts = {0};
    ck_assert_int_eq(tn_init_kaiming_uniform_(ctx, row, opts), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "init_kaiming_uniform_: tensor [3]; expected [out,in,...]");
    ck_assert_int_eq(tn_init_kaiming_normal_(ctx, NULL, opts), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "init_kaiming_normal_: tensor is NULL");
    ck_assert_int_eq(tn_init_xavier_uniform_(ctx, row, 1), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "init_xavier_uniform_: tensor [3]; expected [out,in,...]");
    ck_assert_int_eq(tn_init_xavier_normal_(ctx, tn_zeros(ctx, TN_I64, TN_SHAPE(2, 2)), 1),
                     TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE,
                "init_xavier_normal_: tensor is i64 but must be f32 or f64; tn_cast converts");
    ck_assert_int_eq(tn_init_kaiming_uniform_(ctx, none, opts), TN_OK);
    ck_assert_int_eq(tn_init_kaiming_uniform_(NULL, row, opts), TN_ERR_ARGUMENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("init");
    TCase *tc = op_tcase(suite, "init");
    tcase_add_test(tc, kaiming);
    tcase_add_test(tc, xavier);
    tcase_add_test(tc, gains);
    tcase_add_test(tc, errors);
    return tn_run(suite);
}
