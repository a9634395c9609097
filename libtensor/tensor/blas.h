/* blas.h - products of matrices by CBLAS. */
#ifndef TN_TENSOR_BLAS_H
#define TN_TENSOR_BLAS_H

#include <tn/tensor.h>

/* C = op(A) op(B), or C += that, row-major; op transposes where trans is true; [m,k] [k,n] ->
 * [m,n]; lda, ldb, ldc: elements from row to row as stored. Where nothing is added to, rows of C
 * begin with `bias` [n] or, each of them, with its number of `row_bias` [m], not both, or with
 * zeros (NULL). */
typedef struct tn__gemm_args {
    tn_dtype dtype;
    bool trans_a, trans_b;
    int64_t m, n, k;
    bool adds;
    const void *a, *b, *bias, *row_bias;
    void *c;
    int64_t lda, ldb, ldc;
    const char *packed; /* B as tn__gemm_pack made it, or NULL */
} tn__gemm_args;

/* Columns of A whose products are added up without a large error. Whoever has more of them adds up
 * products of columns begin .. end of A and rows of B. */
#define TN__GEMM_LONG ((int64_t)8192)
tn__gemm_args tn__gemm_middle(const tn__gemm_args *g, int64_t begin, int64_t end);

/* C^T = B^T A^T, without biases, for a C of one row, or of one column without gaps: its numbers are
 * side by side in the other one, too. */
tn__gemm_args tn__gemm_transposed(const tn__gemm_args *g);

/* Products of more than some thousand columns of A are summed in parts. Records TN_ERR_MEMORY where
 * there is no room for them, or for BLAS to work in. */
void tn__blas_gemm(tn_ctx *ctx, const tn__gemm_args *g);

/* The same on this thread alone, for functions that use threads themselves. Before they begin they
 * ask whether BLAS has room: false, with TN_ERR_MEMORY recorded, if not. */
void tn__blas_gemm_serial(const tn__gemm_args *g);
bool tn__blas_ready(tn_ctx *ctx);

/* Before the first product. A single thread is asked for once for the process: BLAS is called by
 * threads of ours, it need not start its own. */
void tn__blas_open(bool single_thread);

#endif
