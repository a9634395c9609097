/* schedule.c - learning rates that change from step to step, as torch.optim.lr_scheduler does it.
 *
 * Each rule computes the next rate of a group from its present one, so schedules of one optimiser
 * compose, and a change by tn_set_lr in between lasts. */
#include <math.h>
#include "base/memory.h"
#include "base/object.h"
#include "base/options.h"
#include "dict/dict.h"
#include "dict/entries.h"
#include "optim/optim.h"

struct tn_schedule {
    tn__object object;
    tn_ctx *ctx;
    tn_optim *opt;
    const char *name;
    double (*next)(const tn_schedule *s, const tn__group *group); /* NULL: plateau */
    int64_t epoch;                                                /* steps made */
    int64_t period;     /* step_size, T_max, total_iters */
    double first, last; /* factors gamma; eta_min; start and end */
    tn_plateau_opts plateau;
    double best;
    int64_t bad_epochs, cooldown;
};

static void free_object(tn__object *object)
{
    tn_schedule_free((tn_schedule *)(void *)object);
}

void tn_schedule_free(tn_schedule *schedule)
{
    if (!schedule)
        return;
    tn__object_remove(&schedule->object);
    tn__free(schedule->ctx, schedule);
}

static bool check_opt(tn_ctx *ctx, const char *name, const tn_optim *opt)
{
    if (tn_ok(ctx) && !opt)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: the optimiser is NULL", name);
    return tn_ok(ctx);
}

static bool check_period(tn_ctx *ctx, const char *name, const char *option, int64_t period)
{
    if (tn_ok(ctx) && period < 1)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s %lld", name, option, (long long)period);
    return tn_ok(ctx);
}

/* Schedules start from the rate that the group had before the first of them. */
static void remember_initial_lr(tn_optim *opt)
{
    for (int64_t i = 0; i < opt->n_groups; i++)
        if (opt->groups[i].initial_lr < 0)
            opt->groups[i].initial_lr = opt->groups[i].lr;
}

static tn_schedule *schedule_new(tn_ctx *ctx, const tn_schedule *model)
{
    if (!check_opt(ctx, model->name, model->opt))
        return NULL;
    tn_schedule *s = tn__alloc(ctx, sizeof *s);
    if (!s)
        return NULL;
    *s = *model;
    s->ctx = ctx;
    tn__object_add(ctx, &s->object, free_object);
    remember_initial_lr(s->opt);
    return s;
}

static void set_rates(tn_schedule *s)
{
    remember_initial_lr(s->opt);
    for (int64_t i = 0; i < s->opt->n_groups; i++)
        s->opt->groups[i].lr = s->next(s, &s->opt->groups[i]);
}

tn_status tn_schedule_step(tn_schedule *schedule)
{
    if (!schedule || !tn_ok(schedule->ctx))
        return schedule ? tn_error_status(schedule->ctx) : TN_ERR_ARGUMENT;
    if (!schedule->next)
        return tn_fail(schedule->ctx, TN_ERR_ARGUMENT,
                       "%s: a step needs the metric; use tn_schedule_step_with", schedule->name);
    schedule->epoch++;
    set_rates(schedule);
    return TN_OK;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static double step_next(const tn_schedule *s, const tn__group *group)
{
    return s->epoch % s->period == 0 ? group->lr * s->first : group->lr;
}

tn_schedule *tn_step_lr(tn_ctx *ctx, tn_optim *opt, int64_t step_size, double gamma)
{
    gamma = tn__real_option(gamma, 0.1);
    if (!check_period(ctx, "step_lr", "step size", step_size) ||
        !tn__check_option(ctx, "step_lr", "gamma", gamma, 0, INFINITY))
        return NULL;
    return schedule_new(
        ctx,
        &(tn_schedule){
            .opt = opt, .name = "step_lr", .next = step_next, .period = step_size, .first = gamma});
}

static double exponential_next(const tn_schedule *s, const tn__group *group)
{
    return group->lr * s->first;
}

tn_schedule *tn_exponential_lr(tn_ctx *ctx, tn_optim *opt, double gamma)
{
    if (!tn__check_option(ctx, "exponential_lr", "gamma", gamma, 0, INFINITY))
        return NULL;
    return schedule_new(
        ctx, &(tn_schedule){
                 .opt = opt, .name = "exponential_lr", .next = exponential_next, .first = gamma});
}

/* The difference to eta_min follows 1 + cos(pi t / T_max); at its zeros the next one starts from
 * the amplitude. */
static double cosine_next(const tn_schedule *s, const tn__group *group)
{
    const double pi = 3.14159265358979323846;
    double t = (double)s->epoch, T = (double)s->period, low = s->last;
    if ((s->epoch - 1 - s->period) % (2 * s->period) == 0)
        return group->lr + (group->initial_lr - low) * (1 - cos(pi / T)) / 2;
    return (1 + cos(pi * t / T)) / (1 + cos(pi * (t - 1) / T)) * (group->lr - low) + low;
}

tn_schedule *tn_cosine_annealing_lr(tn_ctx *ctx, tn_optim *opt, int64_t t_max, double eta_min)
{
    if (!check_period(ctx, "cosine_annealing_lr", "T_max", t_max) ||
        !tn__check_option(ctx, "cosine_annealing_lr", "eta_min", eta_min, 0, INFINITY))
        return NULL;
    return schedule_new(ctx, &(tn_schedule){.opt = opt,
                                            .name = "cosine_annealing_lr",
                                            .next = cosine_next,
                                            .period = t_max,
                                            .last = eta_min});
}

/* The factor f is linear in t, so f_t / f_(t-1) = 1 + (its constant change) / f_(t-1). */
static double linear_next(const tn_schedule *s, const tn__group *group)
{
    double t = (double)s->epoch, n = (double)s->period, change = s->last - s->first;
    if (s->epoch == 0)
        return group->lr * s->first;
    return s->epoch > s->period ? group->lr
                                : group->lr * (1 + change / (n * s->first + (t - 1) * change));
}

tn_schedule *tn_linear_lr(tn_ctx *ctx, tn_optim *opt, double start_factor, double end_factor,
                          int64_t total_iters)
{
    if (tn_ok(ctx) &&
        (!(start_factor > 0 && start_factor <= 1) || !(end_factor >= 0 && end_factor <= 1)))
        tn_fail(ctx, TN_ERR_ARGUMENT, "linear_lr: factors from %g to %g", start_factor, end_factor);
    if (!check_period(ctx, "linear_lr", "total_iters", total_iters))
        return NULL;
    tn_schedule *s = schedule_new(ctx, &(tn_schedule){.opt = opt,
                                                      .name = "linear_lr",
                                                      .next = linear_next,
                                                      .period = total_iters,
                                                      .first = start_factor,
                                                      .last = end_factor});
    if (s)
        set_rates(s);
    return s;
}

/* ---- plateau --------------------------------------------------------------------------------- */

static bool check_plateau(tn_ctx *ctx, const tn_plateau_opts *o)
{
    const char *name = "reduce_lr_on_plateau";
    if (tn_ok(ctx) && (o->patience < 0 || o->cooldown < 0))
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: patience %lld, cooldown %lld", name,
                (long long)o->patience, (long long)o->cooldown);
    return tn__check_option(ctx, name, "factor", o->factor, 0, 1) &&
           tn__check_option(ctx, name, "threshold", o->threshold, 0, INFINITY) &&
           tn__check_option(ctx, name, "min_lr", o->min_lr, 0, INFINITY) &&
           tn__check_option(ctx, name, "eps", o->eps, 0, INFINITY);
}

tn_schedule *tn_reduce_lr_on_plateau(tn_ctx *ctx, tn_optim *opt, tn_plateau_opts opts)
{
    opts.factor = tn__real_option(opts.factor, 0.1);
    opts.patience = tn__int_option(opts.patience, 10);
    opts.threshold = tn__real_option(opts.threshold, 1e-4);
    opts.cooldown = tn__int_option(opts.cooldown, 0);
    opts.min_lr = tn__real_option(opts.min_lr, 0);
    opts.eps = tn__real_option(opts.eps, 1e-8);
    if (!check_plateau(ctx, &opts))
        return NULL;
    return schedule_new(ctx, &(tn_schedule){.opt = opt,
                                            .name = "reduce_lr_on_plateau",
                                            .plateau = opts,
                                            .best = opts.maximize ? -INFINITY : INFINITY});
}

static bool is_better(const tn_schedule *s, double metric)
{
    const tn_plateau_opts *o = &s->plateau;
    double margin = o->maximize ? o->threshold : -o->threshold;
    double bound = o->absolute ? s->best + margin : s->best * (1 + margin);
    return o->maximize ? metric > bound : metric < bound;
}

static void reduce(tn_schedule *s)
{
    for (int64_t i = 0; i < s->opt->n_groups; i++) {
        double *lr = &s->opt->groups[i].lr;
        double next = fmax(*lr * s->plateau.factor, s->plateau.min_lr);
        if (*lr - next > s->plateau.eps)
            *lr = next;
    }
}

tn_status tn_schedule_step_with(tn_schedule *schedule, double metric)
{
    tn_schedule *s = schedule;
    if (!s || !tn_ok(s->ctx))
        return s ? tn_error_status(s->ctx) : TN_ERR_ARGUMENT;
    if (s->next)
        return tn_fail(s->ctx, TN_ERR_ARGUMENT, "%s: it takes no metric; use tn_schedule_step",
                       s->name);
    s->epoch++;
    bool better = is_better(s, metric);
    s->best = better ? metric : s->best;
    s->bad_epochs = better ? 0 : s->bad_epochs + 1;
    if (s->cooldown > 0) {
        s->cooldown--;
        s->bad_epochs = 0;
    }
    if (s->bad_epochs > s->plateau.patience) {
        reduce(s);
        s->cooldown = s->plateau.cooldown;
        s->bad_epochs = 0;
    }
    return TN_OK;
}

/* ---- state ----------------------------------------------------------------------------------- */

#define FIELD(id, name, type)                                         \
    {                                                                 \
        name, TN__FIELD_##type, offsetof(tn_schedule, id), true, 0, 0 \
    }
#define STATE(id, name, type, low, high)                                    \
    {                                                                       \
        name, TN__FIELD_##type, offsetof(tn_schedule, id), false, low, high \
    }

/* PyTorch's names; T_max and total_iters are periods, too. */
static const tn__field fields[] = {
    STATE(epoch, "last_epoch", I64, 0, 0x1p53),
    FIELD(period, "period", I64),
    FIELD(first, "first", F64),
    FIELD(last, "last", F64),
    STATE(best, "best", F64, -INFINITY, INFINITY),
    STATE(bad_epochs, "num_bad_epochs", I64, 0, 0x1p53),
    STATE(cooldown, "cooldown_counter", I64, 0, 0x1p53),
    FIELD(plateau.factor, "factor", F64),
    FIELD(plateau.patience, "patience", I64),
    FIELD(plateau.threshold, "threshold", F64),
    FIELD(plateau.absolute, "absolute", BOOL),
    FIELD(plateau.maximize, "maximize", BOOL),
    FIELD(plateau.cooldown, "cooldown", I64),
    FIELD(plateau.min_lr, "min_lr", F64),
    FIELD(plateau.eps, "eps", F64),
};

#define FIELDS ((int)(sizeof fields / sizeof *fields))

tn_dict *tn_schedule_state_dict(const tn_schedule *schedule)
{
    tn_dict *dict = schedule ? tn_dict_new(schedule->ctx) : NULL;
    if (!dict)
        return NULL;
    tn__put_text(dict, "name", schedule->name);
    tn__put_fields(dict, "", fields, FIELDS, schedule);
    if (tn_ok(schedule->ctx))
        return dict;
    tn_dict_free(dict);
    return NULL;
}

bool tn__schedule_load(tn_schedule *schedule, const char *what, const tn_dict *dict, bool apply)
{
    return tn__check_text(dict, what, "name", schedule->name) &&
           tn__get_fields(dict, what, "", fields, FIELDS, schedule, apply);
}

tn_status tn_schedule_load_state_dict(tn_schedule *schedule, const tn_dict *dict)
{
    const char *what = "schedule_load_state_dict";
    if (!schedule)
        return TN_ERR_ARGUMENT;
    if (tn__check_dict(schedule->ctx, what, dict) && tn__schedule_load(schedule, what, dict, false))
        tn__schedule_load(schedule, what, dict, true);
    return tn_error_status(schedule->ctx);
}
