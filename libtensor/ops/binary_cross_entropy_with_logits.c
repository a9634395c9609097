/* binary_cross_entropy_with_logits(x, t):  loss = w ((1 - t) ln(1 + e^x) + r t ln(1 + e^-x)), w the
 * weight and r the weight of positive targets; the mean or sum of these.
 *
 *     dx = w dy ((1 - t) / (1 + e^-x) - r t / (1 + e^x)),  with e^-|x| alone for both,
 *     dt = w dy (r ln(1 + e^-x) - ln(1 + e^x)),  both divided by their number for the mean. */
#include <tn/formula.h>
#include <tn/ops.h>
#include "ops/shared/loss.h"
#include "tensor/broadcast.h"

#define NAME "binary_cross_entropy_with_logits"
#define SMALL(x) exp(-fabs(x))
#define POSITIVE(x) ((x) > 0 ? (x) : 0)
#define SOFTPLUS(x) (POSITIVE(x) + log1p(SMALL(x))) /* ln(1 + e^x) */
#define TIMES(t, x) ((t) == 0 ? 0 : (t) * (x))      /* 0 where x is infinite, too */

/* What softplus has of x and of -x alike stands outside of TIMES, which would compute it twice. */
TN_FORMULA3(bce_y, x, t, r,
            TIMES(1 - t, POSITIVE(x)) + TIMES(r * t, POSITIVE(-x)) +
                (1 - t + r * t) * log1p(SMALL(x)));
TN_FORMULA3(bce_dx, x, t, r,
            ((1 - t) * (x > 0 ? 1 : SMALL(x)) - r * t * (x > 0 ? SMALL(x) : 1)) / (1 + SMALL(x)));
TN_FORMULA2(bce_dt, x, r, r * SOFTPLUS(-x) - SOFTPLUS(x));
TN_FORMULA2(weighted, y, w, y * w);
TN_FORMULA3(scaled, d, w, dy, c[0] * d * w * dy);

typedef struct bce_data {
    double scale;     /* of the reduction */
    bool is_weighted; /* r is not 1 */
} bce_data;

/* dt of r that is 1 is that of -x, for ln(1 + e^x) = x + ln(1 + e^-x). */
static tn_tensor *grad_target(tn_ctx *ctx, const tn_node *node, const tn_tensor *dy)
{
    const bce_data *data = tn_node_data(node);
    const tn_tensor *x = tn_saved(node, 0), *w = tn_saved(node, 2), *r = tn_saved(node, 3);
    const double c[TN_MAX_CONSTANTS] = {data->is_weighted ? data->scale : -data->scale};
    const tn_tensor *dt =
        data->is_weighted ? tn_map(ctx, NAME, &bce_dt, NULL, (const tn_tensor *[]){x, r}) : x;
    return tn_map(ctx, NAME, &scaled, c, (const tn_tensor *[]){dt, w, dy});
}

static void bce_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const bce_data *data = tn_node_data(node);
    const double c[TN_MAX_CONSTANTS] = {data->scale};
    const tn_tensor *x = tn_saved(node, 0), *t = tn_saved(node, 1);
    const tn_tensor *w = tn_saved(node, 2), *r = tn_saved(node, 3);
    if (tn_wants_grad(node, 0)) {
        tn_tensor *dx = tn_map(ctx, NAME, &bce_dx, NULL, (const tn_tensor *[]){x, t, r});
        tn_add_grad(ctx, node, 0, tn_map(ctx, NAME, &scaled, c, (const tn_tensor *[]){dx, w, dy}));
    }
    if (tn_wants_grad(node, 1))
        tn_add_grad(ctx, node, 1, grad_target(ctx, node, dy));
}

static const tn_op bce_op = {.name = NAME, .backward = bce_backward};

/* A weight may have any shape that broadcasts to the shape of the logits. */
static bool check_weight(tn_ctx *ctx, const char *name, const tn_tensor *weight, const tn_tensor *x)
{
    if (!weight)
        return true;
    if (!tn_check_same_dtype(ctx, NAME, "logits", x, name, weight))
        return false;
    bool fits = tn__broadcasts_to(weight, x->ndim, x->shape);
    if (!fits)
        tn_fail(ctx, TN_ERR_SHAPE, NAME ": %s %s does not broadcast to logits %s", name,
                TN_SHAPE_TEXT(weight), TN_SHAPE_TEXT(x));
    return fits;
}

static bool check_arguments(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *target,
                            const tn_bce_opts *opts)
{
    return tn__check_numbers(ctx, NAME, "logits", x, target, false, "") &&
           check_weight(ctx, "weight", opts->weight, x) &&
           check_weight(ctx, "pos_weight", opts->pos_weight, x) &&
           tn__check_reduction(ctx, NAME, opts->reduction);
}

tn_tensor *tn_binary_cross_entropy_with_logits(tn_ctx *ctx, const tn_tensor *logits,
                                               const tn_tensor *target, tn_bce_opts opts)
{
    tn_begin(ctx, &bce_op);
    if (!check_arguments(ctx, logits, target, &opts))
        return NULL;
    const tn_tensor *one = tn_scalar(ctx, logits->dtype, 1);
    const tn_tensor *w = opts.weight ? opts.weight : one;
    const tn_tensor *r = opts.pos_weight ? opts.pos_weight : one;
    tn_tensor *y = tn_map(ctx, NAME, &bce_y, NULL, (const tn_tensor *[]){logits, target, r});
    if (opts.weight)
        y = tn_map(ctx, NAME, &weighted, NULL, (const tn_tensor *[]){y, w});
    if (!y)
        return NULL;
    double n = (double)tn_numel(y);
    const bce_data data = {.scale = opts.reduction == TN_REDUCE_MEAN ? 1 / n : 1,
                           .is_weighted = opts.pos_weight != NULL};
    return tn_record(ctx, &bce_op, tn__reduce_losses(ctx, y, opts.reduction, n),
                     (tn_record_args){.inputs = {logits, target},
                                      .saved = {logits, target, w, r},
                                      .data = &data,
                                      .size = sizeof data});
}
