/* models.c - builds the networks of `make bench`. */
#include "bench/models.h"

#include <stdio.h>
#include <string.h>

/* ---- AlexNet --------------------------------------------------------------------------------- */

/* The convolutions with what lies between them, up to the ReLU of the fifth. */
static tn_module *make_conv5(tn_ctx *ctx, const model_sizes *sizes)
{
    (void)sizes;
    tn_conv2d_opts first = {.stride = 4, .padding = 2}, second = {.padding = 2},
                   other = {.padding = 1};
    tn_pool2d_opts two = {.stride = 2};
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 3, 64, 11, first), tn_nn_relu(ctx),
                         tn_nn_max_pool2d(ctx, 3, two), tn_nn_conv2d(ctx, 64, 192, 5, second),
                         tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, 3, two),
                         tn_nn_conv2d(ctx, 192, 384, 3, other), tn_nn_relu(ctx),
                         tn_nn_conv2d(ctx, 384, 256, 3, other), tn_nn_relu(ctx),
                         tn_nn_conv2d(ctx, 256, 256, 3, other), tn_nn_relu(ctx));
}

enum { PERSONS = 6 };

/* A network of one hidden layer of 20. */
static tn_module *make_head_of(tn_ctx *ctx, int64_t inputs)
{
    return tn_sequential(ctx, tn_nn_linear(ctx, inputs, 20), tn_nn_relu(ctx),
                         tn_nn_linear(ctx, 20, PERSONS));
}

/* What learns from the features behind AlexNet's fifth convolution, of 13 x 13. */
static tn_module *make_head(tn_ctx *ctx, const model_sizes *sizes)
{
    (void)sizes;
    return make_head_of(ctx, 256 * 13 * 13);
}

static tn_module *make_alexnet(tn_ctx *ctx, const model_sizes *sizes)
{
    return tn_sequential(ctx, make_conv5(ctx, sizes), tn_nn_flatten(ctx), tn_nn_dropout(ctx, 0.5),
                         make_head(ctx, sizes));
}

/* ---- ResNet-18 ------------------------------------------------------------------------------- */

/* A convolution that keeps the size but for its stride; batch norms stand behind them all. */
static tn_module *make_conv(tn_ctx *ctx, int64_t in, int64_t out, int64_t kernel, int64_t stride)
{
    tn_conv2d_opts opts = {.stride = stride, .padding = kernel / 2};
    return tn_nn_conv2d_nobias(ctx, in, out, kernel, opts);
}

static tn_module *make_norm(tn_ctx *ctx, int64_t channels)
{
    return tn_nn_batch_norm2d(ctx, channels, (tn_batch_norm_opts){0});
}

/* y = relu(residual(x) + shortcut(x)); without a shortcut, of its own x. */
static tn_tensor *block_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    tn_tensor *residual = tn_forward(ctx, tn_child(self, 0), x);
    tn_module *shortcut = tn_child(self, 1);
    return tn_relu(ctx, tn_add(ctx, residual, shortcut ? tn_forward(ctx, shortcut, x) : x));
}

static const tn_module_type block_type = {.name = "Block", .forward = block_forward};

static tn_module *make_block(tn_ctx *ctx, int64_t in, int64_t out, int64_t stride)
{
    tn_module *block = tn_module_new(ctx, &block_type, 0);
    tn_module *residual =
        tn_sequential(ctx, make_conv(ctx, in, out, 3, stride), make_norm(ctx, out), tn_nn_relu(ctx),
                      make_conv(ctx, out, out, 3, 1), make_norm(ctx, out));
    tn_add_child(ctx, block, "residual", residual);
    if (in != out)
        tn_add_child(ctx, block, "shortcut",
                     tn_sequential(ctx, make_conv(ctx, in, out, 1, stride), make_norm(ctx, out)));
    return block;
}

static tn_module *make_stage(tn_ctx *ctx, int64_t in, int64_t out)
{
    return tn_sequential(ctx, make_block(ctx, in, out, in == out ? 1 : 2),
                         make_block(ctx, out, out, 1));
}

static tn_module *make_resnet18(tn_ctx *ctx, const model_sizes *sizes)
{
    (void)sizes;
    return tn_sequential(ctx, make_conv(ctx, 3, 64, 7, 2), make_norm(ctx, 64), tn_nn_relu(ctx),
                         tn_nn_max_pool2d(ctx, 3, (tn_pool2d_opts){.stride = 2, .padding = 1}),
                         make_stage(ctx, 64, 64), make_stage(ctx, 64, 128),
                         make_stage(ctx, 128, 256), make_stage(ctx, 256, 512),
                         tn_nn_adaptive_avg_pool2d(ctx, 1, 1), tn_nn_flatten(ctx),
                         tn_nn_linear(ctx, 512, 1000));
}

/* ---- a block of MobileNet, with the mean of its channels so that it can be trained ----------- */

static tn_module *make_mobilenet_block(tn_ctx *ctx, const model_sizes *sizes)
{
    int64_t n = sizes->width;
    tn_conv2d_opts depthwise = {.padding = 1, .groups = n};
    return tn_sequential(ctx, tn_nn_conv2d_nobias(ctx, n, n, 3, depthwise), make_norm(ctx, n),
                         tn_nn_relu(ctx), make_conv(ctx, n, n, 1, 1), make_norm(ctx, n),
                         tn_nn_relu(ctx), tn_nn_adaptive_avg_pool2d(ctx, 1, 1), tn_nn_flatten(ctx));
}

/* ---- digits ---------------------------------------------------------------------------------- */

enum { DIGITS = 10, PIXELS = 28 * 28 };

/* The cnn of examples/digits. */
static tn_module *make_digits_cnn(tn_ctx *ctx, const model_sizes *sizes)
{
    (void)sizes;
    tn_conv2d_opts plain = {0};
    tn_pool2d_opts halve = {0};
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 16, 5, plain), tn_nn_relu(ctx),
                         tn_nn_max_pool2d(ctx, 2, halve), tn_nn_conv2d(ctx, 16, 32, 5, plain),
                         tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, 2, halve), tn_nn_flatten(ctx),
                         tn_nn_linear(ctx, 512, DIGITS));
}

static tn_module *make_softmax(tn_ctx *ctx, const model_sizes *sizes)
{
    (void)sizes;
    return tn_sequential(ctx, tn_nn_linear(ctx, PIXELS, DIGITS));
}

/* The network of KANN's example mlp.c on MNIST. */
static tn_module *make_kann_mlp(tn_ctx *ctx, const model_sizes *sizes)
{
    (void)sizes;
    return tn_sequential(ctx, tn_nn_linear(ctx, PIXELS, 64), tn_nn_relu(ctx),
                         tn_nn_linear(ctx, 64, DIGITS));
}

static tn_module *make_faces(tn_ctx *ctx, const model_sizes *sizes)
{
    (void)sizes;
    return make_head_of(ctx, 3072);
}

/* ---- a recurrent network that adds numbers bit by bit, as KANN's example rnn-bit.c ----------- */

enum { BITS = 2, UNITS = 64 };

/* One step of torch.nn.GRU. a [n, 3 UNITS] is W_i x + b_i, and b = W_h h + b_h; thirds of them:
 * r = sigmoid(a_r + b_r), z = sigmoid(a_z + b_z), c = tanh(a_c + r b_c), h' = c + z (h - c). */
static tn_tensor *gru_step(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b, const tn_tensor *h)
{
    tn_tensor *gates = tn_sigmoid(ctx, tn_add(ctx, tn_narrow(ctx, a, 1, 0, (int64_t)2 * UNITS),
                                              tn_narrow(ctx, b, 1, 0, (int64_t)2 * UNITS)));
    tn_tensor *r = tn_narrow(ctx, gates, 1, 0, UNITS), *z = tn_narrow(ctx, gates, 1, UNITS, UNITS);
    tn_tensor *a_c = tn_narrow(ctx, a, 1, (int64_t)2 * UNITS, UNITS),
              *b_c = tn_narrow(ctx, b, 1, (int64_t)2 * UNITS, UNITS);
    tn_tensor *c = tn_tanh(ctx, tn_add(ctx, a_c, tn_mul(ctx, r, b_c)));
    return tn_add(ctx, c, tn_mul(ctx, z, tn_sub(ctx, h, c)));
}

/* x [n, length BITS] -> a guess at the bit of each step: [n length, 2]. */
static tn_tensor *gru_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    enum { MOST = 64 };
    tn_tensor *steps[MOST];
    int64_t n = tn_size(x, 0), length = tn_size(x, 1) / BITS;
    tn_tensor *a =
        tn_forward(ctx, tn_child(self, 0), tn_reshape(ctx, x, TN_SHAPE(n, length, BITS)));
    tn_tensor *h = tn_zeros(ctx, TN_F32, TN_SHAPE(n, UNITS));
    for (int64_t t = 0; t < length && t < MOST; t++) {
        tn_tensor *at = tn_select(ctx, a, 1, t);
        h = steps[t] = gru_step(ctx, at, tn_forward(ctx, tn_child(self, 1), h), h);
    }
    tn_tensor *all = tn_stack(ctx, length, (const tn_tensor *const *)steps, 1);
    return tn_forward(ctx, tn_child(self, 2), tn_reshape(ctx, all, TN_SHAPE(n * length, UNITS)));
}

static const tn_module_type gru_type = {.name = "GRU", .forward = gru_forward};

static tn_module *make_gru(tn_ctx *ctx, const model_sizes *sizes)
{
    (void)sizes;
    tn_module *net = tn_module_new(ctx, &gru_type, 0);
    tn_add_child(ctx, net, "input", tn_nn_linear(ctx, BITS, (int64_t)3 * UNITS));
    tn_add_child(ctx, net, "hidden", tn_nn_linear(ctx, UNITS, (int64_t)3 * UNITS));
    tn_add_child(ctx, net, "output", tn_nn_linear(ctx, UNITS, 2));
    return net;
}

/* ---- networks whose sizes grow --------------------------------------------------------------- */

/* `depth` convolutions of 3 x 3 between `width` channels, each with ReLU. */
static tn_module *make_convs(tn_ctx *ctx, const model_sizes *sizes)
{
    tn_module *net = tn_sequential_of(ctx, 0, NULL);
    char name[24];
    for (int64_t i = 0; i < sizes->depth; i++) {
        tn_conv2d_opts same = {.padding = 1};
        snprintf(name, sizeof name, "%d", (int)i);
        tn_add_child(ctx, net, name,
                     tn_sequential(ctx, tn_nn_conv2d(ctx, sizes->width, sizes->width, 3, same),
                                   tn_nn_relu(ctx)));
    }
    return net;
}

/* `depth` layers from `width` numbers to as many, each with ReLU. */
static tn_module *make_layers(tn_ctx *ctx, const model_sizes *sizes)
{
    tn_module *net = tn_sequential_of(ctx, 0, NULL);
    char name[24];
    for (int64_t i = 0; i < sizes->depth; i++) {
        snprintf(name, sizeof name, "%d", (int)i);
        tn_add_child(
            ctx, net, name,
            tn_sequential(ctx, tn_nn_linear(ctx, sizes->width, sizes->width), tn_nn_relu(ctx)));
    }
    return net;
}

/* ---- the table ------------------------------------------------------------------------------- */

static tn_optim *sgd(tn_ctx *ctx, tn_module *net)
{
    return tn_sgd(ctx, net, (tn_sgd_opts){.lr = 1e-5, .momentum = 0.9});
}

static tn_optim *adam(tn_ctx *ctx, tn_module *net)
{
    return tn_adam(ctx, net, (tn_adam_opts){.lr = 1e-5});
}

static tn_optim *rmsprop(tn_ctx *ctx, tn_module *net)
{
    return tn_rmsprop(ctx, net, (tn_rmsprop_opts){.lr = 1e-5});
}

static const model models[] = {
    {"alexnet_conv5", make_conv5, 3, 0, sgd, 1},
    {"alexnet", make_alexnet, 3, 0, sgd, 1},
    {"resnet18", make_resnet18, 3, 0, sgd, 1},
    {"mobilenet_block", make_mobilenet_block, WIDTH, 0, sgd, 1},
    {"digits_cnn", make_digits_cnn, 1, 0, adam, 2},
    {"head", make_head, 0, 256 * 13 * 13, adam, 2},
    {"faces", make_faces, 0, 3072, adam, 2},
    {"softmax", make_softmax, 0, PIXELS, sgd, 1},
    {"kann_mlp", make_kann_mlp, 0, PIXELS, rmsprop, 1},
    {"gru", make_gru, 0, WIDTH, rmsprop, 1},
    {"convs", make_convs, WIDTH, 0, sgd, 1},
    {"layers", make_layers, 0, WIDTH, sgd, 1},
};

const model *model_named(const char *name)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (strcmp(models[i].name, name) == 0)
            return &models[i];
    return NULL;
}
