/* stack(x_0, x_1...):  y = the x_i one after another along a new dimension:  cat of unsqueeze. */
#include <tn/ops.h>
#include "base/memory.h"
#include "ops/shared/list.h"
#include "tensor/shape.h"

static bool check_shapes(tn_ctx *ctx, int64_t count, const tn_tensor *const *x)
{
    if (x[0]->ndim == TN_MAX_DIMS) {
        tn_fail(ctx, TN_ERR_SHAPE, "stack: %s has %d dimensions already", TN_SHAPE_TEXT(x[0]),
                TN_MAX_DIMS);
        return false;
    }
    for (int64_t i = 1; i < count; i++)
        if (!tn__same_shape(x[0], x[i])) {
            tn_fail(ctx, TN_ERR_SHAPE, "stack: tensor %lld has shape %s but tensor 0 has %s",
                    (long long)i, TN_SHAPE_TEXT(x[i]), TN_SHAPE_TEXT(x[0]));
            return false;
        }
    return true;
}

tn_tensor *tn_stack(tn_ctx *ctx, int64_t count, const tn_tensor *const *tensors, int dim)
{
    if (!tn__check_list(ctx, "stack", count, tensors) || !check_shapes(ctx, count, tensors) ||
        (dim = tn__dim(ctx, "stack", dim, tensors[0]->ndim + 1)) < 0)
        return NULL;
    const tn_tensor **rows = tn__alloc(ctx, (size_t)count * sizeof(tn_tensor *));
    if (!rows)
        return NULL;
    for (int64_t i = 0; i < count; i++)
        rows[i] = tn_unsqueeze(ctx, tensors[i], dim);
    tn_tensor *y = tn_cat(ctx, count, rows, dim);
    tn__free(ctx, rows);
    return y;
}
