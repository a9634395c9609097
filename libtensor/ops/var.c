/* var(x):  y = sum (x - m)^2 / (n - correction) over some dimensions, m the mean of the n elements;
 * dx = 2 (x - m) dy / (n - correction).
 *
 * Means and variances are doubles until y is written. Equal parts i of the elements give the whole:
 * m is the mean of the m_i, v the mean of the v_i plus the variance of the m_i, where all variances
 * have correction 0. */
#include <math.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "base/isa.h"
#include "base/options.h"
#include "kernels/kernels.h"
#include "ops/shared/dims.h"
#include "tensor/copy.h"
#include "tensor/iter.h"
#include "tensor/reduce.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

/* Scale for inputs whose sum or sum of squares would overflow a double. It takes the largest
 * double, almost 2^1024, to 2^448, and even 2^63 squares of that add up to 2^959 only. */
#define SMALLER 0x1p-576

typedef struct var_data {
    bool reduce[TN_MAX_DIMS];
    double scale; /* 1 / (n - correction) */
} var_data;

/* ---- backward -------------------------------------------------------------------------------- */

enum { SHORT_ROW = 128 }; /* longer ones are no slower by themselves */

typedef struct dx_args {
    const tn__kernels *k;
    double scale;
} dx_args;

/* dx from x, the high and the low parts of means, and dy. */
static void dx_row(int64_t n, void *const *p, const int64_t *steps, void *payload)
{
    const dx_args *a = payload;
    a->k->var_backward(n, p[1], steps[1], p[2], p[3], steps[2], p[4], steps[4], a->scale, p[0]);
}

static void var_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const var_data *data = tn_node_data(node);
    const tn_tensor *x = tn_saved(node, 0), *mean = tn_saved(node, 1);
    dy = tn__keep_dims(ctx, dy, x->ndim, data->reduce);
    if (!dy)
        return;
    int64_t shape[TN_MAX_DIMS];
    tn__shape_once(x, dy, shape);
    tn_tensor *dx = tn__new(ctx, "var", x->dtype, x->ndim, shape);
    tn_tensor *high = tn__new(ctx, "var", x->dtype, mean->ndim, mean->shape);
    tn_tensor *low = tn__new(ctx, "var", x->dtype, mean->ndim, mean->shape);
    if (!dx || !high || !low)
        return;
    dx_args args = {.k = tn__kernels_of(ctx, x->dtype), .scale = 2 * data->scale};
    args.k->split(tn_numel(mean), tn__ptr(mean), tn__ptr(high), tn__ptr(low));
    tn__iter it = tn__iter_new(x->ndim, shape, 5, (const tn_tensor *[]){dx, x, high, low, dy});
    bool is_short = it.shape[it.ndim - 1] <= SHORT_ROW;
    (is_short ? tn__iter_run_joined : tn__iter_run)(ctx, &it, dx_row, &args);
    tn_add_grad(ctx, node, 0, tn__as_large(ctx, dx, x));
}

static const tn_op var_op = {.name = "var", .backward = var_backward};

/* ---- forward --------------------------------------------------------------------------------- */

typedef struct moments {
    tn_tensor *mean, *var; /* TN_F64 */
} moments;

static double *doubles(const tn_tensor *t)
{
    return tn__ptr(t);
}

typedef struct slab_args {
    const tn__kernels *k;
    double scale, *mean, *var;
} slab_args;

static void moments_of_slab(const tn__step *s, const char *x, int64_t to, void *payload)
{
    const slab_args *a = payload;
    a->k->moments(s->n, s->cols, x, s->step, a->scale, a->mean + to, a->var + to);
}

/* The moments of x, times `scale`, along one step. */
static moments moments_of_step(tn_ctx *ctx, const tn_tensor *x, double scale, const tn__step *s)
{
    int64_t count[] = {s->count * s->cols};
    moments m = {tn__new(ctx, "var", TN_F64, 1, count), tn__new(ctx, "var", TN_F64, 1, count)};
    if (!tn_ok(ctx))
        return m;
    slab_args args = {.k = tn__kernels_of(ctx, x->dtype),
                      .scale = scale,
                      .mean = doubles(m.mean),
                      .var = doubles(m.var)};
    tn__run_step(ctx, s, x, moments_of_slab, &args);
    return m;
}

/* The moments of parts, joined along one step. */
static moments join(tn_ctx *ctx, const moments *parts, const tn__step *s)
{
    moments m = moments_of_step(ctx, parts->mean, 1, s);
    const tn_tensor *sum = tn__sum_step(ctx, parts->var, s);
    int64_t count = tn_ok(ctx) ? tn_numel(sum) : 0;
    for (int64_t i = 0; i < count; i++)
        doubles(m.var)[i] += doubles(sum)[i] / (double)s->n;
    return m;
}

static moments scaled_moments(tn_ctx *ctx, const tn_tensor *x, const bool *reduce, double scale)
{
    tn__axes axes;
    moments m = {NULL, NULL};
    x = tn__axes_of(ctx, x, reduce, &axes);
    for (tn__step s; tn_ok(ctx) && tn__next_step(&axes, &s);)
        m = m.mean ? join(ctx, &m, &s) : moments_of_step(ctx, x, scale, &s);
    return m;
}

/* Not so after an error. */
static bool are_made(const moments *m)
{
    return m->mean && m->var;
}

static bool all_finite(const tn_tensor *t)
{
    const double *x = doubles(t);
    bool finite = true;
    for (int64_t i = 0, n = tn_numel(t); i < n; i++)
        finite = finite && isfinite(x[i]);
    return finite;
}

/* Moments that are not finite are computed again, from numbers scaled down. */
static moments moments_of(tn_ctx *ctx, const tn_tensor *x, const bool *reduce)
{
    moments m = scaled_moments(ctx, x, reduce, 1);
    if (!are_made(&m) || all_finite(m.var))
        return m;
    moments small = scaled_moments(ctx, x, reduce, SMALLER);
    for (int64_t i = 0; are_made(&small) && i < tn_numel(m.var); i++)
        if (!isfinite(doubles(m.var)[i])) {
            doubles(m.mean)[i] = doubles(small.mean)[i] / SMALLER;
            doubles(m.var)[i] = doubles(small.var)[i] / SMALLER / SMALLER;
        }
    return m;
}

/* In the shape of x with its reduced dimensions of size 1; NaN where there is nothing. */
static moments kept_moments(tn_ctx *ctx, const tn_tensor *x, const bool *reduce)
{
    if (tn_numel(x) > 0) {
        moments m = moments_of(ctx, x, reduce);
        return are_made(&m) ? (moments){tn__reduced(ctx, m.mean, x, reduce),
                                        tn__reduced(ctx, m.var, x, reduce)}
                            : m;
    }
    int64_t shape[TN_MAX_DIMS];
    tn__kept_shape(x, reduce, shape);
    return (moments){tn_full(ctx, TN_F64, x->ndim, shape, NAN),
                     tn_full(ctx, TN_F64, x->ndim, shape, NAN)};
}

tn_tensor *tn_var(tn_ctx *ctx, const tn_tensor *x, tn_var_opts opts)
{
    tn_begin(ctx, &var_op);
    var_data data = {{false}, 0};
    tn_reduce_opts over = {.dims = opts.dims, .ndims = opts.ndims, .keepdim = true};
    if (!tn_check_float(ctx, "var", "input", x) ||
        !tn__reduced_dims(ctx, "var", x, over, data.reduce))
        return NULL;
    double correction = (double)tn__int_option(opts.correction, 1);
    double n = tn__count_reduced(x, data.reduce);
    data.scale = 1 / (n > correction ? n - correction : 0);
    moments m = kept_moments(ctx, x, data.reduce);
    if (!are_made(&m))
        return NULL;
    tn__kernels_of(ctx, TN_F64)->scale_by(tn_numel(m.var), n * data.scale, doubles(m.var));
    tn_tensor *y = x->dtype == TN_F64 ? m.var : tn__converted(ctx, "var", m.var, x->dtype);
    if (y && !opts.keepdim)
        y = tn__drop_dims(ctx, y, data.reduce);
    return tn_record(
        ctx, &var_op, y,
        (tn_record_args){.inputs = {x}, .saved = {x, m.mean}, .data = &data, .size = sizeof data});
}
