/* linear(x, w, b):  y = x w^T + b, x [..., in], w [out, in], b [out];
 *     dx = dy w,  dw = dy^T x,  db = sum of dy over all but the last dimension. */
#include <limits.h>
#include <string.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/in_place.h"
#include "tensor/blas.h"
#include "tensor/copy.h"
#include "tensor/gemm.h"
#include "tensor/long_sum.h"
#include "tensor/prepared.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

/* A dw of few rows is made in one pass over an x that a core's own caches do not hold, or that the
 * product would copy. */
#define CACHE_BYTES 8388608.0
#define LONG 8192 /* rows of a part of dw: at most 256 sums of 32 rows, added one after another */

typedef struct thin_args {
    const tn__kernels *k;
    int64_t m, out, in; /* x [m, in], dy [m, out], dw [out, in] */
    int64_t size;       /* of a number */
    const char *x, *dy;
    tn__long_sum dw;
} thin_args;

#define LINE 64 /* bytes of a cache line; no two threads write to one */

/* Columns are counted in cache lines. The first part of the rows goes to dw itself, each later one
 * to dw.part, which is then added. */
static void thin_columns(int64_t begin, int64_t end, void *payload)
{
    const thin_args *a = payload;
    int64_t parts = tn__divide_up(a->m, LONG), size = a->size;
    begin *= LINE / size;
    end = tn__min(end * (LINE / size), a->in);
    for (int64_t i = 0; i < parts; i++) {
        int64_t row = tn__cut(a->m, parts, i), rows = tn__cut(a->m, parts, i + 1) - row;
        a->k->thin_outer(rows, a->out, a->in, a->dy + row * a->out * size,
                         a->x + row * a->in * size, begin, end, i > 0 ? a->dw.part : a->dw.to);
        if (i > 0)
            tn__long_sum_add(&a->dw, begin, end);
    }
}

/* y of a layer without inputs: the bias, or zeros. */
static void bias_alone(tn_ctx *ctx, tn_tensor *y, const tn_tensor *bias)
{
    if (bias)
        tn__copy(ctx, y, bias);
    else
        tn__fill(y, 0);
}

/* The product, with w packed once for all calls where it is kept. */
static void multiply(tn_ctx *ctx, tn__gemm_args g, const tn__form *form)
{
    size_t bytes = form->of ? tn__gemm_packed_bytes(ctx, &g) : 0;
    tn__prepared w;
    if (bytes == 0 || !tn__is_kept(ctx, form, bytes)) {
        tn__gemm(ctx, &g);
    } else if (tn__prepare(ctx, form, bytes, &w)) {
        if (!w.ready)
            tn__gemm_pack(ctx, &g, w.data);
        g.packed = w.data;
        tn__gemm(ctx, &g);
        tn__prepared_done(ctx, &w);
    }
}

/* y [..., out] = x w^T + bias for contiguous x [m, in], w [out, in], by a form of w. */
static void forward(tn_ctx *ctx, tn_tensor *y, const tn_tensor *x, const tn_tensor *w,
                    const tn_tensor *bias, const tn__form *form)
{
    int64_t in = x->shape[1], out = w->shape[0];
    tn__gemm_args g = {.dtype = x->dtype,
                       .trans_b = true,
                       .m = x->shape[0],
                       .n = out,
                       .k = in,
                       .a = tn__ptr(x),
                       .lda = in,
                       .b = tn__ptr(w),
                       .ldb = in,
                       .bias = bias ? tn__ptr(bias) : NULL,
                       .c = tn__ptr(y),
                       .ldc = out};
    if (in == 0)
        bias_alone(ctx, y, bias);
    else
        multiply(ctx, g, form);
}

static tn_tensor *grad_of_x(tn_ctx *ctx, const tn_tensor *dy, const tn_tensor *w, int ndim,
                            const int64_t *shape)
{
    tn_tensor *dx = tn__new(ctx, "linear", w->dtype, ndim, shape);
    int64_t in = w->shape[1], out = w->shape[0];
    if (dx)
        tn__gemm(ctx, &(tn__gemm_args){.dtype = w->dtype,
                                       .m = dy->shape[0],
                                       .n = in,
                                       .k = out,
                                       .a = tn__ptr(dy),
                                       .lda = out,
                                       .b = tn__ptr(w),
                                       .ldb = in,
                                       .c = tn__ptr(dx),
                                       .ldc = in});
    return tn_ok(ctx) ? dx : NULL;
}

static void thin_weight_grad(tn_ctx *ctx, const tn__gemm_args *g)
{
    thin_args a = {.k = tn__kernels_of(ctx, g->dtype),
                   .m = g->k,
                   .out = g->m,
                   .in = g->n,
                   .size = (int64_t)tn_dtype_size(g->dtype),
                   .x = g->b,
                   .dy = g->a};
    int64_t per_line = LINE / a.size;
    a.dw = (tn__long_sum){
        .k = a.k, .dtype = g->dtype, .rows = a.out, .cols = a.in, .ld = a.in, .to = g->c};
    if (a.m <= LONG || tn__long_sum_alloc(ctx, &a.dw))
        tn__parallel(
            ctx, tn__divide_up(a.in, per_line),
            tn__grain(TN__GRAIN_MULTIPLY_ADDS, (double)per_line * (double)a.m * (double)a.out),
            thin_columns, &a);
    tn__long_sum_free(ctx, &a.dw);
}

/* Is dw, as the product g, made sooner so? */
static bool is_thin(const tn_ctx *ctx, const tn__gemm_args *g)
{
    double bytes = (double)g->k * (double)g->n * (double)tn_dtype_size(g->dtype);
    int64_t most = tn__kernels_of(ctx, g->dtype)->thin_outputs();
    if (g->k == 0)
        return false;
    if (!tn__gemm_is_own(ctx))
        return g->m <= TN__THIN_FEW;
    return g->m <= most && (bytes > CACHE_BYTES || tn__gemm_copies_b(ctx, g));
}

static tn_tensor *grad_of_weight(tn_ctx *ctx, const tn_tensor *dy, const tn_tensor *x)
{
    int64_t m = x->shape[0], in = x->shape[1], out = dy->shape[1];
    tn_tensor *dw = tn__new(ctx, "linear", x->dtype, 2, (int64_t[]){out, in});
    if (!dw)
        return NULL;
    tn__gemm_args g = {.dtype = x->dtype,
                       .trans_a = true,
                       .m = out,
                       .n = in,
                       .k = m,
                       .a = tn__ptr(dy),
                       .lda = out,
                       .b = tn__ptr(x),
                       .ldb = in,
                       .c = tn__ptr(dw),
                       .ldc = in};
    if (is_thin(ctx, &g))
        thin_weight_grad(ctx, &g);
    else
        tn__gemm(ctx, &g);
    return tn_ok(ctx) ? dw : NULL;
}

static void linear_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *x = tn_saved(node, 0), *w = tn_saved(node, 1), *rows = tn__rows(ctx, dy);
    if (!rows)
        return;
    if (tn_wants_grad(node, 0))
        tn_add_grad(ctx, node, 0,
                    grad_of_x(ctx, rows, w, tn_input_ndim(node, 0), tn_input_shape(node, 0)));
    if (tn_wants_grad(node, 1))
        tn_add_grad(ctx, node, 1, grad_of_weight(ctx, rows, x));
    if (tn_wants_grad(node, 2))
        tn_add_grad(ctx, node, 2, rows);
}

static const tn_op linear_op = {.name = "linear", .backward = linear_backward};

static bool check_shapes(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *w, const tn_tensor *bias)
{
    if (w->ndim != 2 || x->ndim < 1 || tn_size(x, -1) != w->shape[1]) {
        tn_fail(ctx, TN_ERR_SHAPE, "linear: input %s and weight %s; expected [...,in] and [out,in]",
                TN_SHAPE_TEXT(x), TN_SHAPE_TEXT(w));
        return false;
    }
    if (bias && (bias->ndim != 1 || bias->shape[0] != w->shape[0])) {
        tn_fail(ctx, TN_ERR_SHAPE, "linear: weight %s has %lld outputs but bias is %s",
                TN_SHAPE_TEXT(w), (long long)w->shape[0], TN_SHAPE_TEXT(bias));
        return false;
    }
    if (w->shape[0] > INT_MAX || w->shape[1] > INT_MAX ||
        (w->shape[1] > 0 && tn_numel(x) / w->shape[1] > INT_MAX)) {
        tn_fail(ctx, TN_ERR_SHAPE, "linear: input %s or weight %s has a size above %d",
                TN_SHAPE_TEXT(x), TN_SHAPE_TEXT(w), INT_MAX);
        return false;
    }
    return true;
}

static bool check_arguments(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *w,
                            const tn_tensor *bias)
{
    return tn_check_float(ctx, "linear", "input", x) &&
           tn_check_float(ctx, "linear", "weight", w) &&
           tn_check_same_dtype(ctx, "linear", "input", x, "weight", w) &&
           (!bias || tn_check_same_dtype(ctx, "linear", "input", x, "bias", bias)) &&
           check_shapes(ctx, x, w, bias);
}

tn_tensor *tn_linear(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                     const tn_tensor *bias)
{
    tn_begin(ctx, &linear_op);
    if (!check_arguments(ctx, x, weight, bias))
        return NULL;
    const tn_tensor *rows = tn__rows(ctx, x), *w = tn__contiguous(ctx, weight);
    const tn_tensor *b = bias ? tn__contiguous(ctx, bias) : NULL;
    int64_t shape[TN_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[x->ndim - 1] = weight->shape[0];
    tn_tensor *y = tn__new(ctx, "linear", x->dtype, x->ndim, shape);
    if (!tn_ok(ctx))
        return NULL;
    bool records = tn_will_record(ctx, 3, (const tn_tensor *[]){x, weight, bias});
    tn__form form = {.of = !records && w->storage == weight->storage ? w : NULL,
                     .method = &linear_op,
                     .kernels = tn__kernels_of(ctx, x->dtype)};
    forward(ctx, y, rows, w, b, &form);
    return tn_record(ctx, &linear_op, y,
                     (tn_record_args){.inputs = {x, weight, bias}, .saved = {rows, w}});
}

/* y is small beside the weights and in the cache, so ReLU passes over it at the end. */
tn_tensor *tn__linear_relu(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias)
{
    return tn__relu_in_place(ctx, tn_linear(ctx, x, weight, bias));
}
