/* The layers: what they compute, how they begin, the names of their parameters and buffers, their
 * gradients, and two networks made of them. */
#include "common/functions.h"
#include "common/ops.h"

#include <string.h>

static tn_module *network(void)
{
    return tn_sequential(ctx,
                         tn_nn_conv2d(ctx, 3, 6, 5, (tn_conv2d_opts){.stride = 2, .padding = 2}),
                         tn_nn_batch_norm2d(ctx, 6, (tn_batch_norm_opts){0}), tn_nn_relu(ctx),
                         tn_nn_max_pool2d(ctx, 3, (tn_pool2d_opts){.stride = 2}),
                         tn_nn_conv2d(ctx, 6, 4, 3, (tn_conv2d_opts){.padding = 1, .groups = 2}),
                         tn_nn_tanh(ctx), tn_nn_adaptive_avg_pool2d(ctx, 2, 2), tn_nn_flatten(ctx),
                         tn_nn_dropout(ctx, 0.4), tn_nn_linear(ctx, 16, 3));
}

/* Whole networks of blocks, one inside another. */
static tn_module *nested(void)
{
    tn_module *block = tn_sequential(
        ctx, tn_nn_conv2d_nobias(ctx, 4, 4, 3, (tn_conv2d_opts){.padding = 1, .groups = 4}),
        tn_nn_batch_norm2d(ctx, 4, (tn_batch_norm_opts){.momentum = 0.5}), tn_nn_gelu(ctx));
    return tn_sequential(
        ctx, tn_nn_conv2d(ctx, 2, 4, 1, (tn_conv2d_opts){.kernel_w = 3, .padding_w = 1}),
        tn_nn_leaky_relu(ctx, 0.1), block,
        tn_nn_avg_pool2d(ctx, 2, (tn_pool2d_opts){.ceil_mode = true}), tn_nn_sigmoid(ctx));
}

/* ---- parameters and buffers ------------------------------------------------------------------ */

START_TEST(state_dict_keys)
{
    static const char *const parameters[] = {"0.weight", "0.bias", "1.weight", "1.bias",
                                             "4.weight", "4.bias", "9.weight", "9.bias"};
    static const char *const buffers[] = {"1.running_mean", "1.running_var",
                                          "1.num_batches_tracked"};
    static const char *const shapes[] = {"[6,3,5,5]", "[6]", "[6]",    "[6]",
                                         "[4,3,3,3]", "[4]", "[3,16]", "[3]"};
    tn_module *m = network();
    char name[32];
    ck_assert_int_eq(tn_parameter_count(m), 8);
    for (int i = 0; i < 8; i++) {
        ck_tn_shape(tn_parameter(m, i, name, sizeof name), shapes[i]);
        ck_assert_str_eq(name, parameters[i]);
    }
    ck_assert_int_eq(tn_buffer_count(m), 3);
    for (int i = 0; i < 3; i++) {
        ck_tn_shape(tn_buffer(m, i, name, sizeof name), i < 2 ? "[6]" : "[]");
        ck_assert_str_eq(name, buffers[i]);
    }
    tn_module *n = nested();
    ck_tn_shape(tn_parameter_named(n, "0.weight"), "[4,2,1,3]");
    ck_tn_shape(tn_parameter_named(n, "2.0.weight"), "[4,1,3,3]");
    ck_assert_ptr_null(tn_parameter_named(n, "2.0.bias"));
    ck_tn_shape(tn_buffer_named(n, "2.1.running_var"), "[4]");
}
END_TEST

/* Uniform on [-bound, bound): its ends and its variance. */
static void check_uniform(const tn_tensor *t, double bound)
{
    array a = array_of(t);
    double low = 0, high = 0, squares = 0;
    for (int64_t i = 0; i < a.numel; i++) {
        low = fmin(low, a.data[i]);
        high = fmax(high, a.data[i]);
        squares += a.data[i] * a.data[i];
    }
    ck_assert(low >= -bound && low < -0.98 * bound && high < bound && high > 0.98 * bound);
    ck_assert_double_eq_tol(squares / (double)a.numel / (bound * bound), 1.0 / 3,
                            4 * 0.3 / sqrt((double)a.numel));
}

START_TEST(initial_values)
{
    tn_module *conv = tn_nn_conv2d(ctx, 16, 300, 5, (tn_conv2d_opts){.groups = 4});
    check_uniform(tn_parameter_named(conv, "weight"), 0.1);
    check_uniform(tn_parameter_named(conv, "bias"), 0.1);
    tn_module *norm = tn_nn_batch_norm2d(ctx, 3, (tn_batch_norm_opts){0});
    ck_tn_equal(tn_parameter_named(norm, "weight"), 1, 1, 1);
    ck_tn_equal(tn_parameter_named(norm, "bias"), 0, 0, 0);
    ck_tn_equal(tn_buffer_named(norm, "running_mean"), 0, 0, 0);
    ck_tn_equal(tn_buffer_named(norm, "running_var"), 1, 1, 1);
    ck_tn_equal(tn_buffer_named(norm, "num_batches_tracked"), 0);
    ck_assert_int_eq(tn_dtype_of(tn_buffer_named(norm, "num_batches_tracked")), TN_I64);
    ck_assert_int_eq(tn_module_to(ctx, norm, TN_F64), TN_OK);
    ck_assert_int_eq(tn_dtype_of(tn_buffer_named(norm, "running_var")), TN_F64);
    ck_assert_int_eq(tn_dtype_of(tn_buffer_named(norm, "num_batches_tracked")), TN_I64);
    ck_tn_equal(tn_buffer_named(norm, "running_var"), 1, 1, 1);
    ck_assert(!tn_requires_grad(tn_buffer_named(norm, "running_var")));
}
END_TEST

/* ---- what they compute ----------------------------------------------------------------------- */

static void check_same(tn_module *m, const tn_tensor *x, const tn_tensor *y)
{
    check_same_bits(tn_contiguous(ctx, tn_forward(ctx, m, x)), tn_contiguous(ctx, y));
}

START_TEST(forward)
{
    array a = array_random("[2,4,6,7]");
    tn_tensor *x = tensor_of(&a, TN_F32, PLAIN);
    tn_conv2d_opts conv = {.stride = 2, .padding_w = 1, .groups = 2};
    tn_pool2d_opts pool = {.stride = 2, .padding = 1, .ceil_mode = true};
    tn_module *m = tn_nn_conv2d(ctx, 4, 6, 3, conv);
    tn_tensor *w = tn_parameter_named(m, "weight"), *b = tn_parameter_named(m, "bias");
    check_same(m, x, tn_conv2d(ctx, x, w, b, conv));
    m = tn_nn_conv2d_nobias(ctx, 4, 6, 3, conv);
    check_same(m, x, tn_conv2d(ctx, x, tn_parameter_named(m, "weight"), NULL, conv));
    check_same(tn_nn_max_pool2d(ctx, 3, pool), x, tn_max_pool2d(ctx, x, 3, pool));
    check_same(tn_nn_avg_pool2d(ctx, 3, pool), x, tn_avg_pool2d(ctx, x, 3, pool));
    check_same(tn_nn_adaptive_avg_pool2d(ctx, 3, 2), x, tn_adaptive_avg_pool2d(ctx, x, 3, 2));
    check_same(tn_nn_flatten(ctx), x, tn_flatten(ctx, x, 1, -1));
    check_same(tn_nn_relu(ctx), x, tn_relu(ctx, x));
    check_same(tn_nn_leaky_relu(ctx, 0.2), x, tn_leaky_relu(ctx, x, 0.2));
    check_same(tn_nn_sigmoid(ctx), x, tn_sigmoid(ctx, x));
    check_same(tn_nn_tanh(ctx), x, tn_tanh(ctx, x));
    check_same(tn_nn_gelu(ctx), x, tn_gelu(ctx, x));
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(tn_module_name(tn_nn_conv2d(ctx, 1, 1, 1, (tn_conv2d_opts){0})), "Conv2d");
    ck_assert_str_eq(tn_module_name(tn_nn_batch_norm2d(ctx, 1, (tn_batch_norm_opts){0})),
                     "BatchNorm2d");
    ck_assert_str_eq(tn_module_name(tn_nn_max_pool2d(ctx, 1, (tn_pool2d_opts){0})), "MaxPool2d");
    ck_assert_str_eq(tn_module_name(tn_nn_avg_pool2d(ctx, 1, (tn_pool2d_opts){0})), "AvgPool2d");
    ck_assert_str_eq(tn_module_name(tn_nn_adaptive_avg_pool2d(ctx, 1, 1)), "AdaptiveAvgPool2d");
    ck_assert_str_eq(tn_module_name(tn_nn_dropout(ctx, 0)), "Dropout");
    ck_assert_str_eq(tn_module_name(tn_nn_flatten(ctx)), "Flatten");
    ck_assert_str_eq(tn_module_name(tn_nn_leaky_relu(ctx, 0)), "LeakyReLU");
    ck_assert_str_eq(tn_module_name(tn_nn_sigmoid(ctx)), "Sigmoid");
    ck_assert_str_eq(tn_module_name(tn_nn_tanh(ctx)), "Tanh");
    ck_assert_str_eq(tn_module_name(tn_nn_gelu(ctx)), "GELU");
}
END_TEST

START_TEST(batch_norm_learns_in_training_alone)
{
    array a = array_random("[4,2,3,3]");
    tn_tensor *x = tensor_of(&a, TN_F32, PLAIN);
    tn_module *m = tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){.momentum = 0.25, .eps = 0.5});
    tn_tensor *mean = tn_buffer_named(m, "running_mean"), *var = tn_buffer_named(m, "running_var");
    tn_tensor *count = tn_buffer_named(m, "num_batches_tracked");
    tn_tensor *want_mean = tn_clone(ctx, mean), *want_var = tn_clone(ctx, var);
    tn_batch_norm_opts opts = {.training = true, .momentum = 0.25, .eps = 0.5};
    for (int i = 0; i < 3; i++)
        check_same(m, x, tn_batch_norm(ctx, x, want_mean, want_var, NULL, NULL, opts));
    check_same_bits(mean, want_mean);
    check_same_bits(var, want_var);
    ck_tn_equal(count, 3);
    tn_train(m, false);
    opts.training = false;
    check_same(m, x, tn_batch_norm(ctx, x, mean, var, NULL, NULL, opts));
    check_same_bits(mean, want_mean);
    ck_tn_equal(count, 3);
    ck_assert_ptr_null(tn_forward(ctx, m, tn_select(ctx, x, 0, 0)));
    ck_tn_error(TN_ERR_SHAPE, "BatchNorm2d: input [2,3,3]; expected [n,channels,h,w]");
}
END_TEST

/* As many as the number holds: a file can say so. */
START_TEST(batches_without_end)
{
    tn_module *m = tn_nn_batch_norm2d(ctx, 1, (tn_batch_norm_opts){0});
    int64_t *count = tn_data_mut(tn_buffer_named(m, "num_batches_tracked"));
    *count = INT64_MAX - 1;
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(tn_forward(ctx, m, tn_ones(ctx, TN_F32, TN_SHAPE(2, 1, 1, 1))));
    ck_assert(*count == INT64_MAX);
}
END_TEST

START_TEST(dropout_drops_in_training_alone)
{
    tn_module *m = tn_nn_dropout(ctx, 0.5);
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(1000)), *y = tn_forward(ctx, m, x);
    tn_tensor *zero = tn_zeros(ctx, TN_F32, TN_SHAPE(1000));
    int64_t dropped = tn_count_equal(ctx, tn_cast(ctx, y, TN_I32), tn_cast(ctx, zero, TN_I32));
    ck_assert(dropped > 400 && dropped < 600);
    tn_train(m, false);
    check_same_bits(tn_contiguous(ctx, tn_forward(ctx, m, x)), x);
    tn_train(m, true);
    tn_manual_seed(ctx, 5);
    y = tn_forward(ctx, m, x);
    tn_manual_seed(ctx, 5);
    check_same_bits(tn_dropout(ctx, x, 0.5, true), y);
}
END_TEST

/* A batch that fails is not counted. */
START_TEST(failed_batches)
{
    tn_module *m = tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0});
    ck_assert_ptr_null(tn_forward(ctx, m, tn_ones(ctx, TN_F32, TN_SHAPE(4, 3, 2, 2))));
    ck_tn_error(TN_ERR_SHAPE, "batch_norm: input [4,3,2,2] has 3 channels but running_mean is [2]");
    ck_tn_equal(tn_buffer_named(m, "num_batches_tracked"), 0);
}
END_TEST

/* ---- gradients ------------------------------------------------------------------------------- */

static tn_tensor *run_module(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    return tn_forward(c, payload, inputs[0]);
}

/* With respect to the input and to every parameter. */
static void check_gradients(tn_module *m, const char *shape, bool training)
{
    array a = array_random(shape);
    tn_tensor *inputs[32] = {leaf_of(&a, TN_F64, PLAIN)};
    int count = 1;
    ck_assert_int_eq(tn_module_to(ctx, m, TN_F64), TN_OK);
    tn_train(m, training);
    for (; (inputs[count] = tn_parameter(m, count - 1, NULL, 0)); count++)
        ;
    tn_gradcheck_opts opts = {.rtol = GRADCHECK_RTOL, .samples = 150};
    tn_gradcheck(ctx, run_module, m, count, inputs, opts, NULL);
    ck_assert_msg(tn_ok(ctx), "%s of %s: %s", tn_module_name(m), shape, tn_error(ctx));
}

/* The layer that the function makes of these arguments. */
#define LAYER(function, shape, ...)                              \
    do {                                                         \
        ck_assert(see_function(#function, 1));                   \
        check_gradients(function(__VA_ARGS__), shape, training); \
    } while (0)

/* Every layer: a function of nn.h without a row here is named. */
START_TEST(gradients)
{
    tn_conv2d_opts conv = {.stride = 2, .padding = 1};
    tn_pool2d_opts pool = {.stride = 2, .padding = 1};
    list_functions("nn.h", "tn_nn_");
    for (int training = 0; training < 2; training++) {
        LAYER(tn_nn_linear, "[2,4]", ctx, 4, 3);
        LAYER(tn_nn_linear_nobias, "[2,4]", ctx, 4, 3);
        LAYER(tn_nn_conv2d, "[2,2,5,6]", ctx, 2, 3, 3, conv);
        LAYER(tn_nn_conv2d_nobias, "[2,2,5,6]", ctx, 2, 3, 3, conv);
        LAYER(tn_nn_batch_norm2d, "[3,2,2,3]", ctx, 2, (tn_batch_norm_opts){0});
        LAYER(tn_nn_max_pool2d, "[2,2,5,6]", ctx, 3, pool);
        LAYER(tn_nn_avg_pool2d, "[2,2,5,6]", ctx, 3, pool);
        LAYER(tn_nn_adaptive_avg_pool2d, "[2,2,5,7]", ctx, 2, 3);
        LAYER(tn_nn_dropout, "[4,5]", ctx, 0.3);
        LAYER(tn_nn_flatten, "[2,3,4]", ctx);
        LAYER(tn_nn_relu, "[2,3]", ctx);
        LAYER(tn_nn_leaky_relu, "[2,3]", ctx, 0.2);
        LAYER(tn_nn_sigmoid, "[2,3]", ctx);
        LAYER(tn_nn_tanh, "[2,3]", ctx);
        LAYER(tn_nn_gelu, "[2,3]", ctx);
    }
    ck_assert_int_eq(unseen_functions(1, ""), 0);
}
END_TEST

START_TEST(gradients_of_networks)
{
    for (int training = 0; training < 2; training++) {
        tn_manual_seed(ctx, 4);
        check_gradients(network(), "[3,3,13,13]", training);
        check_gradients(nested(), "[3,2,5,4]", training);
    }
}
END_TEST

/* ---- training -------------------------------------------------------------------------------- */

static double train_step(tn_module *m, tn_optim *opt, const tn_tensor *x, const tn_tensor *t)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *loss = tn_cross_entropy(ctx, tn_forward(ctx, m, x), t, (tn_cross_entropy_opts){0});
    double value = tn_item(ctx, loss);
    tn_zero_grad(opt);
    tn_backward(ctx, loss);
    ck_assert_msg(tn_step(opt) == TN_OK, "%s", tn_error(ctx));
    tn_scope_end(ctx, scope);
    return value;
}

START_TEST(a_network_learns_and_allocates_nothing)
{
    array a = array_random("[6,3,13,13]");
    tn_tensor *x = tensor_of(&a, TN_F32, PLAIN), *t = tn_arange(ctx, TN_I64, 0, 6, 1);
    t = tn_cast(ctx, tn_cast(ctx, tn_mul_scalar(ctx, tn_cast(ctx, t, TN_F32), 0.5), TN_I32),
                TN_I64);
    tn_module *m = network();
    tn_optim *opt = tn_sgd(ctx, m, (tn_sgd_opts){.lr = 0.05, .momentum = 0.9});
    double first = train_step(m, opt, x, t), last = first;
    int64_t calls = 0;
    for (int i = 0; i < 60; i++) {
        if (i == 20)
            calls = memory.calls;
        last = train_step(m, opt, x, t);
    }
    ck_assert_int_eq(memory.calls, calls);
    ck_assert_double_lt(last, first / 4);
}
END_TEST

/* Frozen layers below others record nothing, and stay as they are. */
START_TEST(frozen_layers)
{
    array a = array_random("[6,3,13,13]");
    tn_tensor *x = tensor_of(&a, TN_F32, PLAIN), *t = tn_zeros(ctx, TN_I64, TN_SHAPE(6));
    tn_module *features = network();
    tn_module *m = tn_sequential(ctx, features, tn_nn_linear(ctx, 3, 2));
    ck_assert_int_eq(tn_freeze(ctx, features, true), TN_OK);
    tn_tensor *w = tn_parameter_named(m, "0.0.weight"), *head = tn_parameter_named(m, "1.weight");
    tn_tensor *w_before = tn_clone(ctx, w), *head_before = tn_detach(ctx, tn_clone(ctx, head));
    tn_optim *opt = tn_sgd(ctx, m, (tn_sgd_opts){.lr = 0.1});
    ck_assert(!tn_requires_grad(w) && tn_requires_grad(head));
    ck_assert(!tn_requires_grad(tn_forward(ctx, features, x)));
    train_step(m, opt, x, t);
    check_same_bits(w, w_before);
    ck_assert(tn_at(ctx, head, (int64_t[]){0, 0}) != tn_at(ctx, head_before, (int64_t[]){0, 0}));
    ck_assert_int_eq(tn_freeze(ctx, features, false), TN_OK);
    ck_assert(tn_requires_grad(w));
    train_step(m, opt, x, t);
    ck_assert(tn_at(ctx, w, (int64_t[]){0, 0, 0, 0}) !=
              tn_at(ctx, w_before, (int64_t[]){0, 0, 0, 0}));
    ck_assert_int_eq(tn_freeze(ctx, NULL, true), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "freeze: the module is NULL");
}
END_TEST

START_TEST(arguments_that_will_not_do)
{
    ck_assert_ptr_null(tn_nn_conv2d(ctx, 0, 3, 3, (tn_conv2d_opts){0}));
    ck_tn_error(TN_ERR_ARGUMENT, "Conv2d: 0 channels to 3 in 1 groups, kernel [3,3]");
    ck_assert_ptr_null(tn_nn_conv2d(ctx, 4, 6, 3, (tn_conv2d_opts){.kernel_w = TN_ZERO}));
    ck_tn_error(TN_ERR_ARGUMENT, "Conv2d: 4 channels to 6 in 1 groups, kernel [3,0]");
    ck_assert_ptr_null(tn_nn_conv2d(ctx, 4, 6, 3, (tn_conv2d_opts){.groups = 4}));
    ck_tn_error(TN_ERR_ARGUMENT, "Conv2d: 4 channels to 6 in 4 groups, kernel [3,3]");
    ck_assert_ptr_null(tn_nn_conv2d(ctx, INT64_MAX, 6, 3, (tn_conv2d_opts){0}));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    tn_clear_error(ctx);
    ck_assert_ptr_null(tn_nn_batch_norm2d(ctx, 0, (tn_batch_norm_opts){0}));
    ck_tn_error(TN_ERR_ARGUMENT, "BatchNorm2d: 0 channels");
    ck_assert_ptr_null(tn_nn_dropout(ctx, 1.5));
    ck_tn_error(TN_ERR_ARGUMENT, "Dropout: p = 1.5 is not between 0 and 1");
    ck_assert_ptr_null(tn_nn_conv2d(NULL, 1, 1, 1, (tn_conv2d_opts){0}));
    ck_assert_ptr_null(tn_nn_batch_norm2d(NULL, 1, (tn_batch_norm_opts){0}));
    ck_assert_ptr_null(tn_nn_max_pool2d(NULL, 1, (tn_pool2d_opts){0}));
    ck_assert_ptr_null(tn_nn_avg_pool2d(NULL, 1, (tn_pool2d_opts){0}));
    ck_assert_ptr_null(tn_nn_adaptive_avg_pool2d(NULL, 1, 1));
    ck_assert_ptr_null(tn_nn_dropout(NULL, 0.5));
    ck_assert_ptr_null(ctx->objects);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layers");
    TCase *tc = op_tcase(suite, "layers");
    tcase_add_test(tc, state_dict_keys);
    tcase_add_test(tc, initial_values);
    tcase_add_test(tc, forward);
    tcase_add_test(tc, names);
    tcase_add_test(tc, batch_norm_learns_in_training_alone);
    tcase_add_test(tc, batches_without_end);
    tcase_add_test(tc, dropout_drops_in_training_alone);
    tcase_add_test(tc, failed_batches);
    tcase_add_test(tc, gradients);
    tcase_add_test(tc, gradients_of_networks);
    tcase_add_test(tc, a_network_learns_and_allocates_nothing);
    tcase_add_test(tc, frozen_layers);
    tcase_add_test(tc, arguments_that_will_not_do);
    return tn_run(suite);
}
