/* slot.c - a batch that is made in a context of its own: in another thread, or by a transform. */
#include <stdio.h>
#include <tn/autograd.h>
#include "base/error.h"
#include "base/memory.h"
#include "data/data.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"

/* One thread, so that a transform's bits do not depend on how many the program has; and the
 * program's allocator. */
bool tn__slot_open(tn__batch_slot *slot, const tn_loader *l)
{
    slot->ctx = tn_ctx_new(&(tn_ctx_opts){.threads = 1,
                                          .allocator = l->ctx->memory->allocator,
                                          .keep_blas_threads = true,
                                          .poison_freed = l->ctx->memory->poison,
                                          .direct_conv = l->ctx->direct_conv});
    for (int64_t i = 0; slot->ctx && i < l->samples.count; i++)
        slot->targets[i] = tn__samples_batch(&l->samples, slot->ctx, i, tn__most_samples(l));
    if (tn_ok(slot->ctx)) {
        slot->scope = tn_scope_begin(slot->ctx);
        if (tn_ok(slot->ctx))
            return true;
    }
    tn__out_of_memory(l->ctx, sizeof *slot);
    tn__slot_close(slot);
    return false;
}

void tn__slot_close(tn__batch_slot *slot)
{
    for (int i = 0; i < TN_MAX_FIELDS; i++)
        tn__release(slot->targets[i]);
    tn_ctx_free(slot->ctx);
    *slot = (tn__batch_slot){0};
}

/* The stream of a part has 2^32 blocks until that of the next one begins, given here or not. */
static void transform(tn__batch_slot *slot, const tn_loader *l, const tn__item *item)
{
    tn_ctx *ctx = slot->ctx;
    uint64_t place = (uint64_t)(item->batch * l->opts.parts + item->part);
    tn_set_rng_state(ctx, (tn_rng_state){(uint64_t)l->seed, place << 32});
    tn_set_grad_enabled(ctx, false);
    tn_status status = l->opts.transform(ctx, l->samples.count, slot->made, l->opts.payload);
    for (int64_t i = 0; i < l->samples.count && status >= 0; i++)
        if (!slot->made[i])
            status = tn_fail(ctx, TN_ERR_ARGUMENT, "tensor %lld is NULL", (long long)i);
        else if (!tn__is_live(slot->made[i]))
            status = tn_fail(ctx, TN_ERR_STATE, "tensor %lld was freed", (long long)i);
    if (status >= 0)
        status = tn_error_status(ctx);
    if (status < 0) {
        slot->fault.status = status;
        if (tn_ok(ctx))
            snprintf(slot->fault.text, sizeof slot->fault.text,
                     "loader_next: batch %lld: transform returned %d (%s)", (long long)item->batch,
                     (int)status, tn_status_name(status));
        else
            snprintf(slot->fault.text, sizeof slot->fault.text, "loader_next: transform: %.480s",
                     tn_error(ctx));
    }
    tn_clear_error(ctx);
}

void tn__slot_make(tn__batch_slot *slot, const tn_loader *l, int64_t number, atomic_bool *stop)
{
    tn__item item = tn__item_of(l, number);
    tn_scope_end(slot->ctx, slot->scope);
    slot->scope = tn_scope_begin(slot->ctx);
    slot->fault = (tn__fault){0};
    for (int64_t i = 0; i < l->samples.count; i++) {
        slot->targets[i]->shape[0] = item.size;
        slot->made[i] = slot->targets[i];
    }
    if (tn__samples_fill(&l->samples, slot->ctx, l->sampler.order, item.first, item.size,
                         slot->targets, stop, &slot->fault) &&
        l->opts.transform && item.size > 0)
        transform(slot, l, &item);
}
