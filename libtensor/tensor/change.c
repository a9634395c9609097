/* change.c - changing tensors in place. */
#include "tensor/broadcast.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/prepared.h"
#include "tensor/shape.h"

bool tn__check_change(tn_ctx *ctx, const char *what, const tn_tensor *t)
{
    if (!tn_check_input(ctx, what, "tensor", t))
        return false;
    if (t->var && ctx->grad_enabled) {
        tn_fail(ctx, TN_ERR_STATE,
                "%s: a tensor of shape %s that requires a gradient is changed in place while "
                "gradients are enabled",
                what, TN_SHAPE_TEXT(t));
        return false;
    }
    if (!tn__has_own_elements(t)) {
        tn_fail(ctx, TN_ERR_ARGUMENT,
                "%s: a tensor of shape %s is expanded: its elements share memory", what,
                TN_SHAPE_TEXT(t));
        return false;
    }
    return true;
}

void tn__count_change(const tn_ctx *ctx, const tn_tensor *t)
{
    t->storage->version++;
    tn__forget_prepared(ctx, t->storage);
}

void *tn_data_mut(tn_tensor *t)
{
    if (!tn__is_live(t))
        return NULL;
    t->storage->exposed = true;
    tn__count_change(NULL, t);
    return tn__ptr(t);
}

tn_status tn_fill_(tn_ctx *ctx, tn_tensor *t, double value)
{
    if (!tn__check_change(ctx, "fill_", t))
        return tn_error_status(ctx);
    tn__count_change(ctx, t);
    tn__fill(t, value);
    return TN_OK;
}

/* src, or a copy of it if its elements may share memory with dst's. */
static const tn_tensor *apart(tn_ctx *ctx, const tn_tensor *dst, const tn_tensor *src)
{
    return dst->storage == src->storage ? tn__copied(ctx, "copy_", src) : src;
}

tn_status tn_copy_(tn_ctx *ctx, tn_tensor *dst, const tn_tensor *src)
{
    if (!tn_check_same_dtype(ctx, "copy_", "dst", dst, "src", src))
        return tn_error_status(ctx);
    if (!tn__broadcasts_to(src, dst->ndim, dst->shape))
        return tn_fail(ctx, TN_ERR_SHAPE, "copy_: src %s does not broadcast to dst %s",
                       TN_SHAPE_TEXT(src), TN_SHAPE_TEXT(dst));
    if (!tn__check_change(ctx, "copy_", dst))
        return tn_error_status(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    src = apart(ctx, dst, src);
    if (tn_ok(ctx)) {
        tn__count_change(ctx, dst);
        tn__copy(ctx, dst, src);
    }
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}
