/* prepared.c - forms of weights, kept in a list of their storage. */
#include <string.h>
#include "base/memory.h"
#include "tensor/prepared.h"

#define MOST_FORMS 4 /* of one storage */

struct tn__kept_form {
    tn__kept_form *next; /* older */
    tn__form form;       /* whose tensor may be gone: what is known of it follows */
    int64_t offset;
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    int64_t bytes;
};

/* The numbers follow the struct. */
#define HEADER ((sizeof(tn__kept_form) + TN_ALIGNMENT - 1) / TN_ALIGNMENT * TN_ALIGNMENT)

static char *data_of(const tn__kept_form *k)
{
    return (char *)k + HEADER;
}

static bool is_form(const tn__kept_form *k, const tn__form *f)
{
    return k->form.method == f->method && k->form.kernels == f->kernels &&
           memcmp(k->form.layout, f->layout, sizeof f->layout) == 0 && k->offset == f->of->offset &&
           k->ndim == f->of->ndim &&
           memcmp(k->shape, f->of->shape, (size_t)k->ndim * sizeof *k->shape) == 0;
}

/* The newest form; what it refers to was written before. */
static tn__kept_form *first_of(const tn_tensor *t)
{
    return atomic_load_explicit(&t->storage->prepared, memory_order_acquire);
}

static const tn__kept_form *find(const tn__form *form)
{
    const tn__kept_form *k = form->of ? first_of(form->of) : NULL;
    while (k && !is_form(k, form))
        k = k->next;
    return k;
}

bool tn__prepare(tn_ctx *ctx, const tn__form *form, size_t bytes, tn__prepared *p)
{
    const tn__kept_form *kept = find(form);
    *p = (tn__prepared){.form = *form, .ready = kept, .data = kept ? data_of(kept) : NULL};
    if (kept)
        return true;
    p->fresh = bytes < SIZE_MAX - HEADER ? tn__alloc(ctx, HEADER + bytes) : tn__alloc(ctx, bytes);
    if (!p->fresh)
        return false;
    *p->fresh = (tn__kept_form){.form = *form, .bytes = (int64_t)(HEADER + bytes)};
    p->data = data_of(p->fresh);
    return true;
}

/* May the context keep one more form of t? */
static bool has_room(const tn_ctx *ctx, const tn_tensor *t, size_t bytes)
{
    int64_t left = ctx->memory->most_prepared - ctx->memory->stats.prepared_bytes, forms = 0;
    if (!t || t->storage->ctx != ctx || t->storage->exposed)
        return false;
    for (const tn__kept_form *k = first_of(t); k; k = k->next)
        forms++;
    return forms < MOST_FORMS && (int64_t)(HEADER + bytes) <= left;
}

bool tn__is_kept(const tn_ctx *ctx, const tn__form *form, size_t bytes)
{
    return find(form) || has_room(ctx, form->of, bytes);
}

static void free_list(tn_ctx *ctx, tn__kept_form *k)
{
    while (k) {
        tn__kept_form *next = k->next;
        ctx->memory->stats.prepared_bytes -= k->bytes;
        tn__free(ctx, k);
        k = next;
    }
}

static void keep(tn_ctx *ctx, const tn__prepared *p)
{
    const tn_tensor *t = p->form.of;
    tn__kept_form *k = p->fresh;
    free_list(ctx, t->storage->outdated);
    t->storage->outdated = NULL;
    k->form.of = NULL;
    k->next = first_of(t);
    k->offset = t->offset;
    k->ndim = t->ndim;
    memcpy(k->shape, t->shape, sizeof k->shape);
    ctx->memory->stats.prepared_bytes += k->bytes;
    atomic_store_explicit(&t->storage->prepared, k, memory_order_release);
}

void tn__prepared_done(tn_ctx *ctx, const tn__prepared *p)
{
    if (p->fresh && tn_ok(ctx) && has_room(ctx, p->form.of, (size_t)p->fresh->bytes - HEADER))
        keep(ctx, p);
    else
        tn__free(ctx, p->fresh);
}

/* Other contexts may look through the list later, while its owner frees what is outdated: so these
 * leave the list here, where nobody looks. */
void tn__forget_prepared(const tn_ctx *ctx, tn__storage *s)
{
    tn__kept_form *newest = atomic_load_explicit(&s->prepared, memory_order_relaxed),
                  *last = newest;
    if (!newest)
        return;
    while (last->next)
        last = last->next;
    last->next = s->outdated;
    s->outdated = newest;
    atomic_store_explicit(&s->prepared, NULL, memory_order_relaxed);
    if (ctx == s->ctx) {
        free_list(s->ctx, s->outdated);
        s->outdated = NULL;
    }
}

void tn__free_prepared(tn__storage *s)
{
    tn__forget_prepared(s->ctx, s);
    free_list(s->ctx, s->outdated);
}
