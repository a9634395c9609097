/* softplus(x):  y = ln(1 + e^x);  dx = dy / (1 + e^-x). */
#include <tn/op.h>
#include <tn/ops.h>

TN_UNARY(softplus, TN_SAVE_X, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)), dy / (1 + exp(-x)))

tn_tensor *tn_softplus(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &softplus_op, x, NULL);
}
