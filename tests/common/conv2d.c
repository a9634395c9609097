/* conv2d.c - the products of conv2d by each of its methods. */
#include "common/conv2d.h"
#include <math.h>
#include "ops/shared/window.h"

#define METHOD(name) &tn__conv2d_##name,
const tn__conv2d_method *const conv2d_methods[CONV2D_METHODS] = {TN__CONV2D_METHODS(METHOD)};

bool conv2d_is_exact(const tn__conv2d_method *m)
{
    return m != &tn__conv2d_winograd_4_3 && m != &tn__conv2d_winograd_2_5;
}

double conv2d_rounding(tn_dtype dtype)
{
    return dtype == TN_F64 ? 4e-15 : 2e-6;
}

tn__conv2d_plan conv2d_plan(const tn_tensor *x, const tn_tensor *w, const tn_conv2d_opts *opts)
{
    tn__window window = tn__conv2d_window(w, opts);
    ck_assert(tn__slide(ctx, "conv2d", x, &window, false));
    return tn__conv2d_plan_new(ctx, &window, tn__option(0, opts->groups, 1), x, w);
}

/* Full of NaN before. */
static char *result(tn_tensor **t, const tn_tensor *like)
{
    *t = tn_full(ctx, like->dtype, like->ndim, like->shape, NAN);
    return tn__ptr(*t);
}

conv2d_products conv2d_by(const tn__conv2d_method *m, const tn_tensor *x, const tn_tensor *w,
                          const tn_tensor *b, const tn_tensor *dy, const tn_conv2d_opts *opts)
{
    conv2d_products r = {0};
    tn__conv2d_plan plan = conv2d_plan(x, w, opts);
    plan.bias = b ? tn__ptr(b) : NULL;
    plan.dy = tn__ptr(dy);
    if (tn_numel(dy) == 0)
        return r;
    if (m->applies(&plan, TN__CONV2D_FORWARD)) {
        plan.y = result(&r.y, dy);
        m->forward(&plan);
    }
    if (m->applies(&plan, TN__CONV2D_GRAD_INPUT)) {
        plan.dx = result(&r.dx, x);
        m->grad_input(&plan);
    }
    if (m->applies(&plan, TN__CONV2D_GRAD_WEIGHT)) {
        plan.dw = result(&r.dw, w);
        m->grad_weight(&plan);
    }
    ck_assert(tn_ok(ctx));
    return r;
}
