/* tanh(x):  y = tanh x;  dx = (1 - y^2) dy. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(tanh, TN_SAVE_Y, tanh(x), (1 - y * y) * dy);

tn_tensor *tn_tanh(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &tanh_op, x, NULL);
}
