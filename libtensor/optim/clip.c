/* clip.c - limiting the gradients of an optimiser's parameters. */
#include <math.h>
#include <tn/autograd.h>
#include "base/exact_sum.h"
#include "base/isa.h"
#include "optim/optim.h"
#include "tensor/change.h"
#include "tensor/tensor.h"

static bool check(const tn_optim *opt, const char *what, const char *option, double limit)
{
    if (!opt || !tn_ok(opt->ctx))
        return false;
    if (!(limit >= 0))
        tn_fail(opt->ctx, TN_ERR_ARGUMENT, "%s: %s %g", what, option, limit);
    return tn_ok(opt->ctx) && tn__check_params(opt, what);
}

static double norm_of(const tn_optim *opt)
{
    tn__exact_sum sum = {0};
    for (int64_t i = 0; i < opt->count; i++) {
        const tn_tensor *g = tn_grad(opt->slots[i].param);
        if (g)
            tn__exact_add(&sum,
                          tn__kernels_of(opt->ctx, g->dtype)->sum_squares(tn_numel(g), tn__ptr(g)));
    }
    return sqrt(tn__exact_total(&sum));
}

/* The numbers of a gradient that is changed in place. */
static void *changed(const tn_optim *opt, const tn_tensor *g)
{
    tn__count_change(opt->ctx, g);
    return tn__ptr(g);
}

/* The limit of the norm as torch.nn.utils.clip_grad_norm_ sets it. */
double tn_clip_grad_norm(tn_optim *opt, double max_norm)
{
    if (!check(opt, "clip_grad_norm", "norm", max_norm))
        return NAN;
    double norm = norm_of(opt), scale = max_norm / (norm + 1e-6);
    for (int64_t i = 0; !(scale >= 1) && i < opt->count; i++) {
        tn_tensor *g = tn_grad(opt->slots[i].param);
        if (g)
            tn__kernels_of(opt->ctx, g->dtype)->scale_by(tn_numel(g), scale, changed(opt, g));
    }
    return norm;
}

tn_status tn_clip_grad_value(tn_optim *opt, double clip_value)
{
    if (!check(opt, "clip_grad_value", "value", clip_value))
        return opt ? tn_error_status(opt->ctx) : TN_ERR_ARGUMENT;
    for (int64_t i = 0; i < opt->count; i++) {
        tn_tensor *g = tn_grad(opt->slots[i].param);
        if (g)
            tn__kernels_of(opt->ctx, g->dtype)->clip(tn_numel(g), clip_value, changed(opt, g));
    }
    return TN_OK;
}
