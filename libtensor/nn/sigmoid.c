/* sigmoid.c - y = 1 / (1 + e^-x). */
#include "nn/nn.h"

static tn_tensor *sigmoid_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_sigmoid(ctx, x);
}

static const tn_module_type sigmoid_type = {.name = "Sigmoid", .forward = sigmoid_forward};

tn_module *tn_nn_sigmoid(tn_ctx *ctx)
{
    return tn_module_new(ctx, &sigmoid_type, 0);
}
