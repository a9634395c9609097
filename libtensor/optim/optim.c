/* optim.c - making, stepping and freeing optimisers. */
#include <math.h>
#include <string.h>
#include "optim/optim.h"

static void free_object(tn__object *object)
{
    tn_optim_free((tn_optim *)(void *)object);
}

void tn_optim_free(tn_optim *opt)
{
    if (!opt)
        return;
    tn_ctx *ctx = opt->ctx;
    tn__object_remove(&opt->object);
    for (int64_t i = 0; opt->slots && i < opt->count; i++)
        for (int j = 0; j < TN_MAX_MOMENTS; j++)
            tn__release(opt->slots[i].moments[j]);
    tn__free(ctx, opt->slots);
    tn__free(ctx, opt->opts);
    tn__free(ctx, opt);
}

static void add_slot(tn_optim *opt, int64_t i, tn_tensor *param)
{
    tn_ctx *ctx = opt->ctx;
    if (!tn_check_float(ctx, opt->name, "a parameter", param))
        return;
    if (!param->var || param->var->node) {
        tn_fail(ctx, TN_ERR_STATE,
                "%s: parameter %lld of shape %s is not a leaf that requires a "
                "gradient",
                opt->name, (long long)i, TN_SHAPE_TEXT(param));
        return;
    }
    opt->slots[i].param = param;
    for (int j = 0; j < opt->moments; j++) {
        tn_tensor *moment = tn_zeros(ctx, param->dtype, param->ndim, param->shape);
        if (!moment)
            return;
        tn__disown(moment);
        opt->slots[i].moments[j] = moment;
    }
}

static bool check_lr(tn_ctx *ctx, const char *name, double lr)
{
    if (!(lr >= 0) || isinf(lr))
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: learning rate %g", name, lr);
    return tn_ok(ctx);
}

static tn_optim *optim_new(tn_ctx *ctx, const tn_optim *model, int64_t count, size_t opts_size)
{
    if (!tn_ok(ctx) || !check_lr(ctx, model->name, model->lr))
        return NULL;
    tn_optim *opt = tn__alloc(ctx, sizeof *opt);
    if (!opt)
        return NULL;
    *opt = *model;
    tn__object_add(ctx, &opt->object, free_object);
    opt->ctx = ctx;
    opt->count = count;
    opt->slots = tn__alloc_zeroed(ctx, (size_t)count * sizeof *opt->slots);
    opt->opts = tn__alloc(ctx, opts_size);
    if (opt->slots && opt->opts) {
        memcpy(opt->opts, model->opts, opts_size);
        return opt;
    }
    tn_optim_free(opt);
    return NULL;
}

static tn_optim *finished(tn_optim *opt)
{
    if (!opt || tn_ok(opt->ctx))
        return opt;
    tn_optim_free(opt);
    return NULL;
}

tn_optim *tn__optim_of(tn_ctx *ctx, const tn_optim *model, tn_tensor *const *params, int64_t count,
                       size_t opts_size)
{
    if (tn_ok(ctx) && (count < 1 || !params))
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: no parameters", model->name);
    tn_optim *opt = optim_new(ctx, model, count, opts_size);
    for (int64_t i = 0; opt && tn_ok(ctx) && i < count; i++)
        add_slot(opt, i, params[i]);
    return finished(opt);
}

tn_optim *tn__optim_of_module(tn_ctx *ctx, const tn_optim *model, tn_module *module,
                              size_t opts_size)
{
    int64_t count = tn_parameter_count(module);
    if (tn_ok(ctx) && count < 1)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s", model->name,
                module ? "the module has no parameters" : "the module is NULL");
    tn_optim *opt = optim_new(ctx, model, count, opts_size);
    for (int64_t i = 0; opt && tn_ok(ctx) && i < count; i++)
        add_slot(opt, i, tn_parameter(module, i, NULL, 0));
    return finished(opt);
}

static void update(tn_optim *opt, tn__slot *slot)
{
    const tn_tensor *grad = tn_grad(slot->param);
    if (!grad)
        return;
    if (grad->dtype != slot->param->dtype || !tn_is_contiguous(slot->param) ||
        (slot->moments[0] && slot->moments[0]->dtype != slot->param->dtype)) {
        tn_fail(opt->ctx, TN_ERR_STATE,
                "%s: a parameter of shape %s was converted or is no longer "
                "contiguous; make the optimiser after tn_module_to",
                opt->name, TN_SHAPE_TEXT(slot->param));
        return;
    }
    opt->update(opt, slot, grad);
    slot->param->storage->version++;
    slot->steps++;
}

tn_status tn_step(tn_optim *opt)
{
    if (!opt)
        return TN_ERR_ARGUMENT;
    for (int64_t i = 0; tn_ok(opt->ctx) && i < opt->count; i++)
        update(opt, &opt->slots[i]);
    return tn_error_status(opt->ctx);
}

void tn_zero_grad(tn_optim *opt)
{
    for (int64_t i = 0; opt && i < opt->count; i++)
        tn_clear_grad(opt->slots[i].param);
}

double tn_lr(const tn_optim *opt)
{
    return opt ? opt->lr : 0;
}

tn_status tn_set_lr(tn_optim *opt, double lr)
{
    if (!opt)
        return TN_ERR_ARGUMENT;
    if (tn_ok(opt->ctx) && check_lr(opt->ctx, "set_lr", lr))
        opt->lr = lr;
    return tn_error_status(opt->ctx);
}
