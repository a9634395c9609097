/* permute(x, dims):  dimension i of y is dimension dims[i] of x;  dx = dy permuted back. */
#include <tn/op.h>
#include <tn/ops.h>
#include "tensor/shape.h"
#include "tensor/tensor.h"

typedef struct permutation {
    int dims[TN_MAX_DIMS];
} permutation;

static tn_tensor *permuted(tn_ctx *ctx, const tn_tensor *x, const int *dims)
{
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++) {
        shape[i] = x->shape[dims[i]];
        strides[i] = x->strides[dims[i]];
    }
    return tn__view(ctx, x, x->ndim, shape, strides, x->offset);
}

static void permute_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const permutation *p = tn_node_data(node);
    int back[TN_MAX_DIMS];
    for (int i = 0; i < dy->ndim; i++)
        back[p->dims[i]] = i;
    tn_add_grad(ctx, node, 0, permuted(ctx, dy, back));
}

static const tn_op permute_op = {.name = "permute", .backward = permute_backward};

static tn_tensor *record(tn_ctx *ctx, const tn_tensor *x, const permutation *p)
{
    return tn_record(ctx, &permute_op, permuted(ctx, x, p->dims),
                     (tn_record_args){.inputs = {x}, .data = p, .size = sizeof *p});
}

tn_tensor *tn_permute(tn_ctx *ctx, const tn_tensor *x, const int *dims)
{
    tn_begin(ctx, &permute_op);
    if (!tn_check_input(ctx, "permute", "input", x))
        return NULL;
    if (!dims && x->ndim > 0) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "permute: dims is NULL");
        return NULL;
    }
    permutation p = {{0}};
    unsigned seen = 0;
    for (int i = 0; i < x->ndim; i++) {
        p.dims[i] = tn__dim(ctx, "permute", dims[i], x->ndim);
        if (p.dims[i] < 0)
            return NULL;
        if (seen & 1u << p.dims[i]) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "permute: dimension %d of %s is listed twice", p.dims[i],
                    TN_SHAPE_TEXT(x));
            return NULL;
        }
        seen |= 1u << p.dims[i];
    }
    return record(ctx, x, &p);
}

tn_tensor *tn_transpose(tn_ctx *ctx, const tn_tensor *x, int dim0, int dim1)
{
    tn_begin(ctx, &permute_op);
    if (!tn_check_input(ctx, "transpose", "input", x) ||
        (dim0 = tn__dim_of(ctx, "transpose", dim0, x)) < 0 ||
        (dim1 = tn__dim_of(ctx, "transpose", dim1, x)) < 0)
        return NULL;
    permutation p = {{0}};
    for (int i = 0; i < x->ndim; i++)
        p.dims[i] = i == dim0 ? dim1 : i == dim1 ? dim0 : i;
    return record(ctx, x, &p);
}
