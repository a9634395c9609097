/* gemm.c - times the library's products beside those of OpenBLAS: gemm THREADS [f64] [ROUNDS]. The
 * two take turns; printed are the medians of the rounds in GFLOP/s, their ratio (above 1: ours is
 * faster), and which core's kernels OpenBLAS has picked. OPENBLAS_CORETYPE asks for others.
 *
 * Built with BENCH_LIBXSMM, libxsmm takes its turn where it has a kernel for the shape: with one
 * thread, in f32, of operands that are not transposed. Such a kernel is made for small products and
 * divides nothing into blocks. */
#include <cblas.h>
#ifdef BENCH_LIBXSMM
#include <libxsmm.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tn/tn.h>
#include "bench/timing.h"
#include "tensor/gemm.h"
#include "tensor/tensor.h"

char *openblas_get_corename(void);
void openblas_set_num_threads(int number);

enum { MOST_ROUNDS = 64 };
#define SETTLED 0.5 /* seconds, at most, until a side that has worked is at rest */

/* C [m, n] of op(A) [m, k] and op(B) [k, n]. */
typedef struct shape {
    const char *name;
    bool trans_a, trans_b;
    int64_t m, n, k;
} shape;

static const shape shapes[] = {
    {"square", false, false, 64, 64, 64},
    {"square", false, true, 96, 96, 96},
    {"square", true, false, 128, 128, 128},
    {"square", false, false, 192, 192, 192},
    {"square", false, true, 256, 256, 256},
    {"square", true, false, 384, 384, 384},
    {"square", false, false, 512, 512, 512},
    {"square", false, true, 768, 768, 768},
    {"square", true, false, 1024, 1024, 1024},
    {"square", false, false, 1024, 1024, 1024},
    {"square", false, true, 1536, 1536, 1536},
    {"square", false, false, 2048, 2048, 2048},
    {"AlexNet conv1", false, false, 64, 3025, 363},
    {"AlexNet conv2", false, false, 192, 729, 1600},
    {"AlexNet conv3", false, false, 384, 169, 1728},
    {"AlexNet conv4", false, false, 256, 169, 3456},
    {"AlexNet conv5", false, false, 256, 169, 2304},
    {"AlexNet conv2 dw", false, true, 192, 1600, 729},
    {"AlexNet conv2 dm", true, false, 1600, 729, 192},
    {"ResNet stem", false, false, 64, 12544, 147},
    {"ResNet 56", false, false, 64, 3136, 576},
    {"ResNet 28", false, false, 128, 784, 1152},
    {"ResNet 14", false, false, 256, 196, 2304},
    {"ResNet 7", false, false, 512, 49, 4608},
    {"ResNet 7, 8 images", false, false, 512, 392, 4608},
    {"ResNet 28 dw", false, true, 128, 1152, 784},
    {"ResNet 1x1", false, false, 64, 3136, 256},
    {"LSTM 256, batch 32", false, true, 32, 1024, 256},
    {"LSTM 512, batch 64", false, true, 64, 2048, 512},
    {"LSTM 512 dx", false, false, 64, 512, 2048},
    {"LSTM 512 dw", true, false, 2048, 512, 64},
    {"linear 784-300", false, true, 64, 300, 784},
    {"linear 4096", false, true, 32, 4096, 4096},
    {"linear 4096, batch 1", false, true, 1, 4096, 4096},
    {"vector x matrix", false, false, 1, 4096, 4096},
};

typedef struct job {
    const shape *s;
    tn_ctx *ctx;
    tn__gemm_args g;
    void (*kernel)(const float *a, const float *b, float *c, ...); /* libxsmm's, or NULL */
} job;

static void ours(const job *j)
{
    tn__gemm(j->ctx, &j->g);
}

static void theirs(const job *j)
{
    const tn__gemm_args *g = &j->g;
    enum CBLAS_TRANSPOSE ta = g->trans_a ? CblasTrans : CblasNoTrans;
    enum CBLAS_TRANSPOSE tb = g->trans_b ? CblasTrans : CblasNoTrans;
    int m = (int)g->m, n = (int)g->n, k = (int)g->k;
    int lda = (int)g->lda, ldb = (int)g->ldb, ldc = (int)g->ldc;
    if (g->dtype == TN_F32)
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, g->a, lda, g->b, ldb, 0, g->c, ldc);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, g->a, lda, g->b, ldb, 0, g->c, ldc);
}

/* Row by row C = A B is column by column C^T = B^T A^T. */
static void find_kernel(job *j, int threads)
{
#ifdef BENCH_LIBXSMM
    const tn__gemm_args *g = &j->g;
    const float alpha = 1, beta = 0;
    if (threads == 1 && g->dtype == TN_F32 && !g->trans_a && !g->trans_b)
        j->kernel = libxsmm_smmdispatch((int)g->n, (int)g->m, (int)g->k, NULL, NULL, NULL, &alpha,
                                        &beta, NULL, NULL);
#else
    (void)j;
    (void)threads;
#endif
}

static void libxsmm_one(const job *j)
{
    j->kernel(j->g.b, j->g.a, j->g.c);
}

/* Waits until no thread takes processor time: those of the other side look for work for a while
 * after their last call, on a processor that this side lacks then. */
static void settle(void)
{
    double before = read_clock(CLOCK_PROCESS_CPUTIME_ID), end = now() + SETTLED;
    for (double work; now() < end; before = work) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        work = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        if (work - before < 1e-4)
            return;
    }
}

/* Seconds of a call, of as many as take some milliseconds. */
static double time_of(void (*run)(const job *), const job *j, int calls, int threads)
{
    if (threads > 1)
        settle();
    run(j);
    moment start = start_timing();
    for (int i = 0; i < calls; i++)
        run(j);
    return seconds_since(start, threads) / calls;
}

static job job_new(tn_ctx *ctx, const shape *s, tn_dtype dtype)
{
    tn_tensor *a = tn_rand(ctx, dtype, TN_SHAPE(s->m, s->k)),
              *b = tn_rand(ctx, dtype, TN_SHAPE(s->k, s->n));
    tn_tensor *c = tn_zeros(ctx, dtype, TN_SHAPE(s->m, s->n));
    if (!tn_ok(ctx)) {
        fprintf(stderr, "gemm: %s\n", tn_error(ctx));
        exit(EXIT_FAILURE);
    }
    return (job){s,
                 ctx,
                 {.dtype = dtype,
                  .trans_a = s->trans_a,
                  .trans_b = s->trans_b,
                  .m = s->m,
                  .n = s->n,
                  .k = s->k,
                  .a = tn__ptr(a),
                  .b = tn__ptr(b),
                  .c = tn__ptr(c),
                  .lda = s->trans_a ? s->m : s->k,
                  .ldb = s->trans_b ? s->k : s->n,
                  .ldc = s->n},
                 NULL};
}

/* The ratio of the rates. */
static double compare(tn_ctx *ctx, const shape *s, tn_dtype dtype, int threads, int rounds)
{
    tn_scope scope = tn_scope_begin(ctx);
    job j = job_new(ctx, s, dtype);
    double work = 2e-9 * (double)s->m * (double)s->n * (double)s->k;
    double mine[MOST_ROUNDS], other[MOST_ROUNDS], third[MOST_ROUNDS], ratios[MOST_ROUNDS];
    find_kernel(&j, threads);
    int calls = 1 + (int)(0.4 / work);
    for (int i = 0; i < rounds; i++) {
        mine[i] = time_of(ours, &j, calls, threads);
        other[i] = time_of(theirs, &j, calls, threads);
        third[i] = j.kernel ? time_of(libxsmm_one, &j, calls, threads) : 0;
        ratios[i] = other[i] / mine[i];
    }
    double ratio = median(ratios, rounds);
    printf("%-21s %c%c %5d %5d %5d %3d %8.1f %8.1f %7.3f", s->name, s->trans_a ? 'T' : '-',
           s->trans_b ? 'T' : '-', (int)s->m, (int)s->n, (int)s->k, threads,
           work / median(mine, rounds), work / median(other, rounds), ratio);
    if (j.kernel)
        printf(" %8.1f", work / median(third, rounds));
    putchar('\n');
    fflush(stdout);
    tn_scope_end(ctx, scope);
    return ratio;
}

int main(int argc, char **argv)
{
    enum { COUNT = sizeof shapes / sizeof *shapes };
    int threads = argc > 1 ? atoi(argv[1]) : 1, rounds = 9;
    tn_dtype dtype = TN_F32;
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "f64") == 0)
            dtype = TN_F64;
        else
            rounds = atoi(argv[i]) < MOST_ROUNDS ? atoi(argv[i]) : MOST_ROUNDS;
    tn_ctx *ctx =
        tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = threads, .keep_blas_threads = true});
    if (!ctx || rounds < 1 || threads < 1) {
        fprintf(stderr, "usage: gemm THREADS [f64] [ROUNDS]\n");
        return EXIT_FAILURE;
    }
    openblas_set_num_threads(threads);
    printf("%s %s; OpenBLAS %s; GFLOP/s\n", tn_isa(ctx), dtype == TN_F64 ? "f64" : "f32",
           openblas_get_corename());
    printf("%-24s %5s %5s %5s %3s %8s %8s %7s %8s\n", "A or B transposed: T", "m", "n", "k", "thr",
           "ours", "OpenBLAS", "ratio", "libxsmm");
    double ratios[COUNT];
    for (int i = 0; i < COUNT; i++)
        ratios[i] = compare(ctx, &shapes[i], dtype, threads, rounds);
    double middle = median(ratios, COUNT);
    printf("ratio: least %.3f, median %.3f\n", ratios[0], middle);
    tn_ctx_free(ctx);
    return EXIT_SUCCESS;
}
