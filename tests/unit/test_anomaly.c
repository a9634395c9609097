/* Anomaly detection: it names the operator that first makes a NaN or an infinity. */
#include "common/check_tn.h"

#include <math.h>
#include <string.h>

#define ALL ((tn_reduce_opts){0})

START_TEST(off_by_default)
{
    tn_tensor *x = LEAF(0, 1);
    ck_assert_int_eq(tn_backward(ctx, tn_sum(ctx, tn_log(ctx, x), ALL)), TN_OK);
    ck_tn_equal(tn_grad(x), INFINITY, 1);
    ck_assert(!tn_detect_anomaly(ctx, true));
    ck_assert(tn_detect_anomaly(ctx, false));
    ck_assert(!tn_detect_anomaly(ctx, false));
    ck_assert(!tn_detect_anomaly(NULL, true));
    ck_tn_equal(tn_log(ctx, x), -INFINITY, 0);
}
END_TEST

START_TEST(finite_numbers_pass)
{
    tn_detect_anomaly(ctx, true);
    tn_tensor *x = LEAF(1, 2, 3), *i = tn_arange(ctx, TN_I64, 0, 3, 1);
    tn_tensor *y = tn_mul(ctx, tn_exp(ctx, x), tn_cast(ctx, i, TN_F64));
    ck_assert_int_eq(tn_backward(ctx, tn_mean(ctx, y, ALL)), TN_OK);
    ck_assert_ptr_nonnull(tn_grad(x));
    ck_assert_ptr_nonnull(tn_exp(ctx, tn_zeros(ctx, TN_F64, TN_SHAPE(0, 3))));
    ck_assert_ptr_nonnull(tn_cast(ctx, F64(NAN), TN_I32));
}
END_TEST

START_TEST(forward)
{
    tn_tensor *x = LEAF(4, 0, 2, 0), *m = tn_reshape(ctx, tn_relu(ctx, x), TN_SHAPE(2, 2));
    tn_detect_anomaly(ctx, true);
    ck_assert_ptr_null(tn_log(ctx, m));
    ck_tn_error(TN_ERR_NUMBER,
                "log: step 2 on the tape, forward: 2 of 4 elements of the result [2,2] are not "
                "finite, the first is -inf at [0,1]; input 0 [2,2] from 0 to 4");
    ck_assert_ptr_null(tn_div(ctx, m, tn_zeros(ctx, TN_F64, TN_SHAPE(2, 1))));
    ck_tn_error(TN_ERR_NUMBER,
                "div: step 2 on the tape, forward: 4 of 4 elements of the result [2,2] are not "
                "finite, the first is inf at [0,0]; input 0 [2,2] from 0 to 4; input 1 [2,1] from "
                "0 to 0");
    ck_assert_int_eq(tn_memory(ctx).nodes, 2);
}
END_TEST

START_TEST(what_is_not_recorded)
{
    tn_detect_anomaly(ctx, true);
    ck_assert_ptr_null(tn_mul_scalar(ctx, F64(1, -2, 3), 1e308));
    ck_tn_error(TN_ERR_NUMBER, "mul_scalar: forward: 2 of 3 elements of the result [3] are not "
                               "finite, the first is -inf at [1]; input 0 [3] from -2 to 3");
    tn_tensor *x = LEAF(-1);
    bool before = tn_set_grad_enabled(ctx, false);
    ck_assert_ptr_null(tn_log(ctx, x));
    ck_tn_error(TN_ERR_NUMBER, "log: forward: 1 of 1 elements of the result [1] are not finite, "
                               "the first is nan at [0]; input 0 [1] from -1 to -1");
    tn_set_grad_enabled(ctx, before);
}
END_TEST

/* Data that is not finite shows in the inputs of the first operator that meets it. */
START_TEST(inputs_that_are_not_finite)
{
    tn_detect_anomaly(ctx, true);
    ck_assert_ptr_null(tn_add(ctx, F64(1, NAN, -INFINITY), F64(1, 2, 3)));
    ck_tn_error(TN_ERR_NUMBER, "add: forward: 2 of 3 elements of the result [3] are not finite, "
                               "the first is nan at [1]; input 0 [3] from 1 to 1 and 2 not finite; "
                               "input 1 [3] from 1 to 3");
    ck_assert_ptr_null(tn_neg(ctx, F64(NAN)));
    ck_tn_error(TN_ERR_NUMBER, "neg: forward: 1 of 1 elements of the result [1] are not finite, "
                               "the first is nan at [0]; input 0 [1], 1 not finite");
}
END_TEST

/* Elements are found and numbered by index, however they lie in memory. */
START_TEST(strided_results)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_fill_(ctx, tn_select(ctx, tn_select(ctx, x, 0, 1), 0, 2), INFINITY);
    tn_detect_anomaly(ctx, true);
    ck_assert_ptr_null(tn_transpose(ctx, x, 0, 1));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_NUMBER);
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), "permute: "));
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), "the result [3,2]"));
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), "inf at [2,1]; input 0 [2,3] from 0 to 0 and 1 "));
    tn_clear_error(ctx);
    ck_assert_ptr_nonnull(tn_slice(ctx, x, 1, 0, 2, 1));
}
END_TEST

/* The value is finite, the gradient is not. */
START_TEST(backward)
{
    tn_tensor *small = tn_mul_scalar(ctx, LEAF(2, 1e-160), 1);
    tn_tensor *loss = tn_sum(ctx, tn_div(ctx, F64(1, 1e100), small), ALL);
    tn_detect_anomaly(ctx, true);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_ERR_NUMBER);
    ck_tn_error(TN_ERR_NUMBER,
                "div: step 1 on the tape, backward: 1 of 2 elements of the gradient of input 1 [2] "
                "are not finite, the first is -inf at [1]; gradient of the result [2] from 1 to 1; "
                "saved 0 [2] from 1 to 1e+100; saved 1 [2] from 1e-160 to 2");
}
END_TEST

/* Operators that backward uses are not blamed: the one on the tape is. */
START_TEST(backward_names_the_operator_on_the_tape)
{
    tn_tensor *x = LEAF(1, 2), *y = tn_mean(ctx, x, ALL);
    tn_detect_anomaly(ctx, true);
    ck_assert_int_eq(tn_backward_with(ctx, y, tn_scalar(ctx, TN_F64, INFINITY)), TN_ERR_NUMBER);
    ck_tn_error(TN_ERR_NUMBER,
                "mean: step 0 on the tape, backward: 2 of 2 elements of the gradient "
                "of input 0 [2] are not finite, the first is inf at [0]; gradient of "
                "the result [], 1 not finite");
    ck_assert_ptr_null(tn_grad(x));
    tn_detect_anomaly(ctx, false);
    y = tn_mean(ctx, x, ALL);
    tn_detect_anomaly(ctx, true);
    ck_assert_int_eq(tn_backward(ctx, y), TN_OK);
    ck_tn_equal(tn_grad(x), 0.5, 0.5);
    ck_assert_ptr_null(tn_log(ctx, tn_neg(ctx, x)));
    tn_clear_error(ctx);
}
END_TEST

/* A gradient that is not finite does not reach those that were gathered before. */
START_TEST(gathered_gradients_stay)
{
    tn_tensor *x = LEAF(0, 1);
    ck_assert_int_eq(tn_backward(ctx, tn_sum(ctx, x, ALL)), TN_OK);
    tn_tensor *y = tn_sum(ctx, tn_mul(ctx, tn_log(ctx, x), F64(0, 1)), ALL);
    tn_detect_anomaly(ctx, true);
    ck_assert_int_eq(tn_backward(ctx, y), TN_ERR_NUMBER);
    ck_assert(strncmp(tn_error(ctx), "log: step ", 10) == 0);
    tn_clear_error(ctx);
    ck_tn_equal(tn_grad(x), 1, 1);
}
END_TEST

/* The longest text is cut, not overrun. */
START_TEST(many_dimensions)
{
    tn_detect_anomaly(ctx, true);
    tn_tensor *x = tn_full(ctx, TN_F64, TN_SHAPE(2, 1, 2, 1, 2, 1, 2, 3), INFINITY);
    ck_assert_ptr_null(tn_mul(ctx, x, x));
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), "48 of 48 elements of the result "
                                                "[2,1,2,1,2,1,2,3] are not finite"));
    tn_clear_error(ctx);
    tn_tensor *wide = tn_expand(ctx, tn_scalar(ctx, TN_F64, 1),
                                TN_SHAPE(1000000000, 1, 1000000000, 1, 1, 1, 1, 0));
    ck_assert_ptr_nonnull(tn_exp(ctx, wide));
}
END_TEST

START_TEST(a_network_that_overflows)
{
    tn_module *net =
        tn_sequential(ctx, tn_nn_linear(ctx, 4, 3), tn_nn_relu(ctx), tn_nn_linear(ctx, 3, 2));
    bool before = tn_set_grad_enabled(ctx, false);
    tn_fill_(ctx, tn_parameter_named(net, "2.weight"), 3e38);
    tn_fill_(ctx, tn_parameter_named(net, "0.bias"), 5);
    tn_set_grad_enabled(ctx, before);
    tn_detect_anomaly(ctx, true);
    ck_assert_ptr_null(tn_forward(ctx, net, tn_ones(ctx, TN_F32, TN_SHAPE(2, 4))));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_NUMBER);
    ck_assert(strncmp(tn_error(ctx),
                      "linear: step 2 on the tape, forward: 4 of 4 elements of the "
                      "result [2,2] are not finite, the first is inf at [0,0]; "
                      "input 0 [2,3] from ",
                      120) == 0);
    ck_assert_ptr_nonnull(
        strstr(tn_error(ctx), "; input 1 [2,3] from 3e+38 to 3e+38; input 2 [2]"));
    ck_assert_str_eq(tn_status_name(TN_ERR_NUMBER), "TN_ERR_NUMBER");
    tn_clear_error(ctx);
}
END_TEST

/* 2^40 times the same number. */
START_TEST(expanded_tensors_are_looked_at_once)
{
    tn_detect_anomaly(ctx, true);
    ck_assert_ptr_nonnull(
        tn_expand(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(1)), TN_SHAPE((int64_t)1 << 40)));
    tn_tensor *x = tn_full(ctx, TN_F32, TN_SHAPE(1), NAN);
    ck_assert_ptr_null(tn_mean(ctx, tn_zeros(ctx, TN_F64, TN_SHAPE(0)), ALL));
    ck_tn_error(TN_ERR_NUMBER, "mean: forward: 1 of 1 elements of the result [] are not finite, "
                               "the first is nan at []; input 0 [0]");
    ck_assert_ptr_null(tn_expand(ctx, x, TN_SHAPE(3, 2)));
    ck_tn_error(TN_ERR_NUMBER,
                "expand: forward: 6 of 6 elements of the result [3,2] are not finite, "
                "the first is nan at [0,0]; input 0 [1], 1 not finite");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("anomaly");
    TCase *tc = tn_case(suite, "anomaly");
    tcase_add_test(tc, off_by_default);
    tcase_add_test(tc, finite_numbers_pass);
    tcase_add_test(tc, forward);
    tcase_add_test(tc, what_is_not_recorded);
    tcase_add_test(tc, inputs_that_are_not_finite);
    tcase_add_test(tc, strided_results);
    tcase_add_test(tc, backward);
    tcase_add_test(tc, backward_names_the_operator_on_the_tape);
    tcase_add_test(tc, gathered_gradients_stay);
    tcase_add_test(tc, many_dimensions);
    tcase_add_test(tc, a_network_that_overflows);
    tcase_add_test(tc, expanded_tensors_are_looked_at_once);
    return tn_run(suite);
}
