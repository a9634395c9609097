/* profile.c - calls, time and bytes by operator (autograd.h).
 *
 * An operator begins when it checks its first input and ends when it records its result; both
 * happen in the core. The operators that have begun are on a stack, so that the time of one used
 * inside another counts for the inner one alone. Functions that check and never record stay on the
 * stack until the same name, or something that contains it, begins anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core/core.h"

enum { DEPTH = 32, NAME_SIZE = 32 };

typedef struct row {
    const tn_op *op;
    int64_t calls;
    int64_t forward, backward; /* ns */
    int64_t bytes;
} row;

/* An operator that has begun. */
typedef struct entry {
    char name[NAME_SIZE];
    int64_t start;   /* ns */
    int64_t inner;   /* ns spent in operators inside it */
    int64_t records; /* made in the context when it began */
} entry;

struct tn__profile {
    row *rows;
    int64_t n_rows, capacity;
    entry stack[DEPTH];
    int depth;
    int64_t records;
};

int64_t tn__now(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void tn__profile_free(tn_ctx *ctx)
{
    if (ctx->profile)
        tn__free(ctx, ctx->profile->rows);
    tn__free(ctx, ctx->profile);
    ctx->profile = NULL;
}

tn_status tn_profile(tn_ctx *ctx, bool enable)
{
    if (!ctx)
        return TN_ERR_ARGUMENT;
    tn__profile *anew = enable && tn_ok(ctx) ? tn__alloc_zeroed(ctx, sizeof *anew) : NULL;
    if (anew) {
        tn__profile_free(ctx);
        ctx->profile = anew;
    }
    if (anew || !enable)
        ctx->profiling = enable;
    return ctx->status;
}

/* ---- gathering ------------------------------------------------------------------------------- */

static int find_entry(const tn__profile *p, const char *name)
{
    int i = p->depth - 1;
    while (i >= 0 && strncmp(p->stack[i].name, name, NAME_SIZE - 1) != 0)
        i--;
    return i;
}

/* Takes the entries from `at` on off the stack; the time of the operators inside them, which count
 * for what is below as well. */
static int64_t drop_entries(tn__profile *p, int at)
{
    int64_t inner = 0;
    while (p->depth > at)
        inner += p->stack[--p->depth].inner;
    return inner;
}

void tn__profile_begin(tn_ctx *ctx, const char *name)
{
    tn__profile *p = ctx->profile;
    if (ctx->passing)
        return;
    int at = find_entry(p, name);
    if (at >= 0 && at == p->depth - 1 && p->stack[at].records == p->records)
        return; /* the second input of the same call */
    if (at < 0 && p->depth == DEPTH)
        memmove(p->stack, p->stack + 1, (size_t)--p->depth * sizeof *p->stack);
    at = at < 0 ? p->depth : at;
    int64_t inner = drop_entries(p, at);
    if (at > 0)
        p->stack[at - 1].inner += inner;
    p->depth = at + 1;
    p->stack[at] = (entry){.start = tn__now(), .records = p->records};
    snprintf(p->stack[at].name, NAME_SIZE, "%s", name);
}

void tn__profile_forget(tn_ctx *ctx)
{
    ctx->profile->depth = 0;
}

static row *row_of(tn_ctx *ctx, const tn_op *op)
{
    tn__profile *p = ctx->profile;
    for (int64_t i = 0; i < p->n_rows; i++)
        if (p->rows[i].op == op)
            return &p->rows[i];
    if (!tn__reserve(ctx, &p->rows, &p->capacity, p->n_rows + 1, sizeof *p->rows))
        return NULL;
    p->rows[p->n_rows] = (row){.op = op};
    return &p->rows[p->n_rows++];
}

/* The time since the operator began, without that of the operators inside it. */
static int64_t end(tn__profile *p, const char *name, int64_t now)
{
    int at = find_entry(p, name);
    if (at < 0)
        return 0;
    int64_t whole = now - p->stack[at].start;
    if (at > 0)
        p->stack[at - 1].inner += whole;
    return whole - drop_entries(p, at);
}

static bool is_view(const tn_tensor *y, const tn_record_args *args)
{
    for (int i = 0; i < TN_MAX_INPUTS; i++)
        if (args->inputs[i] && args->inputs[i]->storage == y->storage)
            return true;
    return false;
}

bool tn__profile_end(tn_ctx *ctx, const tn_op *op, const tn_tensor *y, const tn_record_args *args)
{
    if (ctx->passing)
        return true;
    int64_t time = end(ctx->profile, op->name, tn__now());
    row *r = row_of(ctx, op);
    ctx->profile->records++;
    if (!r)
        return false;
    r->calls++;
    r->forward += time;
    if (!is_view(y, args))
        r->bytes += tn_numel(y) * (int64_t)tn_dtype_size(y->dtype);
    return true;
}

void tn__profile_backward(tn_ctx *ctx, const tn_op *op, int64_t start)
{
    int64_t time = tn__now() - start;
    row *r = row_of(ctx, op);
    if (r)
        r->backward += time;
}

/* ---- reporting ------------------------------------------------------------------------------- */

/* The most time first. */
static int compare_rows(const void *a, const void *b)
{
    const row *x = a, *y = b;
    int64_t time_x = x->forward + x->backward, time_y = y->forward + y->backward;
    return time_x != time_y ? (time_x < time_y) - (time_x > time_y)
                            : strcmp(x->op->name, y->op->name);
}

static void write_row(tn__text *text, const char *name, const row *r)
{
    tn__append(text, "%-20s %9lld %12.3f %12.3f %14lld\n", name, (long long)r->calls,
               (double)r->forward / 1e6, (double)r->backward / 1e6, (long long)r->bytes);
}

int64_t tn_profile_report(tn_ctx *ctx, char *buffer, size_t size)
{
    tn__text text = {.buffer = buffer, .size = buffer ? size : 0};
    tn__profile *p = ctx ? ctx->profile : NULL;
    row total = {0};
    tn__append(&text, "%-20s %9s %12s %12s %14s\n", "operator", "calls", "forward ms",
               "backward ms", "bytes");
    if (p && p->n_rows)
        qsort(p->rows, (size_t)p->n_rows, sizeof *p->rows, compare_rows);
    for (int64_t i = 0; p && i < p->n_rows; i++) {
        const row *r = &p->rows[i];
        write_row(&text, r->op->name, r);
        total.calls += r->calls;
        total.forward += r->forward;
        total.backward += r->backward;
        total.bytes += r->bytes;
    }
    write_row(&text, "total", &total);
    return text.length;
}
