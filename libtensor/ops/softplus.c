/* softplus(x):  y = ln(1 + e^x);  dx = dy e^x / (1 + e^x). */
#include <tn/formula.h>
#include <tn/ops.h>

#define E(x) exp((x) > 80 ? 80 : (x)) /* large enough that 1 + E is E */

TN_UNARY(softplus, TN_SAVE_X, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)), E(x) / (1 + E(x)) * dy);

tn_tensor *tn_softplus(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &softplus_op, x, NULL);
}
