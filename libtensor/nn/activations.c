/* activations.c - modules that apply a function of ops.h to each element. */
#include "nn/nn.h"

/* A module without parameters and options. */
#define ACTIVATION(function, title)                                                               \
    static tn_tensor *function##_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)        \
    {                                                                                             \
        (void)self;                                                                               \
        return tn_##function(ctx, x);                                                             \
    }                                                                                             \
    static const tn_module_type function##_type = {.name = title, .forward = function##_forward}; \
    tn_module *tn_nn_##function(tn_ctx *ctx)                                                      \
    {                                                                                             \
        return tn_module_new(ctx, &function##_type, 0);                                           \
    }

ACTIVATION(relu, "ReLU")
ACTIVATION(sigmoid, "Sigmoid")
ACTIVATION(tanh, "Tanh")
ACTIVATION(gelu, "GELU")

bool tn__is_relu(const tn_module *module)
{
    return tn__module_type(module) == &relu_type;
}

static tn_tensor *leaky_relu_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    return tn_leaky_relu(ctx, x, *(const double *)tn_module_state(self));
}

static const tn_module_type leaky_relu_type = {.name = "LeakyReLU", .forward = leaky_relu_forward};

tn_module *tn_nn_leaky_relu(tn_ctx *ctx, double negative_slope)
{
    tn_module *self = tn_module_new(ctx, &leaky_relu_type, sizeof negative_slope);
    if (self)
        *(double *)tn_module_state(self) = negative_slope;
    return self;
}
