/* reduce.c - sums over sets of dimensions. */
#include <string.h>
#include "core/core.h"

typedef struct sum_args {
    const tn__kernels *k;
    size_t size;
    const char *x;
    char *y;
    int64_t n, cols;
} sum_args;

static void sum_slabs(int64_t begin, int64_t end, void *payload)
{
    const sum_args *a = payload;
    int64_t size = (int64_t)a->size;
    for (int64_t i = begin; i < end; i++) {
        const char *x = a->x + i * a->n * a->cols * size;
        char *y = a->y + i * a->cols * size;
        if (a->cols == 1)
            a->k->sum(a->n, x, y);
        else
            a->k->sum_rows(a->n, a->cols, x, a->cols, y);
    }
}

/* x [outer, n, cols] contiguous -> [outer, cols]. Without columns there is nothing to sum. */
static tn_tensor *sum_middle(tn_ctx *ctx, const tn_tensor *x, int64_t outer, int64_t n,
                             int64_t cols)
{
    tn_tensor *y = tn__new(ctx, "sum", x->dtype, 2, (int64_t[]){outer, cols});
    if (!y)
        return NULL;
    sum_args args = {.k = tn__kernels_of(ctx, x->dtype),
                     .size = tn_dtype_size(x->dtype),
                     .x = tn__ptr(x),
                     .y = tn__ptr(y),
                     .n = n,
                     .cols = cols};
    tn__parallel(ctx, cols ? outer : 0, tn__grain(65536, (double)n * (double)cols), sum_slabs,
                 &args);
    return y;
}

/* Neighbouring dimensions that are reduced together are summed in one go, the last ones first. */
tn_tensor *tn__sum_dims(tn_ctx *ctx, const tn_tensor *t, const bool *reduce)
{
    int64_t shape[TN_MAX_DIMS];
    memcpy(shape, t->shape, sizeof shape);
    const tn_tensor *x = tn__contiguous(ctx, t);
    int64_t cols = 1;
    for (int i = t->ndim - 1; x && i >= 0; i--) {
        if (!reduce[i]) {
            cols *= shape[i];
            continue;
        }
        int64_t n = 1, outer = 1;
        for (; i >= 0 && reduce[i]; i--) {
            n *= shape[i];
            shape[i] = 1;
        }
        for (int j = 0; j <= i; j++)
            outer *= shape[j];
        x = sum_middle(ctx, x, outer, n, cols);
        i++;
    }
    return x ? tn__view(ctx, x, t->ndim, shape, NULL, x->offset) : NULL;
}

static tn_tensor *drop_leading(tn_ctx *ctx, const tn_tensor *t, int count)
{
    return t ? tn__view(ctx, t, t->ndim - count, t->shape + count, t->strides + count, t->offset)
             : NULL;
}

const tn_tensor *tn__sum_to(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape)
{
    bool reduce[TN_MAX_DIMS] = {false}, any = false;
    int extra = t->ndim - ndim;
    if (extra < 0)
        return t;
    for (int i = 0; i < t->ndim; i++) {
        reduce[i] = i < extra || (shape[i - extra] == 1 && t->shape[i] != 1);
        any = any || reduce[i];
    }
    return any ? drop_leading(ctx, tn__sum_dims(ctx, t, reduce), extra) : t;
}

bool tn__reduced_dims(tn_ctx *ctx, const char *what, const tn_tensor *x, tn_reduce_opts opts,
                      bool *reduce)
{
    for (int i = 0; i < x->ndim; i++)
        reduce[i] = opts.ndims == 0;
    if (opts.ndims < 0 || (opts.ndims > 0 && !opts.dims)) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %d dimensions to reduce%s", what, opts.ndims,
                opts.dims ? "" : ", but dims is NULL");
        return false;
    }
    for (int i = 0; i < opts.ndims; i++) {
        int dim = tn__dim(ctx, what, opts.dims[i], x->ndim);
        if (dim < 0)
            return false;
        if (reduce[dim]) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s: dimension %d is listed twice", what, dim);
            return false;
        }
        reduce[dim] = true;
    }
    return true;
}

tn_tensor *tn__drop_dims(tn_ctx *ctx, const tn_tensor *t, const bool *drop)
{
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS];
    int ndim = 0;
    for (int i = 0; i < t->ndim; i++)
        if (!drop[i]) {
            shape[ndim] = t->shape[i];
            strides[ndim++] = t->strides[i];
        }
    return tn__view(ctx, t, ndim, shape, strides, t->offset);
}

tn_tensor *tn__keep_dims(tn_ctx *ctx, const tn_tensor *t, int ndim, const bool *keep)
{
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS];
    int from = 0;
    bool dropped = t->ndim < ndim;
    for (int i = 0; i < ndim; i++) {
        bool absent = keep[i] && dropped;
        shape[i] = absent ? 1 : t->shape[from];
        strides[i] = absent ? 0 : t->strides[from];
        from += !absent;
    }
    return tn__view(ctx, t, ndim, shape, strides, t->offset);
}

double tn__count_reduced(const tn_tensor *x, const bool *reduce)
{
    double n = 1;
    for (int i = 0; i < x->ndim; i++)
        n *= reduce[i] ? (double)x->shape[i] : 1;
    return n;
}
