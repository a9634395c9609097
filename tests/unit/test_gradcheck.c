/* gradcheck: it accepts right gradients, and finds and reports wrong ones. */
#include "common/check_tn.h"

#include <stdio.h>
#include <string.h>
#include <tn/formula.h>

static tn_status run(tn_gradcheck_fn fn, tn_tensor *x, const tn_gradcheck_opts *opts,
                     tn_gradcheck_report *report)
{
    return tn_gradcheck(ctx, fn, NULL, 1, &x, opts ? *opts : (tn_gradcheck_opts){0}, report);
}

/* ---- operators that are declared here, as a program that uses the library would -------------- */

TN_UNARY(swish, TN_SAVE_X, x / (1 + exp(-x)),
         dy * (1 + x * (1 - 1 / (1 + exp(-x)))) / (1 + exp(-x)));
TN_UNARY(affine, TN_SAVE_NOTHING, c[0] * x + c[1], c[0] * dy);
TN_UNARY(root, TN_SAVE_Y, sqrt(x), dy / (2 * y));
TN_BINARY(hypotenuse, TN_SAVE_AB, sqrt(a * a + b * b), a * dy / sqrt(a * a + b * b),
          b * dy / sqrt(a * a + b * b));

static tn_tensor *call_swish(tn_ctx *c, tn_tensor *const *x, void *payload)
{
    (void)payload;
    return tn_unary(c, &swish_op, x[0], NULL);
}

static tn_tensor *call_affine(tn_ctx *c, tn_tensor *const *x, void *payload)
{
    (void)payload;
    return tn_unary(c, &affine_op, x[0], (const double[TN_MAX_CONSTANTS]){3, -2});
}

static tn_tensor *call_root(tn_ctx *c, tn_tensor *const *x, void *payload)
{
    (void)payload;
    return tn_unary(c, &root_op, x[0], NULL);
}

static tn_tensor *call_hypotenuse(tn_ctx *c, tn_tensor *const *x, void *payload)
{
    (void)payload;
    return tn_binary(c, &hypotenuse_op, x[0], x[1]);
}

START_TEST(formulas)
{
    tn_gradcheck_report report;
    tn_tensor *x = LEAF(0.5, 1, 2, 3.5);
    tn_tensor *both[] = {x, leaf(tn_reshape(ctx, F64(1, -2, 0.3), TN_SHAPE(3, 1)))};
    ck_assert_int_eq(run(call_swish, x, NULL, &report), TN_OK);
    ck_assert_int_eq(report.checked, 8);
    ck_assert_double_lt(report.worst, 1e-8);
    ck_assert_int_eq(run(call_affine, x, NULL, NULL), TN_OK);
    ck_assert_int_eq(run(call_root, x, NULL, NULL), TN_OK);
    ck_assert_int_eq(
        tn_gradcheck(ctx, call_hypotenuse, NULL, 2, both, (tn_gradcheck_opts){0}, &report), TN_OK);
    ck_assert_int_eq(report.checked, 14);
    ck_tn_equal(tn_unary(ctx, &affine_op, x, (const double[4]){2, 1}), 2, 3, 5, 8);
    ck_tn_close(tn_unary(ctx, &affine_op, tn_cast(ctx, x, TN_F32), (const double[4]){2, 1}), 0, 2,
                3, 5, 8);
}
END_TEST

/* y = x^2 by hand, with a backward that is right or wrong in the way that payload says. */
enum { RIGHT, SIGN, FACTOR, ELEMENT, NOTHING };

static void cube_backward(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    int how = *(const int *)tn_node_data(node);
    tn_tensor *dx = tn_mul(c, dy, tn_mul_scalar(c, tn_square(c, tn_saved(node, 0)), 3));
    if (how == SIGN)
        dx = tn_neg(c, dx);
    else if (how == FACTOR)
        dx = tn_mul_scalar(c, dx, 1.0001);
    else if (how == ELEMENT && dx)
        ((double *)tn_data_mut(dx))[4] += 0.01;
    if (how != NOTHING)
        tn_add_grad(c, node, 0, dx);
}

static const tn_op cube_op = {.name = "cube", .backward = cube_backward};

static tn_tensor *cube(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    const tn_tensor *x = inputs[0];
    bool before = tn_set_grad_enabled(c, false);
    tn_tensor *y = tn_mul(c, x, tn_square(c, x));
    tn_set_grad_enabled(c, before);
    return tn_record(
        c, &cube_op, y,
        (tn_record_args){.inputs = {x}, .saved = {x}, .data = payload, .size = sizeof(int)});
}

static tn_tensor *six(void)
{
    return leaf(tn_reshape(ctx, F64(0.5, -1, 2, 1.5, 0.1, -2), TN_SHAPE(2, 3)));
}

START_TEST(accepts_what_is_right)
{
    tn_gradcheck_report report;
    tn_tensor *x = six();
    ck_assert_int_eq(tn_gradcheck(ctx, cube, &(int){RIGHT}, 1, &x, (tn_gradcheck_opts){0}, &report),
                     TN_OK);
    ck_assert_int_eq(report.checked, 12);
    ck_assert_double_lt(report.worst, 1e-7);
}
END_TEST

START_TEST(finds_what_is_wrong)
{
    for (int how = SIGN; how <= NOTHING; how++) {
        tn_gradcheck_report report;
        tn_tensor *x = six();
        ck_assert_int_eq(tn_gradcheck(ctx, cube, &how, 1, &x, (tn_gradcheck_opts){0}, &report),
                         TN_ERR_GRADIENT);
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_GRADIENT);
        ck_assert_double_gt(report.worst, how == FACTOR ? 9e-5 : 1e-4);
        tn_clear_error(ctx);
        ck_assert_ptr_null(tn_grad(x));
    }
}
END_TEST

START_TEST(reports_where)
{
    tn_gradcheck_report report;
    tn_tensor *inputs[] = {six(), LEAF(1, 2)};
    int how = ELEMENT;
    ck_assert_int_eq(tn_gradcheck(ctx, cube, &how, 2, inputs, (tn_gradcheck_opts){0}, &report),
                     TN_ERR_GRADIENT);
    ck_assert_int_eq(report.checked, 16);
    ck_assert_int_eq(report.input, 0);
    ck_assert_int_eq(report.element, 4);
    ck_assert_int_eq(report.index[0], 1);
    ck_assert_int_eq(report.index[1], 1);
    ck_assert_double_eq_tol(report.analytic - report.numeric, 0.01, 1e-8);
    char text[256];
    snprintf(text, sizeof text,
             "gradcheck: input 0 at [1,1]: backward gives %.12g but differences give %.12g, "
             "relative error %.3g above 1e-06",
             report.analytic, report.numeric, report.worst);
    ck_tn_error(TN_ERR_GRADIENT, text);
}
END_TEST

/* sum of x (1 + 1e-3 at the second of two inputs), whose gradient is off there. */
static tn_tensor *second_is_wrong(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    tn_tensor *half = tn_mul_scalar(c, tn_detach(c, inputs[1]), 0.001);
    return tn_sum(c, tn_add(c, tn_add(c, tn_square(c, inputs[0]), inputs[1]), half),
                  (tn_reduce_opts){0});
}

START_TEST(reports_which_input)
{
    tn_gradcheck_report report;
    tn_tensor *inputs[] = {LEAF(1, 2, 3), LEAF(0.1, 0.2, 0.3)};
    tn_gradcheck_opts loose = {.rtol = 0.01};
    ck_assert_int_eq(
        tn_gradcheck(ctx, second_is_wrong, NULL, 2, inputs, (tn_gradcheck_opts){0}, &report),
        TN_ERR_GRADIENT);
    ck_assert_int_eq(report.input, 1);
    ck_assert_double_eq_tol(report.worst, 0.001, 1e-5);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_gradcheck(ctx, second_is_wrong, NULL, 2, inputs, loose, &report), TN_OK);
}
END_TEST

static tn_tensor *count_calls(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    ++*(int64_t *)payload;
    return tn_square(c, inputs[0]);
}

START_TEST(options)
{
    int64_t n = 1000, calls = 0;
    tn_gradcheck_report report;
    tn_tensor *x = leaf(tn_randn(ctx, TN_F64, 1, &n));
    tn_gradcheck_opts opts = {.samples = 7, .projections = 3, .eps = 1e-4, .rtol = 1e-5};
    ck_assert_int_eq(tn_gradcheck(ctx, count_calls, &calls, 1, &x, opts, &report), TN_OK);
    ck_assert_int_eq(report.checked, 21);
    ck_assert_int_eq(calls, 3 * (1 + 2 * 7));
    opts = (tn_gradcheck_opts){.samples = 2000, .projections = 1};
    calls = 0;
    ck_assert_int_eq(tn_gradcheck(ctx, count_calls, &calls, 1, &x, opts, &report), TN_OK);
    ck_assert_int_eq(report.checked, 1000);
    ck_assert_int_eq(calls, 2001);
}
END_TEST

/* Samples fall everywhere: an error in one half of the elements is found by a few. */
static tn_tensor *half_detached(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    tn_tensor *y = tn_square(c, tn_narrow(c, inputs[0], 0, 0, 500));
    return tn_add(c, y, tn_square(c, tn_detach(c, tn_narrow(c, inputs[0], 0, 500, 500))));
}

START_TEST(samples_fall_everywhere)
{
    tn_tensor *x = leaf(tn_randn(ctx, TN_F64, TN_SHAPE(1000)));
    tn_gradcheck_opts opts = {.samples = 20};
    ck_assert_int_eq(run(half_detached, x, &opts, NULL), TN_ERR_GRADIENT);
    tn_clear_error(ctx);
}
END_TEST

START_TEST(inputs_that_are_not_contiguous)
{
    tn_tensor *base = tn_randn(ctx, TN_F64, TN_SHAPE(4, 6)), *copy = tn_clone(ctx, base);
    tn_tensor *x = leaf(tn_slice(ctx, tn_transpose(ctx, base, 0, 1), 0, 1, 6, 2));
    tn_gradcheck_report report;
    ck_assert(!tn_is_contiguous(x));
    ck_assert_int_eq(tn_gradcheck(ctx, cube, &(int){RIGHT}, 1, &x, (tn_gradcheck_opts){0}, &report),
                     TN_OK);
    ck_assert_int_eq(report.checked, 24);
    check_same_bits(base, copy);
    ck_assert_int_eq(
        tn_gradcheck(ctx, cube, &(int){ELEMENT}, 1, &x, (tn_gradcheck_opts){0}, &report),
        TN_ERR_GRADIENT);
    ck_assert_int_eq(report.element, 4);
    ck_assert_int_eq(report.index[0], 1);
    ck_assert_int_eq(report.index[1], 0);
    tn_clear_error(ctx);
    check_same_bits(base, copy);
}
END_TEST

/* A function that draws random numbers gets the same in each call, and the program's stream goes on
 * as if nothing had been drawn. */
static tn_tensor *noisy(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    tn_tensor *noise = tn_randn(c, TN_F64, tn_ndim(inputs[0]), tn_shape(inputs[0]));
    return tn_mul(c, inputs[0], noise);
}

START_TEST(random_functions)
{
    tn_rng_state before = tn_get_rng_state(ctx);
    ck_assert_int_eq(run(noisy, six(), NULL, NULL), TN_OK);
    ck_assert_uint_eq(tn_get_rng_state(ctx).seed, before.seed);
    ck_assert_uint_eq(tn_get_rng_state(ctx).position, before.position);
}
END_TEST

static tn_tensor *through_module(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    return tn_forward(c, payload, inputs[0]);
}

START_TEST(modules)
{
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 3, 4), tn_nn_linear(ctx, 4, 2));
    tn_module_to(ctx, net, TN_F64);
    tn_tensor *inputs[5] = {six()};
    for (int i = 0; i < 4; i++)
        inputs[i + 1] = tn_parameter(net, i, NULL, 0);
    tn_gradcheck_report report;
    ck_assert_int_eq(
        tn_gradcheck(ctx, through_module, net, 5, inputs, (tn_gradcheck_opts){0}, &report), TN_OK);
    ck_assert_int_eq(report.checked, 2 * (6 + 12 + 4 + 8 + 2));
    tn_set_requires_grad(ctx, inputs[0], false);
    ck_assert_int_eq(
        tn_gradcheck(ctx, through_module, net, 5, inputs, (tn_gradcheck_opts){0}, &report), TN_OK);
    ck_assert_int_eq(report.checked, 2 * (12 + 4 + 8 + 2));
}
END_TEST

static tn_tensor *null(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)c, (void)inputs, (void)payload;
    return NULL;
}

static tn_tensor *single(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    return tn_cast(c, inputs[0], TN_F32);
}

static tn_tensor *failing(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    return tn_select(c, inputs[0], 5, 0);
}

static tn_tensor *growing(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    return tn_expand(c, inputs[0], TN_SHAPE(++*(int *)payload, 2, 3));
}

static tn_tensor *not_finite(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    return tn_mul_scalar(c, inputs[0], NAN);
}

START_TEST(errors)
{
    tn_tensor *x = six(), *plain = F64(1), *f32 = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(2)));
    tn_tensor *wide = leaf(tn_expand(ctx, plain, TN_SHAPE(3))), *y = tn_square(ctx, x);
    ck_assert_int_eq(run(NULL, x, NULL, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "gradcheck: the function is NULL");
    ck_assert_int_eq(run(null, NULL, NULL, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "gradcheck: an input is NULL");
    ck_assert_int_eq(run(null, plain, NULL, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "gradcheck: none of 1 inputs requires a gradient");
    ck_assert_int_eq(run(call_swish, f32, NULL, NULL), TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE, "gradcheck: input 0 is f32; differences need f64");
    ck_assert_int_eq(run(call_swish, wide, NULL, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT,
                "gradcheck: input 0 of shape [3] is expanded: its elements share memory");
    ck_assert_int_eq(run(call_swish, y, NULL, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "gradcheck: input 0 of shape [2,3] is not a leaf");
    ck_assert_int_eq(run(null, x, NULL, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "gradcheck: the function returned NULL");
    ck_assert_int_eq(run(single, x, NULL, NULL), TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE, "gradcheck: the function returned f32, not f64");
    ck_assert_int_eq(run(failing, x, NULL, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "select: dimension 5 is outside a tensor of 2 dimensions");
    ck_assert_int_eq(tn_gradcheck(ctx, growing, &(int){0}, 1, &x, (tn_gradcheck_opts){0}, NULL),
                     TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "gradcheck: the function returned [1,2,3], then [3,2,3]");
    ck_assert_int_eq(run(call_swish, x, &(tn_gradcheck_opts){.eps = -1}, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "gradcheck: eps -1");
    ck_assert_int_eq(run(not_finite, x, NULL, NULL), TN_ERR_GRADIENT);
    tn_clear_error(ctx);
    ck_assert(tn_is_grad_enabled(ctx));
    ck_tn_equal(x, 0.5, -1, 2, 1.5, 0.1, -2);
}
END_TEST

/* An input that the output does not depend on has the gradient 0, which is right. */
static tn_tensor *first_only(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    return tn_square(c, inputs[0]);
}

START_TEST(independent_inputs)
{
    tn_gradcheck_report report;
    tn_tensor *inputs[] = {six(), LEAF(1, 2), leaf(tn_zeros(ctx, TN_F64, TN_SHAPE(0)))};
    ck_assert_int_eq(
        tn_gradcheck(ctx, first_only, NULL, 3, inputs, (tn_gradcheck_opts){0}, &report), TN_OK);
    ck_assert_int_eq(report.checked, 16);
    ck_assert_int_eq(
        tn_gradcheck(ctx, first_only, NULL, 1, inputs + 2, (tn_gradcheck_opts){0}, &report), TN_OK);
    ck_assert_int_eq(report.checked, 0);
}
END_TEST

START_TEST(works_where_gradients_are_disabled)
{
    tn_set_grad_enabled(ctx, false);
    tn_tensor *x = six();
    ck_assert_int_eq(tn_gradcheck(ctx, cube, &(int){RIGHT}, 1, &x, (tn_gradcheck_opts){0}, NULL),
                     TN_OK);
    ck_assert_int_eq(tn_gradcheck(ctx, cube, &(int){SIGN}, 1, &x, (tn_gradcheck_opts){0}, NULL),
                     TN_ERR_GRADIENT);
    tn_clear_error(ctx);
    ck_assert(!tn_is_grad_enabled(ctx));
}
END_TEST

/* A gradient that is there already is no part of what is checked, and goes. */
START_TEST(clears_gradients)
{
    tn_tensor *x = six();
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, x))), TN_OK);
    ck_assert_int_eq(run(call_swish, x, NULL, NULL), TN_OK);
    ck_assert_ptr_null(tn_grad(x));
}
END_TEST

START_TEST(leaves_nothing_behind)
{
    tn_tensor *x = six();
    int64_t live = tn_memory(ctx).live_bytes, tensors = tn_memory(ctx).tensors;
    ck_assert_int_eq(run(call_swish, x, NULL, NULL), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_int_eq(tn_memory(ctx).nodes, 0);
    live = tn_memory(ctx).live_bytes;
    ck_assert_int_eq(run(call_swish, x, NULL, NULL), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
}
END_TEST

/* d(sum x^3)/dx, for its own gradient. */
static tn_tensor *gradient_of_cubes(tn_ctx *c, tn_tensor *const *in, void *payload)
{
    (void)payload;
    tn_backward(c, tn_sum(c, tn_pow_scalar(c, in[0], 3), (tn_reduce_opts){0}));
    return tn_grad(in[0]);
}

START_TEST(gradients_of_gradients)
{
    tn_tensor *x = six();
    ck_assert_int_eq(run(gradient_of_cubes, x, NULL, NULL), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "gradcheck: a tensor of shape [2,3] was made of gradients, and "
                              "gradients of gradients are not supported yet");
    ck_assert_ptr_null(tn_grad(x));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gradcheck");
    TCase *tc = tn_case(suite, "gradcheck");
    tcase_add_test(tc, formulas);
    tcase_add_test(tc, accepts_what_is_right);
    tcase_add_test(tc, finds_what_is_wrong);
    tcase_add_test(tc, reports_where);
    tcase_add_test(tc, reports_which_input);
    tcase_add_test(tc, options);
    tcase_add_test(tc, samples_fall_everywhere);
    tcase_add_test(tc, inputs_that_are_not_contiguous);
    tcase_add_test(tc, random_functions);
    tcase_add_test(tc, modules);
    tcase_add_test(tc, errors);
    tcase_add_test(tc, independent_inputs);
    tcase_add_test(tc, works_where_gradients_are_disabled);
    tcase_add_test(tc, clears_gradients);
    tcase_add_test(tc, gradients_of_gradients);
    tcase_add_test(tc, leaves_nothing_behind);
    return tn_run(suite);
}
