/* blas.c - matrix products by CBLAS. The only file that knows CBLAS. */
#include <cblas.h>
#include <limits.h>
#include "core/core.h"

/* Multiply-adds that are worth a thread of their own. */
#define GRAIN 200000

#if defined(__GNUC__)
extern void openblas_set_num_threads(int count) __attribute__((weak));
#endif

void tn__blas_single_thread(void)
{
#if defined(__GNUC__)
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
#endif
}

static ptrdiff_t bytes(const tn__gemm_args *g, int64_t elements)
{
    return (ptrdiff_t)(elements * (int64_t)tn_dtype_size(g->dtype));
}

/* CBLAS wants rows that are at least one element apart, even of a matrix without elements. */
static int distance(int64_t ld)
{
    return ld > 1 ? (int)ld : 1;
}

/* With k = 0 this is C = beta C. */
static void gemm(const tn__gemm_args *g)
{
    enum CBLAS_TRANSPOSE ta = g->trans_a ? CblasTrans : CblasNoTrans;
    enum CBLAS_TRANSPOSE tb = g->trans_b ? CblasTrans : CblasNoTrans;
    int m = (int)g->m, n = (int)g->n, k = (int)g->k;
    int lda = distance(g->lda), ldb = distance(g->ldb), ldc = distance(g->ldc);
    if (g->dtype == TN_F32)
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, (float)g->alpha, g->a, lda, g->b, ldb,
                    (float)g->beta, g->c, ldc);
    else
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, g->alpha, g->a, lda, g->b, ldb, g->beta, g->c,
                    ldc);
}

/* Rows begin .. end of C, or columns. */
static tn__gemm_args part_of(const tn__gemm_args *g, bool rows, int64_t begin, int64_t end)
{
    tn__gemm_args part = *g;
    if (rows) {
        part.m = end - begin;
        part.a = (const char *)g->a + bytes(g, begin * (g->trans_a ? 1 : g->lda));
        part.c = (char *)g->c + bytes(g, begin * g->ldc);
    } else {
        part.n = end - begin;
        part.b = (const char *)g->b + bytes(g, begin * (g->trans_b ? g->ldb : 1));
        part.c = (char *)g->c + bytes(g, begin);
    }
    return part;
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

void tn__gemm_serial(const tn__gemm_args *g)
{
    if (g->m > 0 && g->n > 0)
        gemm(g);
}

/* The longer side of C is shared out. Sizes that CBLAS's int cannot hold are refused before. */
void tn__gemm(tn_ctx *ctx, const tn__gemm_args *g)
{
    tn__gemm_args shared = *g;
    int64_t longest = g->m > g->n ? g->m : g->n;
    double per_line = (double)(g->m > g->n ? g->n : g->m) * (double)g->k;
    if (g->m == 0 || g->n == 0)
        return;
    tn__parallel(ctx, longest, tn__grain(GRAIN, per_line), g->m > g->n ? rows_range : columns_range,
                 &shared);
}
