/* gemm.c - which way a product is made: thin ones by reading the tall matrix once, others by the
 * library's own tiles or by CBLAS. */
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "tensor/gemm.h"
#include "tensor/product.h"
#include "tensor/tensor.h"

#define VECTORS 2      /* outputs of a thin product whose tall matrix may be of any size; */
#define TALL_BYTES 1e6 /* with TN__THIN_FEW of them it has more bytes than this, or, */
#define LOW_BYTES 1e5  /* with TN__THIN and where tiles would have empty columns, than this */

bool tn__gemm_is_own(const tn_ctx *ctx)
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
        .b = {.data = g->b,
              .line = g->trans_b ? g->ldb : 1,
              .step = g->trans_b ? 1 : g->ldb,
              .packed = g->packed},
        .c = g->c,
        .ldc = g->ldc,
        .adds = g->adds,
        .row_bias = g->row_bias,
        .column_bias = g->bias};
}

/* ---- thin products --------------------------------------------------------------------------- */

/* y [m, n] = x [m, k] w^T + bias, each of them row after row, n being small. */
typedef struct thin {
    const tn__kernels *kernels;
    int64_t n, k, size;
    const char *x, *w, *bias;
    char *y;
} thin;

static void thin_rows(int64_t begin, int64_t end, void *payload)
{
    const thin *t = payload;
    t->kernels->thin_linear(end - begin, t->n, t->k, t->x + begin * t->k * t->size, t->w, t->bias,
                            t->y + begin * t->n * t->size);
}

/* The product's columns are whole vectors: are two of seven or more empty? */
static bool wastes_columns(const tn_ctx *ctx, const tn__gemm_args *g)
{
    int64_t vector = tn__kernels_of(ctx, g->dtype)->product_tile().columns / 2;
    return 7 * g->n <= 5 * vector * tn__divide_up(g->n, vector);
}

/* Are so few outputs of such an A made sooner by the thin kernel? */
static bool is_thin_sooner(const tn_ctx *ctx, const tn__gemm_args *g)
{
    double size = (double)tn_dtype_size(g->dtype);
    double a_bytes = (double)g->m * (double)g->k * size;
    if (g->n <= VECTORS)
        return true;
    if (!tn__gemm_is_own(ctx))
        return g->n <= TN__THIN_FEW;
    if (g->n <= TN__THIN_FEW && a_bytes > TALL_BYTES)
        return true;
    return g->n <= TN__THIN && a_bytes > LOW_BYTES && wastes_columns(ctx, g);
}

/* Is C = A B such a product, where B is w^T? */
static bool is_thin(const tn_ctx *ctx, const tn__gemm_args *g)
{
    bool is_w = g->n == 1 ? g->trans_b || g->ldb == 1 : g->trans_b && g->ldb == g->k;
    bool dense = is_w && !g->trans_a && (g->m == 1 || (g->lda == g->k && g->ldc == g->n));
    return dense && !g->adds && !g->row_bias && is_thin_sooner(ctx, g);
}

static void thin_product(tn_ctx *ctx, const tn__gemm_args *g)
{
    thin t = {.kernels = tn__kernels_of(ctx, g->dtype),
              .n = g->n,
              .k = g->k,
              .size = (int64_t)tn_dtype_size(g->dtype),
              .x = g->a,
              .w = g->b,
              .bias = g->bias,
              .y = g->c};
    tn__parallel(ctx, g->m, tn__grain(TN__GRAIN_MULTIPLY_ADDS, (double)g->n * (double)g->k),
                 thin_rows, &t);
}

/* A vector times B^T is B times the vector: the rows of C become columns, and its bias, a number
 * for each row then, is left to the caller. Thin products know no number that a row begins with. */
static bool is_vector(const tn_ctx *ctx, const tn__gemm_args *g, tn__gemm_args *turned)
{
    if (g->m != 1 || g->row_bias || !g->trans_b || (g->trans_a && g->lda != 1))
        return false;
    *turned = tn__gemm_transposed(g);
    return is_thin(ctx, turned);
}

/* A^T times a column is the column's row times A, which passes over A row after row. Long sums that
 * begin with a bias would lose more to rounding there. */
static bool is_column(const tn__gemm_args *g, tn__gemm_args *turned)
{
    if (g->n != 1 || g->m == 1 || !g->trans_a || g->ldc != 1 || g->bias || g->row_bias)
        return false;
    *turned = tn__gemm_transposed(g);
    return true;
}

/* ---- the rule -------------------------------------------------------------------------------- */

void tn__gemm(tn_ctx *ctx, const tn__gemm_args *g)
{
    tn__product p = product_of(ctx, g);
    tn__gemm_args turned;
    if (g->m == 0 || g->n == 0)
        return; /* rows without elements would be gone through all the same */
    if (is_column(g, &turned)) {
        tn__gemm(ctx, &turned);
    } else if (is_thin(ctx, g)) {
        thin_product(ctx, g);
    } else if (is_vector(ctx, g, &turned)) {
        thin_product(ctx, &turned);
        if (g->bias)
            p.kernels->add_to(g->n, g->bias, g->c);
    } else if (tn__gemm_is_own(ctx))
        tn__product_run(ctx, &p);
    else
        tn__blas_gemm(ctx, g);
}

size_t tn__gemm_packed_bytes(const tn_ctx *ctx, const tn__gemm_args *g)
{
    tn__product p = product_of(ctx, g);
    tn__gemm_args turned;
    bool other = !tn__gemm_is_own(ctx) || is_thin(ctx, g) || is_vector(ctx, g, &turned);
    return other ? 0 : tn__product_packed_bytes(&p);
}

void tn__gemm_pack(tn_ctx *ctx, const tn__gemm_args *g, char *to)
{
    tn__product p = product_of(ctx, g);
    tn__product_pack(ctx, &p, to);
}

bool tn__gemm_copies_b(const tn_ctx *ctx, const tn__gemm_args *g)
{
    tn__product p = product_of(ctx, g);
    return tn__product_copies_b(&p);
}

void tn__gemm_serial(const tn_ctx *ctx, const tn__gemm_args *g, void *space)
{
    tn__product p = product_of(ctx, g);
    if (tn__gemm_is_own(ctx))
        tn__product_serial(&p, space);
    else
        tn__blas_gemm_serial(g);
}

size_t tn__gemm_space(const tn_ctx *ctx, const tn__gemm_args *g)
{
    tn__product p = product_of(ctx, g);
    return tn__gemm_is_own(ctx) ? tn__product_space(&p) : 0;
}

bool tn__gemm_ready(tn_ctx *ctx)
{
    return tn__gemm_is_own(ctx) || tn__blas_ready(ctx);
}
