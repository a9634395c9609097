/* sum(x):  y = sum of x over some dimensions;  dx = dy, broadcast to x's shape.
 * mean(x):  y = sum(x) / n, n the number of elements in each sum;  dx = dy / n. */
#include <tn/autograd.h>
#include <tn/formula.h>
#include <tn/ops.h>
#include "ops/shared/dims.h"
#include "tensor/broadcast.h"
#include "tensor/reduce.h"
#include "tensor/view.h"

typedef struct sum_data {
    bool reduce[TN_MAX_DIMS];
    double n; /* of the sum; multiplying by 1 / n would round twice */
} sum_data;

TN_FORMULA1(divided, x, x / c[0]);

static tn_tensor *divide(tn_ctx *ctx, const char *what, const tn_tensor *t, double n)
{
    const double c[TN_MAX_CONSTANTS] = {n};
    return tn_map(ctx, what, &divided, c, &t);
}

static void sum_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const sum_data *data = tn_node_data(node);
    tn_tensor *kept = tn__keep_dims(ctx, dy, tn_input_ndim(node, 0), data->reduce);
    if (kept && data->n != 1)
        kept = divide(ctx, "mean", kept, data->n);
    if (kept)
        tn_add_grad(ctx, node, 0,
                    tn__broadcast_to(ctx, kept, tn_input_ndim(node, 0), tn_input_shape(node, 0)));
}

static const tn_op sum_op = {.name = "sum", .backward = sum_backward};
static const tn_op mean_op = {.name = "mean", .backward = sum_backward};

static tn_tensor *reduce(tn_ctx *ctx, const tn_op *op, const tn_tensor *x, tn_reduce_opts opts)
{
    tn_begin(ctx, op);
    sum_data data = {.n = 1};
    if (!tn_check_float(ctx, op->name, "input", x) ||
        !tn__reduced_dims(ctx, op->name, x, opts, data.reduce))
        return NULL;
    tn_tensor *y = tn__sum_dims(ctx, x, data.reduce);
    if (!y)
        return NULL;
    if (op == &mean_op) {
        data.n = tn__count_reduced(x, data.reduce);
        y = divide(ctx, op->name, y, data.n);
    }
    if (y && !opts.keepdim)
        y = tn__drop_dims(ctx, y, data.reduce);
    return tn_record(ctx, op, y,
                     (tn_record_args){.inputs = {x}, .data = &data, .size = sizeof data});
}

tn_tensor *tn_sum(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts)
{
    return reduce(ctx, &sum_op, x, opts);
}

tn_tensor *tn_mean(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts)
{
    return reduce(ctx, &mean_op, x, opts);
}
