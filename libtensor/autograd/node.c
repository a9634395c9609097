/* node.c - the vars and nodes of the tape: what they keep, and when they are freed. */
#include <string.h>
#include <tn/op.h>
#include "autograd/tape.h"
#include "base/memory.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

void tn__drop_gathered(tn__gathered *g)
{
    tn__release(g->sum);
    tn__release(g->lost);
    *g = (tn__gathered){0};
}

void tn__release_saved(tn_node *node)
{
    for (int i = 0; i < node->n_saved; i++) {
        tn__release(node->saved[i]);
        node->saved[i] = NULL;
    }
}

/* ---- freeing --------------------------------------------------------------------------------- */

static void leave_tape(tn_ctx *ctx, const tn_node *node)
{
    ctx->tape->nodes[node->position] = NULL;
    while (ctx->tape->count > 0 && !ctx->tape->nodes[ctx->tape->count - 1])
        ctx->tape->count--;
}

void tn__node_free(tn_ctx *ctx, tn_node *node)
{
    if (node->position >= 0)
        leave_tape(ctx, node);
    tn__release_saved(node);
    for (int i = 0; i < node->n_inputs; i++)
        tn__var_release(node->inputs[i]);
    ctx->memory->stats.nodes--;
    tn__free(ctx, node->data);
    tn__free(ctx, node);
}

/* Freeing a node may release the last reference to the next one of a long chain, so nodes queue up
 * here instead of calling each other. */
static void bury(tn_ctx *ctx, tn_node *node)
{
    node->next_dead = ctx->tape->dead;
    ctx->tape->dead = node;
    if (ctx->tape->freeing)
        return;
    ctx->tape->freeing = true;
    while (ctx->tape->dead) {
        tn_node *dead = ctx->tape->dead;
        ctx->tape->dead = dead->next_dead;
        tn__node_free(ctx, dead);
    }
    ctx->tape->freeing = false;
}

static void free_var(tn__var *var)
{
    tn_ctx *ctx = var->ctx;
    tn__drop_gathered(&var->grad);
    ctx->tape->hooks -= var->hook != NULL;
    if (var->node)
        bury(ctx, var->node);
    tn__free(ctx, var);
}

void tn__tape_close(tn_ctx *ctx)
{
    tn__free(ctx, ctx->tape->nodes);
}

/* ---- making ---------------------------------------------------------------------------------- */

tn__var *tn__var_new(tn_ctx *ctx, const tn_tensor *t)
{
    tn__var *var = tn__alloc_zeroed(ctx, sizeof *var);
    if (!var)
        return NULL;
    var->head = (tn__var_head){.refs = 1, .free = free_var};
    var->ctx = ctx;
    var->dtype = t->dtype;
    var->ndim = t->ndim;
    memcpy(var->shape, t->shape, sizeof var->shape);
    return var;
}

static bool compact_tape(tn_ctx *ctx)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < ctx->tape->count; i++)
        if (ctx->tape->nodes[i]) {
            ctx->tape->nodes[kept] = ctx->tape->nodes[i];
            ctx->tape->nodes[kept]->position = kept;
            kept++;
        }
    ctx->tape->count = kept;
    return tn__reserve(ctx, &ctx->tape->nodes, &ctx->tape->capacity, 2 * kept + 1,
                       sizeof *ctx->tape->nodes);
}

static bool append_to_tape(tn_ctx *ctx, tn_node *node)
{
    if (ctx->tape->count == ctx->tape->capacity && !compact_tape(ctx))
        return false;
    node->position = ctx->tape->count;
    ctx->tape->nodes[ctx->tape->count++] = node;
    return true;
}

static int last_given(const tn_tensor *const *tensors, int count)
{
    while (count > 0 && !tensors[count - 1])
        count--;
    return count;
}

static bool save(tn_ctx *ctx, tn_node *node, const tn_record_args *args)
{
    node->n_saved = last_given(args->saved, TN_MAX_SAVED);
    for (int i = 0; i < node->n_saved; i++) {
        if (!args->saved[i])
            continue;
        node->saved[i] = tn__alias(ctx, args->saved[i]);
        if (!node->saved[i])
            return false;
        node->versions[i] = node->saved[i]->storage->version;
    }
    if (args->size) {
        node->data = tn__alloc(ctx, args->size);
        if (!node->data)
            return false;
        memcpy(node->data, args->data, args->size);
    }
    return true;
}

tn_node *tn__node_new(tn_ctx *ctx, const tn_op *op, const tn_record_args *args)
{
    tn_node *node = tn__alloc_zeroed(ctx, sizeof *node);
    if (!node)
        return NULL;
    ctx->memory->stats.nodes++;
    node->op = op;
    node->position = -1;
    node->n_inputs = last_given(args->inputs, TN_MAX_INPUTS);
    for (int i = 0; i < node->n_inputs; i++) {
        node->inputs[i] = args->inputs[i] ? args->inputs[i]->var : NULL;
        tn__var_retain(node->inputs[i]);
    }
    if (save(ctx, node, args) && append_to_tape(ctx, node))
        return node;
    tn__node_free(ctx, node);
    return NULL;
}
