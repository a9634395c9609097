/* scope.c - who owns a tensor: the scope that was innermost when it was made, or whoever took it
 * out of there. */
#include "base/memory.h"
#include "tensor/scope.h"

/* ---- owners ---------------------------------------------------------------------------------- */

static void own_in(tn_tensor *t, int64_t scope)
{
    tn__list *list = &t->ctx->scopes->open[scope];
    t->scope = scope;
    t->next = NULL;
    t->prev = list->last;
    if (list->last)
        list->last->next = t;
    else
        list->first = t;
    list->last = t;
}

void tn__own(tn_tensor *t)
{
    own_in(t, t->ctx->scopes->count - 1);
}

void tn__disown(tn_tensor *t)
{
    if (t->scope < 0)
        return;
    tn__list *list = &t->ctx->scopes->open[t->scope];
    *(t->prev ? &t->prev->next : &list->first) = t->next;
    *(t->next ? &t->next->prev : &list->last) = t->prev;
    t->scope = -1;
}

void tn__release(tn_tensor *t)
{
    if (!t)
        return;
    tn__disown(t);
    tn__var_release(t->var);
    tn__storage_release(t->storage);
    t->ctx->memory->stats.tensors--;
    t->ndim = -1;
    tn__retire(t->ctx, t);
}

void tn_free(tn_tensor *tensor)
{
    if (tensor && tensor->scope >= 0)
        tn__release(tensor);
}

/* ---- scopes ---------------------------------------------------------------------------------- */

static bool push_scope(tn_ctx *ctx)
{
    int64_t n = ctx->scopes->count;
    if (!tn__reserve(ctx, &ctx->scopes->open, &ctx->scopes->capacity, n + 1,
                     sizeof *ctx->scopes->open))
        return false;
    ctx->scopes->open[n] = (tn__list){.id = ctx->scopes->next_id++};
    ctx->scopes->count++;
    return true;
}

bool tn__scopes_open(tn_ctx *ctx)
{
    return push_scope(ctx);
}

/* From the last one made to the first, so that a node mostly dies before its inputs. */
static void end_innermost(tn_ctx *ctx)
{
    tn__list *scope = &ctx->scopes->open[ctx->scopes->count - 1];
    while (scope->last)
        tn__release(scope->last);
    ctx->scopes->count--;
}

void tn__scopes_close(tn_ctx *ctx)
{
    while (ctx->scopes->count > 0)
        end_innermost(ctx);
    tn__free(ctx, ctx->scopes->open);
}

tn_scope tn_scope_begin(tn_ctx *ctx)
{
    if (!ctx || !push_scope(ctx))
        return (tn_scope){.depth = -1};
    return (tn_scope){.depth = ctx->scopes->count - 1,
                      .id = ctx->scopes->open[ctx->scopes->count - 1].id};
}

static bool is_open(const tn_ctx *ctx, tn_scope scope)
{
    return scope.depth > 0 && scope.depth < ctx->scopes->count &&
           ctx->scopes->open[scope.depth].id == scope.id;
}

tn_status tn_scope_end(tn_ctx *ctx, tn_scope scope)
{
    if (!ctx)
        return TN_ERR_ARGUMENT;
    if (!is_open(ctx, scope))
        return tn_fail(ctx, TN_ERR_STATE, "scope_end: the scope has ended already");
    if (scope.depth < ctx->scopes->held)
        return tn_fail(ctx, TN_ERR_STATE, "scope_end: a backward runs in the scope");
    while (ctx->scopes->count > scope.depth)
        end_innermost(ctx);
    return ctx->status;
}

tn_scope tn__scope_hold(tn_ctx *ctx, int64_t *held)
{
    tn_scope scope = tn_scope_begin(ctx);
    *held = ctx->scopes->held;
    ctx->scopes->held = ctx->scopes->count;
    return scope;
}

void tn__scope_let_go(tn_ctx *ctx, tn_scope scope, int64_t held)
{
    ctx->scopes->held = held;
    tn_scope_end(ctx, scope);
}

tn_tensor *tn_scope_keep(tn_ctx *ctx, tn_scope scope, tn_tensor *tensor)
{
    if (!tn_check_input(ctx, "scope_keep", "tensor", tensor))
        return NULL;
    if (!is_open(ctx, scope)) {
        tn_fail(ctx, TN_ERR_STATE, "scope_keep: the scope has ended already");
        return NULL;
    }
    if (tensor->ctx != ctx || tensor->scope < scope.depth) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "scope_keep: tensor %s is not of this scope",
                TN_SHAPE_TEXT(tensor));
        return NULL;
    }
    tn__disown(tensor);
    own_in(tensor, scope.depth - 1);
    tn__var_release(tensor->var);
    tensor->var = NULL;
    return tensor;
}

/* The tensors of the innermost scope come last in the one around it. */
static void merge_innermost(tn_ctx *ctx)
{
    int64_t depth = --ctx->scopes->count;
    tn__list *inner = &ctx->scopes->open[depth], *outer = inner - 1;
    for (tn_tensor *t = inner->first; t; t = t->next)
        t->scope = depth - 1;
    if (!inner->first)
        return;
    inner->first->prev = outer->last;
    *(outer->last ? &outer->last->next : &outer->first) = inner->first;
    outer->last = inner->last;
}

void tn__scope_merge(tn_ctx *ctx, tn_scope scope)
{
    while (is_open(ctx, scope))
        merge_innermost(ctx);
}

tn_tensor *tn__scope_return(tn_ctx *ctx, tn_scope scope, tn_tensor *t)
{
    if (t && is_open(ctx, scope) && t->ctx == ctx && t->scope >= scope.depth) {
        tn__disown(t);
        own_in(t, scope.depth - 1);
    }
    tn_scope_end(ctx, scope);
    return t;
}
