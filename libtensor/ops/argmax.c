/* argmax(x), argmin(x):  the index of the largest or smallest element along a dimension;  no
 * gradient. */
#include <tn/ops.h>
#include "ops/shared/extreme.h"
#include "tensor/shape.h"
#include "tensor/view.h"

static tn_tensor *find(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim, bool smallest)
{
    if (!tn_check_input(ctx, what, "input", x) || (dim = tn__dim_of(ctx, what, dim, x)) < 0)
        return NULL;
    if (x->ndim == 0)
        return tn_zeros(ctx, TN_I64, TN_SCALAR);
    bool reduced[TN_MAX_DIMS] = {false};
    reduced[dim] = true;
    tn_tensor *at, *y = tn__extreme(ctx, what, x, reduced, smallest, &at);
    return y ? tn__drop_dims(ctx, at, reduced) : NULL;
}

tn_tensor *tn_argmax(tn_ctx *ctx, const tn_tensor *x, int dim)
{
    return find(ctx, "argmax", x, dim, false);
}

tn_tensor *tn_argmin(tn_ctx *ctx, const tn_tensor *x, int dim)
{
    return find(ctx, "argmin", x, dim, true);
}
