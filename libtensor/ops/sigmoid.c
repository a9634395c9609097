/* sigmoid(x):  y = 1 / (1 + e^-x) = e^x / (1 + e^x), whichever exponential does not overflow;
 * dx = y (1 - y) dy. */
#include <tn/op.h>
#include <tn/ops.h>

TN_UNARY(sigmoid, TN_SAVE_Y, (x < 0 ? exp(-fabs(x)) : 1) / (1 + exp(-fabs(x))), y *(1 - y) * dy)

tn_tensor *tn_sigmoid(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &sigmoid_op, x, NULL);
}
