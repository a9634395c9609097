/* softplus(x):  y = ln(1 + e^x);  dx = dy / (1 + e^-x) = dy e^x / (1 + e^x), whichever exponential
 * does not overflow. */
#include <tn/op.h>
#include <tn/ops.h>

TN_UNARY(softplus, TN_SAVE_X, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)),
         (x < 0 ? exp(-fabs(x)) : 1) / (1 + exp(-fabs(x))) * dy)

tn_tensor *tn_softplus(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &softplus_op, x, NULL);
}
