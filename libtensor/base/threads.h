/* threads.h - loops on the threads of a context. */
#ifndef TN_BASE_THREADS_H
#define TN_BASE_THREADS_H

#include <fenv.h>
#include <pthread.h>
#include <stdatomic.h>
#include "base/context.h"

#define TN_MAX_THREADS 1024

/* How numbers are rounded: the register of SSE, which costs nothing to read, or all there is. */
#if defined(__SSE__)
typedef unsigned tn__rounding;
#else
typedef fenv_t tn__rounding;
#endif

typedef void (*tn__range_fn)(int64_t begin, int64_t end, void *payload);

/* The helpers of a context: threads that start with the first call that has work for them, sleep
 * between calls, and end with the context. One round is one call of tn__parallel. */
typedef struct tn__pool {
    unsigned process; /* which process of a line of forks made the helpers; 0: none did */
    int processors;   /* of the process, as the context was made */
    int spins;        /* how often to look for work before sleeping */
    int n_helpers;
    bool refused; /* the system did not give as many threads as were asked for */
    bool busy;
    pthread_t helpers[TN_MAX_THREADS - 1];
    atomic_int arrived; /* helpers that have a number */

    pthread_mutex_t lock; /* to fall asleep, and to wake who sleeps */
    pthread_cond_t wake, done;
    atomic_uint round;
    atomic_bool ending;
    atomic_bool open;     /* there may be parts that nobody has taken */
    atomic_int working;   /* helpers that may take some, or are about to look */
    atomic_int sleeping;  /* helpers, until the next round */
    atomic_bool awaiting; /* the caller sleeps until nobody works */

    /* Of the round; written while it is not open and nobody works. */
    int wanted; /* helpers 0 .. wanted - 1 take part */
    tn__rounding rounding;
    tn__range_fn fn;
    void *payload;
    int64_t n, parts;
    uint64_t ticket;                            /* its number, which never comes again */
    atomic_uint_fast64_t taken[TN_MAX_THREADS]; /* the ticket that each part was last taken with */
} tn__pool;

/* The least work that is worth a thread of its own, counted in what the loop passes over. Waking a
 * sleeping helper takes 50 microseconds, while one that still looks for work starts at once; so a
 * part should take ten microseconds or more. How much a loop does in that time depends on the
 * loop. */
#define TN__GRAIN_ELEMENTS 16384       /* numbers that a formula or a window passes over */
#define TN__GRAIN_EXPONENTIALS 4096    /* numbers that exp is taken of */
#define TN__GRAIN_SUMMED 16384         /* numbers that are added up or copied, and nothing more */
#define TN__GRAIN_MULTIPLY_ADDS 500000 /* of products that an operator cuts itself */
#define TN__GRAIN_BLAS 200000          /* multiply-adds of a product that BLAS gets in parts */
#define TN__GRAIN_RANDOM 4096          /* blocks of random bits */
#define TN__GRAIN_PLANES 8             /* planes that Winograd's method transforms */

/* How many items are worth a thread of their own, if `work` is and each costs `cost`. These are
 * doubles, since a cost is a product of sizes, which may not fit an integer. */
static inline int64_t tn__grain(double work, double cost)
{
    return (int64_t)(work / (cost + 1)) + 1;
}

/* Where part i of `parts` of [0, n) begins and the one before it ends: n i / parts, written so that
 * no product is above n, or parts^2. */
static inline int64_t tn__cut(int64_t n, int64_t parts, int64_t i)
{
    return n / parts * i + n % parts * i / parts;
}

/* Part i of `parts` of [0, n). */
static inline void tn__cut_out(int64_t n, int64_t parts, int64_t i, int64_t *begin, int64_t *end)
{
    *begin = tn__cut(n, parts, i);
    *end = tn__cut(n, parts, i + 1);
}

/* Calls fn(begin, end, payload) for parts of [0, n), on several threads if n is above `grain`. */
void tn__parallel(tn_ctx *ctx, int64_t n, int64_t grain, tn__range_fn fn, void *payload);

/* The same for workers that have something of their own, memory for instance: calls fn(worker,
 * begin, end, payload) for pieces of [0, n), in any order; a worker gets several, or none. It
 * begins with its own part and then takes pieces of those that are late, so that nobody waits for a
 * processor that is slower than the others. What fn does for an item must not depend on its
 * worker. */
typedef void (*tn__worker_fn)(int64_t worker, int64_t begin, int64_t end, void *payload);
void tn__share(tn_ctx *ctx, int64_t n, int64_t workers, tn__worker_fn fn, void *payload);

/* How many workers n items are worth, whose work is so many times what is worth one: none that
 * would have no item. */
static inline int64_t tn__workers(const tn_ctx *ctx, int64_t n, double worth)
{
    int64_t most = n < ctx->threads ? n : ctx->threads;
    return worth >= (double)most ? most : worth > 1 ? (int64_t)worth : 1;
}

void tn__pool_open(tn__pool *pool);
void tn__pool_close(tn__pool *pool);
int tn__default_threads(void);

/* Starts a thread that blocks the program's signals; false if the system gives none. */
bool tn__start_thread(pthread_t *thread, void *(*run)(void *), void *payload);

/* The number of this process in its line of forks, from 1: a thread lives in one alone. 0 if forks
 * cannot be seen, and then there should be no threads. */
unsigned tn__process(void);

#endif
