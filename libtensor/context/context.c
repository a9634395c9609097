/* context.c - making and freeing a context: the parts of all rooms in one piece of memory. */
#include <string.h>
#include "autograd/tape.h"
#include "base/error.h"
#include "base/integers.h"
#include "base/isa.h"
#include "base/memory.h"
#include "base/object.h"
#include "base/options.h"
#include "base/siphash.h"
#include "base/threads.h"
#include "inspect/inspect.h"
#include "tensor/blas.h"
#include "tensor/scope.h"

const char *tn_version(void)
{
    return TN_VERSION;
}

#define MOST_PREPARED 268435456 /* bytes of weights that are kept as kernels take them */

/* The context with its parts. It comes first, so that it and the whole have the same address. */
typedef struct whole {
    tn_ctx ctx;
    tn__failure failure;
    tn__memory memory;
    tn__pool pool;
    tn__scopes scopes;
    tn__tape tape;
    tn__inspect inspect;
} whole;

static tn_ctx *whole_new(tn_allocator allocator)
{
    whole *w = allocator.alloc(allocator.payload, sizeof *w, TN_ALIGNMENT);
    if (!w)
        return NULL;
    memset(w, 0, sizeof *w);
    w->ctx.failure = &w->failure;
    w->ctx.memory = &w->memory;
    w->ctx.pool = &w->pool;
    w->ctx.scopes = &w->scopes;
    w->ctx.tape = &w->tape;
    w->ctx.inspect = &w->inspect;
    w->memory.allocator = allocator;
    w->memory.stats.allocations = 1;
    return &w->ctx;
}

/* What cannot be done as it is asked for is the first error of the context, which takes the
 * default. */
static void check_options(tn_ctx *ctx, tn_ctx_opts *o)
{
    if (o->threads < 0 || o->threads > TN_MAX_THREADS) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "ctx_new: threads: %d is not between 0 and %d", o->threads,
                TN_MAX_THREADS);
        o->threads = 0;
    }
    if (o->prepared_bytes < 0 && o->prepared_bytes != TN_ZERO) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "ctx_new: prepared_bytes: %lld is negative",
                (long long)o->prepared_bytes);
        o->prepared_bytes = 0;
    }
}

tn_ctx *tn_ctx_new(const tn_ctx_opts *opts)
{
    tn_ctx_opts o = opts ? *opts : (tn_ctx_opts){0};
    if (!o.allocator.alloc || !o.allocator.free)
        o.allocator = tn__system_allocator;
    tn_ctx *ctx = whole_new(o.allocator);
    if (!ctx)
        return NULL;
    check_options(ctx, &o);
    ctx->memory->most_prepared = tn__int_option(o.prepared_bytes, MOST_PREPARED);
    tn__memory_open(ctx, o.poison_freed);
    ctx->grad_enabled = true;
    ctx->rng.seed = o.seed;
    tn__random_bytes(&ctx->hash_key, sizeof ctx->hash_key);
    ctx->threads = o.threads ? o.threads : tn__min_int(tn__default_threads(), TN_MAX_THREADS);
    tn__pool_open(ctx->pool);
    ctx->isa = tn__choose_isa();
    ctx->direct_conv = o.direct_conv;
    ctx->kernels[TN_F32] = tn__kernel_table(TN_F32, ctx->isa);
    ctx->kernels[TN_F64] = tn__kernel_table(TN_F64, ctx->isa);
    tn__blas_open(!o.keep_blas_threads);
    if (!tn__scopes_open(ctx)) {
        tn_ctx_free(ctx);
        return NULL;
    }
    return ctx;
}

void tn_ctx_free(tn_ctx *ctx)
{
    if (!ctx)
        return;
    tn__objects_close(ctx);
    tn__scopes_close(ctx);
    tn__tape_close(ctx);
    tn__inspect_close(ctx);
    tn__pool_close(ctx->pool);
    tn__memory_close(ctx);
    tn_allocator allocator = ctx->memory->allocator;
    allocator.free(allocator.payload, ctx, sizeof(whole));
}
