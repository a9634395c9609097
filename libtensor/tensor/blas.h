/* blas.h - products of matrices. */
#ifndef TN_TENSOR_BLAS_H
#define TN_TENSOR_BLAS_H

#include <tn/tensor.h>

/* C = alpha op(A) op(B) + beta C, row-major; op transposes where trans is true; [m,k] [k,n] ->
 * [m,n]; lda, ldb, ldc: elements from row to row as stored. */
typedef struct tn__gemm_args {
    tn_dtype dtype;
    bool trans_a, trans_b;
    int64_t m, n, k;
    double alpha, beta;
    const void *a, *b;
    void *c;
    int64_t lda, ldb, ldc;
} tn__gemm_args;

/* Where A has more than some thousand columns, the product is summed in parts. Records
 * TN_ERR_MEMORY if there is no room for these, or for BLAS to work in. */
void tn__gemm(tn_ctx *ctx, const tn__gemm_args *g);

/* The same on this thread alone, for functions that use threads themselves. Before they begin they
 * ask whether BLAS has room: false, with TN_ERR_MEMORY recorded, if not. */
void tn__gemm_serial(const tn__gemm_args *g);
bool tn__gemm_ready(tn_ctx *ctx);

/* So many columns of A BLAS adds up without a large error. A caller with more cuts the product:
 * tn__gemm_middle gives columns begin .. end of A and the rows of B that belong to them. */
#define TN__GEMM_LONG ((int64_t)8192)
tn__gemm_args tn__gemm_middle(const tn__gemm_args *g, int64_t begin, int64_t end);

/* To be called before the first product. If `single_thread`, tells BLAS, once for the process, to
 * start no threads of its own: threads of ours call it. */
void tn__blas_open(bool single_thread);

#endif
