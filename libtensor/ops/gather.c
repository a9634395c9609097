/* gather(x, dim, index):  y[i, j, k] = x[i, index[i, j, k], k], the indices along a dimension;
 * dx[i, index[i, j, k], k] += dy[i, j, k]. */
#include <tn/op.h>
#include <tn/ops.h>
#include "ops/shared/elements.h"
#include "tensor/shape.h"

static void gather_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0,
                tn__scatter_add(ctx, "gather", tn_input_ndim(node, 0), tn_input_shape(node, 0),
                                *(const int *)tn_node_data(node), tn_saved(node, 0), false, dy));
}

static const tn_op gather_op = {.name = "gather", .backward = gather_backward};

static bool fits(const tn_tensor *x, int dim, const tn_tensor *index)
{
    for (int i = 0; i < x->ndim && x->ndim == index->ndim; i++)
        if (i != dim && index->shape[i] > x->shape[i])
            return false;
    return x->ndim == index->ndim;
}

/* A tensor without dimensions is one of one element. */
static tn_tensor *gather_rows(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *index)
{
    const tn_tensor *row = x->ndim ? x : tn_unsqueeze(ctx, x, 0);
    const tn_tensor *at = index->ndim ? index : tn_unsqueeze(ctx, index, 0);
    return tn_reshape(ctx, tn_gather(ctx, row, 0, at), index->ndim, index->shape);
}

tn_tensor *tn_gather(tn_ctx *ctx, const tn_tensor *x, int dim, const tn_tensor *index)
{
    tn_begin(ctx, &gather_op);
    if (!tn_check_input(ctx, "gather", "input", x) ||
        !tn_check_input(ctx, "gather", "index", index) ||
        (dim = tn__dim_of(ctx, "gather", dim, x)) < 0)
        return NULL;
    if (x->ndim + index->ndim < 2)
        return gather_rows(ctx, x, index);
    if (!fits(x, dim, index)) {
        tn_fail(ctx, TN_ERR_SHAPE,
                "gather: index %s does not fit input %s; sizes other than that of dimension %d "
                "must not be larger",
                TN_SHAPE_TEXT(index), TN_SHAPE_TEXT(x), dim);
        return NULL;
    }
    index = tn__indices(ctx, "gather", x, dim, index);
    if (!index)
        return NULL;
    return tn_record(
        ctx, &gather_op, tn__gather(ctx, "gather", x, dim, index),
        (tn_record_args){.inputs = {x}, .saved = {index}, .data = &dim, .size = sizeof dim});
}
