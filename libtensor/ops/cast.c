/* cast(x, dtype):  y = x as dtype;  dx = dy as x's dtype. clone and contiguous:  y = x, copied;
 * dx = dy. */
#include <tn/op.h>
#include <tn/ops.h>
#include "tensor/copy.h"
#include "tensor/dtype.h"

static void copy_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0, dy);
}

static void cast_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0, tn_cast(ctx, dy, *(const tn_dtype *)tn_node_data(node)));
}

static const tn_op clone_op = {.name = "clone", .backward = copy_backward};

static const tn_op contiguous_op = {.name = "contiguous", .backward = copy_backward};

static const tn_op cast_op = {.name = "cast", .backward = cast_backward};

tn_tensor *tn_clone(tn_ctx *ctx, const tn_tensor *x)
{
    tn_begin(ctx, &clone_op);
    if (!tn_check_input(ctx, "clone", "input", x))
        return NULL;
    return tn_record(ctx, &clone_op, tn__copied(ctx, "clone", x), (tn_record_args){.inputs = {x}});
}

tn_tensor *tn_contiguous(tn_ctx *ctx, const tn_tensor *x)
{
    tn_begin(ctx, &contiguous_op);
    if (!tn_check_input(ctx, "contiguous", "input", x))
        return NULL;
    return tn_record(ctx, &contiguous_op, tn__contiguous(ctx, x), (tn_record_args){.inputs = {x}});
}

tn_tensor *tn_cast(tn_ctx *ctx, const tn_tensor *x, tn_dtype dtype)
{
    tn_begin(ctx, &cast_op);
    if (!tn_check_input(ctx, "cast", "input", x))
        return NULL;
    tn_tensor *y = tn__converted(ctx, "cast", x, dtype);
    tn_record_args record = {.data = &x->dtype, .size = sizeof x->dtype};
    if (tn__is_float(dtype))
        record.inputs[0] = x;
    return tn_record(ctx, &cast_op, y, record);
}
