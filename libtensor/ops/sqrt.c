/* sqrt(x):  y = x^(1/2);  dx = dy / 2y. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(sqrt, TN_SAVE_Y, sqrt(x), dy / (2 * y));

tn_tensor *tn_sqrt(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &sqrt_op, x, NULL);
}
