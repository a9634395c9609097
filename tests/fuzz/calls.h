/* calls.h - the machine that makes rows of public calls out of bytes.
 *
 * Two contexts, each with tensors and objects that were made in it. A call is FUZZ_CALL_SIZE bytes:
 * the function, and what its arguments are made of. */
#ifndef TEST_FUZZ_CALLS_H
#define TEST_FUZZ_CALLS_H

#include "fuzz.h"

enum { SLOTS = 12, SCOPES = 6, OBJECTS = 3, MAX_SMALL = 2048 };

/* A tensor and the scope that it belongs to, 0: none. What an optimiser refers to is pinned. */
typedef struct slot {
    tn_tensor *t;
    int depth;
    bool pinned;
} slot;

/* A context, and what was made in it. */
typedef struct side {
    fuzz_memory memory;
    tn_ctx *ctx;
    slot slots[SLOTS];
    int next_slot;
    tn_scope scopes[SCOPES]; /* the open ones, from 1 on */
    int depth;
    tn_scope ended;
    tn_module *modules[OBJECTS];
    tn_optim *optims[OBJECTS];
    tn_schedule *schedules[OBJECTS];
    tn_loader *loaders[OBJECTS];
    tn_dict *dicts[OBJECTS];
    int64_t failed;   /* calls of alloc, when no error was recorded yet */
    int patience;     /* calls until the error is cleared */
    int64_t hooked;   /* errors that the hook was told */
    int64_t released; /* blobs that were given back, of so many */
    int64_t blobs;
} side;

typedef struct machine {
    side sides[2];
    side *s; /* whose turn it is */
    tn_ctx *ctx;
    bool saved; /* there are files */

    const uint8_t *p; /* of the call, and how many of its bytes are left */
    int left;
    uint32_t state; /* of what follows them */

    tn_tensor *doomed[SLOTS]; /* to be freed after the call */
    int n_doomed;

    bool in_error; /* before the call, with what must be the same after it */
    int64_t calls;
    tn_memory_stats stats;
    tn_rng_state rng;
} machine;

/* ---- arguments ------------------------------------------------------------------------------- */

uint8_t take(machine *m);
bool flag(machine *m);       /* seldom true */
int64_t size_of(machine *m); /* mostly small */
int64_t option(machine *m);  /* mostly 0, 1 or 2, sometimes as large as it can be */
double number(machine *m);
tn_dtype dtype(machine *m);
int dim(machine *m);

/* Fills `shape`, of TN_MAX_DIMS, and returns how many dimensions there are. */
int shape_of(machine *m, int64_t *shape);

/* A tensor, NULL if there is none: any, one of few elements. In the second context it may be one of
 * the first. */
tn_tensor *any(machine *m);
tn_tensor *small(machine *m);
tn_tensor *own(machine *m); /* small, and of this context */
tn_tensor *matrix(machine *m, tn_dtype type, int ndim, const int64_t *shape); /* a new one */

/* Which of a side's places for objects of a kind has one: the first from there on, around. */
int first_place(const void *places, int from);
tn_module *some_module(machine *m);

/* ---- results --------------------------------------------------------------------------------- */

/* What a call has returned: whether it succeeded; a tensor, which is kept for later calls. */
void done(machine *m, bool ok);
tn_tensor *keep(machine *m, tn_tensor *t);

/* After a call that says nothing about success; and after several in a scope of theirs, which ends
 * if it could begin. */
void done_void(machine *m);
void end_scope(machine *m, tn_scope scope);

void free_slot(slot *s);
void free_optims(side *s);

/* Puts an object into one of these places, which `free` has made free, and checks the call. */
#define KEEP_OBJECT(m, array, object, free_old) \
    do {                                        \
        int at_ = take(m) % OBJECTS;            \
        __typeof__((array)[0]) new_ = (object); \
        done(m, new_ != NULL);                  \
        if (new_) {                             \
            free_old((array)[at_]);             \
            (array)[at_] = new_;                \
        }                                       \
    } while (0)

/* ---- the calls ------------------------------------------------------------------------------- */

typedef void (*call_fn)(machine *m);

extern const call_fn tensor_calls[], op_calls[], object_calls[];
extern const int tensor_call_count, op_call_count, object_call_count;

#endif
