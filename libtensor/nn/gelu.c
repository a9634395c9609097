/* gelu.c - y = x (1 + erf(x / 2^(1/2))) / 2. */
#include "nn/nn.h"

static tn_tensor *gelu_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_gelu(ctx, x);
}

static const tn_module_type gelu_type = {.name = "GELU", .forward = gelu_forward};

tn_module *tn_nn_gelu(tn_ctx *ctx)
{
    return tn_module_new(ctx, &gelu_type, 0);
}
