/* optim.c - making, grouping, stepping and freeing optimisers. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tn/autograd.h>
#include "autograd/tape.h"
#include "base/memory.h"
#include "base/object.h"
#include "base/options.h"
#include "base/pointers.h"
#include "nn/nn.h"
#include "optim/optim.h"
#include "tensor/change.h"
#include "tensor/scope.h"

static void free_object(tn__object *object)
{
    tn_optim_free((tn_optim *)(void *)object);
}

static void drop_moments(tn__slot *slot)
{
    for (int j = 0; j < TN_MAX_MOMENTS; j++) {
        tn__release(slot->moments[j]);
        slot->moments[j] = NULL;
    }
}

void tn_optim_free(tn_optim *opt)
{
    if (!opt)
        return;
    tn_ctx *ctx = opt->ctx;
    tn__object_remove(&opt->object);
    for (int64_t i = 0; opt->slots && i < opt->count; i++)
        drop_moments(&opt->slots[i]);
    tn__free(ctx, opt->slots);
    tn__free_pointers(ctx, &opt->params);
    tn__free(ctx, opt->groups);
    tn__free(ctx, opt->opts);
    tn__free(ctx, opt);
}

bool tn__check_option(tn_ctx *ctx, const char *what, const char *option, double value, double lo,
                      double hi)
{
    if (tn_ok(ctx) && !(value >= lo && value < hi))
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s %g", what, option, value);
    return tn_ok(ctx);
}

static bool check_group(tn_ctx *ctx, const char *what, const tn__group *group)
{
    return tn__check_option(ctx, what, "learning rate", group->lr, 0, INFINITY) &&
           tn__check_option(ctx, what, "weight decay", group->weight_decay, 0, INFINITY);
}

/* ---- parameters and their state -------------------------------------------------------------- */

void *tn__moment(const tn__slot *slot, int i)
{
    return slot->moments[i] ? tn__ptr(slot->moments[i]) : NULL;
}

bool tn__make_moments(tn_optim *opt, tn__slot *slot)
{
    const tn_tensor *p = slot->param;
    for (int j = 0; j < opt->moments && !slot->moments[opt->moments - 1]; j++) {
        tn_tensor *moment = tn_zeros(opt->ctx, p->dtype, p->ndim, p->shape);
        if (!moment) {
            drop_moments(slot);
            return false;
        }
        tn__disown(moment);
        slot->moments[j] = moment;
    }
    return true;
}

bool tn__check_params(const tn_optim *opt, const char *what)
{
    for (int64_t i = 0; i < opt->count; i++)
        if (!tn__is_live(opt->slots[i].param)) {
            tn_text name = {""};
            snprintf(name.s, sizeof name.s, "parameter %lld", (long long)i);
            return tn_check_input(opt->ctx, what, name.s, opt->slots[i].param);
        }
    return true;
}

static bool check_param(tn_optim *opt, int64_t i, const tn_tensor *param, bool may_be_frozen)
{
    if (!tn_check_float(opt->ctx, opt->name, "a parameter", param))
        return false;
    bool is_leaf = param->var ? !param->var->node : may_be_frozen;
    if (!is_leaf)
        tn_fail(opt->ctx, TN_ERR_STATE,
                "%s: parameter %lld of shape %s is not a leaf that requires a gradient", opt->name,
                (long long)i, TN_SHAPE_TEXT(param));
    else if (!tn_is_contiguous(param))
        tn_fail(opt->ctx, TN_ERR_ARGUMENT, "%s: parameter %lld of shape %s is not contiguous",
                opt->name, (long long)i, TN_SHAPE_TEXT(param));
    return tn_ok(opt->ctx);
}

/* A slot for the parameter, unless it has one. The state of a frozen one is made when it is
 * stepped. */
static bool add_slot(tn_optim *opt, tn_tensor *param)
{
    int64_t at = opt->count;
    if (tn__place_of(&opt->params, param) >= 0)
        return true;
    if (!tn__reserve(opt->ctx, &opt->slots, &opt->capacity, at + 1, sizeof *opt->slots) ||
        !tn__add_pointer(opt->ctx, &opt->params, param))
        return false;
    opt->slots[at] = (tn__slot){.param = param};
    opt->count++;
    return !param->var || tn__make_moments(opt, &opt->slots[at]);
}

static void drop_slots(tn_optim *opt, int64_t from)
{
    while (opt->count > from)
        drop_moments(&opt->slots[--opt->count]);
    tn__cut_pointers(&opt->params, from);
}

/* ---- making ---------------------------------------------------------------------------------- */

static bool add_group(tn_optim *opt, tn__group group)
{
    if (!tn__reserve(opt->ctx, &opt->groups, &opt->groups_capacity, opt->n_groups + 1,
                     sizeof *opt->groups))
        return false;
    opt->groups[opt->n_groups] = group;
    opt->groups[opt->n_groups++].initial_lr = -1;
    return true;
}

static tn_optim *optim_new(tn_ctx *ctx, const tn_optim *model, size_t opts_size)
{
    if (!tn_ok(ctx) || !check_group(ctx, model->name, &model->defaults))
        return NULL;
    tn_optim *opt = tn__alloc(ctx, sizeof *opt);
    if (!opt)
        return NULL;
    *opt = *model;
    tn__object_add(ctx, &opt->object, free_object);
    opt->ctx = ctx;
    opt->opts = tn__alloc(ctx, opts_size);
    if (opt->opts && add_group(opt, opt->defaults)) {
        memcpy(opt->opts, model->opts, opts_size);
        return opt;
    }
    tn_optim_free(opt);
    return NULL;
}

/* The parameters that a group is to get: a list, or a module's, which may be frozen. */
typedef struct members {
    tn_tensor *const *list;
    tn_tensor **of_module; /* the list then, to be freed */
    int64_t count;
} members;

/* Makes them members of the group, with the state that they have already: all of them, or none. */
static void add_members(tn_optim *opt, const members *m, int64_t group)
{
    int64_t before = opt->count;
    for (int64_t i = 0; i < m->count; i++)
        if (!check_param(opt, i, m->list[i], m->of_module != NULL))
            return;
    for (int64_t i = 0; i < m->count; i++)
        if (!add_slot(opt, m->list[i])) {
            drop_slots(opt, before);
            return;
        }
    for (int64_t i = 0; i < m->count; i++)
        opt->slots[tn__place_of(&opt->params, m->list[i])].group = group;
}

static bool list_of(tn_ctx *ctx, const char *what, tn_tensor *const *params, int64_t count,
                    members *m)
{
    *m = (members){.list = params, .count = count};
    if (tn_ok(ctx) && (count < 1 || !params))
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: no parameters", what);
    return tn_ok(ctx);
}

static bool module_of(tn_ctx *ctx, const char *what, const tn_module *module, members *m)
{
    *m = (members){.count = tn_parameter_count(module)};
    if (tn_ok(ctx) && m->count < 1)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s", what,
                module ? "the module has no parameters" : "the module is NULL");
    if (tn_ok(ctx))
        m->list = m->of_module = tn__alloc(ctx, (size_t)m->count * sizeof *m->of_module);
    if (m->list)
        tn__list_tensors(module, false, m->of_module);
    return tn_ok(ctx);
}

static tn_optim *make(tn_ctx *ctx, const tn_optim *model, const members *m, size_t opts_size)
{
    tn_optim *opt = optim_new(ctx, model, opts_size);
    if (opt)
        add_members(opt, m, 0);
    tn__free(ctx, m->of_module);
    if (!opt || tn_ok(ctx))
        return opt;
    tn_optim_free(opt);
    return NULL;
}

tn_optim *tn__optim_of(tn_ctx *ctx, const tn_optim *model, tn_tensor *const *params, int64_t count,
                       size_t opts_size)
{
    members m;
    return list_of(ctx, model->name, params, count, &m) ? make(ctx, model, &m, opts_size) : NULL;
}

tn_optim *tn__optim_of_module(tn_ctx *ctx, const tn_optim *model, tn_module *module,
                              size_t opts_size)
{
    members m;
    return module_of(ctx, model->name, module, &m) ? make(ctx, model, &m, opts_size) : NULL;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static int64_t group_new(tn_optim *opt, const members *m, tn_group_opts o)
{
    tn__group group = {.lr = tn__real_option(o.lr, opt->defaults.lr),
                       .weight_decay = tn__real_option(o.weight_decay, opt->defaults.weight_decay)};
    if (check_group(opt->ctx, "add_group", &group) && add_group(opt, group)) {
        add_members(opt, m, opt->n_groups - 1);
        opt->n_groups -= !tn_ok(opt->ctx);
    }
    tn__free(opt->ctx, m->of_module);
    return tn_ok(opt->ctx) ? opt->n_groups - 1 : tn_error_status(opt->ctx);
}

int64_t tn_add_group(tn_optim *opt, tn_module *module, tn_group_opts opts)
{
    members m;
    if (!opt)
        return TN_ERR_ARGUMENT;
    return module_of(opt->ctx, "add_group", module, &m) ? group_new(opt, &m, opts)
                                                        : tn_error_status(opt->ctx);
}

int64_t tn_add_group_of(tn_optim *opt, int64_t count, tn_tensor *const *params, tn_group_opts opts)
{
    members m;
    if (!opt)
        return TN_ERR_ARGUMENT;
    return list_of(opt->ctx, "add_group", params, count, &m) ? group_new(opt, &m, opts)
                                                             : tn_error_status(opt->ctx);
}

int64_t tn_group_count(const tn_optim *opt)
{
    return opt ? opt->n_groups : 0;
}

double tn_group_lr(const tn_optim *opt, int64_t group)
{
    return group >= 0 && group < tn_group_count(opt) ? opt->groups[group].lr : 0;
}

tn_status tn_set_group_lr(tn_optim *opt, int64_t group, double lr)
{
    if (!opt)
        return TN_ERR_ARGUMENT;
    if (tn_ok(opt->ctx) && (group < 0 || group >= opt->n_groups))
        return tn_fail(opt->ctx, TN_ERR_ARGUMENT, "set_lr: group %lld of %lld", (long long)group,
                       (long long)opt->n_groups);
    if (tn__check_option(opt->ctx, "set_lr", "learning rate", lr, 0, INFINITY))
        opt->groups[group].lr = lr;
    return tn_error_status(opt->ctx);
}

double tn_lr(const tn_optim *opt)
{
    return tn_group_lr(opt, 0);
}

tn_status tn_set_lr(tn_optim *opt, double lr)
{
    return tn_set_group_lr(opt, 0, lr);
}

/* ---- stepping -------------------------------------------------------------------------------- */

static bool is_converted(const tn__slot *slot, const tn_tensor *grad)
{
    const tn_tensor *p = slot->param, *moment = slot->moments[0];
    return grad->dtype != p->dtype || (moment && moment->dtype != p->dtype);
}

/* Everything that a step of the parameter needs. */
static bool prepare(tn_optim *opt, tn__slot *slot)
{
    const tn_tensor *grad = tn_grad(slot->param);
    if (!grad)
        return true;
    slot->fresh = opt->moments > 0 && !slot->moments[0];
    if (!tn__make_moments(opt, slot))
        return false;
    if (is_converted(slot, grad))
        tn_fail(opt->ctx, TN_ERR_STATE,
                "%s: a parameter of shape %s was converted; make the optimiser after tn_module_to",
                opt->name, TN_SHAPE_TEXT(slot->param));
    return tn_ok(opt->ctx);
}

static void update(tn_optim *opt, tn__slot *slot)
{
    const tn_tensor *grad = tn_grad(slot->param);
    if (!grad)
        return;
    opt->update(opt, &opt->groups[slot->group], slot, grad);
    tn__count_change(opt->ctx, slot->param);
    for (int i = 0; i < opt->moments; i++)
        tn__count_change(opt->ctx, slot->moments[i]);
    slot->steps++;
}

/* Moments that were made for the step stay if it worked, and are freed if it failed. */
static void settle(tn_optim *opt, bool failed)
{
    for (int64_t i = 0; i < opt->count; i++) {
        if (opt->slots[i].fresh && failed)
            drop_moments(&opt->slots[i]);
        opt->slots[i].fresh = false;
    }
}

/* No parameter is changed before all can be. */
tn_status tn_step(tn_optim *opt)
{
    if (!opt)
        return TN_ERR_ARGUMENT;
    if (!tn_ok(opt->ctx) || !tn__check_params(opt, opt->name))
        return tn_error_status(opt->ctx);
    for (int64_t i = 0; i < opt->count && prepare(opt, &opt->slots[i]); i++)
        ;
    for (int64_t i = 0; tn_ok(opt->ctx) && i < opt->count; i++)
        update(opt, &opt->slots[i]);
    settle(opt, !tn_ok(opt->ctx));
    return tn_error_status(opt->ctx);
}

void tn_zero_grad(tn_optim *opt)
{
    if (!opt)
        return;
    tn__check_params(opt, "zero_grad");
    for (int64_t i = 0; i < opt->count; i++)
        tn_clear_grad(opt->slots[i].param);
}
