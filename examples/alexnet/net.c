/* net.c - builds AlexNet, loads its weights, and runs it up to a given layer. */
#include "alexnet/net.h"

#include <stdio.h>
#include <string.h>

const char *const NET_NAMES[NET_STEPS] = {
    "conv1",      "conv1.relu", "conv1.pool", "conv2",      "conv2.relu", "conv2.pool",
    "conv3",      "conv3.relu", "conv4",      "conv4.relu", "conv5",      "conv5.relu",
    "conv5.pool", "avgpool",    NULL,         NULL,         NULL,         "fc6",
    NULL,         NULL,         "fc7",        "fc8"};

enum { AVGPOOL = 13, FLATTEN = 14, CLASSIFIER = 15, FEATURES = 13 };

static const struct {
    int64_t in, out, kernel, stride, padding;
} CONVOLUTIONS[NET_CONVOLUTIONS] = {
    {3, 64, 11, 4, 2},   {64, 192, 5, 1, 2},  {192, 384, 3, 1, 1},
    {384, 256, 3, 1, 1}, {256, 256, 3, 1, 1},
};

static const int CONVOLUTION_STEPS[NET_CONVOLUTIONS] = {0, 3, 6, 8, 10};

int alexnet_convolution(int number)
{
    return CONVOLUTION_STEPS[number - 1];
}

/* ---- the modules ----------------------------------------------------------------------------- */

/* Step 0 .. 12: a convolution, a ReLU or a pooling of 3 x 3 by 2. */
static tn_module *make_feature(tn_ctx *ctx, int step)
{
    for (int i = 0; i < NET_CONVOLUTIONS; i++) {
        if (CONVOLUTION_STEPS[i] == step) {
            tn_conv2d_opts opts = {.stride = CONVOLUTIONS[i].stride,
                                   .padding = CONVOLUTIONS[i].padding};
            return tn_nn_conv2d(ctx, CONVOLUTIONS[i].in, CONVOLUTIONS[i].out,
                                CONVOLUTIONS[i].kernel, opts);
        }
    }
    return strstr(NET_NAMES[step], "pool") ? tn_nn_max_pool2d(ctx, 3, (tn_pool2d_opts){.stride = 2})
                                           : tn_nn_relu(ctx);
}

static tn_module *make_features(tn_ctx *ctx, int first, int last)
{
    tn_module *steps[FEATURES];
    for (int step = first; step <= last; step++)
        steps[step - first] = make_feature(ctx, step);
    return tn_sequential_of(ctx, last - first + 1, steps);
}

static tn_module *make_classifier(tn_ctx *ctx)
{
    return tn_sequential(ctx, tn_nn_dropout(ctx, 0.5), tn_nn_linear(ctx, 256 * 6 * 6, 4096),
                         tn_nn_relu(ctx), tn_nn_dropout(ctx, 0.5), tn_nn_linear(ctx, 4096, 4096),
                         tn_nn_relu(ctx), tn_nn_linear(ctx, 4096, NET_CLASSES));
}

static tn_tensor *forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    tn_tensor *y = tn_forward(ctx, tn_child(self, 1), tn_forward(ctx, tn_child(self, 0), x));
    return tn_forward(ctx, tn_child(self, 2), tn_flatten(ctx, y, 1, -1));
}

static const tn_module_type ALEXNET = {.name = "AlexNet", .forward = forward};

/* Without the classifier, whose 58 million weights are most of the network, if it is not needed. */
static tn_module *make_net(tn_ctx *ctx, bool whole)
{
    tn_module *net = tn_module_new(ctx, &ALEXNET, 0);
    tn_add_child(ctx, net, "features", make_features(ctx, 0, FEATURES - 1));
    tn_add_child(ctx, net, "avgpool", tn_nn_adaptive_avg_pool2d(ctx, 6, 6));
    if (whole)
        tn_add_child(ctx, net, "classifier", make_classifier(ctx));
    return tn_ok(ctx) ? net : NULL;
}

/* ---- weights --------------------------------------------------------------------------------- */

cli_option alexnet_weights_option(const char **weights)
{
    static const char HELP[] =
        "AlexNet as .pth, .npz or safetensors, whole or its 'features' alone";
    return (cli_option){.name = "weights",
                        .type = CLI_STRING,
                        .value = weights,
                        .argument = "FILE",
                        .help = HELP,
                        .shown_default = "random ones"};
}

static bool load_weights(const cli_program *program, tn_ctx *ctx, const char *weights, alexnet *a)
{
    tn_dict *dict = tn_load_dict(ctx, weights);
    if (!dict) {
        cli_error(program, "%s", tn_error(ctx));
        return false;
    }
    a->whole = tn_dict_get(dict, "classifier.6.weight");
    a->net = make_net(ctx, a->whole);
    bool loaded = a->net && sha256_of_file(weights, &a->hash) &&
                  tn_load_state_dict(ctx, a->net, dict, (tn_load_opts){0}) == TN_OK;
    tn_dict_free(dict);
    if (!loaded)
        cli_error(program, "%s: %s", weights, tn_ok(ctx) ? "it cannot be read" : tn_error(ctx));
    return loaded;
}

static bool make_random(const cli_program *program, tn_ctx *ctx, int64_t seed, alexnet *a)
{
    char text[64];
    a->random = true;
    tn_manual_seed(ctx, (uint64_t)seed);
    a->net = make_net(ctx, false);
    snprintf(text, sizeof(text), "random weights, seed %lld", (long long)seed);
    a->hash = sha256_of(text, strlen(text));
    if (!a->net)
        cli_error(program, "%s", tn_error(ctx));
    return a->net != NULL;
}

bool alexnet_load(const cli_program *program, tn_ctx *ctx, const char *weights, int64_t seed,
                  alexnet *a)
{
    *a = (alexnet){.net = NULL};
    if (weights ? !load_weights(program, ctx, weights, a) : !make_random(program, ctx, seed, a))
        return false;
    tn_train(a->net, false);
    return tn_freeze(ctx, a->net, true) == TN_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

int alexnet_step(const cli_program *program, const alexnet *a, const char *name)
{
    int last = a->whole ? NET_STEPS - 1 : AVGPOOL;
    char names[256] = "";
    for (int step = 0; step < NET_STEPS; step++) {
        if (!NET_NAMES[step])
            continue;
        if (step <= last && strcmp(NET_NAMES[step], name) == 0)
            return step;
        if (step <= last)
            snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s", NET_NAMES[step]);
    }
    cli_error(program, "there is no layer '%s' in these weights, but%s", name, names);
    return -1;
}

static tn_tensor *run_step(tn_ctx *ctx, const alexnet *a, int step, const tn_tensor *x)
{
    if (step < FEATURES)
        return tn_forward(ctx, tn_child(tn_child(a->net, 0), step), x);
    if (step == AVGPOOL)
        return tn_forward(ctx, tn_child(a->net, 1), x);
    if (step == FLATTEN)
        return tn_flatten(ctx, x, 1, -1);
    return tn_forward(ctx, tn_child(tn_child(a->net, 2), step - CLASSIFIER), x);
}

/* What is between the steps is freed as soon as the next one is there. */
tn_tensor *alexnet_run(tn_ctx *ctx, const alexnet *a, int first, int last, const tn_tensor *x)
{
    tn_tensor *y = NULL;
    for (int step = first; step <= last; step++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *next = run_step(ctx, a, step, y ? y : x);
        if (next != y)
            next = tn_scope_keep(ctx, scope, next);
        tn_scope_end(ctx, scope);
        if (next != y)
            tn_free(y);
        y = next;
    }
    return y;
}

/* The copy may be of another context. */
tn_module *alexnet_copy_steps(tn_ctx *ctx, const alexnet *a, int first, int last)
{
    tn_module *copy = make_features(ctx, first, last);
    bool before = tn_set_grad_enabled(ctx, false);
    for (int step = first; copy && step <= last; step++) {
        const tn_module *from = tn_child(tn_child(a->net, 0), step);
        for (int64_t i = 0; i < tn_parameter_count(from); i++)
            tn_copy_(ctx, tn_parameter(tn_child(copy, step - first), i, NULL, 0),
                     tn_parameter(from, i, NULL, 0));
    }
    tn_set_grad_enabled(ctx, before);
    return copy;
}
