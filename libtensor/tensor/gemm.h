/* gemm.h - products of matrices, by the library's own kernels or by CBLAS.
 *
 * The rule: with the kernels of v3 and v4 a product is the library's own (product.h), for these are
 * as fast as the best ones of OpenBLAS and do not depend on which of them it has picked; with those
 * of the baseline it goes to CBLAS (blas.h). */
#ifndef TN_TENSOR_GEMM_H
#define TN_TENSOR_GEMM_H

#include "tensor/blas.h"

/* Are products the library's own? BLAS, which makes them otherwise, is slow at thin ones of any
 * size, and the bits of these would depend on the number of threads. */
bool tn__gemm_is_own(const tn_ctx *ctx);

/* The product on the threads of the context. Records TN_ERR_MEMORY where there is no room for what
 * it needs. */
void tn__gemm(tn_ctx *ctx, const tn__gemm_args *g);

/* The same on this thread alone, for functions that use threads themselves. It is given memory of
 * so many bytes, aligned to 64: no more for a product that is smaller in m, n and k. Before they
 * begin they ask whether BLAS has room: false, with TN_ERR_MEMORY recorded, if not. */
void tn__gemm_serial(const tn_ctx *ctx, const tn__gemm_args *g, void *space);
size_t tn__gemm_space(const tn_ctx *ctx, const tn__gemm_args *g);
bool tn__gemm_ready(tn_ctx *ctx);

/* B, which is transposed, packed once for every product of the same n and k (g->packed): the bytes
 * that it takes, or 0 where the product reads it as it is; and packing it. */
size_t tn__gemm_packed_bytes(const tn_ctx *ctx, const tn__gemm_args *g);
void tn__gemm_pack(tn_ctx *ctx, const tn__gemm_args *g, char *to);

/* Would the library's own product copy B, which costs time where C has few rows? */
bool tn__gemm_copies_b(const tn_ctx *ctx, const tn__gemm_args *g);

#endif
