/* add_scalar(x, s):  y = x + s;  dx = dy. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(add_scalar, TN_SAVE_NOTHING, x + c[0], dy);

tn_tensor *tn_add_scalar(tn_ctx *ctx, const tn_tensor *x, double s)
{
    return tn_unary(ctx, &add_scalar_op, x, (const double[TN_MAX_CONSTANTS]){s});
}
