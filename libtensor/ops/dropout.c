/* dropout(x, p):  y = m x / (1 - p), m = 0 with probability p and 1 otherwise;
 * dx = m dy / (1 - p). */
#include <tn/formula.h>
#include <tn/ops.h>
#include "tensor/tensor.h"

TN_FORMULA2(masked, x, m, m == 0 ? 0 : x * c[0]);

static void dropout_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *operands[] = {dy, tn_saved(node, 0)};
    tn_add_grad(ctx, node, 0, tn_map(ctx, "dropout", &masked, tn_node_data(node), operands));
}

static const tn_op dropout_op = {.name = "dropout", .backward = dropout_backward};

tn_tensor *tn_dropout(tn_ctx *ctx, const tn_tensor *x, double p, bool training)
{
    tn_begin(ctx, &dropout_op);
    if (!tn_check_float(ctx, "dropout", "input", x))
        return NULL;
    if (!(p >= 0 && p <= 1)) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "dropout: p = %g is not between 0 and 1", p);
        return NULL;
    }
    if (!training)
        return tn_reshape(ctx, x, x->ndim, x->shape);
    tn_rng_state rng = tn_get_rng_state(ctx);
    tn_tensor *mask = tn__new(ctx, "dropout", x->dtype, x->ndim, x->shape);
    if (!mask || tn_bernoulli_(ctx, mask, 1 - p) != TN_OK) {
        tn_free(mask);
        return NULL;
    }
    double c[TN_MAX_CONSTANTS] = {p < 1 ? 1 / (1 - p) : 0};
    tn_tensor *made = tn_map(ctx, "dropout", &masked, c, (const tn_tensor *[]){x, mask});
    tn_tensor *y =
        tn_record(ctx, &dropout_op, made,
                  (tn_record_args){.inputs = {x}, .saved = {mask}, .data = c, .size = sizeof c});
    if (y)
        return y;
    tn_set_rng_state(ctx, rng);
    tn_free(made);
    tn_free(mask);
    return NULL;
}
