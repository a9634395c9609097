/* sigmoid(x):  y = e^x / (1 + e^x);  dx = y (1 - y) dy. */
#include <tn/formula.h>
#include <tn/ops.h>

#define E(x) exp((x) > 80 ? 80 : (x)) /* large enough that 1 + E is E */

TN_UNARY(sigmoid, TN_SAVE_Y, E(x) / (1 + E(x)), y * (1 - y) * dy);

tn_tensor *tn_sigmoid(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &sigmoid_op, x, NULL);
}
