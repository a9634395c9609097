/* sequential.c - modules one after another. */
#include <stdio.h>
#include <tn/autograd.h>
#include "nn/nn.h"
#include "tensor/scope.h"

/* Frees at once what a module makes besides its result, so that nothing else refers to its
 * input. */
static tn_tensor *run(tn_ctx *ctx, tn_module *module, const tn_tensor *x)
{
    tn_scope scope = tn_scope_begin(ctx);
    return tn__scope_return(ctx, scope, tn_forward(ctx, module, x));
}

/* Where nothing is recorded, what one module made is freed as soon as the next has used it. */
static tn_tensor *sequential_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    tn_tensor *last = NULL;
    tn_module *child;
    for (int64_t at = 0; (child = tn__next_child(self, &at));) {
        tn_tensor *y = run(ctx, child, last ? last : x);
        if (last && last != x && last != y && !tn_requires_grad(last))
            tn_free(last);
        if (!y)
            return NULL;
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
