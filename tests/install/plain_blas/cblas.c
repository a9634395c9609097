/* cblas.c - C = alpha op(A) op(B) + beta C, row-major, by three loops. Where beta is 0, C is not
 * read. */
#include <cblas.h>
#include <stddef.h>

#define GEMM(name, real)                                                                         \
    void name(const CBLAS_ORDER order, const CBLAS_TRANSPOSE trans_a,                            \
              const CBLAS_TRANSPOSE trans_b, const int m, const int n, const int k,              \
              const real alpha, const real *a, const int lda, const real *b, const int ldb,      \
              const real beta, real *c, const int ldc)                                           \
    {                                                                                            \
        (void)order;                                                                             \
        for (ptrdiff_t i = 0; i < m; i++)                                                        \
            for (ptrdiff_t j = 0; j < n; j++) {                                                  \
                double sum = 0;                                                                  \
                for (ptrdiff_t p = 0; p < k; p++)                                                \
                    sum += (double)(trans_a == CblasNoTrans ? a[i * lda + p] : a[p * lda + i]) * \
                           (double)(trans_b == CblasNoTrans ? b[p * ldb + j] : b[j * ldb + p]);  \
                real start = beta == 0 ? 0 : beta * c[i * ldc + j];                              \
                c[i * ldc + j] = (real)((double)alpha * sum + (double)start);                    \
            }                                                                                    \
    }

GEMM(cblas_sgemm, float)
GEMM(cblas_dgemm, double)
