/* gemm.c - which products are the library's own. */
#include "base/isa.h"
#include "tensor/gemm.h"
#include "tensor/product.h"

static bool is_own(const tn_ctx *ctx)
{
    return ctx->isa > 0;
}

static tn__product product_of(const tn_ctx *ctx, const tn__gemm_args *g)
{
    return (tn__product){
        .kernels = tn__kernels_of(ctx, g->dtype),
        .dtype = g->dtype,
        .m = g->m,
        .n = g->n,
        .k = g->k,
        .a = {.data = g->a, .line = g->trans_a ? 1 : g->lda, .step = g->trans_a ? g->lda : 1},
        .b = {.data = g->b, .line = g->trans_b ? g->ldb : 1, .step = g->trans_b ? 1 : g->ldb},
        .c = g->c,
        .ldc = g->ldc,
        .adds = g->adds,
        .column_bias = g->bias};
}

void tn__gemm(tn_ctx *ctx, const tn__gemm_args *g)
{
    tn__product p = product_of(ctx, g);
    if (is_own(ctx))
        tn__product_run(ctx, &p);
    else
        tn__blas_gemm(ctx, g);
}

void tn__gemm_serial(const tn_ctx *ctx, const tn__gemm_args *g, void *space)
{
    tn__product p = product_of(ctx, g);
    if (is_own(ctx))
        tn__product_serial(&p, space);
    else
        tn__blas_gemm_serial(g);
}

size_t tn__gemm_space(const tn_ctx *ctx, const tn__gemm_args *g)
{
    tn__product p = product_of(ctx, g);
    return is_own(ctx) ? tn__product_space(&p) : 0;
}

bool tn__gemm_ready(tn_ctx *ctx)
{
    return is_own(ctx) || tn__blas_ready(ctx);
}
