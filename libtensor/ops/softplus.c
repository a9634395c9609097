/* softplus(x):  y = ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|);  dx = dy / (1 + e^-x). */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(softplus, TN_SAVE_X, (x > 0 ? x : 0) + log1p(exp(-fabs(x))), TN_SIGMOID(x) * dy);

tn_tensor *tn_softplus(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &softplus_op, x, NULL);
}
