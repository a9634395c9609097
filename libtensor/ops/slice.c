/* slice(x, dim, start, end, step), narrow and select:  y is part of x;  dx = dy there, 0
 * elsewhere. */
#include <string.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "autograd/accumulate.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

typedef struct part {
    int dim;
    int64_t start, length, step;
    bool drop; /* the dimension, which has size 1 then */
} part;

static tn_tensor *part_of(tn_ctx *ctx, const tn_tensor *x, const void *payload)
{
    const part *p = payload;
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    memcpy(strides, x->strides, sizeof strides);
    shape[p->dim] = p->length;
    strides[p->dim] *= p->step;
    int64_t offset = x->offset + (p->length > 0 ? p->start * x->strides[p->dim] : 0);
    int ndim = x->ndim;
    if (p->drop) {
        ndim--;
        for (int i = p->dim; i < ndim; i++) {
            shape[i] = shape[i + 1];
            strides[i] = strides[i + 1];
        }
    }
    return tn__view(ctx, x, ndim, shape, strides, offset);
}

static void slice_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn__add_grad_of_part(ctx, node, 0, dy, part_of, tn_node_data(node));
}

static const tn_op slice_op = {.name = "slice", .backward = slice_backward};

static tn_tensor *record(tn_ctx *ctx, const tn_tensor *x, const part *p)
{
    return tn_record(ctx, &slice_op, part_of(ctx, x, p),
                     (tn_record_args){.inputs = {x}, .data = p, .size = sizeof *p});
}

/* Python's rule: a negative bound counts from the end, then it is clamped. */
static int64_t bound(int64_t i, int64_t size)
{
    i = i < 0 ? i + size : i;
    return i < 0 ? 0 : i > size ? size : i;
}

tn_tensor *tn_slice(tn_ctx *ctx, const tn_tensor *x, int dim, int64_t start, int64_t end,
                    int64_t step)
{
    tn_begin(ctx, &slice_op);
    if (!tn_check_input(ctx, "slice", "input", x) ||
        (dim = tn__dim(ctx, "slice", dim, x->ndim)) < 0)
        return NULL;
    if (step < 1) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "slice: step %lld is not positive", (long long)step);
        return NULL;
    }
    start = bound(start, x->shape[dim]);
    end = bound(end, x->shape[dim]);
    int64_t length = end > start ? (end - start - 1) / step + 1 : 0;
    return record(
        ctx, x,
        &(part){.dim = dim, .start = start, .length = length, .step = length > 1 ? step : 1});
}

tn_tensor *tn_narrow(tn_ctx *ctx, const tn_tensor *x, int dim, int64_t start, int64_t length)
{
    tn_begin(ctx, &slice_op);
    if (!tn_check_input(ctx, "narrow", "input", x) ||
        (dim = tn__dim(ctx, "narrow", dim, x->ndim)) < 0)
        return NULL;
    if (start < 0 || length < 0 || start > x->shape[dim] || length > x->shape[dim] - start) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "narrow: %lld elements from %lld of dimension %d of %s",
                (long long)length, (long long)start, dim, TN_SHAPE_TEXT(x));
        return NULL;
    }
    return record(ctx, x, &(part){.dim = dim, .start = start, .length = length, .step = 1});
}

tn_tensor *tn_select(tn_ctx *ctx, const tn_tensor *x, int dim, int64_t index)
{
    tn_begin(ctx, &slice_op);
    if (!tn_check_input(ctx, "select", "input", x) ||
        (dim = tn__dim(ctx, "select", dim, x->ndim)) < 0)
        return NULL;
    int64_t size = x->shape[dim], at = index < 0 ? index + size : index;
    if (at < 0 || at >= size) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "select: index %lld is outside dimension %d of %s",
                (long long)index, dim, TN_SHAPE_TEXT(x));
        return NULL;
    }
    return record(ctx, x, &(part){.dim = dim, .start = at, .length = 1, .step = 1, .drop = true});
}
