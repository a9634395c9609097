/* models.c - builds the networks that `digits train` offers, and makes a step of training. */
#include "digits/models.h"

#include "common/training.h"
#include "digits/sets.h"

/* ---- rows of pixels as images ---------------------------------------------------------------- */

static tn_tensor *image_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_reshape(ctx, x, TN_SHAPE(-1, 1, MNIST_SIDE, MNIST_SIDE));
}

static const tn_module_type image_type = {.name = "Image", .forward = image_forward};

/* ---- networks -------------------------------------------------------------------------------- */

static tn_module *make_softmax(tn_ctx *ctx)
{
    return tn_sequential(ctx, tn_nn_linear(ctx, DIGIT_PIXELS, MNIST_CLASSES));
}

/* 784-300-10: the network of the study's snapshot. */
static tn_module *make_mlp(tn_ctx *ctx)
{
    enum { HIDDEN = 300 };
    return tn_sequential(ctx, tn_nn_linear(ctx, DIGIT_PIXELS, HIDDEN), tn_nn_relu(ctx),
                         tn_nn_linear(ctx, HIDDEN, MNIST_CLASSES));
}

/* [1,28,28] -> [16,12,12] -> [32,4,4] -> 10. */
static tn_module *make_cnn(tn_ctx *ctx)
{
    tn_conv2d_opts plain = {0};
    tn_pool2d_opts halve = {0};
    return tn_sequential(ctx, tn_module_new(ctx, &image_type, 0),
                         tn_nn_conv2d(ctx, 1, 16, 5, plain), tn_nn_relu(ctx),
                         tn_nn_max_pool2d(ctx, 2, halve), tn_nn_conv2d(ctx, 16, 32, 5, plain),
                         tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, 2, halve), tn_nn_flatten(ctx),
                         tn_nn_linear(ctx, 512, MNIST_CLASSES));
}

const digit_model DIGIT_MODELS[] = {
    {"softmax", "softmax regression", make_softmax, OPTIMIZER_SGD, SCHEDULE_CONSTANT, 0.5,
     .iterations = 300},
    {"mlp", "784-300-10 with ReLU", make_mlp, OPTIMIZER_ADAM, SCHEDULE_COSINE, 2e-3, .batch = 100,
     .epochs = 15},
    {"cnn", "two convolutions with pooling", make_cnn, OPTIMIZER_ADAM, SCHEDULE_COSINE, 2e-3,
     .batch = 100, .epochs = 8},
};

const char *const MODEL_NAMES[] = {"softmax", "mlp", "cnn", NULL};

tn_module *digit_net(tn_ctx *ctx, const digit_model *model, double init_std)
{
    tn_module *net = model->make(ctx);
    if (init_std == 0)
        return net;
    bool before = tn_set_grad_enabled(ctx, false);
    for (int64_t i = 0; tn_ok(ctx) && i < tn_parameter_count(net); i++)
        tn_normal_(ctx, tn_parameter(net, i, NULL, 0), 0, init_std);
    tn_set_grad_enabled(ctx, before);
    return net;
}

tn_module *softmax_net(tn_ctx *ctx, double init_std)
{
    return digit_net(ctx, &DIGIT_MODELS[MODEL_SOFTMAX], init_std);
}

double digit_step(tn_ctx *ctx, tn_module *net, tn_optim *opt, const tn_tensor *images,
                  const tn_tensor *labels)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *logits = tn_forward(ctx, net, images);
    tn_tensor *loss = tn_cross_entropy(ctx, logits, labels, (tn_cross_entropy_opts){0});
    double value = tn_item(ctx, loss);
    tn_zero_grad(opt);
    tn_backward(ctx, loss);
    tn_step(opt);
    tn_scope_end(ctx, scope);
    return value;
}
