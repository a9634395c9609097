/* nll_loss(x, t):  loss_i = -w_t x_it;  targets that are ignored count for nothing. The mean is
 * sum_i loss_i / sum_i w_t.
 *
 *     dx_ic = -w_t dy_i where c = t, 0 elsewhere. */
#include <tn/op.h>
#include <tn/ops.h>
#include "base/isa.h"
#include "base/options.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/shared/elements.h"
#include "ops/shared/loss.h"
#include "tensor/copy.h"
#include "tensor/tensor.h"

typedef struct loss_data {
    bool one_dy;
    int64_t ignore;
    double scale; /* of the sum: 1, or 1 / sum_i w_t */
} loss_data;

/* What the kernels are told: target and weight are contiguous. */
static tn__cross_entropy arguments(const tn_tensor *target, const tn_tensor *weight, int64_t ignore)
{
    return (tn__cross_entropy){
        .target = tn__ptr(target), .weight = weight ? tn__ptr(weight) : NULL, .ignore = ignore};
}

static void nll_loss_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const loss_data *data = tn_node_data(node);
    const tn_tensor *target = tn_saved(node, 0), *weight = tn_saved(node, 1);
    tn_tensor *dx =
        tn__new(ctx, "nll_loss", dy->dtype, tn_input_ndim(node, 0), tn_input_shape(node, 0));
    if (!dx)
        return;
    tn__fill(dx, 0);
    tn__cross_entropy e = arguments(target, weight, data->ignore);
    e.classes = tn_size(dx, -1);
    tn__kernels_of(ctx, dx->dtype)
        ->nll_loss_backward(&e, tn_numel(target), tn__ptr(dy),
                            data->one_dy || dy->ndim == 0 ? 0 : dy->strides[0], data->scale,
                            tn__ptr(dx));
    tn_add_grad(ctx, node, 0, dx);
}

static const tn_op nll_loss_op = {.name = "nll_loss", .backward = nll_loss_backward};

/* target is contiguous. */
static tn_tensor *losses_of(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *target,
                            const tn_tensor *weight, int64_t ignore)
{
    tn_tensor *losses = tn__new(ctx, "nll_loss", x->dtype, target->ndim, target->shape);
    tn__cross_entropy e = arguments(target, weight, ignore);
    e.ldx = x->ndim == 2 ? x->strides[0] : 0;
    if (losses)
        tn__kernels_of(ctx, x->dtype)
            ->nll_loss(&e, tn_numel(target), tn__ptr(x), x->strides[x->ndim - 1], tn__ptr(losses));
    return losses;
}

tn_tensor *tn_nll_loss(tn_ctx *ctx, const tn_tensor *input, const tn_tensor *target,
                       tn_nll_loss_opts opts)
{
    tn_begin(ctx, &nll_loss_op);
    if (!tn__check_classes(ctx, "nll_loss", "input", input, target, opts.weight) ||
        !tn__check_reduction(ctx, "nll_loss", opts.reduction))
        return NULL;
    const tn_tensor *t = tn__plain_i64(ctx, target);
    const tn_tensor *w = opts.weight ? tn__contiguous(ctx, opts.weight) : NULL;
    loss_data data = {.one_dy = opts.reduction != TN_REDUCE_NONE,
                      .ignore = tn__int_option(opts.ignore_index, -100),
                      .scale = 1};
    double total;
    if (!tn_ok(ctx) ||
        !tn__check_targets(ctx, "nll_loss", t, tn_size(input, -1), data.ignore, w, &total))
        return NULL;
    if (opts.reduction == TN_REDUCE_MEAN)
        data.scale = 1 / total;
    tn_tensor *y =
        tn__reduce_losses(ctx, losses_of(ctx, input, t, w, data.ignore), opts.reduction, total);
    return tn_record(
        ctx, &nll_loss_op, y,
        (tn_record_args){.inputs = {input}, .saved = {t, w}, .data = &data, .size = sizeof data});
}
