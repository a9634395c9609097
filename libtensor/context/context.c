/* context.c - contexts, scopes, and the objects that live as long as their context. */
#include <string.h>
#include "core/core.h"

static bool push_scope(tn_ctx *ctx)
{
    int64_t n = ctx->n_scopes;
    if (!tn__reserve(ctx, &ctx->scopes, &ctx->scopes_capacity, n + 1, sizeof *ctx->scopes))
        return false;
    ctx->scopes[n] = (tn__list){.id = ctx->next_scope_id++};
    ctx->n_scopes++;
    return true;
}

tn_ctx *tn_ctx_new(const tn_ctx_opts *opts)
{
    tn_ctx_opts o = opts ? *opts : (tn_ctx_opts){0};
    if (!o.allocator.alloc || !o.allocator.free)
        o.allocator = tn__system_allocator;
    tn_ctx *ctx = o.allocator.alloc(o.allocator.payload, sizeof *ctx, TN_ALIGNMENT);
    if (!ctx)
        return NULL;
    memset(ctx, 0, sizeof *ctx);
    ctx->memory.allocator = o.allocator;
    ctx->memory.stats.allocations = 1;
    ctx->grad_enabled = true;
    ctx->rng.seed = o.seed;
    tn__random_bytes(&ctx->hash_key, sizeof ctx->hash_key);
    ctx->threads = o.threads > 0 ? o.threads : tn__default_threads();
    ctx->threads = ctx->threads < TN_MAX_THREADS ? ctx->threads : TN_MAX_THREADS;
    tn__pool_open(&ctx->pool);
    ctx->isa = tn__choose_isa();
    ctx->kernels[TN_F32] = tn__kernel_table(TN_F32, ctx->isa);
    ctx->kernels[TN_F64] = tn__kernel_table(TN_F64, ctx->isa);
    tn__blas_open(!o.keep_blas_threads);
    if (!push_scope(ctx)) {
        tn_ctx_free(ctx);
        return NULL;
    }
    return ctx;
}

void tn_ctx_free(tn_ctx *ctx)
{
    if (!ctx)
        return;
    while (ctx->objects)
        ctx->objects->free(ctx->objects);
    while (ctx->n_scopes > 0)
        tn__free_scope(ctx, --ctx->n_scopes);
    tn__free(ctx, ctx->scopes);
    tn__free(ctx, ctx->tape);
    tn__profile_free(ctx);
    tn__pool_close(&ctx->pool);
    tn_empty_cache(ctx);
    ctx->memory.allocator.free(ctx->memory.allocator.payload, ctx, sizeof *ctx);
}

tn_scope tn_scope_begin(tn_ctx *ctx)
{
    if (!ctx || !push_scope(ctx))
        return (tn_scope){.depth = -1};
    return (tn_scope){.depth = ctx->n_scopes - 1, .id = ctx->scopes[ctx->n_scopes - 1].id};
}

static bool is_open(const tn_ctx *ctx, tn_scope scope)
{
    return scope.depth > 0 && scope.depth < ctx->n_scopes &&
           ctx->scopes[scope.depth].id == scope.id;
}

tn_status tn_scope_end(tn_ctx *ctx, tn_scope scope)
{
    if (!ctx)
        return TN_ERR_ARGUMENT;
    if (!is_open(ctx, scope))
        return tn_fail(ctx, TN_ERR_STATE, "scope_end: the scope has ended already");
    while (ctx->n_scopes > scope.depth)
        tn__free_scope(ctx, --ctx->n_scopes);
    return ctx->status;
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
    tn__own(tensor, scope.depth - 1);
    tn__var_release(tensor->var);
    tensor->var = NULL;
    return tensor;
}

tn_tensor *tn__scope_return(tn_ctx *ctx, tn_scope scope, tn_tensor *t)
{
    if (t && is_open(ctx, scope) && t->ctx == ctx && t->scope >= scope.depth) {
        tn__disown(t);
        tn__own(t, scope.depth - 1);
    }
    tn_scope_end(ctx, scope);
    return t;
}

void tn__object_add(tn_ctx *ctx, tn__object *object, void (*free)(tn__object *object))
{
    *object = (tn__object){.ctx = ctx, .free = free, .next = ctx->objects};
    if (ctx->objects)
        ctx->objects->prev = object;
    ctx->objects = object;
}

void tn__object_remove(tn__object *object)
{
    if (object->prev)
        object->prev->next = object->next;
    else
        object->ctx->objects = object->next;
    if (object->next)
        object->next->prev = object->prev;
}
