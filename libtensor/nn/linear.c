/* linear.c - y = x weight^T + bias. */
#include "nn/nn.h"
#include "ops/in_place.h"

typedef struct linear_state {
    tn_tensor *weight, *bias;
} linear_state;

static tn_tensor *linear_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const linear_state *s = tn_module_state(self);
    return tn_linear(ctx, x, s->weight, s->bias);
}

static int64_t linear_multiply_adds(const tn_module *self, const tn_tensor *x, const tn_tensor *y)
{
    const linear_state *s = tn_module_state(self);
    (void)x;
    return tn_numel(y) * tn_size(s->weight, 1);
}

static const tn_module_type linear_type = {
    .name = "Linear", .forward = linear_forward, .multiply_adds = linear_multiply_adds};

static tn_tensor *linear_relu(tn_ctx *ctx, tn_module *self, const tn_tensor *x,
                              const tn__tail *tail)
{
    const linear_state *s = tn_module_state(self);
    (void)tail;
    return tn__linear_relu(ctx, x, s->weight, s->bias);
}

tn__tailed_fn tn__linear_then_relu(const tn_module *module)
{
    return tn__module_type(module) == &linear_type ? linear_relu : NULL;
}

static tn_module *linear_new(tn_ctx *ctx, int64_t in, int64_t out, bool with_bias)
{
    if (!tn_ok(ctx))
        return NULL;
    if (in < 1 || out < 1) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "Linear: %lld inputs and %lld outputs", (long long)in,
                (long long)out);
        return NULL;
    }
    tn_module *self = tn_module_new(ctx, &linear_type, sizeof(linear_state));
    if (!self)
        return NULL;
    linear_state *s = tn_module_state(self);
    s->weight = tn__add_uniform(ctx, self, "weight", TN_SHAPE(out, in), (double)in);
    if (s->weight && with_bias)
        s->bias = tn__add_uniform(ctx, self, "bias", TN_SHAPE(out), (double)in);
    return tn__module_done(ctx, self);
}

tn_module *tn_nn_linear(tn_ctx *ctx, int64_t in, int64_t out)
{
    return linear_new(ctx, in, out, true);
}

tn_module *tn_nn_linear_nobias(tn_ctx *ctx, int64_t in, int64_t out)
{
    return linear_new(ctx, in, out, false);
}
