/* The module linear: initial values, forward pass, and sizes that it refuses. */
#include "common/check_tn.h"

#include <math.h>

/* torch.nn.Linear: weight [out, in] and bias [out] uniform on [-1/sqrt(in), 1/sqrt(in)). */
static void check_uniform(const tn_tensor *t, double bound)
{
    double sum = 0, squares = 0, low = 0, high = 0, n = (double)tn_numel(t);
    for (int64_t i = 0; i < tn_numel(t); i++) {
        double x = tn_data_f32(t)[i];
        sum += x;
        squares += x * x;
        low = fmin(low, x);
        high = fmax(high, x);
    }
    ck_assert(low >= -bound && low < -0.98 * bound);
    ck_assert(high < bound && high > 0.98 * bound);
    ck_assert_double_eq_tol(sum / n / bound, 0, 4 / sqrt(3 * n));
    ck_assert_double_eq_tol(squares / n / (bound * bound), 1.0 / 3, 4 * 0.3 / sqrt(n));
}

START_TEST(initial_values)
{
    tn_module *m = tn_nn_linear(ctx, 100, 400);
    tn_tensor *weight = tn_parameter_named(m, "weight"), *bias = tn_parameter_named(m, "bias");
    ck_assert_str_eq(tn_module_name(m), "Linear");
    ck_assert_int_eq(tn_parameter_count(m), 2);
    ck_tn_shape(weight, "[400,100]");
    ck_tn_shape(bias, "[400]");
    ck_assert(tn_dtype_of(weight) == TN_F32 && tn_requires_grad(weight) && tn_requires_grad(bias));
    check_uniform(weight, 0.1);
    check_uniform(bias, 0.1);
    m = tn_nn_linear_nobias(ctx, 25, 1000);
    ck_assert_int_eq(tn_parameter_count(m), 1);
    check_uniform(tn_parameter_named(m, "weight"), 0.2);
}
END_TEST

START_TEST(seed_gives_the_same_values)
{
    tn_module *a = tn_nn_linear(ctx, 5, 7), *b = tn_nn_linear(ctx, 5, 7);
    ck_assert(tn_data_f32(tn_parameter(a, 0, NULL, 0))[0] !=
              tn_data_f32(tn_parameter(b, 0, NULL, 0))[0]);
    tn_manual_seed(ctx, 1);
    b = tn_nn_linear(ctx, 5, 7);
    for (int i = 0; i < 2; i++)
        check_same_bits(tn_parameter(a, i, NULL, 0), tn_parameter(b, i, NULL, 0));
}
END_TEST

START_TEST(forward)
{
    tn_module *m = tn_nn_linear(ctx, 2, 3);
    tn_module_to(ctx, m, TN_F64);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_copy_(ctx, tn_parameter_named(m, "weight"),
             tn_reshape(ctx, F64(1, 2, 3, 4, 5, 6), TN_SHAPE(3, 2)));
    tn_copy_(ctx, tn_parameter_named(m, "bias"), F64(10, 20, 30));
    tn_set_grad_enabled(ctx, before);
    ck_tn_equal(tn_forward(ctx, m, F64(1, -1)), 9, 19, 29);
    tn_tensor *y = tn_forward(ctx, m, tn_ones(ctx, TN_F64, TN_SHAPE(2, 1, 2)));
    ck_tn_shape(y, "[2,1,3]");
    ck_tn_equal(y, 13, 27, 41, 13, 27, 41);
    ck_assert_ptr_null(tn_forward(ctx, m, tn_ones(ctx, TN_F32, TN_SHAPE(2))));
    ck_tn_error(TN_ERR_DTYPE, "linear: input is f32 but weight is f64; tn_cast converts");
}
END_TEST

START_TEST(sizes_that_will_not_do)
{
    ck_assert_ptr_null(tn_nn_linear(ctx, 0, 3));
    ck_tn_error(TN_ERR_ARGUMENT, "Linear: 0 inputs and 3 outputs");
    ck_assert_ptr_null(tn_nn_linear(ctx, 3, -1));
    ck_tn_error(TN_ERR_ARGUMENT, "Linear: 3 inputs and -1 outputs");
    ck_assert_ptr_null(tn_nn_linear(ctx, INT64_MAX, 2));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    tn_clear_error(ctx);
    ck_assert_ptr_null(tn_nn_linear(NULL, 2, 2));
    ck_assert_ptr_null(ctx->objects);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("linear_module");
    TCase *tc = tn_case(suite, "linear_module");
    tcase_add_test(tc, initial_values);
    tcase_add_test(tc, seed_gives_the_same_values);
    tcase_add_test(tc, forward);
    tcase_add_test(tc, sizes_that_will_not_do);
    return tn_run(suite);
}
