/* init.c - initial values of parameters, as torch.nn.init gives them.
 *
 * He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015 (kaiming); Glorot and Bengio,
 * "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010
 * (xavier). */
#include <math.h>
#include <tn/autograd.h>
#include "base/options.h"
#include "nn/nn.h"
#include "tensor/tensor.h"

static double gain_of(tn_init_opts opts)
{
    double slope = tn__real_option(opts.slope, 0);
    if (opts.gain != 0)
        return tn__real_option(opts.gain, 0);
    switch (opts.nonlinearity) {
    case TN_LEAKY_RELU:
        return sqrt(2 / (1 + slope * slope));
    case TN_RELU:
        return sqrt(2);
    case TN_TANH:
        return 5.0 / 3;
    case TN_SELU:
        return 0.75;
    case TN_LINEAR:
        return 1;
    }
    return NAN;
}

/* The numbers of inputs and outputs of a unit: weights are [out, in, kernel...]. */
static bool fans(tn_ctx *ctx, const char *what, const tn_tensor *t, double *in, double *out)
{
    if (!tn_check_float(ctx, what, "tensor", t))
        return false;
    if (tn_ndim(t) < 2) {
        tn_fail(ctx, TN_ERR_SHAPE, "%s: tensor %s; expected [out,in,...]", what, TN_SHAPE_TEXT(t));
        return false;
    }
    double field = 1;
    for (int i = 2; i < tn_ndim(t); i++)
        field *= (double)tn_size(t, i);
    *in = (double)tn_size(t, 1) * field;
    *out = (double)tn_size(t, 0) * field;
    return true;
}

static tn_status fill(tn_ctx *ctx, const char *what, tn_tensor *t, double gain, double variance,
                      bool normal)
{
    if (!(gain >= 0) || !isfinite(gain))
        return tn_fail(ctx, TN_ERR_ARGUMENT, "%s: gain %g", what, gain);
    if (tn_numel(t) == 0)
        return TN_OK;
    double std = gain * sqrt(variance);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_status status =
        normal ? tn_normal_(ctx, t, 0, std) : tn_uniform_(ctx, t, -sqrt(3) * std, sqrt(3) * std);
    tn_set_grad_enabled(ctx, before);
    return status;
}

static tn_status kaiming(tn_ctx *ctx, const char *what, tn_tensor *t, tn_init_opts opts,
                         bool normal)
{
    double in, out;
    if (!fans(ctx, what, t, &in, &out))
        return tn_error_status(ctx);
    return fill(ctx, what, t, gain_of(opts), 1 / (opts.fan_out ? out : in), normal);
}

static tn_status xavier(tn_ctx *ctx, const char *what, tn_tensor *t, double gain, bool normal)
{
    double in, out;
    if (!fans(ctx, what, t, &in, &out))
        return tn_error_status(ctx);
    return fill(ctx, what, t, tn__real_option(gain, 1), 2 / (in + out), normal);
}

tn_status tn_init_kaiming_uniform_(tn_ctx *ctx, tn_tensor *t, tn_init_opts opts)
{
    return kaiming(ctx, "init_kaiming_uniform_", t, opts, false);
}

tn_status tn_init_kaiming_normal_(tn_ctx *ctx, tn_tensor *t, tn_init_opts opts)
{
    return kaiming(ctx, "init_kaiming_normal_", t, opts, true);
}

tn_status tn_init_xavier_uniform_(tn_ctx *ctx, tn_tensor *t, double gain)
{
    return xavier(ctx, "init_xavier_uniform_", t, gain, false);
}

tn_status tn_init_xavier_normal_(tn_ctx *ctx, tn_tensor *t, double gain)
{
    return xavier(ctx, "init_xavier_normal_", t, gain, true);
}

double tn_init_gain(tn_nonlinearity nonlinearity, double slope)
{
    return gain_of((tn_init_opts){.nonlinearity = nonlinearity, .slope = slope});
}

/* ---- for the constructors of this room ------------------------------------------------------- */

/* Gives t to self, or frees it. */
static tn_tensor *give(tn_ctx *ctx, tn_module *self, bool is_buffer, const char *name, tn_tensor *t)
{
    tn_tensor *given =
        is_buffer ? tn_add_buffer(ctx, self, name, t) : tn_add_parameter(ctx, self, name, t);
    if (!given)
        tn_free(t);
    return given;
}

tn_tensor *tn__add_uniform(tn_ctx *ctx, tn_module *self, const char *name, int ndim,
                           const int64_t *shape, double fan_in)
{
    double bound = fan_in > 0 ? 1 / sqrt(fan_in) : 0;
    tn_tensor *t = tn__new(ctx, tn_module_name(self), TN_F32, ndim, shape);
    if (t)
        tn_uniform_(ctx, t, -bound, bound);
    return give(ctx, self, false, name, t);
}

tn_tensor *tn__add_full(tn_ctx *ctx, tn_module *self, bool is_buffer, const char *name,
                        tn_dtype dtype, int ndim, const int64_t *shape, double value)
{
    tn_tensor *t = tn__new(ctx, tn_module_name(self), dtype, ndim, shape);
    if (t)
        tn_fill_(ctx, t, value);
    return give(ctx, self, is_buffer, name, t);
}

tn_module *tn__module_done(tn_ctx *ctx, tn_module *self)
{
    if (tn_ok(ctx))
        return self;
    if (self)
        tn_set_rng_state(ctx, tn__module_rng(self));
    tn_module_free(self);
    return NULL;
}
