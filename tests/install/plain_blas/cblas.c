/* cblas.c - C = alpha op(A) op(B) + beta C, row-major, by three loops, and y = alpha op(A) x +
 * beta y. Where beta is 0, C and y are not read. */
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

/* A column is a matrix whose rows are one number long. */
#define GEMV(name, real, gemm)                                                                \
    void name(const CBLAS_ORDER order, const CBLAS_TRANSPOSE trans, const int rows,           \
              const int cols, const real alpha, const real *a, const int lda, const real *x,  \
              const int step_x, const real beta, real *y, const int step_y)                   \
    {                                                                                         \
        int m = trans == CblasNoTrans ? rows : cols, k = trans == CblasNoTrans ? cols : rows; \
        gemm(order, trans, CblasNoTrans, m, 1, k, alpha, a, lda, x, step_x, beta, y, step_y); \
    }

GEMV(cblas_sgemv, float, cblas_sgemm)
GEMV(cblas_dgemv, double, cblas_dgemm)
