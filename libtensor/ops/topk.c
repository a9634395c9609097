/* topk(x, k):  y = the k largest or smallest elements along a dimension, the first one first;
 * dx = dy at their indices, 0 elsewhere. */
#include <string.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/shared/elements.h"
#include "tensor/copy.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

typedef struct topk_args {
    const tn__kernels *k;
    const tn_tensor *rows; /* x with the dimension last */
    int64_t n, count;      /* to choose from, and how many */
    bool largest, sorts;
    int64_t *best;
    int64_t workers, bytes; /* that each of them sorts in */
    char *space;
} topk_args;

/* Where row `number` begins, in elements. */
static int64_t offset_of(const tn_tensor *rows, int64_t number)
{
    int64_t offset = 0;
    for (int i = rows->ndim - 2; i >= 0; i--) {
        offset += number % rows->shape[i] * rows->strides[i];
        number /= rows->shape[i];
    }
    return offset;
}

static void topk_rows(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const topk_args *a = payload;
    int last = a->rows->ndim - 1;
    int64_t size = (int64_t)tn_dtype_size(a->rows->dtype), step = a->rows->strides[last];
    for (int64_t i = begin; i < end; i++) {
        const char *x = (const char *)tn__ptr(a->rows) + offset_of(a->rows, i) * size;
        int64_t *best = a->best + i * a->count;
        if (a->sorts)
            a->k->topk_sort(a->n, a->count, x, step, a->largest, a->space + worker * a->bytes,
                            best);
        else
            a->k->topk(a->n, a->count, x, step, a->largest, best);
    }
}

/* A heap of few takes less time than sorting. What is sorted of f32 has places of 32 bits. */
static bool pays_to_sort(int64_t n, int64_t count)
{
    int64_t few = n < TN__CHOSEN_FROM ? n / 32 : n / 64;
    return n <= INT32_MAX && count > 1 + few;
}

static void run(tn_ctx *ctx, topk_args *a)
{
    int64_t rows = tn_numel(a->rows) / tn_size(a->rows, -1);
    a->workers = tn__workers(ctx, rows, (double)rows * (double)a->n / TN__GRAIN_ELEMENTS);
    a->sorts = pays_to_sort(a->n, a->count);
    if (a->sorts && a->n > TN__FEW_SORTED) {
        a->bytes = 4 * a->n * (int64_t)tn_dtype_size(a->rows->dtype);
        a->space = tn__alloc(ctx, tn__bytes(a->workers * a->bytes));
        if (!a->space)
            return;
    }
    tn__share(ctx, rows, a->workers, topk_rows, a);
    tn__free(ctx, a->space);
}

/* The indices of the best, along `dim`. Of one number that is repeated they are the first ones. */
static tn_tensor *best_indices(tn_ctx *ctx, const tn_tensor *x, int64_t count, int dim,
                               bool largest)
{
    int last = x->ndim - 1;
    const tn_tensor *rows = tn__swap_dims(ctx, x, dim, last);
    int64_t shape[TN_MAX_DIMS];
    if (!rows)
        return NULL;
    memcpy(shape, rows->shape, sizeof shape);
    shape[last] = count;
    tn_tensor *at = tn__new(ctx, "topk", TN_I64, rows->ndim, shape);
    if (!at)
        return NULL;
    topk_args args = {.k = tn__kernels_of(ctx, x->dtype),
                      .rows = rows,
                      .n = rows->strides[last] == 0 ? count : rows->shape[last],
                      .count = count,
                      .largest = largest,
                      .best = tn__ptr(at)};
    if (tn_numel(at) > 0)
        run(ctx, &args);
    if (!tn_ok(ctx))
        return NULL;
    return tn__contiguous(ctx, tn__swap_dims(ctx, at, dim, last));
}

static void topk_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0,
                tn__scatter_add(ctx, "topk", tn_input_ndim(node, 0), tn_input_shape(node, 0),
                                *(const int *)tn_node_data(node), tn_saved(node, 0), true, dy));
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
    tn_tensor *at = best_indices(ctx, x, k, dim, largest);
    tn_tensor *y = at ? tn__gather(ctx, "topk", x, dim, at) : NULL;
    y = tn_record(ctx, &topk_op, y,
                  (tn_record_args){.inputs = {x}, .saved = {at}, .data = &dim, .size = sizeof dim});
    if (y && indices)
        *indices = at;
    return y;
}
