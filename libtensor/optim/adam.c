/* adam.c - Adam (Kingma, Ba: Adam, a method for stochastic optimization, ICLR 2015) and AdamW
 * (Loshchilov, Hutter: Decoupled weight decay regularization, ICLR 2019). */
#include <math.h>
#include "base/isa.h"
#include "base/options.h"
#include "dict/entries.h"
#include "kernels/args.h"
#include "optim/optim.h"
#include "tensor/tensor.h"

/* Both, after their defaults have been filled in. */
typedef struct adam_opts {
    double beta1, beta2, eps;
    bool decoupled; /* weight decay does not pass through the moments */
} adam_opts;

static void adam_update(tn_optim *opt, const tn__group *group, tn__slot *slot,
                        const tn_tensor *grad)
{
    const adam_opts *o = opt->opts;
    double t = (double)slot->steps + 1;
    tn__adam step = {.step = group->lr / (1 - pow(o->beta1, t)),
                     .norm = 1 / sqrt(1 - pow(o->beta2, t)),
                     .beta1 = o->beta1,
                     .beta2 = o->beta2,
                     .eps = o->eps,
                     .l2 = o->decoupled ? 0 : group->weight_decay,
                     .shrink = o->decoupled ? 1 - group->lr * group->weight_decay : 1};
    tn__kernels_of(opt->ctx, grad->dtype)
        ->adam_step(&step, tn_numel(grad), tn__ptr(grad), tn__moment(slot, 0), tn__moment(slot, 1),
                    tn__ptr(slot->param));
}

static const tn__field fields[] = {
    {"beta1", TN__FIELD_F64, offsetof(adam_opts, beta1), true, 0, 0},
    {"beta2", TN__FIELD_F64, offsetof(adam_opts, beta2), true, 0, 0},
    {"eps", TN__FIELD_F64, offsetof(adam_opts, eps), true, 0, 0},
};

static tn_optim adam_model(tn_adam_opts o, adam_opts *opts)
{
    *opts = (adam_opts){.beta1 = tn__real_option(o.beta1, 0.9),
                        .beta2 = tn__real_option(o.beta2, 0.999),
                        .eps = tn__real_option(o.eps, 1e-8)};
    return (tn_optim){.name = "adam",
                      .defaults = {.lr = tn__real_option(o.lr, 1e-3),
                                   .weight_decay = tn__real_option(o.weight_decay, 0)},
                      .moments = 2,
                      .moment_names = {"exp_avg", "exp_avg_sq"},
                      .update = adam_update,
                      .opts = opts,
                      .fields = fields,
                      .n_fields = sizeof fields / sizeof *fields};
}

static tn_optim adamw_model(tn_adamw_opts o, adam_opts *opts)
{
    tn_optim m = adam_model(
        (tn_adam_opts){.lr = o.lr, .beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps}, opts);
    m.name = "adamw";
    m.defaults.weight_decay = tn__real_option(o.weight_decay, 1e-2);
    opts->decoupled = true;
    return m;
}

static bool check_opts(tn_ctx *ctx, const tn_optim *m)
{
    const adam_opts *o = m->opts;
    return tn__check_option(ctx, m->name, "beta1", o->beta1, 0, 1) &&
           tn__check_option(ctx, m->name, "beta2", o->beta2, 0, 1) &&
           tn__check_option(ctx, m->name, "eps", o->eps, 0, INFINITY);
}

static tn_optim *make(tn_ctx *ctx, const tn_optim *m, tn_module *module)
{
    return check_opts(ctx, m) ? tn__optim_of_module(ctx, m, module, sizeof(adam_opts)) : NULL;
}

static tn_optim *make_of(tn_ctx *ctx, const tn_optim *m, tn_tensor *const *params, int64_t count)
{
    return check_opts(ctx, m) ? tn__optim_of(ctx, m, params, count, sizeof(adam_opts)) : NULL;
}

tn_optim *tn_adam(tn_ctx *ctx, tn_module *module, tn_adam_opts opts)
{
    adam_opts o;
    tn_optim m = adam_model(opts, &o);
    return make(ctx, &m, module);
}

tn_optim *tn_adam_of(tn_ctx *ctx, int64_t count, tn_tensor *const *params, tn_adam_opts opts)
{
    adam_opts o;
    tn_optim m = adam_model(opts, &o);
    return make_of(ctx, &m, params, count);
}

tn_optim *tn_adamw(tn_ctx *ctx, tn_module *module, tn_adamw_opts opts)
{
    adam_opts o;
    tn_optim m = adamw_model(opts, &o);
    return make(ctx, &m, module);
}

tn_optim *tn_adamw_of(tn_ctx *ctx, int64_t count, tn_tensor *const *params, tn_adamw_opts opts)
{
    adam_opts o;
    tn_optim m = adamw_model(opts, &o);
    return make_of(ctx, &m, params, count);
}
