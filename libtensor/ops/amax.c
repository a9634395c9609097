/* amax(x), amin(x):  y = the largest or smallest element over some dimensions;
 * dx = dy / n where x = y, n the number of these in each reduction, and 0 elsewhere. */
#include <tn/formula.h>
#include <tn/ops.h>
#include "ops/shared/dims.h"
#include "ops/shared/extreme.h"
#include "tensor/reduce.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

TN_FORMULA2(is_equal, x, y, x == y);
TN_FORMULA2(share, dy, count, dy / count);
TN_FORMULA3(spread, x, y, part, x == y ? part : y == y ? 0 : y);

typedef struct amax_data {
    bool reduce[TN_MAX_DIMS];
} amax_data;

/* dy / n, n the number of elements of x that equal y. */
static tn_tensor *shares(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *once, const tn_tensor *y,
                         const tn_tensor *dy, const bool *reduce)
{
    tn_tensor *equal = tn_map(ctx, "amax", &is_equal, NULL, (const tn_tensor *[]){once, y});
    const tn_tensor *all = tn__as_large(ctx, equal, x);
    tn_tensor *count = all ? tn__sum_dims(ctx, all, reduce) : NULL;
    return tn_map(ctx, "amax", &share, NULL,
                  (const tn_tensor *[]){dy, tn__within(ctx, count, once)});
}

static void amax_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const amax_data *data = tn_node_data(node);
    const tn_tensor *x = tn_saved(node, 0), *y = tn_saved(node, 1);
    y = tn__keep_dims(ctx, y, x->ndim, data->reduce);
    dy = tn__keep_dims(ctx, dy, x->ndim, data->reduce);
    if (!y || !dy)
        return;
    const tn_tensor *once = tn__once(ctx, x, dy);
    if (!once)
        return;
    y = tn__within(ctx, y, once);
    dy = tn__within(ctx, dy, once);
    const tn_tensor *each = shares(ctx, x, once, y, dy, data->reduce);
    tn_tensor *dx = tn_map(ctx, "amax", &spread, NULL, (const tn_tensor *[]){once, y, each});
    tn_add_grad(ctx, node, 0, tn__as_large(ctx, dx, x));
}

static const tn_op amax_op = {.name = "amax", .backward = amax_backward};
static const tn_op amin_op = {.name = "amin", .backward = amax_backward};

static tn_tensor *extreme(tn_ctx *ctx, const tn_op *op, const tn_tensor *x, tn_reduce_opts opts)
{
    tn_begin(ctx, op);
    amax_data data = {{false}};
    if (!tn_check_input(ctx, op->name, "input", x) ||
        !tn__reduced_dims(ctx, op->name, x, opts, data.reduce))
        return NULL;
    tn_tensor *y = tn__extreme(ctx, op->name, x, data.reduce, op == &amin_op, NULL);
    if (y && !opts.keepdim)
        y = tn__drop_dims(ctx, y, data.reduce);
    return tn_record(
        ctx, op, y,
        (tn_record_args){.inputs = {x}, .saved = {x, y}, .data = &data, .size = sizeof data});
}

tn_tensor *tn_amax(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts)
{
    return extreme(ctx, &amax_op, x, opts);
}

tn_tensor *tn_amin(tn_ctx *ctx, const tn_tensor *x, tn_reduce_opts opts)
{
    return extreme(ctx, &amin_op, x, opts);
}
