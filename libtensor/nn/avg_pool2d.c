/* avg_pool2d.c - the average of the elements under each window. */
#include "nn/nn.h"

typedef struct pool_state {
    int64_t kernel_size;
    tn_pool2d_opts opts;
} pool_state;

static tn_tensor *avg_pool2d_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const pool_state *s = tn_module_state(self);
    return tn_avg_pool2d(ctx, x, s->kernel_size, s->opts);
}

static const tn_module_type avg_pool2d_type = {.name = "AvgPool2d", .forward = avg_pool2d_forward};

tn_module *tn_nn_avg_pool2d(tn_ctx *ctx, int64_t kernel_size, tn_pool2d_opts opts)
{
    tn_module *self = tn_module_new(ctx, &avg_pool2d_type, sizeof(pool_state));
    if (self)
        *(pool_state *)tn_module_state(self) = (pool_state){kernel_size, opts};
    return self;
}
