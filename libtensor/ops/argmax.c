/* argmax(x):  the index of the largest element along a dimension;  no gradient. */
#include <string.h>
#include "core/core.h"

static int64_t argmax_integers(const tn_tensor *x, const char *p, int64_t n, int64_t stride)
{
    int64_t step = stride * (int64_t)tn_dtype_size(x->dtype), best = 0;
    for (int64_t i = 1; i < n; i++)
        if (tn__load_i64(x->dtype, p + i * step) > tn__load_i64(x->dtype, p + best * step))
            best = i;
    return best;
}

typedef struct argmax_args {
    const tn_tensor *x;
    const tn__kernels *k; /* NULL for integers */
    int64_t n, stride;
} argmax_args;

static void argmax_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const argmax_args *a = payload;
    int64_t *y = p[0];
    for (int64_t i = 0; i < n; i++) {
        const char *x = (const char *)p[1] + i * strides[1] * (int64_t)tn_dtype_size(a->x->dtype);
        y[i * strides[0]] =
            a->k ? a->k->argmax(a->n, x, a->stride) : argmax_integers(a->x, x, a->n, a->stride);
    }
}

tn_tensor *tn_argmax(tn_ctx *ctx, const tn_tensor *x, int dim)
{
    if (!tn_check_input(ctx, "argmax", "input", x) ||
        (dim = tn__dim(ctx, "argmax", dim, x->ndim)) < 0)
        return NULL;
    if (x->shape[dim] == 0) {
        tn_fail(ctx, TN_ERR_SHAPE, "argmax: dimension %d of %s has no elements", dim,
                TN_SHAPE_TEXT(x));
        return NULL;
    }
    bool drop[TN_MAX_DIMS] = {false};
    drop[dim] = true;
    tn_tensor *firsts = tn__drop_dims(ctx, x, drop);
    tn_tensor *y = firsts ? tn__new(ctx, "argmax", TN_I64, firsts->ndim, firsts->shape) : NULL;
    if (!y)
        return NULL;
    argmax_args args = {.x = x, .n = x->shape[dim], .stride = x->strides[dim]};
    if (tn__is_float(x->dtype))
        args.k = tn__kernels_of(ctx, x->dtype);
    tn__iter it = tn__iter_new(y->ndim, y->shape, 2, (const tn_tensor *[]){y, firsts});
    tn__iter_run(ctx, &it, argmax_row, &args);
    return y;
}
