/* tanh.c - y = tanh x. */
#include "nn/nn.h"

static tn_tensor *tanh_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_tanh(ctx, x);
}

static const tn_module_type tanh_type = {.name = "Tanh", .forward = tanh_forward};

tn_module *tn_nn_tanh(tn_ctx *ctx)
{
    return tn_module_new(ctx, &tanh_type, 0);
}
