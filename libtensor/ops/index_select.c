/* index_select(x, dim, index):  y[i, j, k] = x[i, index[j], k], the indices along a dimension;
 * dx[i, index[j], k] += dy[i, j, k]. */
#include <string.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "ops/shared/elements.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

/* The indices in the shape of the result, the same for all elements along the other dimensions. */
static tn_tensor *spread(tn_ctx *ctx, const tn_tensor *index, int ndim, const int64_t *shape,
                         int dim)
{
    int64_t full[TN_MAX_DIMS], strides[TN_MAX_DIMS] = {0};
    memcpy(full, shape, sizeof full);
    full[dim] = tn_numel(index);
    strides[dim] = index->ndim > 0 ? index->strides[0] : 0;
    return tn__view(ctx, index, ndim, full, strides, index->offset);
}

static void index_select_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0,
                tn__scatter_add(ctx, "index_select", tn_input_ndim(node, 0),
                                tn_input_shape(node, 0), *(const int *)tn_node_data(node),
                                tn_saved(node, 0), false, dy));
}

static const tn_op index_select_op = {.name = "index_select", .backward = index_select_backward};

/* Of a tensor without dimensions: itself, if `index` is one. */
static tn_tensor *only(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *index)
{
    if (tn_numel(index) == 1)
        return tn_squeeze(ctx, tn_index_select(ctx, tn_unsqueeze(ctx, x, 0), 0, index), 0);
    tn_fail(ctx, TN_ERR_SHAPE, "index_select: index %s selects %lld elements of %s",
            TN_SHAPE_TEXT(index), (long long)tn_numel(index), TN_SHAPE_TEXT(x));
    return NULL;
}

tn_tensor *tn_index_select(tn_ctx *ctx, const tn_tensor *x, int dim, const tn_tensor *index)
{
    tn_begin(ctx, &index_select_op);
    if (!tn_check_input(ctx, "index_select", "input", x) ||
        !tn_check_input(ctx, "index_select", "index", index) ||
        (dim = tn__dim_of(ctx, "index_select", dim, x)) < 0)
        return NULL;
    if (index->ndim > 1) {
        tn_fail(ctx, TN_ERR_SHAPE, "index_select: index %s has more than one dimension",
                TN_SHAPE_TEXT(index));
        return NULL;
    }
    if (x->ndim == 0)
        return only(ctx, x, index);
    const tn_tensor *plain = tn__indices(ctx, "index_select", x, dim, index);
    const tn_tensor *full = plain ? spread(ctx, plain, x->ndim, x->shape, dim) : NULL;
    if (!full)
        return NULL;
    return tn_record(
        ctx, &index_select_op, tn__gather(ctx, "index_select", x, dim, full),
        (tn_record_args){.inputs = {x}, .saved = {full}, .data = &dim, .size = sizeof dim});
}
