/* sgd.c - stochastic gradient descent with momentum. */
#include "base/isa.h"
#include "base/options.h"
#include "dict/entries.h"
#include "kernels/args.h"
#include "optim/optim.h"
#include "tensor/tensor.h"

static void sgd_update(tn_optim *opt, const tn__group *group, tn__slot *slot, const tn_tensor *grad)
{
    const tn_sgd_opts *o = opt->opts;
    tn__sgd step = {.lr = group->lr,
                    .momentum = o->momentum,
                    .dampening = o->dampening,
                    .weight_decay = group->weight_decay,
                    .nesterov = o->nesterov,
                    .first = slot->steps == 0};
    tn__kernels_of(opt->ctx, grad->dtype)
        ->sgd_step(&step, tn_numel(grad), tn__ptr(grad), tn__moment(slot, 0), tn__ptr(slot->param));
}

static bool check_opts(tn_ctx *ctx, const tn_sgd_opts *o)
{
    if (!tn_ok(ctx))
        return false;
    if (!(o->momentum >= 0))
        tn_fail(ctx, TN_ERR_ARGUMENT, "sgd: momentum %g", o->momentum);
    else if (o->nesterov && (!(o->momentum > 0) || o->dampening != 0))
        tn_fail(ctx, TN_ERR_ARGUMENT,
                "sgd: nesterov needs momentum above 0 and no dampening, not %g and %g", o->momentum,
                o->dampening);
    return tn_ok(ctx);
}

static const tn__field fields[] = {
    {"momentum", TN__FIELD_F64, offsetof(tn_sgd_opts, momentum), true, 0, 0},
    {"dampening", TN__FIELD_F64, offsetof(tn_sgd_opts, dampening), true, 0, 0},
    {"nesterov", TN__FIELD_BOOL, offsetof(tn_sgd_opts, nesterov), true, 0, 0},
};

static tn_optim model(tn_sgd_opts *opts)
{
    opts->momentum = tn__real_option(opts->momentum, 0);
    opts->dampening = tn__real_option(opts->dampening, 0);
    return (tn_optim){.name = "sgd",
                      .defaults = {.lr = tn__real_option(opts->lr, 1e-3),
                                   .weight_decay = tn__real_option(opts->weight_decay, 0)},
                      .moments = opts->momentum > 0,
                      .moment_names = {"momentum_buffer"},
                      .update = sgd_update,
                      .opts = opts,
                      .fields = fields,
                      .n_fields = sizeof fields / sizeof *fields};
}

tn_optim *tn_sgd(tn_ctx *ctx, tn_module *module, tn_sgd_opts opts)
{
    tn_optim m = model(&opts);
    return check_opts(ctx, &opts) ? tn__optim_of_module(ctx, &m, module, sizeof opts) : NULL;
}

tn_optim *tn_sgd_of(tn_ctx *ctx, int64_t count, tn_tensor *const *params, tn_sgd_opts opts)
{
    tn_optim m = model(&opts);
    return check_opts(ctx, &opts) ? tn__optim_of(ctx, &m, params, count, sizeof opts) : NULL;
}
