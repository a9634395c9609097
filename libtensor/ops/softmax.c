/* softmax(x):      y_i = e^x_i / sum_j e^x_j;         dx = y (dy - sum_j y_j dy_j).
 * log_softmax(x):  y_i = x_i - ln sum_j e^x_j;        dx = dy - e^y sum_j dy_j.
 *
 * Of another dimension than the last, many columns are done side by side where they are. A few, and
 * operands with gaps, become rows: the dimension is moved to the end and back, by copies. */
#include <tn/op.h>
#include <tn/ops.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "tensor/copy.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

#define FEW 15   /* columns, which are better copied */
#define STRIP 64 /* columns that a thread takes at once; the last one the rest, too */

typedef struct softmax_args {
    const tn__kernels *kernels;
    bool log, backward;
    int64_t n, row_bytes;
    int64_t columns, strips; /* of each matrix of n rows */
    int64_t element_size;
    const char *x, *dy;
    char *y;
} softmax_args;

static void run_rows(int64_t begin, int64_t end, void *payload)
{
    const softmax_args *a = payload;
    const tn__kernels *k = a->kernels;
    int64_t at = begin * a->row_bytes, rows = end - begin;
    if (a->backward)
        k->softmax_backward(rows, a->n, a->log, a->x + at, a->dy + at, a->y + at);
    else
        (a->n <= TN__SHORT_ROW ? k->softmax_short : k->softmax)(rows, a->n, a->log, a->x + at,
                                                                a->y + at);
}

static void run_strips(int64_t begin, int64_t end, void *payload)
{
    const softmax_args *a = payload;
    for (int64_t i = begin; i < end; i++) {
        int64_t strip = i % a->strips, first = strip * STRIP;
        int64_t cols = strip == a->strips - 1 ? a->columns - first : STRIP;
        int64_t at = (i / a->strips * a->n * a->columns + first) * a->element_size;
        if (a->backward)
            a->kernels->softmax_columns_backward(a->n, cols, a->columns, a->log, a->x + at,
                                                 a->dy + at, a->y + at);
        else
            a->kernels->softmax_columns(a->n, cols, a->columns, a->log, a->x + at, a->y + at);
    }
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
    args.row_bytes = args.n * args.element_size;
    args.x = tn__ptr(rows);
    args.dy = drows ? tn__ptr(drows) : NULL;
    args.y = tn__ptr(y);
    if (args.n > 0)
        tn__parallel(ctx, tn_numel(x) / args.n, tn__grain(TN__GRAIN_EXPONENTIALS, (double)args.n),
                     run_rows, &args);
    return tn__contiguous(ctx, tn__swap_dims(ctx, y, dim, x->ndim - 1));
}

/* x is contiguous. */
static tn_tensor *by_columns(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *dy,
                             softmax_args args)
{
    tn_tensor *y = tn__new(ctx, "softmax", x->dtype, x->ndim, x->shape);
    dy = dy ? tn__contiguous(ctx, dy) : NULL;
    if (!y || (args.backward && !dy))
        return NULL;
    args.x = tn__ptr(x);
    args.dy = dy ? tn__ptr(dy) : NULL;
    args.y = tn__ptr(y);
    args.strips = tn__max(1, args.columns / STRIP);
    tn__parallel(ctx, tn_numel(x) / (args.n * args.columns) * args.strips,
                 tn__grain(TN__GRAIN_EXPONENTIALS, STRIP * (double)args.n), run_strips, &args);
    return y;
}

/* y from x, or dx from y and dy. */
static tn_tensor *compute(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *dy, int dim, bool log)
{
    softmax_args args = {.kernels = tn__kernels_of(ctx, x->dtype), .log = log, .columns = 1};
    args.backward = dy != NULL;
    args.element_size = (int64_t)tn_dtype_size(x->dtype);
    args.n = x->ndim ? x->shape[dim] : 1;
    for (int i = dim + 1; i < x->ndim && tn_numel(x) > 0; i++)
        args.columns *= x->shape[i];
    return args.columns > FEW && tn_is_contiguous(x) ? by_columns(ctx, x, dy, args)
                                                     : by_rows(ctx, x, dy, dim, args);
}

static void softmax_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const int *dim = tn_node_data(node);
    tn_add_grad(ctx, node, 0, compute(ctx, tn_saved(node, 0), dy, *dim, false));
}

static void log_softmax_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const int *dim = tn_node_data(node);
    tn_add_grad(ctx, node, 0, compute(ctx, tn_saved(node, 0), dy, *dim, true));
}

static const tn_op softmax_op = {.name = "softmax", .backward = softmax_backward};
static const tn_op log_softmax_op = {.name = "log_softmax", .backward = log_softmax_backward};

static tn_tensor *forward(tn_ctx *ctx, const tn_op *op, const tn_tensor *x, int dim)
{
    tn_begin(ctx, op);
    if (!tn_check_float(ctx, op->name, "input", x) || (dim = tn__dim_of(ctx, op->name, dim, x)) < 0)
        return NULL;
    tn_tensor *y = compute(ctx, x, NULL, dim, op == &log_softmax_op);
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
