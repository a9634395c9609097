/* blas.c - matrix products by CBLAS. The only file that knows CBLAS.
 *
 * OpenBLAS has three habits that a library must not hand on. Its table of buffers ends: more
 * callers at once than it was built for make it print and then end the process. It asks the system
 * for a buffer in a loop without end, which never returns when there are no addresses left. And it
 * must not be told its number of threads while it multiplies. So callers pass a gate with as many
 * permits as there are buffers. A caller who finds no permit makes one more buffer, if the system
 * has room for it, or waits. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <cblas.h>
#include <errno.h>
#include <limits.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/error.h"
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "tensor/blas.h"
#include "tensor/long_sum.h"
#include "tensor/tensor.h"

/* What OpenBLAS maps for each caller. */
#define BUFFER_BYTES ((size_t)128 << 20)

/* Multiplications of what is a small product to OpenBLAS, a little more than its 100^3, and the
 * columns of A that it is given of such a one at a time. */
#define SMALL_PRODUCT 0x1p20
#define SMALL_BLOCK 256
#define VECTOR_PIECE 1024 /* numbers of a result that is a vector, at a time */

/* OpenBLAS has these functions, other libraries need not. If their names were hidden, as all of
 * libtensor.c is, they would be looked for in the program alone. */
#if defined(__GNUC__)
#define MAYBE __attribute__((weak, visibility("default")))
extern MAYBE void openblas_set_num_threads(int count);
extern MAYBE char *openblas_get_config(void);
extern MAYBE char *openblas_get_corename(void);
extern MAYBE void *blas_memory_alloc(int position);
extern MAYBE void blas_memory_free(void *buffer);
#else
#define openblas_set_num_threads ((void (*)(int))0)
#define openblas_get_config ((char *(*)(void))0)
#define openblas_get_corename ((char *(*)(void))0)
#define blas_memory_alloc ((void *(*)(int))0)
#define blas_memory_free ((void (*)(void *))0)
#endif

/* ---- the gate -------------------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held by whoever changes the gate */
static sem_t gate;
static atomic_int permits;  /* free or given out */
static int most;            /* permits that there can ever be */
static atomic_bool single;  /* OpenBLAS starts no threads */
static atomic_bool closing; /* by the holder of the lock */
static _Thread_local int held;

/* While the gate is being closed, nobody new enters. Otherwise a thread that leaves and enters
 * again at once would take the permit before the closing thread has woken up for it. */
static bool try_enter(void)
{
    if ((atomic_load(&closing) && held == 0) || sem_trywait(&gate) != 0)
        return false;
    held++;
    return true;
}

static void wait_to_enter(void)
{
    while (sem_wait(&gate) != 0 && errno == EINTR)
        continue;
    held++;
}

static void leave(void)
{
    held--;
    sem_post(&gate);
}

/* Takes all permits that this thread does not hold already; a signal handler may hold some. */
static int close_gate(void)
{
    int taken = atomic_load(&permits) - held;
    atomic_store(&closing, true);
    for (int i = 0; i < taken; i++)
        wait_to_enter();
    return taken;
}

static void open_gate(int taken)
{
    atomic_store(&closing, false);
    for (int i = 0; i < taken; i++)
        leave();
}

/* ---- fork: the child finds OpenBLAS at rest -------------------------------------------------- */

static int taken_for_fork;

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
    taken_for_fork = close_gate();
}

static void after_fork(void)
{
    open_gate(taken_for_fork);
    pthread_mutex_unlock(&lock);
}

/* ---- buffers --------------------------------------------------------------------------------- */

/* OpenBLAS has room for twice as many callers as threads; half of that is left to the program. */
static int most_callers(void)
{
    const char *found = openblas_get_config ? strstr(openblas_get_config(), "MAX_THREADS=") : NULL;
    long count = found                 ? strtol(found + strlen("MAX_THREADS="), NULL, 10)
                 : openblas_get_config ? 16
                                       : LONG_MAX;
    return count < TN_MAX_THREADS ? (int)count : TN_MAX_THREADS;
}

static void make_gate(void)
{
    most = most_callers();
    atomic_store(&permits, blas_memory_alloc ? 0 : most);
    sem_init(&gate, 0, (unsigned)permits);
    pthread_atfork(before_fork, after_fork, after_fork);
}

static bool is_room(void)
{
    void *room =
        mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return false;
    munmap(room, BUFFER_BYTES);
    return true;
}

/* Makes one permit more, while nobody multiplies: taking as many buffers as there will be permits
 * makes OpenBLAS map one more, since it gives out those it has first. False if there is no room. */
static bool add_permit(void)
{
    void *buffers[TN_MAX_THREADS];
    int wanted = permits + 1, made = 0, taken = close_gate();
    while (made < wanted && is_room())
        buffers[made++] = blas_memory_alloc(0);
    for (int i = 0; i < made; i++)
        blas_memory_free(buffers[i]);
    if (made == wanted) {
        atomic_store(&permits, wanted);
        sem_post(&gate);
    }
    open_gate(taken);
    return made == wanted;
}

/* For a caller who found no permit: one that others have returned by now, a new one, or a wait. */
static void enter_slowly(void)
{
    pthread_mutex_lock(&lock);
    bool entered = try_enter();
    if (!entered && permits < most && !add_permit())
        most = permits;
    pthread_mutex_unlock(&lock);
    if (!entered)
        wait_to_enter();
}

static void enter(void)
{
    if (!try_enter())
        enter_slowly();
}

void tn__blas_open(bool single_thread)
{
    pthread_once(&once, make_gate);
    if (!single_thread || !openblas_set_num_threads || atomic_load(&single))
        return;
    pthread_mutex_lock(&lock);
    if (!single) {
        int taken = close_gate();
        openblas_set_num_threads(1);
        open_gate(taken);
        atomic_store(&single, true);
    }
    pthread_mutex_unlock(&lock);
}

const char *tn_blas_core(const tn_ctx *ctx)
{
    return ctx && openblas_get_corename ? openblas_get_corename() : "";
}

bool tn__blas_ready(tn_ctx *ctx)
{
    if (atomic_load(&permits) > 0)
        return true;
    pthread_mutex_lock(&lock);
    bool ready = permits > 0 || add_permit();
    pthread_mutex_unlock(&lock);
    if (!ready)
        tn__out_of_memory(ctx, BUFFER_BYTES);
    return ready;
}

/* ---- products -------------------------------------------------------------------------------- */

static ptrdiff_t bytes(const tn__gemm_args *g, int64_t elements)
{
    return (ptrdiff_t)(elements * (int64_t)tn_dtype_size(g->dtype));
}

/* CBLAS wants rows that are at least one element apart, even of a matrix without elements. */
static int distance(int64_t ld)
{
    return ld > 1 ? (int)ld : 1;
}

tn__gemm_args tn__gemm_middle(const tn__gemm_args *g, int64_t begin, int64_t end)
{
    tn__gemm_args part = *g;
    part.k = end - begin;
    part.a = (const char *)g->a + bytes(g, begin * (g->trans_a ? g->lda : 1));
    part.b = (const char *)g->b + bytes(g, begin * (g->trans_b ? 1 : g->ldb));
    return part;
}

tn__gemm_args tn__gemm_transposed(const tn__gemm_args *g)
{
    return (tn__gemm_args){.dtype = g->dtype,
                           .trans_a = !g->trans_b,
                           .trans_b = !g->trans_a,
                           .m = g->n,
                           .n = g->m,
                           .k = g->k,
                           .adds = g->adds,
                           .a = g->b,
                           .lda = g->ldb,
                           .b = g->a,
                           .ldb = g->lda,
                           .c = g->c,
                           .ldc = g->m};
}

static bool has_bias(const tn__gemm_args *g)
{
    return !g->adds && (g->bias || g->row_bias);
}

static void begin_with_bias(const tn__gemm_args *g)
{
    for (int64_t i = 0; i < g->m; i++) {
        char *row = (char *)g->c + bytes(g, i * g->ldc);
        if (g->bias)
            memcpy(row, g->bias, (size_t)bytes(g, g->n));
        else
            for (int64_t j = 0; j < g->n; j++)
                memcpy(row + bytes(g, j), (const char *)g->row_bias + bytes(g, i),
                       (size_t)bytes(g, 1));
    }
}

/* C of one column. Some libraries leave NaN in a y that begins with 0 times what was there: zeros
 * are written here. */
static void call_gemv(const tn__gemm_args *g)
{
    unsigned trans = g->trans_a ? CblasTrans : CblasNoTrans;
    int rows = (int)(g->trans_a ? g->k : g->m), cols = (int)(g->trans_a ? g->m : g->k);
    int lda = distance(g->lda), step_y = distance(g->ldc);
    int step_x = g->trans_b ? 1 : distance(g->ldb);
    for (int64_t i = 0; !g->adds && i < g->m; i++)
        memset((char *)g->c + bytes(g, i * step_y), 0, (size_t)bytes(g, 1));
    if (g->dtype == TN_F32)
        cblas_sgemv(CblasRowMajor, trans, rows, cols, 1, g->a, lda, g->b, step_x, 1, g->c, step_y);
    else
        cblas_dgemv(CblasRowMajor, trans, rows, cols, 1, g->a, lda, g->b, step_x, 1, g->c, step_y);
}

/* With k = 0 this is C = beta C. Constants go as they are: each CBLAS names their type in its own
 * way. */
static void call_gemm(const tn__gemm_args *g)
{
    unsigned ta = g->trans_a ? CblasTrans : CblasNoTrans;
    unsigned tb = g->trans_b ? CblasTrans : CblasNoTrans;
    int m = (int)g->m, n = (int)g->n, k = (int)g->k;
    int lda = distance(g->lda), ldb = distance(g->ldb), ldc = distance(g->ldc);
    if (g->dtype == TN_F32)
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, g->a, lda, g->b, ldb, (float)g->adds, g->c,
                    ldc);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, g->a, lda, g->b, ldb, g->adds, g->c, ldc);
}

/* OpenBLAS multiplies large matrices in blocks of some hundred columns of A. Its kernels for small
 * ones, of up to 100^3 multiplications, add up all the columns one after another, and their error
 * grows with k: these get the blocks from here. */
static int64_t blocks_of(const tn__gemm_args *g)
{
    bool is_small = (double)g->m * (double)g->n * (double)g->k <= SMALL_PRODUCT;
    return is_small ? tn__max(1, tn__divide_up(g->k, SMALL_BLOCK)) : 1;
}

/* Rows begin .. end of C, or columns. */
static tn__gemm_args part_of(const tn__gemm_args *g, bool rows, int64_t begin, int64_t end)
{
    tn__gemm_args part = *g;
    if (rows) {
        part.m = end - begin;
        part.a = (const char *)g->a + bytes(g, begin * (g->trans_a ? 1 : g->lda));
        part.row_bias = g->row_bias ? (const char *)g->row_bias + bytes(g, begin) : NULL;
        part.c = (char *)g->c + bytes(g, begin * g->ldc);
    } else {
        part.n = end - begin;
        part.b = (const char *)g->b + bytes(g, begin * (g->trans_b ? g->ldb : 1));
        part.bias = g->bias ? (const char *)g->bias + bytes(g, begin) : NULL;
        part.c = (char *)g->c + bytes(g, begin);
    }
    return part;
}

#define ADD_VECTOR(type)            \
    for (int64_t i = 0; i < n; i++) \
        ((type *)y)[i * step] += ((const type *)x)[i];

static void add_vector(tn_dtype dtype, int64_t n, const void *x, void *y, int64_t step)
{
    if (dtype == TN_F32)
        ADD_VECTOR(float)
    else
        ADD_VECTOR(double)
}

/* C of one column. Functions for vectors take a half to a seventh of the time, but may add all rows
 * of a matrix to y one after another: each block of rows gets a sum of its own, and that is
 * added. */
static void multiply_vector(const tn__gemm_args *g)
{
    _Alignas(64) char sum[VECTOR_PIECE * sizeof(double)];
    int64_t blocks = tn__max(1, tn__divide_up(g->k, SMALL_BLOCK));
    for (int64_t begin = 0; begin < g->m; begin += VECTOR_PIECE) {
        int64_t end = tn__min(g->m, begin + VECTOR_PIECE);
        tn__gemm_args piece = part_of(g, true, begin, end);
        for (int64_t i = 0; i < blocks; i++) {
            tn__gemm_args block =
                tn__gemm_middle(&piece, tn__cut(g->k, blocks, i), tn__cut(g->k, blocks, i + 1));
            if (i > 0) {
                block.adds = false;
                block.c = sum;
                block.ldc = 1;
            }
            call_gemv(&block);
            if (i > 0)
                add_vector(g->dtype, end - begin, sum, piece.c, g->ldc);
        }
    }
}

static void multiply(const tn__gemm_args *g)
{
    int64_t blocks = blocks_of(g);
    for (int64_t i = 0; i < blocks; i++) {
        tn__gemm_args block =
            tn__gemm_middle(g, tn__cut(g->k, blocks, i), tn__cut(g->k, blocks, i + 1));
        block.adds = g->adds || i > 0;
        call_gemm(&block);
    }
}

static void gemm(const tn__gemm_args *g)
{
    tn__gemm_args begun = *g;
    if (has_bias(g)) {
        begin_with_bias(g);
        begun.adds = true;
    }
    if (g->m == 1)
        begun = tn__gemm_transposed(&begun);
    enter();
    (begun.n == 1 ? multiply_vector : multiply)(&begun);
    leave();
}

static void rows_range(int64_t begin, int64_t end, void *payload)
{
    tn__gemm_args part = part_of(payload, true, begin, end);
    gemm(&part);
}

static void columns_range(int64_t begin, int64_t end, void *payload)
{
    tn__gemm_args part = part_of(payload, false, begin, end);
    gemm(&part);
}

void tn__blas_gemm_serial(const tn__gemm_args *g)
{
    if (g->m > 0 && g->n > 0)
        gemm(g);
}

/* Shares out the longer side of C. Sizes that CBLAS's int cannot hold were refused before. */
static void share(tn_ctx *ctx, const tn__gemm_args *g)
{
    tn__gemm_args shared = *g;
    int64_t longest = tn__max(g->m, g->n);
    double per_line = (double)tn__min(g->m, g->n) * (double)g->k;
    tn__parallel(ctx, longest, tn__grain(TN__GRAIN_BLAS, per_line),
                 g->m > g->n ? rows_range : columns_range, &shared);
}

/* BLAS adds up blocks of k one after another, and its error grows with their number. */
static void share_in_parts(tn_ctx *ctx, const tn__gemm_args *g)
{
    int64_t parts = tn__divide_up(g->k, TN__GEMM_LONG);
    tn__long_sum sum = {.k = tn__kernels_of(ctx, g->dtype),
                        .dtype = g->dtype,
                        .rows = g->m,
                        .cols = g->n,
                        .ld = g->ldc,
                        .to = g->c};
    if (tn__long_sum_alloc(ctx, &sum))
        for (int64_t i = 0; i < parts; i++) {
            tn__gemm_args part =
                tn__gemm_middle(g, tn__cut(g->k, parts, i), tn__cut(g->k, parts, i + 1));
            if (i > 0) {
                part.adds = false;
                part.bias = part.row_bias = NULL;
                part.c = sum.part;
                part.ldc = g->n;
            }
            share(ctx, &part);
            if (i > 0)
                tn__long_sum_add(&sum, 0, g->n);
        }
    tn__long_sum_free(ctx, &sum);
}

void tn__blas_gemm(tn_ctx *ctx, const tn__gemm_args *g)
{
    if (!tn__blas_ready(ctx))
        return;
    if (g->k > 2 * TN__GEMM_LONG)
        share_in_parts(ctx, g);
    else
        share(ctx, g);
}
