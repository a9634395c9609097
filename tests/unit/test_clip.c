/* Clipping gradients by their norm and by value. */
#include "common/check_tn.h"

#include <math.h>

RUNS_WITH_EACH_ISA;

/* An optimiser of two parameters with these gradients, of three elements each. */
static tn_tensor *p[2];

static tn_optim *with_gradients(tn_dtype dtype, const double *a, const double *b)
{
    const double *values[] = {a, b};
    for (int i = 0; i < 2; i++) {
        p[i] = leaf(tn_zeros(ctx, dtype, TN_SHAPE(3)));
        if (values[i])
            tn_backward_with(
                ctx, p[i], tn_cast(ctx, tn_from_data(ctx, TN_F64, TN_SHAPE(3), values[i]), dtype));
    }
    return tn_sgd_of(ctx, 2, p, (tn_sgd_opts){0});
}

#define GRADS(...) ((const double[]){__VA_ARGS__})

START_TEST(norm_of_all_gradients)
{
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
        tn_optim *opt = with_gradients((tn_dtype)dtype, GRADS(1, 2, -4), GRADS(6, 8, 0));
        ck_assert_double_eq(tn_clip_grad_norm(opt, 100), 11);
        ck_tn_equal(tn_grad(p[0]), 1, 2, -4);
        ck_assert_double_eq(tn_clip_grad_norm(opt, 11 + 2e-6), 11);
        ck_tn_equal(tn_grad(p[1]), 6, 8, 0);
        ck_assert_double_eq(tn_clip_grad_norm(opt, 5.5), 11);
        double tolerance = dtype == TN_F32 ? 1e-6 : 1e-15, half = 5.5 / (11 + 1e-6);
        ck_tn_close(tn_grad(p[0]), tolerance, half, 2 * half, -4 * half);
        ck_tn_close(tn_grad(p[1]), tolerance, 6 * half, 8 * half, 0);
        ck_assert_double_eq_tol(tn_clip_grad_norm(opt, 0), 5.5, 1e-5);
        ck_tn_equal(tn_grad(p[0]), 0, 0, 0);
        ck_assert_double_eq(tn_clip_grad_norm(opt, 1), 0);
    }
}
END_TEST

START_TEST(parameters_without_a_gradient)
{
    tn_optim *opt = with_gradients(TN_F64, GRADS(3, 4, 0), NULL);
    ck_assert_double_eq(tn_clip_grad_norm(opt, 1), 5);
    ck_assert_int_eq(tn_clip_grad_value(opt, 0.5), TN_OK);
    ck_assert_ptr_null(tn_grad(p[1]));
    opt = with_gradients(TN_F32, NULL, NULL);
    ck_assert_double_eq(tn_clip_grad_norm(opt, 1), 0);
}
END_TEST

/* Squares of float are gathered in double. */
START_TEST(large_and_small_gradients)
{
    tn_optim *opt = with_gradients(TN_F32, GRADS(0x3p100, 0, 0), GRADS(0x4p100, 0, 0));
    ck_assert_double_eq(tn_clip_grad_norm(opt, 1), 0x5p100);
    ck_tn_close(tn_grad(p[0]), 1e-6, 0.6, 0, 0);
    ck_tn_close(tn_grad(p[1]), 1e-6, 0.8, 0, 0);
    opt = with_gradients(TN_F32, GRADS(0x3p-100, 0, 0), GRADS(0x4p-100, 0, 0));
    ck_assert_double_eq(tn_clip_grad_norm(opt, 1), 0x5p-100);
    tn_tensor *many = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(1003)));
    opt = tn_sgd_of(ctx, 1, &many, (tn_sgd_opts){0});
    tn_tensor *g = tn_randn(ctx, TN_F32, TN_SHAPE(1003));
    double sum = 0;
    for (int64_t i = 0; i < 1003; i++)
        sum += tn_at(ctx, g, &i) * tn_at(ctx, g, &i);
    tn_backward_with(ctx, many, g);
    ck_assert_double_eq_tol(tn_clip_grad_norm(opt, 1), sqrt(sum), 1e-12);
}
END_TEST

START_TEST(norms_that_are_not_finite)
{
    tn_optim *opt = with_gradients(TN_F64, GRADS(1, INFINITY, 2), GRADS(3, 4, 5));
    ck_assert(isinf(tn_clip_grad_norm(opt, 1)));
    ck_tn_equal(tn_grad(p[0]), 0, NAN, 0);
    ck_tn_equal(tn_grad(p[1]), 0, 0, 0);
    opt = with_gradients(TN_F64, GRADS(1, NAN, 2), GRADS(3, 4, 5));
    ck_assert(isnan(tn_clip_grad_norm(opt, 1)));
    ck_tn_equal(tn_grad(p[1]), NAN, NAN, NAN);
    opt = with_gradients(TN_F64, GRADS(1, 2, 3), GRADS(3, 4, 5));
    ck_assert_double_eq(tn_clip_grad_norm(opt, INFINITY), 8);
    ck_tn_equal(tn_grad(p[1]), 3, 4, 5);
}
END_TEST

START_TEST(values)
{
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
        tn_optim *opt =
            with_gradients((tn_dtype)dtype, GRADS(1, -2, INFINITY), GRADS(NAN, -INFINITY, -0.25));
        ck_assert_int_eq(tn_clip_grad_value(opt, 1.5), TN_OK);
        ck_tn_equal(tn_grad(p[0]), 1, -1.5, 1.5);
        ck_tn_equal(tn_grad(p[1]), NAN, -1.5, -0.25);
        ck_assert_int_eq(tn_clip_grad_value(opt, 0), TN_OK);
        ck_tn_equal(tn_grad(p[0]), 0, 0, 0);
    }
}
END_TEST

START_TEST(limits_that_will_not_do)
{
    tn_optim *opt = with_gradients(TN_F64, GRADS(1, 2, 3), GRADS(3, 4, 5));
    ck_assert(isnan(tn_clip_grad_norm(opt, -1)));
    ck_tn_error(TN_ERR_ARGUMENT, "clip_grad_norm: norm -1");
    ck_assert(isnan(tn_clip_grad_norm(opt, NAN)));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_clip_grad_value(opt, -0.5), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "clip_grad_value: value -0.5");
    ck_assert_int_eq(tn_clip_grad_value(NULL, 1), TN_ERR_ARGUMENT);
    ck_assert(isnan(tn_clip_grad_norm(NULL, 1)));
    tn_fail(ctx, TN_ERR_SHAPE, "wrong");
    ck_assert_int_eq(tn_clip_grad_value(opt, 1), TN_ERR_SHAPE);
    ck_assert(isnan(tn_clip_grad_norm(opt, 1)));
    tn_clear_error(ctx);
    ck_tn_equal(tn_grad(p[0]), 1, 2, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clip");
    TCase *tc = tn_case(suite, "clip");
    tcase_add_test(tc, norm_of_all_gradients);
    tcase_add_test(tc, parameters_without_a_gradient);
    tcase_add_test(tc, large_and_small_gradients);
    tcase_add_test(tc, norms_that_are_not_finite);
    tcase_add_test(tc, values);
    tcase_add_test(tc, limits_that_will_not_do);
    return tn_run(suite);
}
