/* cblas.h - what the library uses of CBLAS, with the nameless types of the first reference, for
 * machines that have no other. */
#ifndef CBLAS_H
#define CBLAS_H

typedef enum { CblasRowMajor = 101, CblasColMajor = 102 } CBLAS_ORDER;
typedef enum { CblasNoTrans = 111, CblasTrans = 112, CblasConjTrans = 113 } CBLAS_TRANSPOSE;

void cblas_sgemm(const CBLAS_ORDER order, const CBLAS_TRANSPOSE trans_a,
                 const CBLAS_TRANSPOSE trans_b, const int m, const int n, const int k,
                 const float alpha, const float *a, const int lda, const float *b, const int ldb,
                 const float beta, float *c, const int ldc);
void cblas_dgemm(const CBLAS_ORDER order, const CBLAS_TRANSPOSE trans_a,
                 const CBLAS_TRANSPOSE trans_b, const int m, const int n, const int k,
                 const double alpha, const double *a, const int lda, const double *b, const int ldb,
                 const double beta, double *c, const int ldc);
void cblas_sgemv(const CBLAS_ORDER order, const CBLAS_TRANSPOSE trans, const int rows,
                 const int cols, const float alpha, const float *a, const int lda, const float *x,
                 const int step_x, const float beta, float *y, const int step_y);
void cblas_dgemv(const CBLAS_ORDER order, const CBLAS_TRANSPOSE trans, const int rows,
                 const int cols, const double alpha, const double *a, const int lda,
                 const double *x, const int step_x, const double beta, double *y, const int step_y);

#endif
