/* sigmoid(x):  y = 1 / (1 + e^-x);  dx = y (1 - y) dy. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(sigmoid, TN_SAVE_Y, TN_SIGMOID(x), y * (1 - y) * dy);

tn_tensor *tn_sigmoid(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &sigmoid_op, x, NULL);
}
