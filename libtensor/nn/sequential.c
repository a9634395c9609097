/* sequential.c - modules one after another. */
#include <stdio.h>
#include <tn/autograd.h>
#include "autograd/tape.h"
#include "nn/nn.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"

/* A module and what is run with it. A max pooling behind ReLU is run before it: that has fewer
 * numbers then, whose order it does not change, and nothing keeps the larger tensor for its
 * gradient. */
typedef struct group {
    tn_module *module;
    tn__tailed_fn forward; /* NULL: the module's own, without a tail */
    tn__tail tail;
    tn_module *pool; /* and ReLU, or NULL */
} group;

static tn_tensor *pool_and_relu(tn_ctx *ctx, tn_module *pool, const tn_tensor *x)
{
    tn__tail relu = {.relu = true};
    return x ? tn__forward_tailed(ctx, pool, tn__max_pool2d_then_relu(pool), &relu, x) : NULL;
}

/* Frees at once what a group makes besides its result, so that nothing else refers to its input.
 * Is the result new? It may be the input, or something that the program has. */
static tn_tensor *run(tn_ctx *ctx, const group *g, const tn_tensor *x, bool *is_new)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *y = g->forward ? tn__forward_tailed(ctx, g->module, g->forward, &g->tail, x)
                              : tn_forward(ctx, g->module, x);
    if (g->pool)
        y = pool_and_relu(ctx, g->pool, y);
    *is_new = y && y->ctx == ctx && y->scope >= scope.depth;
    return tn__scope_return(ctx, scope, y);
}

/* The modules from entry *at on that may be a tail, with a norm if it may; moves past them. */
static tn__tail tail_at(const tn_module *self, bool norm, int64_t *at)
{
    tn__tail tail = {.norm = NULL};
    int64_t next = *at;
    const tn_module *module = tn__next_child(self, &next);
    if (norm && module && tn__is_batch_norm2d(module)) {
        tail.norm = module;
        *at = next;
        module = tn__next_child(self, &next);
    }
    tail.relu = module && tn__is_relu(module);
    *at = tail.relu ? next : *at;
    return tail;
}

static tn__tailed_fn function_of(tn_ctx *ctx, const tn_module *module, const tn__tail *tail,
                                 const tn_tensor *x)
{
    if (!tail->norm && !tail->relu)
        return NULL;
    tn__tailed_fn forward = tn__conv2d_tailed(ctx, module, tail, x);
    if (forward || tail->norm)
        return forward;
    forward = tn__linear_then_relu(module);
    forward = forward ? forward : tn__max_pool2d_then_relu(module);
    return forward ? forward : tn__batch_norm2d_then_relu(module);
}

/* A max pooling at entry *at goes before the ReLU of the group; moves past it. */
static void take_pool(const tn_module *self, group *g, int64_t *at)
{
    int64_t next = *at;
    tn_module *pool = tn__next_child(self, &next);
    if (!g->tail.relu || !pool || !tn__may_precede_relu(pool))
        return;
    g->pool = pool;
    g->tail.relu = false;
    g->forward = g->tail.norm ? g->forward : NULL;
    *at = next;
}

/* The child at entry *at with the longest tail that can be run with it on x, and past both. There
 * is none where somebody watches what each of them makes. The module is NULL behind the last. */
static group next_group(tn_ctx *ctx, const tn_module *self, const tn_tensor *x, int64_t *at)
{
    group g = {.module = tn__next_child(self, at)};
    if (!g.module || ctx->tape->observer || tn__get_watch(g.module))
        return g;
    for (int norm = 1; norm >= 0 && !g.forward; norm--) {
        int64_t behind = *at;
        g.tail = tail_at(self, norm, &behind);
        g.forward = function_of(ctx, g.module, &g.tail, x);
        *at = g.forward ? behind : *at;
    }
    if (g.forward)
        take_pool(self, &g, at);
    return g;
}

/* Where nothing is recorded, what one group made is freed as soon as the next has used it. */
static tn_tensor *sequential_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    tn_tensor *last = NULL;
    bool may_free = false;
    int64_t at = 0;
    for (group g; (g = next_group(ctx, self, last ? last : x, &at)).module;) {
        bool is_new;
        tn_tensor *y = run(ctx, &g, last ? last : x, &is_new);
        if (may_free && last != y)
            tn_free(last);
        if (!y)
            return NULL;
        may_free = (is_new || (may_free && last == y)) && !tn_requires_grad(y);
        last = y;
    }
    return last ? last : tn_detach(ctx, x);
}

static const tn_module_type sequential_type = {.name = "Sequential", .forward = sequential_forward};

tn_module *tn_sequential_of(tn_ctx *ctx, int64_t count, tn_module *const *children)
{
    if (tn_ok(ctx) && (count < 0 || (count > 0 && !children)))
        tn_fail(ctx, TN_ERR_ARGUMENT, "Sequential: %lld children%s", (long long)count,
                children ? "" : ", and the list is NULL");
    if (count > 0 && !children)
        return NULL;
    tn_module *self = tn_module_new(ctx, &sequential_type, 0);
    for (int64_t i = 0; i < count && tn_ok(ctx); i++) {
        char name[32];
        snprintf(name, sizeof name, "%lld", (long long)i);
        tn_add_child(ctx, self, name, children[i]);
    }
    if (tn_ok(ctx))
        return self;
    if (ctx)
        tn__module_discard(ctx, self, children, count);
    return NULL;
}
