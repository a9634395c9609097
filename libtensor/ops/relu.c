/* relu(x):  y = max(x, 0), NaN for NaN;  dx = 0 where y <= 0, dy elsewhere. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(relu, TN_SAVE_Y, x < 0 ? 0 : x, y <= 0 ? 0 : dy);

tn_tensor *tn_relu(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &relu_op, x, NULL);
}
