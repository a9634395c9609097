/* hook.c - telling the program of a leaf's gradient as soon as it is complete.
 *
 * A pass walks the tape from the end, so the node that uses a leaf first brings its last gradient.
 * Only nodes below the root count: others on the tape bring nothing. */
#include <tn/autograd.h>
#include <tn/op.h>
#include "autograd/tape.h"
#include "tensor/scope.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

static void set_hook(tn_ctx *ctx, tn__var *leaf, tn_grad_hook hook, void *payload)
{
    ctx->tape->hooks += (hook != NULL) - (leaf->hook != NULL);
    leaf->hook = hook;
    leaf->payload = payload;
}

/* While an error is recorded, it stays the only one. */
static bool check_leaf(tn_ctx *ctx, const tn_tensor *leaf)
{
    if (!tn_ok(ctx))
        return tn__is_live(leaf) && !tn__without_gradient(ctx, leaf) && !leaf->var->node;
    if (!tn_check_input(ctx, "on_grad", "leaf", leaf))
        return false;
    if (tn__without_gradient(ctx, leaf))
        tn_fail(ctx, TN_ERR_STATE, "on_grad: a tensor of shape %s %s", TN_SHAPE_TEXT(leaf),
                tn__without_gradient(ctx, leaf));
    else if (leaf->var->node)
        tn_fail(ctx, TN_ERR_STATE, "on_grad: a tensor of shape %s that %s made is not a leaf",
                TN_SHAPE_TEXT(leaf), leaf->var->node->op->name);
    return tn_ok(ctx);
}

tn_status tn_on_grad(tn_ctx *ctx, tn_tensor *leaf, tn_grad_hook hook, void *payload)
{
    if (!hook) {
        if (tn__is_live(leaf) && leaf->var)
            set_hook(leaf->var->ctx, leaf->var, NULL, NULL);
        return TN_OK;
    }
    if (check_leaf(ctx, leaf))
        set_hook(ctx, leaf->var, hook, payload);
    return tn_error_status(ctx);
}

tn_grad_hook tn_get_grad_hook(const tn_tensor *leaf, void **payload)
{
    const tn__var *var = tn__is_live(leaf) ? leaf->var : NULL;
    if (payload)
        *payload = var ? var->payload : NULL;
    return var ? var->hook : NULL;
}

void tn__find_last(tn_ctx *ctx, tn__var *root)
{
    uint64_t wave = ++ctx->tape->wave;
    root->wave = wave;
    for (int64_t i = root->node->position; i >= 0; i--) {
        const tn_node *node = ctx->tape->nodes[i];
        if (!node || node->output->wave != wave)
            continue;
        for (int j = 0; j < node->n_inputs; j++) {
            if (!node->inputs[j])
                continue;
            node->inputs[j]->wave = wave;
            node->inputs[j]->position = i;
        }
    }
}

void tn__call_hook(tn_ctx *ctx, tn__var *leaf)
{
    if (!leaf->hook || !leaf->arriving.sum || !tn_ok(ctx))
        return;
    int64_t held;
    tn_scope scope = tn__scope_hold(ctx, &held);
    ctx->tape->in_hook = true;
    if (!leaf->hook(ctx, leaf->arriving.sum, leaf->payload))
        tn__drop_gathered(&leaf->arriving);
    ctx->tape->in_hook = false;
    tn__scope_let_go(ctx, scope, held);
}

void tn__call_hooks(tn_ctx *ctx, const tn_node *node)
{
    for (int j = 0; j < node->n_inputs; j++) {
        tn__var *leaf = node->inputs[j];
        if (!leaf || leaf->node || leaf->wave != ctx->tape->wave ||
            leaf->position != node->position)
            continue;
        leaf->position = -1;
        tn__call_hook(ctx, leaf);
    }
}
