/* topk(x, k):  y = the k largest or smallest elements along a dimension, the first one first;
 * dx = dy at their indices, 0 elsewhere. */
#include <math.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "ops/shared/elements.h"
#include "tensor/dtype.h"
#include "tensor/iter.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

typedef struct topk_args {
    const tn_tensor *x;
    int dim;
    int64_t k;
    bool largest;
} topk_args;

typedef struct row {
    const topk_args *args;
    const char *x;
    int64_t *best; /* a heap: none of the children of i, which are 2i + 1 and 2i + 2, is after i */
} row;

/* Does element i come before element j? NaN is larger than all others; equal ones stay in order. */
static bool is_before(const row *r, int64_t i, int64_t j)
{
    const tn_tensor *x = r->args->x;
    int64_t step = x->strides[r->args->dim] * (int64_t)tn_dtype_size(x->dtype);
    double a = tn__load_f64(x->dtype, r->x + i * step), b = tn__load_f64(x->dtype, r->x + j * step);
    bool more = isnan(a) ? !isnan(b) : a > b, less = isnan(b) ? !isnan(a) : a < b;
    return more || less ? more == r->args->largest : i < j;
}

/* Puts `index` in the heap of n elements, at place `i` or below. */
static void sink(const row *r, int64_t n, int64_t i, int64_t index)
{
    for (int64_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && is_before(r, r->best[child], r->best[child + 1]))
            child++;
        if (is_before(r, r->best[child], index))
            break;
        r->best[i] = r->best[child];
        i = child;
    }
    r->best[i] = index;
}

/* The last of the best k so far is on top; those that come before it take its place. */
static void find_best(const row *r)
{
    int64_t k = r->args->k, n = r->args->x->shape[r->args->dim];
    for (int64_t i = 0; i < k; i++)
        r->best[i] = i;
    for (int64_t i = k / 2 - 1; i >= 0; i--)
        sink(r, k, i, r->best[i]);
    for (int64_t i = k; i < n; i++)
        if (is_before(r, i, r->best[0]))
            sink(r, k, 0, i);
    for (int64_t i = k - 1; i > 0; i--) {
        int64_t last = r->best[0];
        sink(r, i, 0, r->best[i]);
        r->best[i] = last;
    }
}

/* Each place stands for a row along `dim`: its first element, and the first of its k indices. */
static void topk_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const topk_args *args = payload;
    int64_t size = (int64_t)tn_dtype_size(args->x->dtype);
    for (int64_t i = 0; i < n; i++)
        find_best(&(row){.args = args,
                         .best = (int64_t *)p[0] + i * s[0],
                         .x = (const char *)p[1] + i * s[1] * size});
}

/* The indices of the best, along `dim`. */
static tn_tensor *best_indices(tn_ctx *ctx, const topk_args *args)
{
    const tn_tensor *x = args->x;
    int last = x->ndim - 1;
    tn_tensor *rows = tn__swap_dims(ctx, x, args->dim, last);
    if (!rows)
        return NULL;
    rows->shape[last] = args->k;
    tn_tensor *at = tn__new(ctx, "topk", TN_I64, rows->ndim, rows->shape);
    bool drop[TN_MAX_DIMS] = {false};
    drop[last] = true;
    tn_tensor *firsts = tn__drop_dims(ctx, rows, drop);
    tn_tensor *to = at ? tn__drop_dims(ctx, at, drop) : NULL;
    if (!to || !firsts)
        return NULL;
    tn__iter it = tn__iter_new(to->ndim, to->shape, 2, (const tn_tensor *[]){to, firsts});
    topk_args copy = *args;
    if (args->k > 0)
        tn__iter_run(ctx, &it, topk_row, &copy);
    return tn__swap_dims(ctx, at, args->dim, last);
}

static void topk_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0,
                tn__scatter_add(ctx, "topk", tn_input_ndim(node, 0), tn_input_shape(node, 0),
                                *(const int *)tn_node_data(node), tn_saved(node, 0), dy));
}

static const tn_op topk_op = {.name = "topk", .backward = topk_backward};

/* Of a tensor without dimensions: itself. */
static tn_tensor *only(tn_ctx *ctx, const tn_tensor *x, bool largest, tn_tensor **indices)
{
    tn_tensor *y = tn_topk(ctx, tn_unsqueeze(ctx, x, 0), 1, 0, largest, indices);
    if (y && indices)
        *indices = tn_squeeze(ctx, *indices, 0);
    return tn_squeeze(ctx, y, 0);
}

tn_tensor *tn_topk(tn_ctx *ctx, const tn_tensor *x, int64_t k, int dim, bool largest,
                   tn_tensor **indices)
{
    tn_begin(ctx, &topk_op);
    if (indices)
        *indices = NULL;
    if (!tn_check_float(ctx, "topk", "input", x) || (dim = tn__dim_of(ctx, "topk", dim, x)) < 0)
        return NULL;
    if (x->ndim == 0 && k == 1)
        return only(ctx, x, largest, indices);
    if (x->ndim == 0 || k < 0 || k > x->shape[dim]) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "topk: %lld elements of dimension %d of %s", (long long)k,
                dim, TN_SHAPE_TEXT(x));
        return NULL;
    }
    topk_args args = {.x = x, .dim = dim, .k = k, .largest = largest};
    tn_tensor *at = best_indices(ctx, &args);
    tn_tensor *y = at ? tn__gather(ctx, "topk", x, dim, at) : NULL;
    y = tn_record(ctx, &topk_op, y,
                  (tn_record_args){.inputs = {x}, .saved = {at}, .data = &dim, .size = sizeof dim});
    if (y && indices)
        *indices = at;
    return y;
}
