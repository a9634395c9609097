/* max(x), min(x):  y = the largest or smallest element along a dimension;  dx = dy at its index, 0
 * elsewhere. */
#include <tn/op.h>
#include <tn/ops.h>
#include "ops/shared/elements.h"
#include "ops/shared/extreme.h"
#include "tensor/shape.h"
#include "tensor/view.h"

static void max_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    int ndim = tn_input_ndim(node, 0), dim = *(const int *)tn_node_data(node);
    bool keep[TN_MAX_DIMS] = {false};
    keep[dim] = true;
    dy = tn__keep_dims(ctx, dy, ndim, keep);
    if (dy)
        tn_add_grad(ctx, node, 0,
                    tn__scatter_add(ctx, "max", ndim, tn_input_shape(node, 0), dim,
                                    tn_saved(node, 0), true, dy));
}

static const tn_op max_op = {.name = "max", .backward = max_backward};
static const tn_op min_op = {.name = "min", .backward = max_backward};

static tn_tensor *extreme(tn_ctx *ctx, const tn_op *op, const tn_tensor *x, int dim, bool keepdim,
                          tn_tensor **indices)
{
    tn_begin(ctx, op);
    if (indices)
        *indices = NULL;
    if (!tn_check_input(ctx, op->name, "input", x) || (dim = tn__dim_of(ctx, op->name, dim, x)) < 0)
        return NULL;
    if (x->ndim == 0)
        return extreme(ctx, op, tn_unsqueeze(ctx, x, 0), 0, false, indices);
    bool reduced[TN_MAX_DIMS] = {false};
    reduced[dim] = true;
    tn_tensor *at, *y = tn__extreme(ctx, op->name, x, reduced, op == &min_op, &at);
    if (!y)
        return NULL;
    tn_tensor *found = keepdim ? at : tn__drop_dims(ctx, at, reduced);
    y = keepdim ? y : tn__drop_dims(ctx, y, reduced);
    y = tn_record(ctx, op, y,
                  (tn_record_args){.inputs = {x}, .saved = {at}, .data = &dim, .size = sizeof dim});
    if (y && indices)
        *indices = found;
    return y;
}

tn_tensor *tn_max(tn_ctx *ctx, const tn_tensor *x, int dim, bool keepdim, tn_tensor **indices)
{
    return extreme(ctx, &max_op, x, dim, keepdim, indices);
}

tn_tensor *tn_min(tn_ctx *ctx, const tn_tensor *x, int dim, bool keepdim, tn_tensor **indices)
{
    return extreme(ctx, &min_op, x, dim, keepdim, indices);
}
