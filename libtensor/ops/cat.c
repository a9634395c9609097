/* cat(x_0, x_1...):  y = the x_i one after another along a dimension;  dx_i = its part of dy. */
#include <string.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "base/integers.h"
#include "base/threads.h"
#include "ops/shared/list.h"
#include "tensor/copy.h"
#include "tensor/rows.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

typedef struct cat_data {
    int dim;
    int64_t count;
    int64_t sizes[TN_MAX_INPUTS]; /* along the dimension */
} cat_data;

static void cat_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const cat_data *data = tn_node_data(node);
    int64_t start = 0;
    for (int i = 0; i < data->count; start += data->sizes[i++])
        if (tn_wants_grad(node, i))
            tn_add_grad(ctx, node, i, tn_narrow(ctx, dy, data->dim, start, data->sizes[i]));
}

static const tn_op cat_op = {.name = "cat", .backward = cat_backward};

/* The shape of the result; checks that all have the same sizes along the other dimensions. */
static bool joined_shape(tn_ctx *ctx, int64_t count, const tn_tensor *const *x, int dim,
                         int64_t *shape)
{
    memcpy(shape, x[0]->shape, sizeof x[0]->shape);
    for (int64_t i = 1; i < count; i++) {
        bool same = x[i]->ndim == x[0]->ndim;
        for (int j = 0; same && j < x[0]->ndim; j++)
            same = j == dim || x[i]->shape[j] == x[0]->shape[j];
        if (!same) {
            tn_fail(ctx, TN_ERR_SHAPE,
                    "cat: tensor %lld of shape %s does not fit tensor 0 of shape %s along "
                    "dimension %d",
                    (long long)i, TN_SHAPE_TEXT(x[i]), TN_SHAPE_TEXT(x[0]), dim);
            return false;
        }
        if (__builtin_add_overflow(shape[dim], x[i]->shape[dim], &shape[dim])) {
            tn_fail(ctx, TN_ERR_SHAPE, "cat: the sizes along dimension %d do not fit 63 bits", dim);
            return false;
        }
    }
    return true;
}

typedef struct cat_args {
    int64_t count;
    int dim;
    const tn_tensor *const *x, *y;
    int64_t bytes; /* of what stands behind one index along the dimension */
} cat_args;

enum { BLOCK = 64 }; /* rows, whose lines stay in the cache until all x have written theirs */

/* Rows of the result, each of which has a piece of every x. */
static void fill_rows(int64_t begin, int64_t end, void *payload)
{
    const cat_args *a = payload;
    int64_t line = a->y->shape[a->dim] * a->bytes;
    for (int64_t row = begin; row < end; row += BLOCK) {
        char *to = (char *)tn__ptr(a->y) + row * line;
        for (int64_t i = 0; i < a->count; i++) {
            int64_t bytes = a->x[i]->shape[a->dim] * a->bytes;
            char *from = (char *)tn__ptr(a->x[i]) + row * bytes;
            tn__copy_rows(tn__min(end - row, BLOCK), bytes,
                          (tn__row_list){.first = from, .step = bytes},
                          (tn__row_list){.first = to, .step = line});
            to += bytes;
        }
    }
}

/* One x after another, with threads for each. */
static void fill_parts(tn_ctx *ctx, tn_tensor *y, int64_t count, const tn_tensor *const *x, int dim)
{
    int64_t shape[TN_MAX_DIMS], offset = 0;
    memcpy(shape, y->shape, sizeof shape);
    for (int64_t i = 0; i < count; i++) {
        shape[dim] = x[i]->shape[dim];
        tn_tensor *part = tn__view(ctx, y, y->ndim, shape, y->strides, offset);
        if (!part)
            return;
        tn__copy(ctx, part, x[i]);
        tn_free(part);
        offset += shape[dim] * y->strides[dim];
    }
}

/* Writes x one after another into y: in the order of y, if there are rows for all threads. */
static void fill(tn_ctx *ctx, tn_tensor *y, int64_t count, const tn_tensor *const *x, int dim)
{
    enum { MANY_ROWS = 64 };
    int64_t rows = 1, behind = 1;
    bool contiguous = true;
    if (tn_numel(y) == 0)
        return;
    for (int i = 0; i < y->ndim; i++) {
        rows *= i < dim ? y->shape[i] : 1;
        behind *= i > dim ? y->shape[i] : 1;
    }
    for (int64_t i = 0; i < count; i++)
        contiguous = contiguous && tn_is_contiguous(x[i]);
    if (!contiguous || rows < MANY_ROWS) {
        fill_parts(ctx, y, count, x, dim);
        return;
    }
    cat_args args = {.count = count,
                     .dim = dim,
                     .x = x,
                     .y = y,
                     .bytes = behind * (int64_t)tn_dtype_size(y->dtype)};
    double cost = (double)y->shape[dim] * (double)behind;
    tn__parallel(ctx, rows, tn__grain(TN__GRAIN_SUMMED, cost), fill_rows, &args);
}

/* A node cannot have so many inputs: joins groups of tensors, and then the groups. */
static tn_tensor *cat_groups(tn_ctx *ctx, int64_t count, const tn_tensor *const *x, int dim)
{
    const tn_tensor *groups[TN_MAX_INPUTS];
    int64_t first = 0;
    for (int i = 0; i < TN_MAX_INPUTS; i++) {
        int64_t size = count / TN_MAX_INPUTS + (i < count % TN_MAX_INPUTS);
        groups[i] = tn_cat(ctx, size, x + first, dim);
        first += size;
    }
    return tn_cat(ctx, TN_MAX_INPUTS, groups, dim);
}

tn_tensor *tn_cat(tn_ctx *ctx, int64_t count, const tn_tensor *const *tensors, int dim)
{
    tn_begin(ctx, &cat_op);
    int64_t shape[TN_MAX_DIMS];
    if (!tn__check_list(ctx, "cat", count, tensors) ||
        (dim = tn__dim(ctx, "cat", dim, tensors[0]->ndim)) < 0 ||
        !joined_shape(ctx, count, tensors, dim, shape))
        return NULL;
    if (count > TN_MAX_INPUTS && tn_will_record(ctx, count, tensors))
        return cat_groups(ctx, count, tensors, dim);
    tn_tensor *y = tn__new(ctx, "cat", tensors[0]->dtype, tensors[0]->ndim, shape);
    if (!y)
        return NULL;
    fill(ctx, y, count, tensors, dim);
    if (count > TN_MAX_INPUTS)
        return tn_ok(ctx) ? y : NULL;
    cat_data data = {.dim = dim, .count = count};
    tn_record_args args = {.data = &data, .size = sizeof data};
    for (int i = 0; i < count; i++) {
        args.inputs[i] = tensors[i];
        data.sizes[i] = tensors[i]->shape[dim];
    }
    return tn_record(ctx, &cat_op, y, args);
}
