/* argmax(x), argmin(x):  the index of the largest or smallest element along a dimension;  no
 * gradient. */
#include <tn/ops.h>
#include "ops/shared/extreme.h"
#include "tensor/shape.h"

static tn_tensor *find(tn_ctx *ctx, const char *what, const tn_tensor *x, int dim, bool smallest)
{
    if (!tn_check_input(ctx, what, "input", x) || (dim = tn__dim_of(ctx, what, dim, x)) < 0)
        return NULL;
    return x->ndim ? tn__argmax(ctx, what, x, dim, smallest) : tn_zeros(ctx, TN_I64, TN_SCALAR);
}

tn_tensor *tn_argmax(tn_ctx *ctx, const tn_tensor *x, int dim)
{
    return find(ctx, "argmax", x, dim, false);
}

tn_tensor *tn_argmin(tn_ctx *ctx, const tn_tensor *x, int dim)
{
    return find(ctx, "argmin", x, dim, true);
}
