/* matmul(a, b):  y = a b, [..., m, k] [..., k, n] -> [..., m, n];  da = dy b^T,  db = a^T dy.
 * Leading dimensions broadcast. */
#include <limits.h>
#include <string.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/threads.h"
#include "tensor/blas.h"
#include "tensor/broadcast.h"
#include "tensor/copy.h"
#include "tensor/gemm.h"
#include "tensor/iter.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

#define SMALL 8e6 /* multiply-adds of a product that threads do not share, if there are several */

/* A matrix as BLAS takes it: rows `ld` apart, transposed or not. */
typedef struct layout {
    bool trans;
    int64_t ld;
} layout;

/* The last two dimensions of t, if one of them has stride 1 and the other does not fold back. */
static bool blas_layout(const tn_tensor *t, layout *out)
{
    int64_t rows = t->shape[t->ndim - 2], cols = t->shape[t->ndim - 1];
    int64_t down = t->strides[t->ndim - 2], right = t->strides[t->ndim - 1];
    if ((right == 1 || cols <= 1) && (down >= cols || rows <= 1)) {
        *out = (layout){false, rows <= 1 || down < 1 ? (cols > 1 ? cols : 1) : down};
        return out->ld >= cols;
    }
    *out = (layout){true, cols <= 1 ? (rows > 1 ? rows : 1) : right};
    return (down == 1 || rows <= 1) && out->ld >= rows && out->ld >= 1;
}

/* t, or a copy of it that BLAS can take. */
static const tn_tensor *for_blas(tn_ctx *ctx, const tn_tensor *t, layout *out)
{
    if (blas_layout(t, out))
        return t;
    const tn_tensor *copy = tn__new(ctx, "matmul", t->dtype, t->ndim, t->shape);
    if (copy) {
        tn__copy(ctx, copy, t);
        blas_layout(copy, out);
    }
    return copy;
}

/* Many products. Small ones are made apart: each thread has some of them to itself. */
typedef struct batch {
    tn_ctx *ctx;
    tn__gemm_args gemm;
    bool apart;
    int64_t workers, bytes; /* that each of them multiplies in */
    char *space;
} batch;

/* Neighbours of the batch: number i of operand o begins at p[o], strides[o] i elements further. */
typedef struct row {
    const batch *batch;
    void *const *p;
    const int64_t *strides;
} row;

static tn__gemm_args product_of(const row *r, int64_t i)
{
    tn__gemm_args g = r->batch->gemm;
    int64_t at = i * (int64_t)tn_dtype_size(g.dtype);
    g.c = (char *)r->p[0] + at * r->strides[0];
    g.a = (char *)r->p[1] + at * r->strides[1];
    g.b = (char *)r->p[2] + at * r->strides[2];
    return g;
}

static void multiply_apart(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const row *r = payload;
    const batch *b = r->batch;
    for (int64_t i = begin; i < end; i++) {
        tn__gemm_args g = product_of(r, i);
        tn__gemm_serial(b->ctx, &g, b->space + worker * b->bytes);
    }
}

static void multiply_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const batch *b = payload;
    row r = {b, p, strides};
    if (b->apart) {
        tn__share(b->ctx, n, b->workers, multiply_apart, &r);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        tn__gemm_args g = product_of(&r, i);
        tn__gemm(b->ctx, &g);
    }
}

/* Memory for so many products that are made apart; false with an error if there is none. */
static bool prepare(batch *b, int64_t count)
{
    const tn__gemm_args *g = &b->gemm;
    double work = (double)g->m * (double)g->n * (double)g->k;
    b->apart = count > 1 && work < SMALL && g->k <= TN__GEMM_LONG;
    if (!b->apart)
        return true;
    b->workers = tn__workers(b->ctx, count, work * (double)count / TN__GRAIN_MULTIPLY_ADDS);
    b->bytes = (int64_t)tn__gemm_space(b->ctx, g);
    b->space = tn__gemm_ready(b->ctx) ? tn__alloc(b->ctx, tn__bytes(b->workers * b->bytes)) : NULL;
    return b->space != NULL;
}

static tn_tensor *leading(tn_ctx *ctx, const tn_tensor *t)
{
    return tn__view(ctx, t, t->ndim - 2, t->shape, t->strides, t->offset);
}

/* Products of all the matrices of a and b into y, which has the broadcast shape. */
static void multiply(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b, const tn_tensor *y)
{
    layout la, lb;
    a = for_blas(ctx, a, &la);
    b = a ? for_blas(ctx, b, &lb) : NULL;
    if (!b)
        return;
    int64_t m = y->shape[y->ndim - 2], n = y->shape[y->ndim - 1];
    batch all = {.ctx = ctx,
                 .gemm = {.dtype = y->dtype,
                          .trans_a = la.trans,
                          .trans_b = lb.trans,
                          .m = m,
                          .n = n,
                          .k = a->shape[a->ndim - 1],
                          .lda = la.ld,
                          .ldb = lb.ld,
                          .ldc = n}};
    const tn_tensor *matrices[] = {leading(ctx, y), leading(ctx, a), leading(ctx, b)};
    if (!tn_ok(ctx) || !prepare(&all, tn_numel(y) / m / n))
        return;
    tn__iter it = tn__iter_new(y->ndim - 2, y->shape, 3, matrices);
    tn__iter_run_serial(&it, multiply_row, &all);
    tn__free(ctx, all.space);
}

/* The rows of all matrices of a, where b is a single one: they are rows of one matrix then. */
static int64_t rows_to_join(const tn_tensor *a, const tn_tensor *b)
{
    int64_t k = tn_size(a, -1), rows = k > 0 ? tn_numel(a) / k : 0;
    bool single = tn_numel(b) == k * tn_size(b, -1);
    return a->ndim > 2 && single && tn_is_contiguous(a) && rows <= INT_MAX ? rows : 0;
}

static void multiply_joined(tn_ctx *ctx, int64_t rows, const tn_tensor *a, const tn_tensor *b,
                            tn_tensor *y)
{
    a = tn__reshaped(ctx, a, 2, (int64_t[]){rows, tn_size(a, -1)});
    y = tn__reshaped(ctx, y, 2, (int64_t[]){rows, tn_size(y, -1)});
    b = tn__view(ctx, b, 2, b->shape + b->ndim - 2, b->strides + b->ndim - 2, b->offset);
    if (a && b && y)
        multiply(ctx, a, b, y);
}

/* Every size must fit the int of CBLAS, and strides that are used. */
static bool check_sizes(tn_ctx *ctx, const tn_tensor *t)
{
    for (int i = t->ndim - 2; i < t->ndim; i++)
        if (t->shape[i] > INT_MAX || (t->shape[i] > 1 && t->strides[i] > INT_MAX)) {
            tn_fail(ctx, TN_ERR_SHAPE, "matmul: matrix %s has a size or stride above %d",
                    TN_SHAPE_TEXT(t), INT_MAX);
            return false;
        }
    return true;
}

static tn_tensor *product(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    if (!a || !b || !check_sizes(ctx, a) || !check_sizes(ctx, b) ||
        !tn__broadcast_shape(a->ndim - 2, a->shape, b->ndim - 2, b->shape, &ndim, shape))
        return NULL;
    shape[ndim] = tn_size(a, -2);
    shape[ndim + 1] = tn_size(b, -1);
    tn_tensor *y = tn__new(ctx, "matmul", a->dtype, ndim + 2, shape);
    int64_t joined = rows_to_join(a, b);
    if (y && tn_size(a, -1) == 0)
        tn__fill(y, 0);
    else if (y && tn_numel(y) > 0 && joined > 0)
        multiply_joined(ctx, joined, a, b, y);
    else if (y && tn_numel(y) > 0)
        multiply(ctx, a, b, y);
    return tn_ok(ctx) ? y : NULL;
}

static tn_tensor *transposed(tn_ctx *ctx, const tn_tensor *t)
{
    return t ? tn__swap_dims(ctx, t, t->ndim - 2, t->ndim - 1) : NULL;
}

static void matmul_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *a = tn_saved(node, 0), *b = tn_saved(node, 1);
    if (tn_wants_grad(node, 0))
        tn_add_grad(ctx, node, 0, product(ctx, dy, transposed(ctx, b)));
    if (!tn_wants_grad(node, 1))
        return;
    if (b->ndim == 2 && a->ndim > 2) {
        a = tn__rows(ctx, a);
        dy = tn__rows(ctx, dy);
    }
    tn_add_grad(ctx, node, 1, product(ctx, transposed(ctx, a), dy));
}

static const tn_op matmul_op = {.name = "matmul", .backward = matmul_backward};

/* A matrix that all of a shares is multiplied once. */
static tn_tensor *product_folded(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    if (a->ndim == 2 || b->ndim > 2 || !tn_is_contiguous(a))
        return product(ctx, a, b);
    int64_t shape[TN_MAX_DIMS];
    memcpy(shape, a->shape, sizeof shape);
    shape[a->ndim - 1] = tn_size(b, -1);
    tn_tensor *y = product(ctx, tn__rows(ctx, a), b);
    return tn__reshaped(ctx, y, a->ndim, shape);
}

/* As the program gave them, before vectors become matrices and batches rows. */
static bool check_shapes(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    int64_t columns = tn_size(a, -1), rows = tn_size(b, b->ndim == 1 ? 0 : -2);
    if (columns != rows)
        tn_fail(ctx, TN_ERR_SHAPE, "matmul: input %s has %lld columns but other %s has %lld rows",
                TN_SHAPE_TEXT(a), (long long)columns, TN_SHAPE_TEXT(b), (long long)rows);
    else if (!tn__broadcast_shape(a->ndim - 2, a->shape, b->ndim - 2, b->shape, &ndim, shape))
        tn_fail(ctx, TN_ERR_SHAPE,
                "matmul: input %s and other %s do not broadcast before their last two dimensions",
                TN_SHAPE_TEXT(a), TN_SHAPE_TEXT(b));
    return tn_ok(ctx);
}

tn_tensor *tn_matmul(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    tn_begin(ctx, &matmul_op);
    if (!tn_check_float(ctx, "matmul", "input", a) || !tn_check_float(ctx, "matmul", "other", b) ||
        !tn_check_same_dtype(ctx, "matmul", "input", a, "other", b))
        return NULL;
    if (a->ndim == 0 || b->ndim == 0) {
        tn_fail(ctx, TN_ERR_SHAPE, "matmul: shapes %s and %s need at least one dimension each",
                TN_SHAPE_TEXT(a), TN_SHAPE_TEXT(b));
        return NULL;
    }
    if (!check_shapes(ctx, a, b))
        return NULL;
    if (a->ndim == 1)
        return tn_select(ctx, tn_matmul(ctx, tn_unsqueeze(ctx, a, 0), b), b->ndim == 1 ? 0 : -2, 0);
    if (b->ndim == 1)
        return tn_select(ctx, tn_matmul(ctx, a, tn_unsqueeze(ctx, b, -1)), -1, 0);
    tn_tensor *y = product_folded(ctx, a, b);
    return tn_record(ctx, &matmul_op, y, (tn_record_args){.inputs = {a, b}, .saved = {a, b}});
}
