/* gradcheck.c - the gradients of backward against central differences (autograd.h).
 *
 * The differences are taken of each element of the output before they are projected, so that large
 * outputs do not drown small gradients. */
#include <math.h>
#include <string.h>
#include <tn/autograd.h>
#include "autograd/tape.h"
#include "base/exact_sum.h"
#include "base/memory.h"
#include "base/options.h"
#include "tensor/copy.h"
#include "tensor/prepared.h"
#include "tensor/random.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

typedef struct check {
    tn_ctx *ctx;
    tn_gradcheck_fn fn;
    void *payload;
    tn_tensor *const *inputs;
    int64_t count;
    tn_gradcheck_opts opts;
    tn_rng_state rng; /* that every call of fn starts with */
    tn_gradcheck_report *report;
} check;

static tn_tensor *call(check *c)
{
    tn_set_rng_state(c->ctx, c->rng);
    tn_tensor *y = c->fn(c->ctx, c->inputs, c->payload);
    if (!y && tn_ok(c->ctx))
        tn_fail(c->ctx, TN_ERR_ARGUMENT, "gradcheck: the function returned NULL");
    if (y && y->dtype != TN_F64) {
        tn_fail(c->ctx, TN_ERR_DTYPE, "gradcheck: the function returned %s, not f64",
                tn_dtype_name(y->dtype));
        return NULL;
    }
    return y;
}

/* A copy of the result, which may be a view of an input that moves on. */
static tn_tensor *call_without_grad(check *c)
{
    bool before = tn_set_grad_enabled(c->ctx, false);
    tn_tensor *y = call(c);
    y = y ? tn__copied(c->ctx, "gradcheck", y) : NULL;
    tn_set_grad_enabled(c->ctx, before);
    return y;
}

static double *element(const tn_tensor *t, int64_t i, int64_t *index)
{
    int64_t offset = 0;
    for (int dim = t->ndim - 1; dim >= 0; dim--) {
        index[dim] = i % t->shape[dim];
        i /= t->shape[dim];
        offset += index[dim] * t->strides[dim];
    }
    return (double *)tn__ptr(t) + offset;
}

/* The number goes back to what it was, so that this is no change for those who saved x. */
static void set(const check *c, const tn_tensor *x, double *at, double value)
{
    tn__forget_prepared(c->ctx, x->storage);
    *at = value;
}

/* d(v . fn) / dx[i], by moving x[i] to both sides. */
static double difference(check *c, const tn_tensor *v, const tn_tensor *x, double *at)
{
    double old = *at, h = c->opts.eps * fmax(1, fabs(old));
    double above = old + h, below = old - h;
    tn__exact_sum sum = {0};
    tn_scope scope = tn_scope_begin(c->ctx);
    set(c, x, at, above);
    const tn_tensor *y1 = call_without_grad(c);
    set(c, x, at, below);
    const tn_tensor *y0 = y1 ? call_without_grad(c) : NULL;
    set(c, x, at, old);
    if (y0 && !tn__same_shape(y0, v))
        tn_fail(c->ctx, TN_ERR_SHAPE, "gradcheck: the function returned %s, then %s",
                TN_SHAPE_TEXT(v), TN_SHAPE_TEXT(y0));
    else if (y0)
        for (int64_t i = 0; i < tn_numel(v); i++)
            tn__exact_add(&sum, tn_data_f64(v)[i] * (tn_data_f64(y1)[i] - tn_data_f64(y0)[i]));
    tn_scope_end(c->ctx, scope);
    return tn__exact_total(&sum) / (above - below);
}

typedef struct sample {
    int64_t element;
    double analytic, numeric;
} sample;

/* Relative to the largest gradient of the input, so that the noise of the differences does not
 * count where a gradient is almost 0. */
static void compare(check *c, int64_t input, int64_t n, const sample *samples)
{
    double scale = 1e-3;
    for (int64_t i = 0; i < n; i++)
        scale = fmax(scale, fmax(fabs(samples[i].analytic), fabs(samples[i].numeric)));
    tn_gradcheck_report *r = c->report;
    for (int64_t i = 0; i < n; i++) {
        double error = fabs(samples[i].analytic - samples[i].numeric) / scale;
        error = isnan(error) ? INFINITY : error;
        if (r->checked++ == 0 || error > r->worst) {
            r->worst = error;
            r->input = input;
            r->element = samples[i].element;
            element(c->inputs[input], samples[i].element, r->index);
            r->analytic = samples[i].analytic;
            r->numeric = samples[i].numeric;
        }
    }
}

static void check_input(check *c, const tn_tensor *v, int64_t input)
{
    tn_tensor *x = c->inputs[input];
    int64_t numel = tn_numel(x), index[TN_MAX_DIMS];
    bool all = c->opts.samples >= numel;
    int64_t n = all ? numel : c->opts.samples;
    const tn_tensor *grad = tn_grad(x);
    sample *samples = tn__alloc(c->ctx, (size_t)n * sizeof *samples);
    for (int64_t i = 0; samples && tn_ok(c->ctx) && i < n; i++) {
        tn_rng_state rng = {.seed = c->rng.seed + 1, .position = (uint64_t)c->report->checked};
        tn_set_rng_state(c->ctx, (tn_rng_state){rng.seed, rng.position + (uint64_t)i});
        int64_t at = all ? i : (int64_t)tn__random_below(c->ctx, (uint64_t)numel);
        samples[i].element = at;
        samples[i].analytic = grad ? tn_data_f64(grad)[at] : 0;
        samples[i].numeric = difference(c, v, x, element(x, at, index));
    }
    if (samples && tn_ok(c->ctx))
        compare(c, input, n, samples);
    tn__free(c->ctx, samples);
}

static bool is_checked(const tn_tensor *x)
{
    return x && x->var;
}

static void clear_grads(const check *c)
{
    for (int64_t i = 0; i < c->count; i++)
        tn_clear_grad(c->inputs[i]);
}

/* One random vector v: backward of v . fn, then every input. */
static void check_projection(check *c, int64_t number)
{
    tn_scope scope = tn_scope_begin(c->ctx);
    bool before = tn_set_grad_enabled(c->ctx, true);
    clear_grads(c);
    tn_tensor *y = call(c);
    tn_set_rng_state(c->ctx, (tn_rng_state){.seed = c->rng.seed + 2 + (uint64_t)number});
    tn_tensor *v = y ? tn_randn(c->ctx, TN_F64, y->ndim, y->shape) : NULL;
    if (v && y->var)
        tn_backward_with(c->ctx, y, v);
    else if (v && y->is_gradient)
        tn_fail(c->ctx, TN_ERR_STATE, "gradcheck: a tensor of shape %s %s", TN_SHAPE_TEXT(y),
                tn__without_gradient(c->ctx, y));
    tn_set_grad_enabled(c->ctx, before);
    for (int64_t i = 0; v && tn_ok(c->ctx) && i < c->count; i++)
        if (is_checked(c->inputs[i]))
            check_input(c, v, i);
    clear_grads(c);
    tn_scope_end(c->ctx, scope);
}

static bool check_inputs(tn_ctx *ctx, tn_tensor *const *inputs, int64_t count)
{
    bool any = false;
    for (int64_t i = 0; i < count; i++) {
        if (!inputs) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "gradcheck: inputs is NULL");
            return false;
        }
        if (!tn_check_input(ctx, "gradcheck", "an input", inputs[i]))
            return false;
        if (!is_checked(inputs[i]))
            continue;
        any = true;
        if (inputs[i]->dtype != TN_F64)
            tn_fail(ctx, TN_ERR_DTYPE, "gradcheck: input %lld is %s; differences need f64",
                    (long long)i, tn_dtype_name(inputs[i]->dtype));
        else if (inputs[i]->var->node || !tn__has_own_elements(inputs[i]))
            tn_fail(ctx, TN_ERR_ARGUMENT, "gradcheck: input %lld of shape %s is %s", (long long)i,
                    TN_SHAPE_TEXT(inputs[i]),
                    inputs[i]->var->node ? "not a leaf" : "expanded: its elements share memory");
    }
    if (!any && tn_ok(ctx))
        tn_fail(ctx, TN_ERR_ARGUMENT, "gradcheck: none of %lld inputs requires a gradient",
                (long long)count);
    return tn_ok(ctx);
}

/* Puts the defaults in. */
static bool check_opts(tn_ctx *ctx, tn_gradcheck_opts *o)
{
    o->eps = tn__real_option(o->eps, 1e-5);
    o->rtol = tn__real_option(o->rtol, 1e-6);
    o->samples = tn__int_option(o->samples, INT64_MAX);
    o->projections = tn__int_option(o->projections, 2);
    if (!(o->eps > 0))
        tn_fail(ctx, TN_ERR_ARGUMENT, "gradcheck: eps %g", o->eps);
    else if (!(o->rtol >= 0))
        tn_fail(ctx, TN_ERR_ARGUMENT, "gradcheck: rtol %g", o->rtol);
    else if (o->samples < 1)
        tn_fail(ctx, TN_ERR_ARGUMENT, "gradcheck: %lld samples", (long long)o->samples);
    else if (o->projections < 1)
        tn_fail(ctx, TN_ERR_ARGUMENT, "gradcheck: %lld projections", (long long)o->projections);
    return tn_ok(ctx);
}

tn_status tn_gradcheck(tn_ctx *ctx, tn_gradcheck_fn fn, void *payload, int64_t count,
                       tn_tensor *const *inputs, tn_gradcheck_opts opts,
                       tn_gradcheck_report *report)
{
    tn_gradcheck_report own = {0};
    report = report ? report : &own;
    *report = (tn_gradcheck_report){0};
    if (!tn_ok(ctx) || !check_inputs(ctx, inputs, count))
        return tn_error_status(ctx);
    if (!fn)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "gradcheck: the function is NULL");
    if (!check_opts(ctx, &opts))
        return tn_error_status(ctx);
    check c = {.ctx = ctx,
               .fn = fn,
               .payload = payload,
               .inputs = inputs,
               .count = count,
               .opts = opts,
               .rng = tn_get_rng_state(ctx),
               .report = report};
    for (int64_t i = 0; tn_ok(ctx) && i < opts.projections; i++)
        check_projection(&c, i);
    tn_set_rng_state(ctx, c.rng);
    if (tn_ok(ctx) && !(report->worst <= opts.rtol))
        return tn_fail(ctx, TN_ERR_GRADIENT,
                       "gradcheck: input %lld at %s: backward gives %.12g but differences give "
                       "%.12g, relative error %.3g above %.3g",
                       (long long)report->input,
                       tn_shape_text(inputs[report->input]->ndim, report->index).s,
                       report->analytic, report->numeric, report->worst, opts.rtol);
    return tn_error_status(ctx);
}
