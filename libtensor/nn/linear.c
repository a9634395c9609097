/* linear.c - y = x weight^T + bias. */
#include <math.h>
#include "nn/nn.h"

typedef struct linear_state {
    tn_tensor *weight, *bias;
} linear_state;

static tn_tensor *linear_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const linear_state *s = tn_module_state(self);
    return tn_linear(ctx, x, s->weight, s->bias);
}

static const tn_module_type linear_type = {.name = "Linear", .forward = linear_forward};

/* Uniform on [-1/sqrt(in), 1/sqrt(in)): torch.nn.Linear.reset_parameters. */
static tn_tensor *add_uniform(tn_ctx *ctx, tn_module *self, const char *name, int ndim,
                              const int64_t *shape, int64_t in)
{
    double bound = in > 0 ? 1 / sqrt((double)in) : 0;
    tn_tensor *t = tn_empty(ctx, TN_F32, ndim, shape);
    return t && tn_uniform_(ctx, t, -bound, bound) == TN_OK ? tn_add_parameter(ctx, self, name, t)
                                                            : NULL;
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
    s->weight = add_uniform(ctx, self, "weight", TN_SHAPE(out, in), in);
    if (s->weight && with_bias)
        s->bias = add_uniform(ctx, self, "bias", TN_SHAPE(out), in);
    if (tn_ok(ctx))
        return self;
    tn_module_free(self);
    return NULL;
}

tn_module *tn_nn_linear(tn_ctx *ctx, int64_t in, int64_t out)
{
    return linear_new(ctx, in, out, true);
}

tn_module *tn_nn_linear_nobias(tn_ctx *ctx, int64_t in, int64_t out)
{
    return linear_new(ctx, in, out, false);
}
