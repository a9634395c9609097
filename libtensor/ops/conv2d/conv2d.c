/* conv2d(x, w, b):  y[n, o, p] = b[o] + sum over channels c and kernel elements (i, j) of
 *     w[o, c, i, j] x[n, c, stride p + dilation (i, j) - padding], x being 0 outside;
 *     channels are in groups, and the sum is over the channels of o's own group.
 *     dw[o, c, i, j] = sum over n and p of dy[n, o, p] x[n, c, stride p + ...];
 *     dx[n, c, q] = sum over o and the (i, j), p that meet q of w[o, c, i, j] dy[n, o, p];
 *     db[o] = sum over n and p of dy[n, o, p].
 *
 * This file checks the arguments, records, and asks for the gradients. plan.h has the facts of a
 * call in one struct, methods.h the table of the methods that compute y, dx and dw, each in a file
 * of its own. */
#include <limits.h>
#include <string.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "base/memory.h"
#include "base/options.h"
#include "ops/conv2d/methods.h"
#include "ops/conv2d/plan.h"
#include "ops/in_place.h"
#include "ops/shared/window.h"
#include "tensor/copy.h"
#include "tensor/tensor.h"

/* What the tensors do not say: their window, filled in by tn__slide, and the groups. */
typedef struct conv2d_data {
    tn__window window;
    int64_t groups;
} conv2d_data;

/* ---- checks ---------------------------------------------------------------------------------- */

static bool check_channels(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, int64_t groups)
{
    int64_t c = tn_size(x, -3), out = weight->shape[0];
    if (groups < 1 || out % groups != 0 || c % groups != 0) {
        tn_fail(ctx, groups < 1 ? TN_ERR_ARGUMENT : TN_ERR_SHAPE,
                "conv2d: %lld groups do not divide the %lld channels of input %s and the %lld of "
                "weight %s",
                (long long)groups, (long long)c, TN_SHAPE_TEXT(x), (long long)out,
                TN_SHAPE_TEXT(weight));
        return false;
    }
    if (c / groups != weight->shape[1]) {
        tn_fail(ctx, TN_ERR_SHAPE, "conv2d: input %s has %lld channels but weight %s expects %lld",
                TN_SHAPE_TEXT(x), (long long)c, TN_SHAPE_TEXT(weight),
                (long long)(weight->shape[1] * groups));
        return false;
    }
    if (bias && (bias->ndim != 1 || bias->shape[0] != out)) {
        tn_fail(ctx, TN_ERR_SHAPE, "conv2d: weight %s has %lld outputs but bias is %s",
                TN_SHAPE_TEXT(weight), (long long)out, TN_SHAPE_TEXT(bias));
        return false;
    }
    return true;
}

/* Fills in the window and checks that the products fit the int of CBLAS. */
static bool check_window(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight, tn__window *w)
{
    if (!tn__slide(ctx, "conv2d", x, w, false))
        return false;
    double depth = (double)w->kernel_h * (double)w->kernel_w * (double)weight->shape[1];
    double points = (double)w->out_h * (double)w->out_w;
    if (depth > INT_MAX || points > INT_MAX || weight->shape[0] > INT_MAX) {
        tn_fail(ctx, TN_ERR_SHAPE,
                "conv2d: weight %s or the result's planes [%lld,%lld] have a size above %d",
                TN_SHAPE_TEXT(weight), (long long)w->out_h, (long long)w->out_w, INT_MAX);
        return false;
    }
    return true;
}

static bool check_kernel(tn_ctx *ctx, const tn_tensor *weight, const tn_conv2d_opts *opts)
{
    int64_t h = tn__int_option(opts->kernel_h, weight->shape[2]);
    int64_t w = tn__int_option(opts->kernel_w, weight->shape[3]);
    if (h != weight->shape[2] || w != weight->shape[3])
        tn_fail(ctx, TN_ERR_ARGUMENT, "conv2d: kernel [%lld,%lld], but weight %s", (long long)h,
                (long long)w, TN_SHAPE_TEXT(weight));
    return tn_ok(ctx);
}

static bool check_arguments(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                            const tn_tensor *bias, int64_t groups)
{
    if (!tn_check_float(ctx, "conv2d", "input", x) ||
        !tn_check_float(ctx, "conv2d", "weight", weight) ||
        !tn_check_same_dtype(ctx, "conv2d", "input", x, "weight", weight) ||
        (bias && !tn_check_same_dtype(ctx, "conv2d", "input", x, "bias", bias)) ||
        !tn__check_planes(ctx, "conv2d", x))
        return false;
    if (weight->ndim != 4) {
        tn_fail(ctx, TN_ERR_SHAPE, "conv2d: weight %s; expected [out,channels/groups,h,w]",
                TN_SHAPE_TEXT(weight));
        return false;
    }
    return check_channels(ctx, x, weight, bias, groups);
}

/* ---- gradients ------------------------------------------------------------------------------- */

static tn_tensor *grad_of_x(tn__conv2d_plan *plan, const tn_tensor *x)
{
    tn_tensor *dx = tn__new(plan->ctx, "conv2d", x->dtype, x->ndim, x->shape);
    if (!dx)
        return NULL;
    plan->dx = tn__ptr(dx);
    tn__conv2d_method_of(plan, TN__CONV2D_GRAD_INPUT)->grad_input(plan);
    return dx;
}

static tn_tensor *grad_of_weight(tn__conv2d_plan *plan, const tn_tensor *weight)
{
    tn_tensor *dw = tn__new(plan->ctx, "conv2d", weight->dtype, weight->ndim, weight->shape);
    if (!dw)
        return NULL;
    plan->dw = tn__ptr(dw);
    tn__conv2d_method_of(plan, TN__CONV2D_GRAD_WEIGHT)->grad_weight(plan);
    return dw;
}

/* Without an element of y the gradients are 0. */
static tn_tensor *zeros_like(tn_ctx *ctx, const tn_tensor *t)
{
    return tn_zeros(ctx, t->dtype, t->ndim, t->shape);
}

static void conv2d_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const conv2d_data *data = tn_node_data(node);
    const tn_tensor *x = tn_saved(node, 0), *weight = tn_saved(node, 1);
    bool empty = tn_numel(dy) == 0;
    dy = tn__contiguous(ctx, dy);
    if (!dy)
        return;
    tn__conv2d_plan plan = tn__conv2d_plan_new(ctx, &data->window, data->groups, x, weight);
    plan.dy = tn__ptr(dy);
    if (tn_wants_grad(node, 0))
        tn_add_grad(ctx, node, 0, empty ? zeros_like(ctx, x) : grad_of_x(&plan, x));
    if (tn_wants_grad(node, 1))
        tn_add_grad(ctx, node, 1, empty ? zeros_like(ctx, weight) : grad_of_weight(&plan, weight));
    if (tn_wants_grad(node, 2))
        tn_add_grad(ctx, node, 2, tn_sum(ctx, dy, x->ndim == 4 ? TN_DIMS(0, 2, 3) : TN_DIMS(1, 2)));
}

static const tn_op conv2d_op = {.name = "conv2d", .backward = conv2d_backward};

/* ---- forward --------------------------------------------------------------------------------- */

static tn_tensor *new_result(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                             const tn__window *w)
{
    int64_t shape[TN_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[x->ndim - 3] = weight->shape[0];
    shape[x->ndim - 2] = w->out_h;
    shape[x->ndim - 1] = w->out_w;
    return tn__new(ctx, "conv2d", x->dtype, x->ndim, shape);
}

static void run_forward(tn__conv2d_plan *plan)
{
    const tn__conv2d_method *method = tn__conv2d_method_of(plan, TN__CONV2D_FORWARD);
    plan->form.method = method;
    method->forward(plan);
}

/* What is done with y as it is made. */
typedef struct ending {
    const double *norm; /* as in the plan */
    bool relu;
} ending;

/* The result is that of the ending, too, which the caller records. */
static tn_tensor *convolve(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, tn_conv2d_opts opts, ending end)
{
    conv2d_data data = {.groups = tn__option(0, opts.groups, 1)};
    tn_begin(ctx, &conv2d_op);
    if (!check_arguments(ctx, x, weight, bias, data.groups) || !check_kernel(ctx, weight, &opts))
        return NULL;
    data.window = tn__conv2d_window(weight, &opts);
    if (!check_window(ctx, x, weight, &data.window))
        return NULL;
    const tn_tensor *plain = tn__contiguous(ctx, x), *w = tn__contiguous(ctx, weight);
    const tn_tensor *b = bias ? tn__contiguous(ctx, bias) : NULL;
    tn_tensor *y = new_result(ctx, x, weight, &data.window);
    if (!tn_ok(ctx))
        return NULL;
    tn__conv2d_plan plan = tn__conv2d_plan_new(ctx, &data.window, data.groups, plain, w);
    plan.bias = b ? tn__ptr(b) : NULL;
    plan.y = tn__ptr(y);
    plan.norm = end.norm;
    plan.relu = end.relu;
    if (!tn_will_record(ctx, 3, (const tn_tensor *[]){x, weight, bias}))
        plan.form.of = w->storage == weight->storage ? w : NULL;
    if (tn_numel(y) > 0)
        run_forward(&plan);
    return tn_ok(ctx) ? tn_record(ctx, &conv2d_op, y,
                                  (tn_record_args){.inputs = {x, weight, bias},
                                                   .saved = {plain, w},
                                                   .data = &data,
                                                   .size = sizeof data})
                      : NULL;
}

tn_tensor *tn_conv2d(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                     const tn_tensor *bias, tn_conv2d_opts opts)
{
    return convolve(ctx, x, weight, bias, opts, (ending){0});
}

tn_tensor *tn__conv2d_relu(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, tn_conv2d_opts opts)
{
    return tn__record_relu(ctx, convolve(ctx, x, weight, bias, opts, (ending){.relu = true}));
}

bool tn__conv2d_takes_norm(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, const tn__norm *norm)
{
    const tn_tensor *all[] = {x, weight, bias, norm->weight, norm->bias};
    return !tn_will_record(ctx, 5, all) && tn__norm_fits(norm, weight->dtype, weight->shape[0]);
}

tn_tensor *tn__conv2d_norm(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, tn_conv2d_opts opts, const tn__norm *norm,
                           bool relu)
{
    int64_t channels = weight->shape[0];
    double *numbers = tn__alloc(ctx, (size_t)channels * 3 * sizeof *numbers);
    if (!numbers)
        return NULL;
    tn__norm_numbers(norm, channels, numbers);
    tn_tensor *y = convolve(ctx, x, weight, bias, opts, (ending){.norm = numbers, .relu = relu});
    tn__free(ctx, numbers);
    return y;
}
