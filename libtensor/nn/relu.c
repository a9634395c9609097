/* relu.c - y = max(x, 0). */
#include "nn/nn.h"

static tn_tensor *relu_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_relu(ctx, x);
}

static const tn_module_type relu_type = {.name = "ReLU", .forward = relu_forward};

tn_module *tn_nn_relu(tn_ctx *ctx)
{
    return tn_module_new(ctx, &relu_type, 0);
}
