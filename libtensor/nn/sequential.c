/* sequential.c - modules one after another. */
#include <stdio.h>
#include "nn/nn.h"

/* Where nothing is recorded, what one module made is freed as soon as the next has used it. */
static tn_tensor *sequential_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    tn_tensor *last = NULL;
    for (int i = 0; tn_child(self, i); i++) {
        tn_tensor *y = tn_forward(ctx, tn_child(self, i), last ? last : x);
        if (last && last != y && !tn_requires_grad(last))
            tn_free(last);
        if (!y)
            return NULL;
        last = y;
    }
    return last ? last : tn_detach(ctx, x);
}

static const tn_module_type sequential_type = {.name = "Sequential", .forward = sequential_forward};

static tn_module *give_up(tn_module *const *children, int count, tn_module *self)
{
    for (int i = 0; i < count; i++)
        tn_module_free(children[i]);
    tn_module_free(self);
    return NULL;
}

tn_module *tn_sequential_of(tn_ctx *ctx, tn_module *const *children, int count)
{
    tn_module *self = tn_module_new(ctx, &sequential_type, 0);
    for (int i = 0; i < count && tn_ok(ctx); i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        tn_add_child(ctx, self, name, children[i]);
    }
    return tn_ok(ctx) ? self : give_up(children, count, self);
}
