/* The module sequential: order, gradients, who frees the children, and layers that run as one with
 * the norm or the ReLU behind them. */
#include "common/check_tn.h"

#include <math.h>
#include <string.h>
#include <tn/op.h>

RUNS_WITH_EACH_ISA;

START_TEST(runs_in_order)
{
    tn_module *net =
        tn_sequential(ctx, tn_nn_linear(ctx, 3, 4), tn_nn_relu(ctx), tn_nn_linear(ctx, 4, 2));
    char name[16];
    static const char *const names[] = {"0.weight", "0.bias", "2.weight", "2.bias"};
    ck_assert_int_eq(tn_parameter_count(net), 4);
    for (int i = 0; i < 4; i++) {
        tn_parameter(net, i, name, sizeof name);
        ck_assert_str_eq(name, names[i]);
    }
    ck_assert_str_eq(tn_module_name(net), "Sequential");
    ck_assert_str_eq(tn_module_name(tn_child(net, 1)), "ReLU");
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(5, 3));
    tn_tensor *h = tn_relu(
        ctx, tn_linear(ctx, x, tn_parameter(net, 0, NULL, 0), tn_parameter(net, 1, NULL, 0)));
    tn_tensor *y = tn_linear(ctx, h, tn_parameter(net, 2, NULL, 0), tn_parameter(net, 3, NULL, 0));
    check_same_bits(tn_forward(ctx, net, x), y);
    bool before = tn_set_grad_enabled(ctx, false);
    check_same_bits(tn_forward(ctx, net, x), y);
    tn_set_grad_enabled(ctx, before);
}
END_TEST

START_TEST(gradients_flow)
{
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 3, 4), tn_nn_relu(ctx),
                                   tn_sequential(ctx, tn_nn_linear(ctx, 4, 1)));
    tn_tensor *x = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)));
    tn_tensor *y = tn_forward(ctx, net, x);
    ck_assert_int_eq(tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0})), TN_OK);
    ck_assert_ptr_nonnull(tn_grad(x));
    for (int i = 0; i < 4; i++)
        ck_assert_ptr_nonnull(tn_grad(tn_parameter(net, i, NULL, 0)));
    ck_tn_equal(tn_grad(tn_parameter_named(net, "2.0.bias")), 2);
}
END_TEST

START_TEST(empty)
{
    tn_module *net = tn_sequential_of(ctx, 0, NULL);
    tn_tensor *x = F64(1, 2), *y = tn_forward(ctx, net, x);
    ck_assert_ptr_ne(y, x);
    ck_tn_equal(y, 1, 2);
    tn_free(y);
    ck_tn_equal(x, 1, 2);
}
END_TEST

/* Without a record, only what the next module needs is kept, beside what the first pass made of the
 * weights. */
START_TEST(inference_keeps_little)
{
    enum { LAYERS = 12, SIZE = 64, ROWS = 200 };
    const int64_t bytes = ROWS * SIZE * 4;
    tn_module *layers[2 * LAYERS];
    for (int i = 0; i < LAYERS; i++) {
        layers[2 * i] = tn_nn_linear(ctx, SIZE, SIZE);
        layers[2 * i + 1] = tn_nn_relu(ctx);
    }
    tn_module *net = tn_sequential_of(ctx, 2 * LAYERS, layers);
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(ROWS, SIZE));
    bool before = tn_set_grad_enabled(ctx, false);
    tn_free(tn_forward(ctx, net, x));
    int64_t live = tn_memory(ctx).live_bytes, tensors = tn_memory(ctx).tensors;
    tn_memory_reset_peak(ctx);
    tn_tensor *y = tn_forward(ctx, net, x);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, 3 * bytes);
    ck_assert_int_lt(tn_memory(ctx).live_bytes - live, 2 * bytes);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 1);
    ck_assert_ptr_nonnull(y);
    tn_set_grad_enabled(ctx, before);
}
END_TEST

static tn_tensor *same(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    (void)c, (void)self;
    return (tn_tensor *)x;
}

static const tn_module_type same_type = {.name = "Same", .forward = same};

/* A module may give back what it got, or a parameter: neither is freed. */
START_TEST(modules_that_return_their_input)
{
    tn_module *net =
        tn_sequential(ctx, tn_module_new(ctx, &same_type, 0), tn_module_new(ctx, &same_type, 0),
                      tn_nn_relu(ctx), tn_module_new(ctx, &same_type, 0));
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *x = F64(1, -2);
    tn_scope scope = tn_scope_begin(ctx);
    ck_tn_equal(tn_forward(ctx, net, x), 1, 0);
    tn_tensor *y = F64(3, -4);
    ck_tn_equal(tn_forward(ctx, net, y), 3, 0);
    ck_tn_equal(y, 3, -4);
    tn_scope_end(ctx, scope);
    ck_tn_equal(x, 1, -2);
    tn_set_grad_enabled(ctx, before);
}
END_TEST

static tn_tensor *kept_by_the_program;

static tn_tensor *constant(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    (void)c, (void)self, (void)x;
    return kept_by_the_program;
}

static const tn_module_type constant_type = {.name = "Constant", .forward = constant};

START_TEST(modules_that_return_a_tensor_of_the_program)
{
    tn_module *net = tn_sequential(ctx, tn_module_new(ctx, &constant_type, 0), tn_nn_relu(ctx));
    bool before = tn_set_grad_enabled(ctx, false);
    kept_by_the_program = F64(5, -6);
    tn_tensor *x = F64(1, -2);
    int64_t tensors = tn_memory(ctx).tensors;
    ck_tn_equal(tn_forward(ctx, net, x), 5, 0);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 1);
    ck_tn_equal(kept_by_the_program, 5, -6);
    tn_free(kept_by_the_program);
    tn_set_grad_enabled(ctx, before);
}
END_TEST

/* ---- a layer and the ReLU behind it ---------------------------------------------------------- */

/* Convolutions by each method, which come first, linear layers of each kind, and normalisation. */
typedef struct pair {
    int64_t images, in, side; /* of a linear layer: rows and inputs */
    int64_t out, kernel;      /* 0: not a convolution */
    tn_conv2d_opts opts;
    bool is_norm;
} pair;

static const pair pairs[] = {
    {2, 16, 14, 32, 3, {.padding = 1}, false},
    {1, 16, 31, 32, 5, {.stride = 2}, false},
    {16, 128, 16, 128, 3, {.padding = 1}, false},
    {3, 6, 9, 12, 3, {.padding = 1, .groups = 6}, false},
    {2, 3, 8, 5, 3, {.padding = 1}, false},
    {70, 3, 3, 5, 2, {0}, false},
    {1, 8, 20, 7, 1, {0}, false},
    {64, 40, 0, 30, 0, {0}, false},
    {1, 40, 0, 30, 0, {0}, false},
    {5, 40, 0, 1, 0, {0}, false},
    {4, 6, 7, 0, 0, {0}, true},
    {4, 150, 1, 0, 0, {0}, true},
};
enum { PAIRS = (int)(sizeof pairs / sizeof *pairs), CONVOLUTIONS = 7 };

static tn_module *layer_of(const pair *p)
{
    return p->is_norm  ? tn_nn_batch_norm2d(ctx, p->in, (tn_batch_norm_opts){0})
           : p->kernel ? tn_nn_conv2d(ctx, p->in, p->out, p->kernel, p->opts)
                       : tn_nn_linear(ctx, p->in, p->out);
}

static tn_tensor *input_of(const pair *p, tn_dtype dtype)
{
    return p->side ? tn_randn(ctx, dtype, TN_SHAPE(p->images, p->in, p->side, p->side))
                   : tn_randn(ctx, dtype, TN_SHAPE(p->images, p->in));
}

/* The same layer alone, and with ReLU behind it. */
typedef struct twins {
    tn_module *alone, *both;
    tn_tensor *x;
} twins;

static twins twins_of(const pair *p, tn_dtype dtype)
{
    twins t = {.alone = layer_of(p), .both = tn_sequential(ctx, layer_of(p), tn_nn_relu(ctx))};
    ck_assert_int_eq(tn_module_to(ctx, t.alone, dtype), TN_OK);
    ck_assert_int_eq(tn_module_to(ctx, t.both, dtype), TN_OK);
    bool before = tn_set_grad_enabled(ctx, false);
    for (int64_t i = 0; i < tn_parameter_count(t.alone); i++)
        ck_assert_int_eq(
            tn_copy_(ctx, tn_parameter(t.both, i, NULL, 0), tn_parameter(t.alone, i, NULL, 0)),
            TN_OK);
    tn_set_grad_enabled(ctx, before);
    t.x = input_of(p, dtype);
    return t;
}

static tn_tensor *apart(const twins *t, const tn_tensor *x)
{
    return tn_relu(ctx, tn_forward(ctx, t->alone, x));
}

START_TEST(pairs_infer)
{
    twins t = twins_of(&pairs[_i / 2], _i % 2 ? TN_F64 : TN_F32);
    tn_set_grad_enabled(ctx, false);
    for (int training = 0; training < 2; training++) {
        tn_train(t.alone, training);
        tn_train(t.both, training);
        tn_tensor *y = apart(&t, t.x);
        check_same_bits(tn_forward(ctx, t.both, t.x), y);
        check_same_bits(tn_forward(ctx, t.both, t.x), training ? apart(&t, t.x) : y);
    }
}
END_TEST

/* NaN stays, and -0 as well. */
START_TEST(pairs_of_special_values)
{
    static const double values[] = {NAN, INFINITY, -INFINITY, -0.0};
    twins t = twins_of(&pairs[_i], TN_F64);
    tn_set_grad_enabled(ctx, false);
    tn_train(t.alone, false);
    tn_train(t.both, false);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(tn_fill_(ctx, tn_parameter(t.alone, 1, NULL, 0), i < 3 ? 0.5 : -0.0),
                         TN_OK);
        ck_assert_int_eq(tn_fill_(ctx, tn_parameter(t.both, 1, NULL, 0), i < 3 ? 0.5 : -0.0),
                         TN_OK);
        tn_tensor *x = tn_full(ctx, TN_F64, tn_ndim(t.x), tn_shape(t.x), values[i]);
        check_same_bits(tn_forward(ctx, t.both, x), apart(&t, x));
    }
}
END_TEST

/* An operator that gives both inputs its own gradient. */
static void added_backward(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(c, node, 0, dy);
    tn_add_grad(c, node, 1, dy);
}

static const tn_op added_op = {.name = "added", .backward = added_backward};

static tn_tensor *added(const tn_tensor *a, const tn_tensor *b)
{
    tn_tensor *y = tn_add(ctx, tn_detach(ctx, a), tn_detach(ctx, b));
    return tn_record(ctx, &added_op, y, (tn_record_args){.inputs = {a, b}});
}

/* The result goes two ways, so that its gradient is a sum; and it is added to another one, so that
 * both have one gradient, which is wanted after ReLU's backward. */
static void learn(tn_tensor *y, tn_tensor *beside)
{
    tn_tensor *alone = tn_add(ctx, sum_of(tn_square(ctx, y)), sum_of(tn_sigmoid(ctx, y)));
    ck_assert_int_eq(tn_backward(ctx, tn_add(ctx, alone, sum_of(beside))), TN_OK);
}

static void learn_together(tn_tensor *y, tn_tensor *beside)
{
    tn_tensor *both = tn_square(ctx, added(y, beside));
    ck_assert_int_eq(tn_backward(ctx, sum_of(both)), TN_OK);
}

static void check_learning(const twins *t, void (*learning)(tn_tensor *y, tn_tensor *beside))
{
    tn_tensor *x = leaf(tn_mul_scalar(ctx, t->x, 1)), *same_x = leaf(tn_mul_scalar(ctx, t->x, 1));
    tn_tensor *want = apart(t, x), *got;
    tn_tensor *z = leaf(tn_ones(ctx, tn_dtype_of(x), tn_ndim(want), tn_shape(want)));
    tn_tensor *same_z = leaf(tn_mul_scalar(ctx, tn_detach(ctx, z), 1));
    tn_tensor *beside = tn_mul_scalar(ctx, z, 3), *same_beside = tn_mul_scalar(ctx, same_z, 3);
    check_same_bits(got = tn_forward(ctx, t->both, same_x), want);
    learning(want, beside);
    learning(got, same_beside);
    check_same_bits(same_x, x);
    check_same_bits(tn_grad(same_x), tn_grad(x));
    check_same_bits(tn_grad(same_z), tn_grad(z));
    for (int64_t i = 0; i < tn_parameter_count(t->alone); i++) {
        tn_tensor *of_both = tn_parameter(t->both, i, NULL, 0);
        check_same_bits(tn_grad(of_both), tn_grad(tn_parameter(t->alone, i, NULL, 0)));
    }
}

START_TEST(pairs_learn)
{
    twins t = twins_of(&pairs[_i / 2], _i % 2 ? TN_F64 : TN_F32);
    check_learning(&t, learn);
    check_learning(&t, learn_together);
}
END_TEST

/* Of the layer's own result nothing is left, neither on the way there nor back. */
START_TEST(pairs_take_the_memory_of_one)
{
    tn_module *net =
        tn_sequential(ctx, tn_nn_conv2d(ctx, 4, 8, 1, (tn_conv2d_opts){0}), tn_nn_relu(ctx));
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(4, 4, 100, 100));
    int64_t bytes = 4 * 8 * 100 * 100 * 4, live = tn_memory(ctx).live_bytes;
    tn_memory_reset_peak(ctx);
    tn_tensor *y = tn_forward(ctx, net, x);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, bytes + bytes / 2);
    tn_tensor *loss = sum_of(tn_square(ctx, y));
    live = tn_memory(ctx).live_bytes;
    tn_memory_reset_peak(ctx);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, bytes + bytes / 2);
}
END_TEST

/* A ReLU alone leaves its input as it is, whoever made that. */
START_TEST(inputs_stay)
{
    tn_module *net =
        tn_sequential(ctx, tn_module_new(ctx, &same_type, 0), tn_nn_relu(ctx), tn_nn_relu(ctx));
    tn_tensor *x = F64(1, -2);
    ck_tn_equal(tn_forward(ctx, net, x), 1, 0);
    ck_tn_equal(x, 1, -2);
}
END_TEST

/* Who looks at operators sees each with its own result. */
START_TEST(pairs_that_are_profiled)
{
    char text[4096];
    twins t = twins_of(&pairs[0], TN_F32);
    for (int grad = 0; grad < 2; grad++) {
        tn_set_grad_enabled(ctx, grad);
        tn_tensor *want = tn_forward(ctx, t.both, t.x);
        ck_assert_int_eq(tn_profile(ctx, true), TN_OK);
        check_same_bits(tn_forward(ctx, t.both, t.x), want);
        tn_profile(ctx, false);
        tn_profile_report(ctx, text, sizeof text);
        ck_assert_ptr_nonnull(strstr(text, "\nconv2d "));
        ck_assert_ptr_nonnull(strstr(text, "\nrelu "));
    }
}
END_TEST

/* An infinity that ReLU would hide. */
START_TEST(pairs_with_an_anomaly)
{
    twins t = twins_of(&pairs[4], TN_F32);
    for (int grad = 0; grad < 2; grad++) {
        tn_set_grad_enabled(ctx, grad);
        tn_detect_anomaly(ctx, true);
        tn_tensor *x = tn_full(ctx, TN_F32, tn_ndim(t.x), tn_shape(t.x), -INFINITY);
        ck_assert_ptr_null(tn_forward(ctx, t.both, x));
        ck_assert_ptr_nonnull(strstr(tn_error(ctx), "conv2d: "));
        tn_clear_error(ctx);
        tn_detect_anomaly(ctx, false);
    }
}
END_TEST

static tn_status run_pair(void *payload)
{
    twins *t = payload;
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *y = tn_forward(ctx, t->both, t->x);
    if (y && tn_is_grad_enabled(ctx))
        tn_backward(ctx, sum_of(tn_square(ctx, y)));
    for (int64_t i = 0; i < tn_parameter_count(t->both); i++)
        tn_clear_grad(tn_parameter(t->both, i, NULL, 0));
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}

START_TEST(allocations_of_pairs_fail)
{
    twins t = twins_of(&pairs[_i / 2], TN_F32);
    tn_set_grad_enabled(ctx, false);
    tn_free(tn_forward(ctx, t.both, t.x));
    tn_train(t.both, false);
    tn_set_grad_enabled(ctx, _i % 2);
    ck_assert_int_eq(run_pair(&t), TN_OK);
    fail_each_allocation(run_pair, &t);
}
END_TEST

/* ---- a convolution, the norm behind it and ReLU ---------------------------------------------- */

/* The norm is that of a network that has learned. */
static tn_module *normed(const pair *p, tn_dtype dtype, bool relu)
{
    tn_module *norm = tn_nn_batch_norm2d(ctx, p->out, (tn_batch_norm_opts){.eps = 0.01});
    tn_module *net = relu ? tn_sequential(ctx, layer_of(p), norm, tn_nn_relu(ctx))
                          : tn_sequential(ctx, layer_of(p), norm);
    tn_set_grad_enabled(ctx, false);
    for (int64_t i = 0; i < tn_parameter_count(norm); i++)
        tn_uniform_(ctx, tn_parameter(norm, i, NULL, 0), -2, 2);
    tn_uniform_(ctx, tn_buffer(norm, 0, NULL, 0), -1, 1);
    tn_uniform_(ctx, tn_buffer(norm, 1, NULL, 0), 0.1, 3);
    tn_set_grad_enabled(ctx, true);
    tn_train(net, false);
    ck_assert_int_eq(tn_module_to(ctx, net, dtype), TN_OK);
    return net;
}

static tn_tensor *one_by_one(const tn_module *net, const tn_tensor *x)
{
    tn_tensor *y = NULL;
    for (int i = 0; tn_child(net, i); i++)
        y = tn_forward(ctx, tn_child(net, i), y ? y : x);
    return y;
}

START_TEST(norms_infer)
{
    const pair *p = &pairs[_i / 4];
    tn_module *net = normed(p, _i % 2 ? TN_F64 : TN_F32, _i / 2 % 2);
    tn_tensor *x = input_of(p, _i % 2 ? TN_F64 : TN_F32);
    tn_set_grad_enabled(ctx, false);
    check_same_bits(tn_forward(ctx, net, x), one_by_one(net, x));
    tn_fill_(ctx, tn_select(ctx, x, 0, 0), NAN);
    tn_fill_(ctx, tn_buffer(net, 0, NULL, 0), INFINITY);
    check_same_bits(tn_forward(ctx, net, x), one_by_one(net, x));
}
END_TEST

/* While it trains, a norm takes the mean of the batch, and learns it. */
START_TEST(norms_that_train)
{
    tn_module *net = normed(&pairs[_i], TN_F32, true), *same = normed(&pairs[_i], TN_F32, true);
    tn_tensor *x = input_of(&pairs[_i], TN_F32);
    ck_assert_int_eq(tn_load_state_dict(ctx, same, tn_state_dict(ctx, net), (tn_load_opts){0}),
                     TN_OK);
    tn_set_grad_enabled(ctx, false);
    tn_train(net, true);
    tn_train(same, true);
    check_same_bits(tn_forward(ctx, net, x), one_by_one(same, x));
    for (int64_t i = 0; i < tn_buffer_count(net); i++)
        check_same_bits(tn_buffer(net, i, NULL, 0), tn_buffer(same, i, NULL, 0));
}
END_TEST

/* A record has the node of each, whichever of them learns. */
START_TEST(norms_that_are_recorded)
{
    tn_module *net = normed(&pairs[0], TN_F32, true);
    tn_tensor *x = input_of(&pairs[0], TN_F32), *gradients[2];
    tn_tensor *learns = tn_parameter(net, _i, NULL, 0);
    for (int64_t i = 0; i < tn_parameter_count(net); i++)
        tn_set_requires_grad(ctx, tn_parameter(net, i, NULL, 0), i == _i);
    for (int i = 0; i < 2; i++) {
        tn_tensor *y = i ? one_by_one(net, x) : tn_forward(ctx, net, x);
        ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, y))), TN_OK);
        gradients[i] = tn_mul_scalar(ctx, tn_grad(learns), 1);
        tn_clear_grad(learns);
    }
    check_same_bits(gradients[0], gradients[1]);
}
END_TEST

START_TEST(norms_take_no_memory)
{
    static const pair wide = {4, 4, 100, 8, 1, {0}, false};
    tn_module *net = normed(&wide, TN_F32, true);
    tn_tensor *x = input_of(&wide, TN_F32);
    int64_t bytes = 4 * 8 * 100 * 100 * 4;
    tn_set_grad_enabled(ctx, false);
    tn_free(tn_forward(ctx, net, x));
    int64_t live = tn_memory(ctx).live_bytes;
    tn_memory_reset_peak(ctx);
    ck_assert_ptr_nonnull(tn_forward(ctx, net, x));
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, bytes + bytes / 2);
}
END_TEST

/* The errors are those of the modules one after another. */
START_TEST(norms_that_do_not_fit)
{
    tn_conv2d_opts plain = {0};
    tn_module *small = normed(&(pair){1, 2, 5, 3, 1, plain, false}, TN_F32, true);
    tn_set_grad_enabled(ctx, false);
    tn_module *net = tn_sequential(ctx, tn_nn_conv2d(ctx, 2, 3, 1, plain),
                                   tn_nn_batch_norm2d(ctx, 4, (tn_batch_norm_opts){0}));
    tn_train(net, false);
    ck_assert_ptr_null(tn_forward(ctx, net, tn_ones(ctx, TN_F32, TN_SHAPE(1, 2, 5, 5))));
    ck_tn_error(TN_ERR_SHAPE, "batch_norm: input [1,3,5,5] has 3 channels but running_mean is [4]");
    ck_assert_ptr_null(tn_forward(ctx, small, tn_ones(ctx, TN_F32, TN_SHAPE(2, 5, 5))));
    ck_tn_error(TN_ERR_SHAPE, "BatchNorm2d: input [3,5,5]; expected [n,channels,h,w]");
    ck_assert_ptr_null(tn_forward(ctx, small, tn_ones(ctx, TN_F32, TN_SHAPE(1, 4, 5, 5))));
    ck_tn_error(TN_ERR_SHAPE,
                "conv2d: input [1,4,5,5] has 4 channels but weight [3,2,1,1] expects 2");
    for (int i = 0; i < 2; i++) {
        tn_batch_norm_opts wrong = {.eps = i ? 0.1 : -1, .momentum = i ? -1 : 0.1};
        net = tn_sequential(ctx, tn_nn_conv2d(ctx, 2, 3, 1, plain),
                            tn_nn_batch_norm2d(ctx, 3, wrong));
        tn_train(net, false);
        ck_assert_ptr_null(tn_forward(ctx, net, tn_ones(ctx, TN_F32, TN_SHAPE(1, 2, 5, 5))));
        ck_tn_error(TN_ERR_ARGUMENT, i ? "batch_norm: momentum -1 and eps 0.1"
                                       : "batch_norm: momentum 0.1 and eps -1");
    }
    ck_assert_int_eq(tn_module_to(ctx, tn_child(small, 1), TN_F64), TN_OK);
    ck_assert_ptr_null(tn_forward(ctx, small, tn_ones(ctx, TN_F32, TN_SHAPE(1, 2, 5, 5))));
    ck_tn_error(TN_ERR_DTYPE, "batch_norm: input is f32 but running_mean is f64; tn_cast converts");
}
END_TEST

START_TEST(allocations_of_norms_fail)
{
    twins t = {.both = normed(&pairs[_i], TN_F32, true), .x = input_of(&pairs[_i], TN_F32)};
    tn_set_grad_enabled(ctx, false);
    ck_assert_int_eq(run_pair(&t), TN_OK);
    fail_each_allocation(run_pair, &t);
}
END_TEST

/* ---- ReLU and the max pooling behind it ------------------------------------------------------ */

static tn_module *pooled(tn_module *first, int64_t kernel, tn_pool2d_opts opts)
{
    return tn_sequential(ctx, first, tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, kernel, opts),
                         tn_nn_relu(ctx));
}

/* Behind a convolution, a norm or both. */
static tn_module *pooled_net(int number, int64_t kernel, tn_pool2d_opts opts)
{
    tn_module *norm = tn_nn_batch_norm2d(ctx, 4, (tn_batch_norm_opts){.eps = 3});
    if (number == 1)
        return pooled(norm, kernel, opts);
    tn_module *conv = tn_nn_conv2d(ctx, 4, 4, 3, (tn_conv2d_opts){0});
    if (number == 2)
        return tn_sequential(ctx, conv, norm, tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, kernel, opts));
    tn_module_free(norm);
    return pooled(conv, kernel, opts);
}

enum { MOST_GRADIENTS = 5 };

/* Gradients of the input and of all parameters; returns how many. */
static int gradients_of(tn_module *net, bool apart, tn_tensor *x, tn_tensor **gradients)
{
    tn_tensor *y = apart ? one_by_one(net, x) : tn_forward(ctx, net, x);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, y))), TN_OK);
    int n = 0;
    for (int i = -1; i < tn_parameter_count(net); i++) {
        tn_tensor *t = i < 0 ? x : tn_parameter(net, i, NULL, 0);
        gradients[n++] = tn_mul_scalar(ctx, tn_grad(t), 1);
        tn_clear_grad(t);
    }
    return n;
}

START_TEST(pools)
{
    tn_pool2d_opts opts[] = {{0}, {.stride = 2, .padding = 1}, {.stride = 1}, {.ceil_mode = true}};
    for (int i = 0; i < 4; i++) {
        tn_dtype dtype = i % 2 ? TN_F64 : TN_F32;
        tn_module *net = pooled_net(_i, 2 + i % 2, opts[i]);
        ck_assert_int_eq(tn_module_to(ctx, net, dtype), TN_OK);
        tn_train(net, false);
        tn_tensor *x = leaf(tn_randn(ctx, dtype, TN_SHAPE(3, 4, 14, 15)));
        tn_tensor *together[MOST_GRADIENTS], *apart[MOST_GRADIENTS];
        check_same_bits(tn_forward(ctx, net, x), one_by_one(net, x));
        gradients_of(net, true, x, apart);
        for (int n = gradients_of(net, false, x, together); n > 0; n--)
            check_same_bits(together[n - 1], apart[n - 1]);
        tn_set_grad_enabled(ctx, false);
        check_same_bits(tn_forward(ctx, net, x), one_by_one(net, x));
        tn_fill_(ctx, tn_narrow(ctx, tn_select(ctx, x, 0, 1), 1, 3, 2), NAN);
        tn_fill_(ctx, tn_narrow(ctx, tn_select(ctx, x, 0, 2), 1, 3, 2), INFINITY);
        check_same_bits(tn_forward(ctx, net, x), one_by_one(net, x));
        tn_set_grad_enabled(ctx, true);
    }
}
END_TEST

/* A window may meet nothing but padding where it is dilated: that is -inf, which ReLU before it
 * leaves. */
START_TEST(pools_of_padding)
{
    tn_pool2d_opts opts = {.stride = 2, .padding = 1, .dilation = 5, .ceil_mode = true};
    tn_module *net = tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 1, 1, (tn_conv2d_opts){0}),
                                   tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, 2, opts));
    tn_tensor *y = tn_forward(ctx, net, tn_randn(ctx, TN_F32, TN_SHAPE(1, 1, 3, 3)));
    ck_assert(element_of(y, 0) == -INFINITY);
}
END_TEST

/* What the convolution made is neither kept for the gradients nor left in the scope. */
START_TEST(pools_keep_little)
{
    tn_module *net =
        pooled(tn_nn_conv2d(ctx, 4, 8, 1, (tn_conv2d_opts){0}), 2, (tn_pool2d_opts){0});
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(4, 4, 100, 100));
    int64_t bytes = 4 * 8 * 100 * 100 * 4, live = tn_memory(ctx).live_bytes;
    tn_tensor *y = tn_forward(ctx, net, x);
    ck_assert_int_lt(tn_memory(ctx).live_bytes - live, bytes * 3 / 4);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_OK);
}
END_TEST

static tn_tensor *seen;

static tn_tensor *show(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return seen = tn_mul_scalar(c, x, 2);
}

static const tn_module_type show_type = {.name = "Show", .forward = show};

/* While it is recorded, what a module of the program made stays in the program's scope. */
START_TEST(modules_that_show_what_they_made)
{
    tn_module *net = pooled(tn_module_new(ctx, &show_type, 0), 2, (tn_pool2d_opts){0});
    tn_tensor *x = leaf(tn_randn(ctx, TN_F32, TN_SHAPE(1, 2, 4, 4)));
    tn_tensor *y = tn_forward(ctx, net, x);
    check_same_bits(y, tn_max_pool2d(ctx, tn_relu(ctx, seen), 2, (tn_pool2d_opts){0}));
}
END_TEST

/* Children are taken over on failure, too. */
START_TEST(failure_frees_the_children)
{
    int64_t tensors = tn_memory(ctx).tensors;
    ck_assert_ptr_null(tn_sequential(ctx, tn_nn_linear(ctx, 2, 3), NULL, tn_nn_linear(ctx, 3, 1)));
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: child 1 of Sequential is NULL");
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_ptr_null(ctx->objects);
    ck_assert_ptr_null(tn_sequential(ctx, tn_nn_linear(ctx, 2, 3), tn_nn_linear(ctx, 0, 1)));
    ck_tn_error(TN_ERR_ARGUMENT, "Linear: 0 inputs and 1 outputs");
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_ptr_null(ctx->objects);
}
END_TEST

/* A child that is given twice, or is part of another module, is an error and freed once. */
START_TEST(children_that_are_not_free)
{
    tn_module *a = tn_nn_linear(ctx, 2, 2), *b = tn_nn_relu(ctx);
    ck_assert_ptr_null(tn_sequential(ctx, a, b, a));
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: child 2 of Sequential is part of a module already");
    a = tn_nn_linear(ctx, 2, 2);
    tn_module *outer = tn_sequential(ctx, a, tn_nn_relu(ctx));
    ck_assert_ptr_null(tn_sequential(ctx, tn_nn_relu(ctx), a, outer));
    ck_tn_error(TN_ERR_ARGUMENT, "add_child: child 1 of Sequential is part of a module already");
    a = tn_nn_linear(ctx, 2, 2);
    outer = tn_sequential(ctx, a, tn_nn_relu(ctx));
    ck_assert_ptr_null(tn_sequential(ctx, outer, a));
    tn_clear_error(ctx);
    ck_assert_ptr_null(tn_sequential(ctx, tn_nn_linear(ctx, 0, 2), NULL));
    tn_clear_error(ctx);
}
END_TEST

START_TEST(errors_of_children)
{
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 3, 4), tn_nn_relu(ctx));
    ck_assert_ptr_null(tn_forward(ctx, net, tn_ones(ctx, TN_F32, TN_SHAPE(2, 5))));
    ck_tn_error(TN_ERR_SHAPE,
                "linear: input [2,5] and weight [4,3]; expected [...,in] and [out,in]");
    ck_assert_ptr_null(tn_forward(ctx, net, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "Sequential: input is NULL");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sequential");
    TCase *tc = tn_case(suite, "sequential");
    tcase_add_test(tc, runs_in_order);
    tcase_add_test(tc, gradients_flow);
    tcase_add_test(tc, empty);
    tcase_add_test(tc, inference_keeps_little);
    tcase_add_test(tc, modules_that_return_their_input);
    tcase_add_test(tc, modules_that_return_a_tensor_of_the_program);
    tcase_add_test(tc, failure_frees_the_children);
    tcase_add_test(tc, children_that_are_not_free);
    tcase_add_test(tc, errors_of_children);
    TCase *together = tn_case(suite, "pairs");
    tcase_add_loop_test(together, pairs_infer, 0, 2 * PAIRS);
    tcase_add_loop_test(together, pairs_of_special_values, 0, PAIRS);
    tcase_add_loop_test(together, pairs_learn, 0, 2 * PAIRS);
    tcase_add_test(together, pairs_take_the_memory_of_one);
    tcase_add_test(together, inputs_stay);
    tcase_add_test(together, pairs_that_are_profiled);
    tcase_add_test(together, pairs_with_an_anomaly);
    tcase_add_loop_test(together, allocations_of_pairs_fail, 0, 2 * PAIRS);
    tcase_add_loop_test(together, norms_infer, 0, 4 * CONVOLUTIONS);
    tcase_add_loop_test(together, norms_that_train, 0, CONVOLUTIONS);
    tcase_add_loop_test(together, norms_that_are_recorded, 0, 4);
    tcase_add_test(together, norms_take_no_memory);
    tcase_add_test(together, norms_that_do_not_fit);
    tcase_add_loop_test(together, allocations_of_norms_fail, 0, CONVOLUTIONS);
    tcase_add_loop_test(together, pools, 0, 3);
    tcase_add_test(together, pools_of_padding);
    tcase_add_test(together, pools_keep_little);
    tcase_add_test(together, modules_that_show_what_they_made);
    return tn_run(suite);
}
