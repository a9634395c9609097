/* threads.c - the threads of a context.
 *
 * They are pthreads of the library's own. The threads of an OpenMP runtime are lost in the child of
 * a fork, and its next parallel loop waits for them for ever; and a runtime that cannot start a
 * thread ends the program. Which parts a call has depends on its size and the context's number of
 * threads alone. Who computes a part changes nothing, so that the bits stay the same when the
 * system gives fewer threads. */
#if defined(_OPENMP)
#include <omp.h>
#endif
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/integers.h"
#include "base/threads.h"

/* Helgrind knows what locks order, and not what atomic operations do. So it is told: what a thread
 * did before its precedes(x) is done for one that is behind its follows(x). These are some
 * nanoseconds each, where valgrind does not run. */
#if defined(__has_include)
#if __has_include(<valgrind/helgrind.h>)
#include <valgrind/helgrind.h>
#endif
#endif
#if defined(ANNOTATE_HAPPENS_BEFORE)
#define precedes(x) ANNOTATE_HAPPENS_BEFORE(x)
#define follows(x) ANNOTATE_HAPPENS_AFTER(x)
#else
#define precedes(x) ((void)(x))
#define follows(x) ((void)(x))
#endif

/* Looking that often takes some milliseconds; waking a sleeping thread takes 50 microseconds. */
#define SPINS 50000

/* The number of this process in its line of forks, from 1; a helper lives in one process alone. */
static atomic_uint process = 1;
static atomic_int helpers; /* of all contexts */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool watching; /* forks are counted */

static void count_fork(void)
{
    atomic_fetch_add(&process, 1);
    atomic_store(&helpers, 0);
}

static void watch_forks(void)
{
    watching = pthread_atfork(NULL, NULL, count_fork) == 0;
}

unsigned tn__process(void)
{
    return watching ? atomic_load(&process) : 0;
}

/* ---- what OpenMP is asked -------------------------------------------------------------------- */

#if defined(_OPENMP)
static int processors(void)
{
    return omp_get_num_procs();
}

static int wanted_threads(void)
{
    return omp_get_max_threads();
}

static bool is_in_parallel(void)
{
    return omp_in_parallel();
}
#else
/* A build without it counts the processors of the machine, and reads the first number of the
 * variable that OpenMP reads. It does not see a program's own parallel loops. */
static int processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return (int)tn__max(1, tn__min(n, TN_MAX_THREADS));
}

static int wanted_threads(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    long n = text ? strtol(text, NULL, 10) : 0;
    return n > 0 ? (int)tn__min(n, TN_MAX_THREADS) : processors();
}

static bool is_in_parallel(void)
{
    return false;
}
#endif

int tn__default_threads(void)
{
    int n = wanted_threads();
    return n > 0 ? n : 1;
}

/* ---- the number of threads ------------------------------------------------------------------- */

tn_status tn_set_threads(tn_ctx *ctx, int threads)
{
    if (!tn_ok(ctx))
        return tn_error_status(ctx);
    if (threads < 1 || threads > TN_MAX_THREADS)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "set_threads: %d is not between 1 and %d", threads,
                       TN_MAX_THREADS);
    ctx->threads = threads;
    ctx->pool->refused = false;
    return TN_OK;
}

int tn_threads(const tn_ctx *ctx)
{
    return ctx ? ctx->threads : 0;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Looking again and again is quicker than sleep as long as each thread has a core to itself. */
static int spins_of(const tn__pool *pool)
{
    bool alone = atomic_load_explicit(&helpers, memory_order_relaxed) < pool->processors;
    return alone ? pool->spins : 0;
}

static void spin_while_round(tn__pool *pool, unsigned seen)
{
    for (int i = spins_of(pool); i > 0 && atomic_load(&pool->round) == seen; i--)
        relax();
}

static void spin_while_working(tn__pool *pool)
{
    for (int i = spins_of(pool); i > 0 && atomic_load(&pool->working) > 0; i--)
        relax();
}

/* ---- how numbers are rounded ----------------------------------------------------------------- */

/* A program may change that at any time, and whether denormal numbers are flushed: a helper takes
 * it over from its caller, with the traps, so that bits do not depend on who computes a part. */
#if defined(__SSE__)
#define RAISED 0x3fu /* the flags of the exceptions that there were */

static void note_rounding(tn__pool *pool)
{
    pool->rounding = __builtin_ia32_stmxcsr() & ~RAISED;
}

static void take_rounding(const tn__pool *pool)
{
    __builtin_ia32_ldmxcsr(pool->rounding);
}
#else
static void note_rounding(tn__pool *pool)
{
    fegetenv(&pool->rounding);
}

static void take_rounding(const tn__pool *pool)
{
    fesetenv(&pool->rounding);
}
#endif

/* ---- helpers --------------------------------------------------------------------------------- */

static bool take(tn__pool *pool, int64_t part)
{
    uint_fast64_t before = atomic_load(&pool->taken[part]);
    return before != pool->ticket &&
           atomic_compare_exchange_strong(&pool->taken[part], &before, pool->ticket);
}

/* Each thread begins with a part of its own, so that what one loop has written is still in the
 * cache of the thread that reads it in the next; then it takes those whose threads are late. */
static void take_parts(tn__pool *pool, int64_t own)
{
    int64_t n = pool->n, parts = pool->parts;
    for (int64_t i = own; i < own + parts; i++)
        if (take(pool, i % parts))
            pool->fn(tn__cut(n, parts, i % parts), tn__cut(n, parts, i % parts + 1), pool->payload);
}

static void sleep_while_round(tn__pool *pool, unsigned seen)
{
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleeping, 1);
    while (atomic_load(&pool->round) == seen)
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->lock);
}

/* Waits for the round after `seen`. False when the context ends. */
static bool next_round(tn__pool *pool, unsigned *seen)
{
    spin_while_round(pool, *seen);
    if (atomic_load(&pool->round) == *seen)
        sleep_while_round(pool, *seen);
    *seen = atomic_load(&pool->round);
    return !atomic_load(&pool->ending);
}

/* The last to leave wakes the caller, if that sleeps. */
static void leave(tn__pool *pool)
{
    precedes(&pool->working);
    if (atomic_fetch_sub(&pool->working, 1) > 1 || !atomic_load(&pool->awaiting))
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->lock);
}

/* A round that is open shows all that was written before it was opened. */
static bool is_open(tn__pool *pool)
{
    bool open = atomic_load(&pool->open);
    if (open)
        follows(&pool->open);
    return open;
}

/* Nobody waits for a helper that comes late: it finds a round that is closed, or a new one. It says
 * that it works before it looks whether the round is open, and the caller closes the round before
 * it looks whether anybody works: so one of them sees the other. */
static void *help(void *payload)
{
    tn__pool *pool = payload;
    int number = atomic_fetch_add(&pool->arrived, 1);
    for (unsigned seen = 0; next_round(pool, &seen);) {
        atomic_fetch_add(&pool->working, 1);
        if (is_open(pool) && number < pool->wanted) {
            take_rounding(pool);
            take_parts(pool, number + 1);
        }
        leave(pool);
    }
    return NULL;
}

/* The library's threads block signals, so that the program's handlers run in its own. Those that a
 * fault raises stay with the thread that has the fault. */
static void all_but_faults(sigset_t *set)
{
    static const int faults[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    sigfillset(set);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(set, faults[i]);
}

bool tn__start_thread(pthread_t *thread, void *(*run)(void *), void *payload)
{
    sigset_t blocked, before;
    all_but_faults(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    bool started = pthread_create(thread, NULL, run, payload) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void start_helpers(tn__pool *pool, int wanted)
{
    while (pool->n_helpers < wanted && !pool->refused)
        if (tn__start_thread(&pool->helpers[pool->n_helpers], help, pool)) {
            pool->n_helpers++;
            atomic_fetch_add(&helpers, 1);
        } else {
            pool->refused = true;
        }
}

/* ---- a pool ---------------------------------------------------------------------------------- */

void tn__pool_open(tn__pool *pool)
{
    const char *policy = getenv("OMP_WAIT_POLICY");
    pthread_once(&once, watch_forks);
    pool->processors = processors();
    pool->spins = policy && (policy[0] == 'p' || policy[0] == 'P') ? 0 : SPINS;
}

/* Helpers that were left in the parent are forgotten. */
static void renew(tn__pool *pool)
{
    bool ready = watching && pthread_mutex_init(&pool->lock, NULL) == 0 &&
                 pthread_cond_init(&pool->wake, NULL) == 0 &&
                 pthread_cond_init(&pool->done, NULL) == 0;
    pool->process = ready ? atomic_load(&process) : 0;
    pool->refused = !ready;
    pool->n_helpers = 0;
    pool->wanted = 0;
    atomic_store(&pool->open, false);
    atomic_store(&pool->awaiting, false);
    atomic_store(&pool->working, 0);
    atomic_store(&pool->sleeping, 0);
    atomic_store(&pool->arrived, 0);
    atomic_store(&pool->round, 0);
}

/* A helper says that it sleeps before it looks at the round, which is changed before this looks
 * whether one does. Those that are awake need no lock to see it, which would put them to sleep. */
static void wake_for_round(tn__pool *pool)
{
    atomic_fetch_add(&pool->round, 1);
    if (atomic_load(&pool->sleeping) == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

void tn__pool_close(tn__pool *pool)
{
    if (pool->process != atomic_load(&process))
        return;
    atomic_store(&pool->ending, true);
    wake_for_round(pool);
    for (int i = 0; i < pool->n_helpers; i++)
        pthread_join(pool->helpers[i], NULL);
    atomic_fetch_sub(&helpers, pool->n_helpers);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->done);
    pthread_mutex_destroy(&pool->lock);
}

static void sleep_while_working(tn__pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->awaiting, true);
    while (atomic_load(&pool->working) > 0)
        pthread_cond_wait(&pool->done, &pool->lock);
    atomic_store(&pool->awaiting, false);
    pthread_mutex_unlock(&pool->lock);
}

/* All parts are taken: the helpers that have entered finish theirs, others need not come. */
static void end_round(tn__pool *pool)
{
    atomic_store(&pool->open, false);
    spin_while_working(pool);
    if (atomic_load(&pool->working) > 0)
        sleep_while_working(pool);
    follows(&pool->working);
}

/* Shares the parts between this thread and as many helpers as there are. */
static void run_parts(tn__pool *pool)
{
    if (pool->process != atomic_load(&process))
        renew(pool);
    start_helpers(pool, (int)pool->parts - 1);
    int wanted = pool->n_helpers < pool->parts - 1 ? pool->n_helpers : (int)pool->parts - 1;
    pool->busy = true;
    pool->wanted = wanted;
    if (wanted > 0) {
        note_rounding(pool);
        precedes(&pool->open);
        atomic_store(&pool->open, true);
        wake_for_round(pool);
    }
    take_parts(pool, 0);
    if (wanted > 0)
        end_round(pool);
    pool->busy = false;
}

/* A loop inside of a part, or of a parallel region of the program's own, keeps to its thread. */
void tn__parallel(tn_ctx *ctx, int64_t n, int64_t grain, tn__range_fn fn, void *payload)
{
    tn__pool *pool = ctx->pool;
    int64_t parts = grain > 0 ? n / grain : n;
    parts = tn__min(parts, ctx->threads);
    if (parts <= 1) {
        if (n > 0)
            fn(0, n, payload);
    } else if (pool->busy || is_in_parallel()) {
        for (int64_t i = 0; i < parts; i++)
            fn(tn__cut(n, parts, i), tn__cut(n, parts, i + 1), payload);
    } else {
        pool->fn = fn;
        pool->payload = payload;
        pool->n = n;
        pool->parts = parts;
        pool->ticket++;
        run_parts(pool);
    }
}

#define PIECES 8 /* of a worker's part, which another may take */

typedef struct share {
    int64_t n, workers, piece;
    tn__worker_fn fn;
    void *payload;
    atomic_int_fast64_t *taken; /* how much of each worker's part */
} share;

/* Pieces of a worker's part, until nothing is left of it. */
static void take_pieces(const share *s, int64_t worker, int64_t part)
{
    int64_t first = tn__cut(s->n, s->workers, part), last = tn__cut(s->n, s->workers, part + 1);
    for (;;) {
        int64_t begin = first + atomic_fetch_add(&s->taken[part], s->piece);
        if (begin >= last)
            return;
        s->fn(worker, begin, tn__min(begin + s->piece, last), s->payload);
    }
}

static void run_workers(int64_t begin, int64_t end, void *payload)
{
    const share *s = payload;
    for (int64_t i = begin; i < end; i++)
        for (int64_t j = 0; j < s->workers; j++)
            take_pieces(s, i, (i + j) % s->workers);
}

void tn__share(tn_ctx *ctx, int64_t n, int64_t workers, tn__worker_fn fn, void *payload)
{
    atomic_int_fast64_t taken[TN_MAX_THREADS];
    share s = {n,  workers, tn__divide_up(n, workers > 1 ? workers * PIECES : 1),
               fn, payload, taken};
    for (int64_t i = 0; i < workers; i++)
        atomic_init(&taken[i], 0);
    tn__parallel(ctx, workers, 1, run_workers, &s);
}
