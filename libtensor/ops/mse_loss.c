/* mse_loss(a, b):  loss = (a - b)^2, the mean or sum of these;  da = 2 (a - b) dy, divided by their
 * number for the mean;  db = -da.  Shapes broadcast where that is asked for. */
#include <tn/formula.h>
#include <tn/ops.h>
#include "ops/shared/loss.h"

TN_FORMULA2(squared, a, b, (a - b) * (a - b));
TN_FORMULA3(mse_da, a, b, dy, c[0] * (a - b) * dy);

static void mse_loss_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    double scale = *(const double *)tn_node_data(node);
    const tn_tensor *operands[] = {tn_saved(node, 0), tn_saved(node, 1), dy};
    for (int i = 0; i < 2; i++) {
        const double c[TN_MAX_CONSTANTS] = {i == 0 ? 2 * scale : -2 * scale};
        if (tn_wants_grad(node, i))
            tn_add_grad(ctx, node, i, tn_map(ctx, "mse_loss", &mse_da, c, operands));
    }
}

static const tn_op mse_loss_op = {.name = "mse_loss", .backward = mse_loss_backward};

tn_tensor *tn_mse_loss(tn_ctx *ctx, const tn_tensor *input, const tn_tensor *target,
                       tn_mse_loss_opts opts)
{
    tn_begin(ctx, &mse_loss_op);
    if (!tn__check_numbers(ctx, "mse_loss", "input", input, target, opts.broadcast,
                           "; the option broadcast allows that") ||
        !tn__check_reduction(ctx, "mse_loss", opts.reduction))
        return NULL;
    tn_tensor *losses =
        tn_map(ctx, "mse_loss", &squared, NULL, (const tn_tensor *[]){input, target});
    if (!losses)
        return NULL;
    double n = (double)tn_numel(losses), scale = opts.reduction == TN_REDUCE_MEAN ? 1 / n : 1;
    return tn_record(ctx, &mse_loss_op, tn__reduce_losses(ctx, losses, opts.reduction, n),
                     (tn_record_args){.inputs = {input, target},
                                      .saved = {input, target},
                                      .data = &scale,
                                      .size = sizeof scale});
}
