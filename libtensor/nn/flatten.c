/* flatten.c - [n, ...] to [n, all the rest]. */
#include <tn/nn.h>

static tn_tensor *flatten_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return tn_flatten(ctx, x, 1, -1);
}

static const tn_module_type flatten_type = {.name = "Flatten", .forward = flatten_forward};

tn_module *tn_nn_flatten(tn_ctx *ctx)
{
    return tn_module_new(ctx, &flatten_type, 0);
}
