/* conv2d.c - images convolved with kernels, plus a bias for each channel. */
#include "base/options.h"
#include "nn/nn.h"
#include "ops/in_place.h"

typedef struct conv_state {
    tn_tensor *weight, *bias;
    tn_conv2d_opts opts;
} conv_state;

static tn_tensor *conv2d_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    const conv_state *s = tn_module_state(self);
    return tn_conv2d(ctx, x, s->weight, s->bias, s->opts);
}

/* One for each element of the result and each element of a kernel. */
static int64_t conv2d_multiply_adds(const tn_module *self, const tn_tensor *x, const tn_tensor *y)
{
    const conv_state *s = tn_module_state(self);
    (void)x;
    return tn_numel(y) * (tn_numel(s->weight) / tn_size(s->weight, 0));
}

static const tn_module_type conv2d_type = {
    .name = "Conv2d", .forward = conv2d_forward, .multiply_adds = conv2d_multiply_adds};

static tn_tensor *conv2d_tailed(tn_ctx *ctx, tn_module *self, const tn_tensor *x,
                                const tn__tail *tail)
{
    const conv_state *s = tn_module_state(self);
    if (!tail->norm)
        return tn__conv2d_relu(ctx, x, s->weight, s->bias, s->opts);
    tn__norm norm;
    tn__batch_norm2d_norm(tail->norm, &norm);
    return tn__conv2d_norm(ctx, x, s->weight, s->bias, s->opts, &norm, tail->relu);
}

/* Of an image alone BatchNorm2d says that it takes batches. */
static bool takes_norm(tn_ctx *ctx, const tn_module *module, const tn_module *behind,
                       const tn_tensor *x)
{
    const conv_state *s = tn_module_state(module);
    tn__norm norm;
    tn__batch_norm2d_norm(behind, &norm);
    return tn_ndim(x) == 4 && tn__conv2d_takes_norm(ctx, x, s->weight, s->bias, &norm);
}

tn__tailed_fn tn__conv2d_tailed(tn_ctx *ctx, const tn_module *module, const tn__tail *tail,
                                const tn_tensor *x)
{
    bool is_own = tn__module_type(module) == &conv2d_type;
    return is_own && (!tail->norm || takes_norm(ctx, module, tail->norm, x)) ? conv2d_tailed : NULL;
}

static bool check_arguments(tn_ctx *ctx, int64_t in, int64_t out, int64_t kernel_h,
                            int64_t kernel_w, int64_t groups)
{
    if (!tn_ok(ctx))
        return false;
    if (in >= 1 && out >= 1 && kernel_h >= 1 && kernel_w >= 1 && groups >= 1 && in % groups == 0 &&
        out % groups == 0)
        return true;
    tn_fail(ctx, TN_ERR_ARGUMENT,
            "Conv2d: %lld channels to %lld in %lld groups, kernel [%lld,%lld]", (long long)in,
            (long long)out, (long long)groups, (long long)kernel_h, (long long)kernel_w);
    return false;
}

static tn_module *conv2d_new(tn_ctx *ctx, int64_t in, int64_t out, int64_t kernel_size,
                             bool with_bias, tn_conv2d_opts opts)
{
    int64_t groups = tn__int_option(opts.groups, 1);
    int64_t kernel_h = tn__int_option(opts.kernel_h, kernel_size);
    int64_t kernel_w = tn__int_option(opts.kernel_w, kernel_size);
    if (!check_arguments(ctx, in, out, kernel_h, kernel_w, groups))
        return NULL;
    tn_module *self = tn_module_new(ctx, &conv2d_type, sizeof(conv_state));
    if (!self)
        return NULL;
    int64_t in_group = in / groups;
    double fan_in = (double)in_group * (double)kernel_h * (double)kernel_w;
    conv_state *s = tn_module_state(self);
    s->opts = opts;
    s->weight =
        tn__add_uniform(ctx, self, "weight", TN_SHAPE(out, in_group, kernel_h, kernel_w), fan_in);
    if (s->weight && with_bias)
        s->bias = tn__add_uniform(ctx, self, "bias", TN_SHAPE(out), fan_in);
    return tn__module_done(ctx, self);
}

tn_module *tn_nn_conv2d(tn_ctx *ctx, int64_t in, int64_t out, int64_t kernel_size,
                        tn_conv2d_opts opts)
{
    return conv2d_new(ctx, in, out, kernel_size, true, opts);
}

tn_module *tn_nn_conv2d_nobias(tn_ctx *ctx, int64_t in, int64_t out, int64_t kernel_size,
                               tn_conv2d_opts opts)
{
    return conv2d_new(ctx, in, out, kernel_size, false, opts);
}
