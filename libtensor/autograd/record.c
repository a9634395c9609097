/* record.c - recording operators, and what a backward function asks its record. */
#include <tn/autograd.h>
#include <tn/op.h>
#include "autograd/observer.h"
#include "autograd/tape.h"

void tn_begin(tn_ctx *ctx, const tn_op *op)
{
    if (tn_ok(ctx) && op && ctx->tape->observer)
        ctx->tape->observer->begins(ctx, op);
}

bool tn_will_record(const tn_ctx *ctx, int64_t count, const tn_tensor *const *inputs)
{
    for (int64_t i = 0; inputs && tn_ok(ctx) && ctx->grad_enabled && i < count; i++)
        if (inputs[i] && inputs[i]->var)
            return true;
    return false;
}

/* Gradients are gathered in the memory of the context that records. What was made of gradients has
 * no record, and would be a constant without a word. */
static void check_input(tn_ctx *ctx, const char *name, int i, const tn_tensor *x)
{
    if (x->var && x->var->ctx != ctx)
        tn_fail(ctx, TN_ERR_STATE,
                "%s: input %d of shape %s requires a gradient in another context; detach it or "
                "disable gradients",
                name, i, TN_SHAPE_TEXT(x));
    else if (!x->var && x->is_gradient)
        tn_fail(ctx, TN_ERR_STATE, "%s: input %d of shape %s %s; tn_detach makes a constant of it",
                name, i, TN_SHAPE_TEXT(x), tn__without_gradient(ctx, x));
}

static bool check_record(tn_ctx *ctx, const tn_op *op, const tn_tensor *y,
                         const tn_record_args *args)
{
    const char *name = op && op->name ? op->name : "record";
    if (!op || !op->name || !op->backward || (args->size && !args->data))
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s", name,
                op && op->name && op->backward ? "size without data"
                                               : "the operator has no name or no backward");
    else if (y->var)
        tn_fail(ctx, TN_ERR_STATE, "%s: the result of shape %s requires a gradient already", name,
                TN_SHAPE_TEXT(y));
    else
        tn_check_float(ctx, name, "the result", y);
    for (int i = 0; tn_ok(ctx) && i < TN_MAX_INPUTS; i++)
        if (args->inputs[i])
            check_input(ctx, name, i, args->inputs[i]);
    return tn_ok(ctx);
}

/* A result without a record. One that is made of a gradient remembers that, unless recording is
 * disabled. */
static tn_tensor *unrecorded(const tn_ctx *ctx, tn_tensor *y, const tn_record_args *args)
{
    for (int i = 0; ctx->grad_enabled && i < TN_MAX_INPUTS; i++)
        if (args->inputs[i] && args->inputs[i]->is_gradient)
            y->is_gradient = true;
    return y;
}

tn_tensor *tn_record(tn_ctx *ctx, const tn_op *op, tn_tensor *y, tn_record_args args)
{
    if (!y || !tn_ok(ctx))
        return NULL;
    const tn__observer *observer = ctx->tape->observer;
    if (observer && !observer->made(ctx, op, y, &args))
        return NULL;
    if (!tn_will_record(ctx, TN_MAX_INPUTS, args.inputs))
        return unrecorded(ctx, y, &args);
    if (!check_record(ctx, op, y, &args))
        return NULL;
    tn_node *node = tn__node_new(ctx, op, &args);
    if (!node)
        return NULL;
    y->var = tn__var_new(ctx, y);
    if (!y->var) {
        tn__node_free(ctx, node);
        return NULL;
    }
    y->var->node = node;
    node->output = y->var;
    return y;
}

bool tn_set_grad_enabled(tn_ctx *ctx, bool enabled)
{
    if (!ctx)
        return false;
    bool before = ctx->grad_enabled;
    ctx->grad_enabled = enabled;
    return before;
}

bool tn_is_grad_enabled(const tn_ctx *ctx)
{
    return ctx && ctx->grad_enabled;
}

/* ---- asking a node --------------------------------------------------------------------------- */

bool tn_wants_grad(const tn_node *node, int i)
{
    return node && i >= 0 && i < node->n_inputs && node->inputs[i];
}

const tn_tensor *tn_saved(const tn_node *node, int i)
{
    return node && i >= 0 && i < node->n_saved ? node->saved[i] : NULL;
}

const void *tn_node_data(const tn_node *node)
{
    return node ? node->data : NULL;
}

int tn_input_ndim(const tn_node *node, int i)
{
    return tn_wants_grad(node, i) ? node->inputs[i]->ndim : 0;
}

const int64_t *tn_input_shape(const tn_node *node, int i)
{
    return tn_wants_grad(node, i) ? node->inputs[i]->shape : NULL;
}
