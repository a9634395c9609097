/* adaptive_avg_pool2d.c - averages over as many windows as the result has elements. */
#include "nn/nn.h"

typedef struct pool_state {
    int64_t out_h, out_w;
} pool_state;

static tn_tensor *adaptive_avg_pool2d_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const pool_state *s = tn_module_state(self);
    return tn_adaptive_avg_pool2d(ctx, x, s->out_h, s->out_w);
}

static const tn_module_type adaptive_avg_pool2d_type = {.name = "AdaptiveAvgPool2d",
                                                        .forward = adaptive_avg_pool2d_forward};

tn_module *tn_nn_adaptive_avg_pool2d(tn_ctx *ctx, int64_t out_h, int64_t out_w)
{
    tn_module *self = tn_module_new(ctx, &adaptive_avg_pool2d_type, sizeof(pool_state));
    if (self)
        *(pool_state *)tn_module_state(self) = (pool_state){out_h, out_w};
    return self;
}
