/* relu(x):  y = max(x, 0), NaN for NaN;  dx = 0 where y <= 0, dy elsewhere. */
#include <tn/formula.h>
#include <tn/ops.h>
#include "base/isa.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "ops/in_place.h"
#include "tensor/change.h"
#include "tensor/tensor.h"

TN_UNARY(relu, TN_SAVE_Y, x < 0 ? 0 : x, y <= 0 ? 0 : dy);

tn_tensor *tn_relu(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &relu_op, x, NULL);
}

/* ---- in place -------------------------------------------------------------------------------- */

/* Are these elements that nobody else knows of, one after another? */
static bool is_own(const tn_ctx *ctx, const tn_tensor *t)
{
    return t->ctx == ctx && t->storage->ctx == ctx && atomic_load(&t->storage->refs) == 1 &&
           !t->storage->exposed && tn_is_contiguous(t);
}

/* ReLU of `to`, or its gradient, which takes the place of dy, where there is a y. */
typedef struct in_place {
    const tn__kernels *kernels;
    int64_t size;
    const char *y;
    char *to;
} in_place;

static void change_part(int64_t begin, int64_t end, void *payload)
{
    const in_place *p = payload;
    int64_t n = end - begin, at = begin * p->size;
    if (p->y)
        p->kernels->relu_backward(n, p->y + at, p->to + at);
    else
        p->kernels->relu(n, p->to + at);
}

/* A view of t, whose elements are changed. */
static tn_tensor *changed(tn_ctx *ctx, const tn_tensor *t, const tn_tensor *y)
{
    in_place p = {.kernels = tn__kernels_of(ctx, t->dtype),
                  .size = (int64_t)tn_dtype_size(t->dtype),
                  .y = y ? tn__ptr(y) : NULL,
                  .to = tn__ptr(t)};
    tn_tensor *view = tn__view(ctx, t, t->ndim, t->shape, t->strides, t->offset);
    if (!view)
        return NULL;
    tn__count_change(ctx, t);
    tn__parallel(ctx, tn_numel(t), TN__GRAIN_ELEMENTS, change_part, &p);
    return view;
}

static void in_place_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *y = tn_saved(node, 0), *operands[] = {dy, y, dy};
    if (is_own(ctx, dy))
        tn_add_grad(ctx, node, 0, changed(ctx, dy, y));
    else
        tn_add_grad(ctx, node, 0, tn_map(ctx, "relu", &relu_op.dx, NULL, operands));
}

static const tn_op in_place_op = {.name = "relu", .backward = in_place_backward};

/* y is a view of x, which went through ReLU. */
static tn_tensor *record(tn_ctx *ctx, const tn_tensor *x, tn_tensor *y)
{
    return tn_record(ctx, &in_place_op, y, (tn_record_args){.inputs = {x}, .saved = {y}});
}

tn_tensor *tn__relu_in_place(tn_ctx *ctx, tn_tensor *x)
{
    if (!x || !is_own(ctx, x))
        return x ? tn_relu(ctx, x) : NULL;
    tn_begin(ctx, &in_place_op);
    return record(ctx, x, changed(ctx, x, NULL));
}

tn_tensor *tn__record_relu(tn_ctx *ctx, tn_tensor *x)
{
    if (!x || !tn_will_record(ctx, 1, (const tn_tensor *[]){x}))
        return x;
    return record(ctx, x, tn__view(ctx, x, x->ndim, x->shape, x->strides, x->offset));
}
