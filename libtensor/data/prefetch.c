/* prefetch.c - batches that a thread makes ahead.
 *
 * Batch b of an epoch is made in slot b modulo their number. Of the batches of the epoch those in
 * [taken, made) are there, and the thread makes number `made` while its slot is free. The program
 * takes number `taken`. All that both sides change is changed under the lock, but for the contents
 * of slots, each of which belongs to one side at a time. */
#include <pthread.h>
#include "base/memory.h"
#include "base/threads.h"
#include "data/data.h"

struct tn__prefetch {
    const tn_loader *loader;
    tn__batch_slot *slots;
    int64_t count;
    bool active;      /* since a batch was taken, until the halt */
    unsigned process; /* that has the thread; 0: none has */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, ready; /* the thread; the program */
    atomic_bool stop;           /* nobody waits for the batch that is being made */
    bool busy, ending;          /* the thread makes a batch; it is to end */
    int64_t taken, made, last;  /* batches; `last` is where the epoch ends */
};

tn__prefetch *tn__prefetch_new(const tn_loader *l)
{
    tn__prefetch *p = tn__alloc_zeroed(l->ctx, sizeof *p);
    if (!p)
        return NULL;
    p->loader = l;
    p->count = l->opts.prefetch > 0 ? l->opts.prefetch : 1;
    p->slots = tn__alloc_zeroed(l->ctx, (size_t)p->count * sizeof *p->slots);
    for (int64_t i = 0; i < p->count && tn_ok(l->ctx); i++)
        tn__slot_open(&p->slots[i], l);
    if (tn_ok(l->ctx))
        return p;
    tn__prefetch_free(p);
    return NULL;
}

static tn__batch_slot *slot_of(const tn__prefetch *p, int64_t number)
{
    return &p->slots[number % p->count];
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void *make_batches(void *payload)
{
    tn__prefetch *p = payload;
    pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        if (p->made >= p->last || p->made - p->taken == p->count) {
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        int64_t number = p->made;
        tn__batch_slot *slot = slot_of(p, number);
        p->busy = true;
        pthread_mutex_unlock(&p->lock);
        tn__slot_make(slot, p->loader, number, &p->stop);
        pthread_mutex_lock(&p->lock);
        p->busy = false;
        p->made++;
        if (slot->fault.status != TN_OK)
            p->last = p->made; /* the program halts when it takes this one */
        pthread_cond_signal(&p->ready);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool open_lock(tn__prefetch *p)
{
    return pthread_mutex_init(&p->lock, NULL) == 0 && pthread_cond_init(&p->wake, NULL) == 0 &&
           pthread_cond_init(&p->ready, NULL) == 0;
}

static void close_lock(tn__prefetch *p)
{
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->ready);
    pthread_mutex_destroy(&p->lock);
}

/* Without a thread, batches are made as they are taken; the next epoch asks for one again. */
static void start_thread(tn__prefetch *p)
{
    if (tn__process() == 0 || !open_lock(p))
        return;
    if (tn__start_thread(&p->thread, make_batches, p))
        p->process = tn__process();
    else
        close_lock(p);
}

/* The thread was left in the parent. What it was making there stays as it is for ever. */
static void forget_thread(tn__prefetch *p)
{
    if (p->busy)
        *slot_of(p, p->made) = (tn__batch_slot){0};
    p->process = 0;
    p->active = p->busy = false;
    p->taken = p->made = p->last = 0;
}

static bool has_thread(tn__prefetch *p)
{
    if (p->process != 0 && p->process != tn__process())
        forget_thread(p);
    return p->process != 0;
}

static void end_thread(tn__prefetch *p)
{
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    close_lock(p);
}

void tn__prefetch_free(tn__prefetch *p)
{
    if (!p)
        return;
    tn__prefetch_halt(p);
    if (p->process != 0)
        end_thread(p);
    for (int64_t i = 0; p->slots && i < p->count; i++)
        tn__slot_close(&p->slots[i]);
    tn_ctx *ctx = p->loader->ctx;
    tn__free(ctx, p->slots);
    tn__free(ctx, p);
}

/* ---- the program ----------------------------------------------------------------------------- */

void tn__prefetch_halt(tn__prefetch *p)
{
    p->active = false;
    if (!has_thread(p))
        return;
    atomic_store(&p->stop, true);
    pthread_mutex_lock(&p->lock);
    p->last = 0;
    while (p->busy)
        pthread_cond_wait(&p->ready, &p->lock);
    pthread_mutex_unlock(&p->lock);
    atomic_store(&p->stop, false);
}

/* From batch `number` of the epoch on. */
static void start(tn__prefetch *p, int64_t number)
{
    p->active = true;
    if (p->loader->opts.prefetch > 0 && p->process == 0)
        start_thread(p);
    if (p->process == 0)
        return;
    pthread_mutex_lock(&p->lock);
    p->taken = p->made = number;
    p->last = p->loader->items;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static void wait_for(tn__prefetch *p, int64_t number)
{
    pthread_mutex_lock(&p->lock);
    while (p->made <= number)
        pthread_cond_wait(&p->ready, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

const tn__batch_slot *tn__prefetch_take(tn__prefetch *p, int64_t number)
{
    has_thread(p);
    for (int64_t i = 0; i < p->count; i++)
        if (!p->slots[i].ctx && !tn__slot_open(&p->slots[i], p->loader))
            return NULL;
    if (!p->active)
        start(p, number);
    tn__batch_slot *slot = slot_of(p, number);
    if (p->process != 0)
        wait_for(p, number);
    else
        tn__slot_make(slot, p->loader, number, &p->stop);
    return slot;
}

void tn__prefetch_give_back(tn__prefetch *p)
{
    if (!has_thread(p))
        return;
    pthread_mutex_lock(&p->lock);
    p->taken++;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}
