/* batch_norm2d.c - channels of images normalised by the batch in training, by what was seen so far
 * in evaluation. */
#include "nn/nn.h"
#include "ops/in_place.h"
#include "tensor/tensor.h"

typedef struct norm_state {
    tn_tensor *weight, *bias;
    tn_tensor *mean, *var, *batches; /* buffers */
    tn_batch_norm_opts opts;
} norm_state;

/* Counting is not recorded, and stops at the largest int64_t. */
static void count_batch(tn_ctx *ctx, tn_tensor *batches)
{
    int64_t *count = tn_data_mut(batches);
    if (tn_ok(ctx) && *count < INT64_MAX)
        ++*count;
}

/* tn_batch_norm, or that and ReLU. */
typedef tn_tensor *(*norm_fn)(tn_ctx *ctx, const tn_tensor *x, tn_tensor *running_mean,
                              tn_tensor *running_var, const tn_tensor *weight,
                              const tn_tensor *bias, tn_batch_norm_opts opts);

static tn_tensor *forward_by(norm_fn norm, tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const norm_state *s = tn_module_state(self);
    tn_batch_norm_opts opts = s->opts;
    opts.training = tn_is_training(self);
    if (tn_ndim(x) != 4) {
        tn_fail(ctx, TN_ERR_SHAPE, "BatchNorm2d: input %s; expected [n,channels,h,w]",
                TN_SHAPE_TEXT(x));
        return NULL;
    }
    tn_tensor *y = norm(ctx, x, s->mean, s->var, s->weight, s->bias, opts);
    if (y && opts.training)
        count_batch(ctx, s->batches);
    return y;
}

static tn_tensor *batch_norm2d_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    return forward_by(tn_batch_norm, ctx, self, x);
}

static const tn_module_type batch_norm2d_type = {.name = "BatchNorm2d",
                                                 .forward = batch_norm2d_forward};

bool tn__is_batch_norm2d(const tn_module *module)
{
    return tn__module_type(module) == &batch_norm2d_type;
}

static tn_tensor *batch_norm2d_relu(tn_ctx *ctx, tn_module *self, const tn_tensor *x,
                                    const tn__tail *tail)
{
    (void)tail;
    return forward_by(tn__batch_norm_relu, ctx, self, x);
}

tn__tailed_fn tn__batch_norm2d_then_relu(const tn_module *module)
{
    return tn__is_batch_norm2d(module) ? batch_norm2d_relu : NULL;
}

void tn__batch_norm2d_norm(const tn_module *module, tn__norm *norm)
{
    const norm_state *s = tn_module_state(module);
    *norm = (tn__norm){
        .mean = s->mean, .var = s->var, .weight = s->weight, .bias = s->bias, .opts = s->opts};
    norm->opts.training = tn_is_training(module);
}

tn_module *tn_nn_batch_norm2d(tn_ctx *ctx, int64_t channels, tn_batch_norm_opts opts)
{
    if (!tn_ok(ctx))
        return NULL;
    if (channels < 1) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "BatchNorm2d: %lld channels", (long long)channels);
        return NULL;
    }
    tn_module *self = tn_module_new(ctx, &batch_norm2d_type, sizeof(norm_state));
    if (!self)
        return NULL;
    norm_state *s = tn_module_state(self);
    s->opts = opts;
    s->weight = tn__add_full(ctx, self, false, "weight", TN_F32, TN_SHAPE(channels), 1);
    s->bias = tn__add_full(ctx, self, false, "bias", TN_F32, TN_SHAPE(channels), 0);
    s->mean = tn__add_full(ctx, self, true, "running_mean", TN_F32, TN_SHAPE(channels), 0);
    s->var = tn__add_full(ctx, self, true, "running_var", TN_F32, TN_SHAPE(channels), 1);
    s->batches = tn__add_full(ctx, self, true, "num_batches_tracked", TN_I64, TN_SCALAR, 0);
    return tn__module_done(ctx, self);
}
