/* sequential.c - modules one after another. */
#include <stdio.h>
#include <tn/autograd.h>
#include "autograd/tape.h"
#include "nn/nn.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"

/* Frees at once what a module makes besides its result, so that nothing else refers to its input.
 * Is the result new? It may be the input, or something that the program has. */
static tn_tensor *run(tn_ctx *ctx, tn_module *module, tn__forward_fn pair, const tn_tensor *x,
                      bool *is_new)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *y = pair ? tn__forward_by(ctx, module, pair, x) : tn_forward(ctx, module, x);
    *is_new = y && y->ctx == ctx && y->scope >= scope.depth;
    return tn__scope_return(ctx, scope, y);
}

/* What runs the child and the ReLU that follows it as one; NULL if there is none, or somebody
 * watches what each of them makes. */
static tn__forward_fn pair_of(const tn_ctx *ctx, const tn_module *child, const tn_module *next)
{
    if (!next || !tn__is_relu(next) || ctx->tape->observer || tn__get_watch(child))
        return NULL;
    tn__forward_fn pair = tn__conv2d_then_relu(child);
    pair = pair ? pair : tn__linear_then_relu(child);
    return pair ? pair : tn__batch_norm2d_then_relu(child);
}

/* Where nothing is recorded, what one module made is freed as soon as the next has used it. */
static tn_tensor *sequential_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    tn_tensor *last = NULL;
    bool may_free = false;
    tn_module *child;
    for (int64_t at = 0; (child = tn__next_child(self, &at));) {
        int64_t behind = at;
        tn__forward_fn pair = pair_of(ctx, child, tn__next_child(self, &behind));
        bool is_new;
        tn_tensor *y = run(ctx, child, pair, last ? last : x, &is_new);
        at = pair ? behind : at;
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
