/* forward.c - running a module, all or nothing.
 *
 * Modules that are training change their buffers while they run, and a later one may fail. Each
 * therefore has copies made of its own buffers before it runs, which are kept until the outermost
 * pass ends: a module inside may have worked when the one around it fails. The list is one of the
 * context; a pass that fails undoes it down to where it stood when that pass began, from the newest
 * copy to the oldest, so that a module that ran twice gets what it had before the first time.
 *
 * What a failing pass made goes with a scope of its own; what a working one made stays. */
#include "base/context.h"
#include "base/memory.h"
#include "nn/nn.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

struct tn__kept {
    tn__kept *next; /* older */
    tn_tensor *buffer, *copy;
    uint32_t version; /* of the buffer when it was copied */
};

/* What was so when a pass began. */
typedef struct pass {
    tn_scope scope; /* of what the module makes */
    tn__kept *kept;
    tn_rng_state rng;
} pass;

static bool keep(tn_ctx *ctx, const tn_tensor *buffer)
{
    tn__kept *k = tn__alloc(ctx, sizeof *k);
    if (!k)
        return false;
    *k = (tn__kept){.next = ctx->kept, .version = buffer->storage->version};
    k->buffer = tn__alias(ctx, buffer);
    k->copy = k->buffer ? tn__copied(ctx, "forward", buffer) : NULL;
    if (!k->copy) {
        tn__release(k->buffer);
        tn__free(ctx, k);
        return false;
    }
    tn__disown(k->copy);
    ctx->kept = k;
    return true;
}

static bool keep_buffers(tn_ctx *ctx, const tn_module *module)
{
    int64_t at = 0;
    const tn_tensor *buffer;
    while (tn_is_training(module) && (buffer = tn__next_buffer(module, &at)))
        if (!keep(ctx, buffer))
            return false;
    return true;
}

/* Frees the copies down to `last`, and puts them back first if `undo`. Buffers that nobody changed
 * are not written to. */
static void drop_kept(tn_ctx *ctx, const tn__kept *last, bool undo)
{
    while (ctx->kept != last) {
        tn__kept *k = ctx->kept;
        ctx->kept = k->next;
        if (undo && k->buffer->storage->version != k->version) {
            tn__count_change(ctx, k->buffer);
            tn__copy(ctx, k->buffer, k->copy);
        }
        tn__release(k->buffer);
        tn__release(k->copy);
        tn__free(ctx, k);
    }
}

static pass begin(tn_ctx *ctx)
{
    ctx->passes++;
    return (pass){.scope = tn_scope_begin(ctx), .kept = ctx->kept, .rng = ctx->rng};
}

/* y, or NULL with everything as it was. */
static tn_tensor *end(tn_ctx *ctx, const pass *p, tn_tensor *y)
{
    ctx->passes--;
    bool failed = !y || !tn_ok(ctx);
    if (failed) {
        ctx->rng = p->rng;
        tn_scope_end(ctx, p->scope);
    } else {
        tn__scope_merge(ctx, p->scope);
    }
    if (failed || ctx->passes == 0)
        drop_kept(ctx, p->kept, failed);
    return failed ? NULL : y;
}

static tn_tensor *call(tn_ctx *ctx, tn_module *module, tn__tailed_fn forward, const tn__tail *tail,
                       const tn_tensor *x)
{
    return forward ? forward(ctx, module, x, tail)
                   : tn__module_type(module)->forward(ctx, module, x);
}

tn_tensor *tn__forward_tailed(tn_ctx *ctx, tn_module *module, tn__tailed_fn forward,
                              const tn__tail *tail, const tn_tensor *x)
{
    pass p = begin(ctx);
    bool ready = tn_ok(ctx) && keep_buffers(ctx, module);
    tn_tensor *y = ready ? call(ctx, module, forward, tail, x) : NULL;
    tn__watch *watch = tn__get_watch(module);
    if (y && watch)
        watch->after(watch, module, x, y);
    return end(ctx, &p, y);
}

tn_tensor *tn_forward(tn_ctx *ctx, tn_module *module, const tn_tensor *x)
{
    if (!tn_ok(ctx))
        return NULL;
    if (!module) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "forward: the module is NULL");
        return NULL;
    }
    if (!tn_check_input(ctx, tn__module_type(module)->name, "input", x))
        return NULL;
    return tn__forward_tailed(ctx, module, NULL, NULL, x);
}
