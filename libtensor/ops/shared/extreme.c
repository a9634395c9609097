/* extreme.c - where the largest or smallest element along a dimension is. */
#include "base/isa.h"
#include "kernels/kernels.h"
#include "ops/shared/extreme.h"
#include "tensor/dtype.h"
#include "tensor/iter.h"
#include "tensor/reduce.h"
#include "tensor/view.h"

typedef struct argmax_args {
    tn_dtype dtype;
    int64_t (*find)(int64_t n, const void *x, int64_t stride); /* NULL for integers */
    bool smallest;
    int64_t n, stride;
} argmax_args;

static int64_t find_integer(const argmax_args *a, const char *x)
{
    int64_t step = a->stride * (int64_t)tn_dtype_size(a->dtype), best = 0;
    int64_t found = tn__load_i64(a->dtype, x);
    for (int64_t i = 1; i < a->n; i++) {
        int64_t value = tn__load_i64(a->dtype, x + i * step);
        if (a->smallest ? value < found : value > found) {
            found = value;
            best = i;
        }
    }
    return best;
}

static void argmax_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const argmax_args *a = payload;
    int64_t *y = p[0];
    for (int64_t i = 0; i < n; i++) {
        const char *x = (const char *)p[1] + i * strides[1] * (int64_t)tn_dtype_size(a->dtype);
        y[i * strides[0]] = a->find ? a->find(a->n, x, a->stride) : find_integer(a, x);
    }
}

/* What x repeats is looked at once. */
tn_tensor *tn__argmax(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim, bool smallest)
{
    if (x->shape[dim] == 0) {
        tn_fail(ctx, TN_ERR_SHAPE, "%s: dimension %d of %s has no elements", what, dim,
                TN_SHAPE_TEXT(x));
        return NULL;
    }
    bool drop[TN_MAX_DIMS] = {false};
    drop[dim] = true;
    const tn_tensor *all = tn__drop_dims(ctx, x, drop);
    const tn_tensor *firsts = all ? tn__once(ctx, all, all) : NULL;
    tn_tensor *y = firsts ? tn__new(ctx, what, TN_I64, firsts->ndim, firsts->shape) : NULL;
    if (!y)
        return NULL;
    argmax_args args = {.dtype = x->dtype,
                        .smallest = smallest,
                        .n = x->strides[dim] == 0 ? 1 : x->shape[dim],
                        .stride = x->strides[dim]};
    if (tn__is_float(x->dtype)) {
        const tn__kernels *k = tn__kernels_of(ctx, x->dtype);
        args.find = smallest ? k->argmin : k->argmax;
    }
    tn__iter it = tn__iter_new(y->ndim, y->shape, 2, (const tn_tensor *[]){y, firsts});
    tn__iter_run(ctx, &it, argmax_row, &args);
    return tn__repeat(ctx, y, all->shape);
}
