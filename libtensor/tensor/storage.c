/* storage.c - the memory of elements, which views share: counted, and freed with the last. */
#include "base/memory.h"
#include "tensor/prepared.h"
#include "tensor/tensor.h"

tn__storage *tn__storage_new(tn_ctx *ctx, void *data)
{
    tn__storage *s = tn__alloc_zeroed(ctx, sizeof *s);
    if (!s)
        return NULL;
    s->refs = 1;
    s->ctx = ctx;
    s->data = data;
    return s;
}

void tn__storage_release(tn__storage *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    tn__free_prepared(s);
    if (s->release)
        s->release(s->data, s->payload);
    else if (!s->borrowed)
        tn__free(s->ctx, s->data);
    tn__free(s->ctx, s);
}
