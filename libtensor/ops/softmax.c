/* softmax(x):      y_i = e^x_i / sum_j e^x_j;         dx = y (dy - sum_j y_j dy_j).
 * log_softmax(x):  y_i = x_i - ln sum_j e^x_j;        dx = dy - e^y sum_j dy_j.
 *
 * The kernels work on rows, so another dimension than the last is moved to the end and back. */
#include <tn/op.h>
#include <tn/ops.h>
#include "base/isa.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "tensor/copy.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

typedef struct softmax_args {
    void (*forward)(int64_t rows, int64_t n, const void *x, void *y);
    void (*backward)(int64_t rows, int64_t n, const void *y, const void *dy, void *dx);
    int64_t n, row_bytes;
    const char *x, *dy;
    char *y;
} softmax_args;

static void run_rows(int64_t begin, int64_t end, void *payload)
{
    const softmax_args *a = payload;
    int64_t at = begin * a->row_bytes, rows = end - begin;
    if (a->forward)
        a->forward(rows, a->n, a->x + at, a->y + at);
    else
        a->backward(rows, a->n, a->x + at, a->dy + at, a->y + at);
}

/* t, if it is contiguous; otherwise a copy. The first copy is made in *y, which becomes the
 * result. */
static const tn_tensor *plain(tn_ctx *ctx, const tn_tensor *t, tn_tensor **y)
{
    if (!t || tn_is_contiguous(t))
        return t;
    if (*y)
        return tn__contiguous(ctx, t);
    *y = tn__new(ctx, "softmax", t->dtype, t->ndim, t->shape);
    if (*y)
        tn__copy(ctx, *y, t);
    return *y;
}

/* Moves `dim` to the end of x, and of dy if there is one, and moves it back in the result. If an
 * operand has to be copied, the result takes the place of the copy. */
static tn_tensor *by_rows(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *dy, int dim,
                          softmax_args args)
{
    tn_tensor *y = NULL;
    const tn_tensor *rows = plain(ctx, tn__swap_dims(ctx, x, dim, x->ndim - 1), &y);
    const tn_tensor *drows = dy ? plain(ctx, tn__swap_dims(ctx, dy, dim, x->ndim - 1), &y) : NULL;
    if (!rows || (dy && !drows))
        return NULL;
    y = y ? y : tn__new(ctx, "softmax", x->dtype, rows->ndim, rows->shape);
    if (!y)
        return NULL;
    args.n = x->ndim ? x->shape[dim] : 1;
    args.row_bytes = args.n * (int64_t)tn_dtype_size(x->dtype);
    args.x = tn__ptr(rows);
    args.dy = drows ? tn__ptr(drows) : NULL;
    args.y = tn__ptr(y);
    if (args.n > 0)
        tn__parallel(ctx, tn_numel(x) / args.n, tn__grain(TN__GRAIN_EXPONENTIALS, (double)args.n),
                     run_rows, &args);
    return tn__swap_dims(ctx, y, dim, x->ndim - 1);
}

static void softmax_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *y = tn_saved(node, 0);
    softmax_args args = {.backward = tn__kernels_of(ctx, y->dtype)->softmax_backward};
    tn_add_grad(ctx, node, 0, by_rows(ctx, y, dy, *(const int *)tn_node_data(node), args));
}

static void log_softmax_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *y = tn_saved(node, 0);
    softmax_args args = {.backward = tn__kernels_of(ctx, y->dtype)->log_softmax_backward};
    tn_add_grad(ctx, node, 0, by_rows(ctx, y, dy, *(const int *)tn_node_data(node), args));
}

static const tn_op softmax_op = {.name = "softmax", .backward = softmax_backward};
static const tn_op log_softmax_op = {.name = "log_softmax", .backward = log_softmax_backward};

static tn_tensor *forward(tn_ctx *ctx, const tn_op *op, const tn_tensor *x, int dim)
{
    tn_begin(ctx, op);
    if (!tn_check_float(ctx, op->name, "input", x) || (dim = tn__dim_of(ctx, op->name, dim, x)) < 0)
        return NULL;
    const tn__kernels *k = tn__kernels_of(ctx, x->dtype);
    softmax_args args = {.forward = op == &softmax_op ? k->softmax : k->log_softmax};
    tn_tensor *y = by_rows(ctx, x, NULL, dim, args);
    return tn_record(
        ctx, op, y,
        (tn_record_args){.inputs = {x}, .saved = {y}, .data = &dim, .size = sizeof dim});
}

tn_tensor *tn_softmax(tn_ctx *ctx, const tn_tensor *x, int dim)
{
    return forward(ctx, &softmax_op, x, dim);
}

tn_tensor *tn_log_softmax(tn_ctx *ctx, const tn_tensor *x, int dim)
{
    return forward(ctx, &log_softmax_op, x, dim);
}
