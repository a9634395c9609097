/* leaky_relu.c - y = x where x > 0, slope x elsewhere. */
#include "nn/nn.h"

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
