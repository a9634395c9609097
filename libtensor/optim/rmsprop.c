/* rmsprop.c - RMSprop (Tieleman, Hinton: Lecture 6.5, Coursera 2012), also centered (Graves:
 * Generating sequences with recurrent neural networks, arXiv 1308.0850). */
#include <math.h>
#include "base/isa.h"
#include "base/options.h"
#include "dict/entries.h"
#include "kernels/args.h"
#include "optim/optim.h"
#include "tensor/tensor.h"

/* Moment 0 is the mean of the squares. The mean of the gradients follows if `centered` is set, then
 * the momentum buffer if there is momentum. */
static void rmsprop_update(tn_optim *opt, const tn__group *group, tn__slot *slot,
                           const tn_tensor *grad)
{
    const tn_rmsprop_opts *o = opt->opts;
    tn__rmsprop step = {.lr = group->lr,
                        .alpha = o->alpha,
                        .eps = o->eps,
                        .weight_decay = group->weight_decay,
                        .momentum = o->momentum};
    void *mean = o->centered ? tn__moment(slot, 1) : NULL;
    void *buf = o->momentum > 0 ? tn__moment(slot, 1 + o->centered) : NULL;
    tn__kernels_of(opt->ctx, grad->dtype)
        ->rmsprop_step(&step, tn_numel(grad), tn__ptr(grad), tn__moment(slot, 0), mean, buf,
                       tn__ptr(slot->param));
}

static const tn__field fields[] = {
    {"alpha", TN__FIELD_F64, offsetof(tn_rmsprop_opts, alpha), true, 0, 0},
    {"eps", TN__FIELD_F64, offsetof(tn_rmsprop_opts, eps), true, 0, 0},
    {"momentum", TN__FIELD_F64, offsetof(tn_rmsprop_opts, momentum), true, 0, 0},
    {"centered", TN__FIELD_BOOL, offsetof(tn_rmsprop_opts, centered), true, 0, 0},
};

static tn_optim model(tn_rmsprop_opts *opts)
{
    opts->alpha = tn__real_option(opts->alpha, 0.99);
    opts->eps = tn__real_option(opts->eps, 1e-8);
    opts->momentum = tn__real_option(opts->momentum, 0);
    return (tn_optim){.name = "rmsprop",
                      .defaults = {.lr = tn__real_option(opts->lr, 1e-2),
                                   .weight_decay = tn__real_option(opts->weight_decay, 0)},
                      .moments = 1 + opts->centered + (opts->momentum > 0),
                      .moment_names = {"square_avg",
                                       opts->centered ? "grad_avg" : "momentum_buffer",
                                       "momentum_buffer"},
                      .update = rmsprop_update,
                      .opts = opts,
                      .fields = fields,
                      .n_fields = sizeof fields / sizeof *fields};
}

static bool check_opts(tn_ctx *ctx, const tn_rmsprop_opts *o)
{
    return tn__check_option(ctx, "rmsprop", "alpha", o->alpha, 0, 1) &&
           tn__check_option(ctx, "rmsprop", "eps", o->eps, 0, INFINITY) &&
           tn__check_option(ctx, "rmsprop", "momentum", o->momentum, 0, INFINITY);
}

tn_optim *tn_rmsprop(tn_ctx *ctx, tn_module *module, tn_rmsprop_opts opts)
{
    tn_optim m = model(&opts);
    return check_opts(ctx, &opts) ? tn__optim_of_module(ctx, &m, module, sizeof opts) : NULL;
}

tn_optim *tn_rmsprop_of(tn_ctx *ctx, int64_t count, tn_tensor *const *params, tn_rmsprop_opts opts)
{
    tn_optim m = model(&opts);
    return check_opts(ctx, &opts) ? tn__optim_of(ctx, &m, params, count, sizeof opts) : NULL;
}
