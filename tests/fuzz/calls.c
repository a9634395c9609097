/* calls.c - the machine that makes rows of public calls out of bytes: arguments, results, and what
 * must hold after each call and at the end. */
#include "calls.h"

#include <math.h>
#include <string.h>

/* ---- arguments ------------------------------------------------------------------------------- */

/* The bytes of the call; what it needs beyond them is a function of these. */
uint8_t take(machine *m)
{
    if (m->left > 0) {
        m->left--;
        m->state = (m->state ^ *m->p) * 16777619u;
        return *m->p++;
    }
    m->state = m->state * 1664525u + 1013904223u;
    return (uint8_t)(m->state >> 24);
}

bool flag(machine *m)
{
    return take(m) % 4 == 1;
}

int64_t size_of(machine *m)
{
    static const int64_t sizes[16] = {2, 3, 1, 4, 5, 2, 3, 1, 7, 8, 0, 9, 16, 17, 33, 6};
    static const int64_t odd[8] = {-1, 64, 1 << 20, 1LL << 31, 1LL << 40, 1LL << 62, INT64_MAX, 0};
    uint8_t byte = take(m);
    return byte < 240 ? sizes[byte % 16] : odd[byte % 8];
}

int64_t option(machine *m)
{
    static const int64_t options[16] = {0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 1, 2, 0, 7};
    static const int64_t odd[8] = {-1,        INT64_MIN, 100,       1 << 30,
                                   1LL << 31, 1LL << 62, INT64_MAX, -100};
    uint8_t byte = take(m);
    return byte < 232 ? options[byte % 16] : odd[byte % 8];
}

double number(machine *m)
{
    static const double numbers[16] = {
        0.5, 1,    -1,   2,        0,         0.1, -0.25, 3,
        10,  1e-3, -0.0, INFINITY, -INFINITY, NAN, 1e300, (double)TN_ZERO};
    uint8_t byte = take(m);
    return byte < 128 ? numbers[byte % 11] : byte < 224 ? byte / 256.0 : numbers[byte % 16];
}

tn_dtype dtype(machine *m)
{
    uint8_t byte = take(m);
    return byte < 100   ? TN_F32
           : byte < 180 ? TN_F64
           : byte < 252 ? (tn_dtype)(byte % TN_DTYPES)
                        : (tn_dtype)(byte % 8);
}

int dim(machine *m)
{
    uint8_t byte = take(m);
    return byte < 160 ? byte % 4 : byte < 250 ? -(byte % 5) : byte == 250 ? INT32_MIN : byte - 245;
}

int shape_of(machine *m, int64_t *shape)
{
    uint8_t byte = take(m);
    int ndim = byte < 250 ? byte % 6 : byte - 247;
    for (int i = 0; i < ndim && i < TN_MAX_DIMS; i++)
        shape[i] = size_of(m);
    return ndim;
}

/* The first one from there on, of those that are not too large. */
static tn_tensor *find(const side *s, int from, int64_t limit)
{
    for (int i = 0; i < SLOTS; i++) {
        tn_tensor *t = s->slots[(from + i) % SLOTS].t;
        if (t && tn_numel(t) <= limit)
            return t;
    }
    return NULL;
}

/* Of this context, or of the first one. */
static tn_tensor *pick(machine *m, int64_t limit)
{
    uint8_t byte = take(m);
    return find(byte < 244 ? m->s : &m->sides[0], byte % SLOTS, limit);
}

tn_tensor *any(machine *m)
{
    return pick(m, INT64_MAX);
}

tn_tensor *small(machine *m)
{
    return pick(m, MAX_SMALL);
}

tn_tensor *own(machine *m)
{
    return find(m->s, take(m) % SLOTS, MAX_SMALL);
}

tn_tensor *matrix(machine *m, tn_dtype type, int ndim, const int64_t *shape)
{
    return tn_full(m->ctx, type, ndim, shape, number(m));
}

int first_place(const void *places, int from)
{
    const void *object = NULL;
    int at = 0;
    for (int i = 0; i < OBJECTS && !object; i++) {
        at = (from + i) % OBJECTS;
        memcpy(&object, (const char *)places + (size_t)at * sizeof object, sizeof object);
    }
    return at;
}

tn_module *some_module(machine *m)
{
    uint8_t byte = take(m);
    const side *s = byte < 250 ? m->s : &m->sides[0];
    return s->modules[first_place(s->modules, byte)];
}

/* ---- results --------------------------------------------------------------------------------- */

/* While an error is recorded, a call does nothing. */
static void check_idle(const machine *m)
{
    tn_memory_stats now = tn_memory(m->ctx);
    tn_rng_state rng = tn_get_rng_state(m->ctx);
    FUZZ_CHECK(m->s->memory.calls == m->calls, "memory is asked for in a context in error");
    FUZZ_CHECK(now.live_bytes <= m->stats.live_bytes && now.tensors <= m->stats.tensors &&
                   now.nodes <= m->stats.nodes,
               "something is made in a context in error");
    FUZZ_CHECK(rng.seed == m->rng.seed && rng.position == m->rng.position,
               "numbers are drawn in a context in error");
}

static void look(machine *m)
{
    m->in_error = !tn_ok(m->ctx);
    m->calls = m->s->memory.calls;
    m->stats = tn_memory(m->ctx);
    m->rng = tn_get_rng_state(m->ctx);
}

void done(machine *m, bool ok)
{
    fuzz_check_status(m->ctx, &m->s->memory, m->s->failed, ok);
    if (m->in_error)
        check_idle(m);
    look(m);
}

void done_void(machine *m)
{
    done(m, tn_ok(m->ctx));
}

void end_scope(machine *m, tn_scope scope)
{
    if (scope.depth > 0)
        tn_scope_end(m->ctx, scope);
    done_void(m);
}

void free_slot(slot *s)
{
    if (!s->pinned)
        tn_free(s->t);
    *s = s->pinned ? *s : (slot){0};
}

/* A place for a tensor. The old one may be left to its scope, if it has one, or else is freed after
 * the call, which may still have it as an argument. */
static slot *new_slot(machine *m)
{
    side *s = m->s;
    slot *at;
    do
        at = &s->slots[s->next_slot++ % SLOTS];
    while (at->pinned);
    if (at->t && at->depth == 0 && m->n_doomed < SLOTS)
        m->doomed[m->n_doomed++] = at->t;
    return at;
}

tn_tensor *keep(machine *m, tn_tensor *t)
{
    done(m, t != NULL);
    if (!t)
        return NULL;
    fuzz_check_tensor(m->ctx, t);
    look(m);
    *new_slot(m) = (slot){.t = t, .depth = m->s->depth};
    return t;
}

void free_optims(side *s)
{
    for (int i = 0; i < OBJECTS; i++) {
        tn_schedule_free(s->schedules[i]);
        s->schedules[i] = NULL;
    }
    for (int i = 0; i < OBJECTS; i++) {
        tn_optim_free(s->optims[i]);
        s->optims[i] = NULL;
    }
    for (int i = 0; i < SLOTS; i++)
        s->slots[i].pinned = false;
}

/* ---- running --------------------------------------------------------------------------------- */

static void hook(tn_status status, const char *message, void *payload)
{
    side *s = payload;
    s->hooked++;
    FUZZ_CHECK(status < 0 && message[0], "the hook is told %d \"%s\"", (int)status, message);
    FUZZ_CHECK(!tn_ones(s->ctx, TN_F32, TN_SHAPE(1)), "a hook makes a tensor");
}

static void begin_side(side *s, int number)
{
    s->memory = (fuzz_memory){.limit = 256 << 10};
    s->ctx = fuzz_context(&s->memory, 1 + number);
    tn_on_error(s->ctx, hook, s);
}

static void begin_call(machine *m, const uint8_t *p)
{
    m->s = &m->sides[p[0] >> 7];
    m->ctx = m->s->ctx;
    m->p = p + 1;
    m->left = FUZZ_CALL_SIZE - 1;
    m->state = p[0];
    if (tn_ok(m->ctx))
        m->s->failed = m->s->memory.failed;
    look(m);
}

/* An error stays for a call or two. */
static void end_call(machine *m)
{
    side *s = m->s;
    while (m->n_doomed > 0)
        tn_free(m->doomed[--m->n_doomed]);
    if (tn_ok(s->ctx))
        s->patience = m->state >> 12 & 1;
    else if (s->patience-- <= 0) {
        s->memory.fail_at = 0;
        tn_clear_error(s->ctx);
    }
}

static void run_call(machine *m, const uint8_t *p)
{
    int which = p[0] & 127;
    begin_call(m, p);
    if (which < tensor_call_count)
        tensor_calls[which](m);
    else if (which - tensor_call_count < op_call_count)
        op_calls[which - tensor_call_count](m);
    else
        object_calls[(which - tensor_call_count - op_call_count) % object_call_count](m);
    end_call(m);
}

void fuzz_calls(const uint8_t *data, size_t size)
{
    machine m = {0};
    for (int i = 0; i < 2; i++)
        begin_side(&m.sides[i], i);
    for (; size >= FUZZ_CALL_SIZE; data += FUZZ_CALL_SIZE, size -= FUZZ_CALL_SIZE)
        run_call(&m, data);
    for (int i = 0; i < 2; i++)
        m.sides[i].memory.fail_at = 0;
    if (m.saved)
        fuzz_remove_files();
    for (int i = 1; i >= 0; i--) { /* the second one has what it made of the first one's */
        side *s = &m.sides[i];
        fuzz_context_free(s->ctx, &s->memory);
        FUZZ_CHECK(s->released == s->blobs, "%lld of %lld blobs are released",
                   (long long)s->released, (long long)s->blobs);
    }
}
