/* expand(x, shape):  y = x broadcast;  dx = dy summed over the dimensions that were broadcast. */
#include <tn/op.h>
#include <tn/ops.h>
#include "tensor/broadcast.h"
#include "tensor/shape.h"

static void expand_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0, dy);
}

static const tn_op expand_op = {.name = "expand", .backward = expand_backward};

/* -1 keeps the size of x. */
static bool expanded_shape(const tn_tensor *x, int ndim, const int64_t *wanted, int64_t *shape)
{
    if (ndim < x->ndim)
        return false;
    for (int i = 0; i < ndim; i++) {
        int from = i - (ndim - x->ndim);
        shape[i] = wanted[i] == -1 && from >= 0 ? x->shape[from] : wanted[i];
        if (shape[i] < 0)
            return false;
    }
    return tn__broadcasts_to(x, ndim, shape);
}

tn_tensor *tn_expand(tn_ctx *ctx, const tn_tensor *x, int ndim, const int64_t *shape)
{
    tn_begin(ctx, &expand_op);
    int64_t full[TN_MAX_DIMS];
    if (!tn_check_input(ctx, "expand", "input", x) || !tn__check_dims(ctx, "expand", ndim, shape))
        return NULL;
    if (!expanded_shape(x, ndim, shape, full)) {
        tn_fail(ctx, TN_ERR_SHAPE, "expand: %s does not broadcast to %s", TN_SHAPE_TEXT(x),
                tn_shape_text(ndim, shape).s);
        return NULL;
    }
    if (tn__numel_of(ndim, full, tn_dtype_size(x->dtype)) < 0) {
        tn_fail(ctx, TN_ERR_MEMORY, "expand: %s of %s does not fit 63 bits",
                tn_shape_text(ndim, full).s, tn_dtype_name(x->dtype));
        return NULL;
    }
    return tn_record(ctx, &expand_op, tn__broadcast_to(ctx, x, ndim, full),
                     (tn_record_args){.inputs = {x}});
}
