/* backward.c - walking the tape from the end. */
#include <tn/autograd.h>
#include <tn/op.h>
#include "autograd/accumulate.h"
#include "autograd/observer.h"
#include "autograd/tape.h"
#include "tensor/scope.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

static bool check_saved(tn_ctx *ctx, const tn_node *node)
{
    for (int i = 0; i < node->n_saved; i++) {
        const tn_tensor *t = node->saved[i];
        if (t && t->storage->version != node->versions[i]) {
            tn_fail(ctx, TN_ERR_STATE,
                    "backward: a tensor of shape %s that %s saved was changed in place since "
                    "(version %u, now %u)",
                    TN_SHAPE_TEXT(t), node->op->name, node->versions[i], t->storage->version);
            return false;
        }
    }
    return true;
}

/* Passes one node: its output's gradient goes to its inputs, and is released. */
static void pass(tn_ctx *ctx, tn_node *node)
{
    if (node->done) {
        tn_fail(ctx, TN_ERR_STATE,
                "backward: the record of %s was used up by an earlier backward; run the forward "
                "pass again",
                node->op->name);
        return;
    }
    if (!check_saved(ctx, node))
        return;
    int64_t held;
    tn_scope scope = tn__scope_hold(ctx, &held);
    const tn__observer *observer = ctx->tape->observer;
    int64_t start = observer ? observer->backward_begins(ctx) : 0;
    ctx->tape->passing = node;
    node->op->backward(ctx, node, node->output->grad.sum);
    ctx->tape->passing = NULL;
    if (observer)
        observer->backward_ends(ctx, node->op, start);
    tn__scope_let_go(ctx, scope, held);
    tn__drop_gathered(&node->output->grad);
    tn__release_saved(node);
    tn__settle(ctx, node);
    node->done = true;
}

static void drop_pending(tn_ctx *ctx)
{
    for (int64_t i = 0; i < ctx->tape->count; i++)
        if (ctx->tape->nodes[i])
            tn__drop_gathered(&ctx->tape->nodes[i]->output->grad);
}

/* Nobody changes the caller's gradient: a view of it says that the elements are somebody else's. */
static void seed(tn_ctx *ctx, tn__var *var, const tn_tensor *grad)
{
    tn_tensor *first = tn__view(ctx, grad, grad->ndim, grad->shape, grad->strides, grad->offset);
    if (!first)
        return;
    tn__accumulate(ctx, var, first);
    tn_free(first);
}

/* The node's output may have got no gradient, and the node is the last one of its inputs all the
 * same. */
static void walk(tn_ctx *ctx, tn__var *root)
{
    bool hooks = ctx->tape->hooks > 0;
    if (hooks)
        tn__find_last(ctx, root);
    for (int64_t i = root->node->position; i >= 0 && tn_ok(ctx); i--) {
        tn_node *node = ctx->tape->nodes[i];
        if (node && node->output->grad.sum)
            pass(ctx, node);
        if (node && hooks)
            tn__call_hooks(ctx, node);
    }
}

/* The root keeps what it was made from, whatever hooks free. */
static tn_status run_backward(tn_ctx *ctx, tn__var *root, const tn_tensor *grad)
{
    tn__var_retain(root);
    bool before = tn_set_grad_enabled(ctx, false);
    if (root->node && root->node->done)
        pass(ctx, root->node);
    else
        seed(ctx, root, grad);
    if (root->node)
        walk(ctx, root);
    else
        tn__call_hook(ctx, root);
    if (!tn_ok(ctx))
        drop_pending(ctx);
    tn__deliver_all(ctx);
    tn_set_grad_enabled(ctx, before);
    tn__var_release(root);
    return ctx->status;
}

static bool check_root(tn_ctx *ctx, const tn_tensor *t)
{
    if (!tn_check_input(ctx, "backward", "loss", t))
        return false;
    if (ctx->tape->passing)
        tn_fail(ctx, TN_ERR_STATE,
                "backward: inside of the backward function of %s; gradients of gradients are not "
                "supported yet",
                ctx->tape->passing->op->name);
    else if (ctx->tape->in_hook)
        tn_fail(ctx, TN_ERR_STATE, "backward: inside of a hook of tn_on_grad");
    else if (tn__without_gradient(ctx, t))
        tn_fail(ctx, TN_ERR_STATE, "backward: a tensor of shape %s %s", TN_SHAPE_TEXT(t),
                tn__without_gradient(ctx, t));
    return tn_ok(ctx);
}

tn_status tn_backward(tn_ctx *ctx, const tn_tensor *loss)
{
    if (!check_root(ctx, loss))
        return tn_error_status(ctx);
    if (tn_numel(loss) != 1)
        return tn_fail(ctx, TN_ERR_SHAPE,
                       "backward: the loss has shape %s, not one element; reduce it, or give a "
                       "gradient to tn_backward_with",
                       TN_SHAPE_TEXT(loss));
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *one = tn_full(ctx, loss->dtype, loss->ndim, loss->shape, 1);
    if (one)
        run_backward(ctx, loss->var, one);
    tn_scope_end(ctx, scope);
    return ctx->status;
}

tn_status tn_backward_with(tn_ctx *ctx, const tn_tensor *t, const tn_tensor *grad)
{
    if (!check_root(ctx, t) || !tn_check_input(ctx, "backward", "grad", grad) ||
        !tn_check_same_dtype(ctx, "backward", "the tensor", t, "its gradient", grad))
        return tn_error_status(ctx);
    if (!tn__same_shape(t, grad))
        return tn_fail(ctx, TN_ERR_SHAPE, "backward: a tensor of shape %s and a gradient of %s",
                       TN_SHAPE_TEXT(t), TN_SHAPE_TEXT(grad));
    return run_backward(ctx, t->var, grad);
}
