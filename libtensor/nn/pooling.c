/* pooling.c - modules that make one number of each window of a plane: the largest, the average. */
#include "nn/nn.h"
#include "ops/in_place.h"

typedef struct pool_state {
    int64_t kernel_size;
    tn_pool2d_opts opts;
} pool_state;

static tn_module *pool_new(tn_ctx *ctx, const tn_module_type *type, int64_t kernel_size,
                           tn_pool2d_opts opts)
{
    tn_module *self = tn_module_new(ctx, type, sizeof(pool_state));
    if (self)
        *(pool_state *)tn_module_state(self) = (pool_state){kernel_size, opts};
    return self;
}

static tn_tensor *max_pool2d_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const pool_state *s = tn_module_state(self);
    return tn_max_pool2d(ctx, x, s->kernel_size, s->opts);
}

static const tn_module_type max_pool2d_type = {.name = "MaxPool2d", .forward = max_pool2d_forward};

/* Without dilation every window meets the plane, for at most half of a kernel is padding. */
bool tn__may_precede_relu(const tn_module *module)
{
    if (tn__module_type(module) != &max_pool2d_type)
        return false;
    const tn_pool2d_opts *o = &((const pool_state *)tn_module_state(module))->opts;
    return o->dilation <= 1 && o->dilation_h <= 1 && o->dilation_w <= 1;
}

static tn_tensor *max_pool2d_relu(tn_ctx *ctx, tn_module *self, const tn_tensor *x,
                                  const tn__tail *tail)
{
    (void)tail;
    return tn__relu_in_place(ctx, max_pool2d_forward(ctx, self, x));
}

tn__tailed_fn tn__max_pool2d_then_relu(const tn_module *module)
{
    return tn__module_type(module) == &max_pool2d_type ? max_pool2d_relu : NULL;
}

tn_module *tn_nn_max_pool2d(tn_ctx *ctx, int64_t kernel_size, tn_pool2d_opts opts)
{
    return pool_new(ctx, &max_pool2d_type, kernel_size, opts);
}

static tn_tensor *avg_pool2d_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const pool_state *s = tn_module_state(self);
    return tn_avg_pool2d(ctx, x, s->kernel_size, s->opts);
}

static const tn_module_type avg_pool2d_type = {.name = "AvgPool2d", .forward = avg_pool2d_forward};

tn_module *tn_nn_avg_pool2d(tn_ctx *ctx, int64_t kernel_size, tn_pool2d_opts opts)
{
    return pool_new(ctx, &avg_pool2d_type, kernel_size, opts);
}

/* ---- as many windows as the result has elements ---------------------------------------------- */

typedef struct adaptive_state {
    int64_t out_h, out_w;
} adaptive_state;

static tn_tensor *adaptive_avg_pool2d_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const adaptive_state *s = tn_module_state(self);
    return tn_adaptive_avg_pool2d(ctx, x, s->out_h, s->out_w);
}

static const tn_module_type adaptive_avg_pool2d_type = {.name = "AdaptiveAvgPool2d",
                                                        .forward = adaptive_avg_pool2d_forward};

tn_module *tn_nn_adaptive_avg_pool2d(tn_ctx *ctx, int64_t out_h, int64_t out_w)
{
    tn_module *self = tn_module_new(ctx, &adaptive_avg_pool2d_type, sizeof(adaptive_state));
    if (self)
        *(adaptive_state *)tn_module_state(self) = (adaptive_state){out_h, out_w};
    return self;
}
