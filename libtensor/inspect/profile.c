/* profile.c - calls, time and bytes by operator (autograd.h).
 *
 * An operator begins with tn_begin and ends when it records its result. The operators that have
 * begun are on a stack, so that the time of one used inside another counts for the inner one alone.
 * What begins and never records stays on the stack until it, or something that contains it, begins
 * anew, or an error is recorded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tn/autograd.h>
#include <tn/op.h>
#include "autograd/tape.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "inspect/inspect.h"

enum { DEPTH = 32 };

typedef struct row {
    const tn_op *op;
    int64_t calls;
    int64_t forward, backward; /* ns */
    int64_t bytes;
} row;

/* An operator that has begun. */
typedef struct entry {
    const tn_op *op;
    int64_t start; /* ns */
    int64_t inner; /* ns spent in operators inside it */
} entry;

struct tn__profile {
    row *rows;
    int64_t n_rows, capacity;
    entry stack[DEPTH];
    int depth;
    uint64_t errors; /* of the context, when the stack was last used */
};

int64_t tn__now(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void tn__profile_free(tn_ctx *ctx)
{
    if (ctx->inspect->profile)
        tn__free(ctx, ctx->inspect->profile->rows);
    tn__free(ctx, ctx->inspect->profile);
    ctx->inspect->profile = NULL;
}

bool tn__profile_restart(tn_ctx *ctx)
{
    tn__profile *anew = tn__alloc_zeroed(ctx, sizeof *anew);
    if (!anew)
        return false;
    tn__profile_free(ctx);
    ctx->inspect->profile = anew;
    return true;
}

/* ---- gathering ------------------------------------------------------------------------------- */

static int find_entry(const tn__profile *p, const tn_op *op)
{
    int i = p->depth - 1;
    while (i >= 0 && p->stack[i].op != op)
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

/* What had begun before an error will not end. */
static void forget_failed(tn_ctx *ctx)
{
    tn__profile *p = ctx->inspect->profile;
    if (p->errors != ctx->failure->count)
        p->depth = 0;
    p->errors = ctx->failure->count;
}

void tn__profile_begin(tn_ctx *ctx, const tn_op *op)
{
    tn__profile *p = ctx->inspect->profile;
    if (ctx->tape->passing)
        return;
    forget_failed(ctx);
    int at = find_entry(p, op);
    if (at < 0 && p->depth == DEPTH)
        memmove(p->stack, p->stack + 1, (size_t)--p->depth * sizeof *p->stack);
    at = at < 0 ? p->depth : at;
    int64_t inner = drop_entries(p, at);
    if (at > 0)
        p->stack[at - 1].inner += inner;
    p->depth = at + 1;
    p->stack[at] = (entry){.op = op, .start = tn__now()};
}

static row *row_of(tn_ctx *ctx, const tn_op *op)
{
    tn__profile *p = ctx->inspect->profile;
    for (int64_t i = 0; i < p->n_rows; i++)
        if (p->rows[i].op == op)
            return &p->rows[i];
    if (!tn__reserve(ctx, &p->rows, &p->capacity, p->n_rows + 1, sizeof *p->rows))
        return NULL;
    p->rows[p->n_rows] = (row){.op = op};
    return &p->rows[p->n_rows++];
}

/* The time since the operator began, without the time of the operators inside it. */
static int64_t end(tn__profile *p, const tn_op *op, int64_t now)
{
    int at = find_entry(p, op);
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
    if (ctx->tape->passing)
        return true;
    forget_failed(ctx);
    int64_t time = end(ctx->inspect->profile, op, tn__now());
    row *r = row_of(ctx, op);
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
    tn__profile *p = ctx ? ctx->inspect->profile : NULL;
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
