/* leaf.c - leaves: tensors that no operator made, at which gradients end up. */
#include <tn/autograd.h>
#include "autograd/tape.h"
#include "tensor/tensor.h"

tn_status tn_set_requires_grad(tn_ctx *ctx, tn_tensor *t, bool requires_grad)
{
    if (!tn_check_input(ctx, "set_requires_grad", "tensor", t))
        return tn_error_status(ctx);
    if (t->ctx != ctx)
        return tn_fail(ctx, TN_ERR_STATE,
                       "set_requires_grad: a tensor of shape %s belongs to another context",
                       TN_SHAPE_TEXT(t));
    if (t->var && t->var->node)
        return tn_fail(ctx, TN_ERR_STATE,
                       "set_requires_grad: a tensor of shape %s that %s made is not a leaf; "
                       "tn_detach makes one of it",
                       TN_SHAPE_TEXT(t), t->var->node->op->name);
    if (!requires_grad) {
        tn__var_release(t->var);
        t->var = NULL;
    } else if (tn_check_float(ctx, "set_requires_grad", "tensor", t) && !t->var) {
        t->var = tn__var_new(ctx, t);
    }
    return tn_error_status(ctx);
}

bool tn_requires_grad(const tn_tensor *t)
{
    return tn__is_live(t) && t->var;
}

const char *tn__without_gradient(const tn_ctx *ctx, const tn_tensor *t)
{
    if (t->var)
        return t->var->ctx == ctx ? NULL : "requires its gradient in another context";
    return t->is_gradient
               ? "was made of gradients, and gradients of gradients are not supported yet"
               : "requires no gradient";
}

tn_tensor *tn_grad(const tn_tensor *t)
{
    return tn_requires_grad(t) && !t->var->node ? t->var->grad.sum : NULL;
}

void tn_clear_grad(tn_tensor *t)
{
    if (tn_requires_grad(t))
        tn__drop_gathered(&t->var->grad);
}

tn_tensor *tn_detach(tn_ctx *ctx, const tn_tensor *t)
{
    if (!tn_check_input(ctx, "detach", "input", t))
        return NULL;
    return tn__view(ctx, t, t->ndim, t->shape, t->strides, t->offset);
}
