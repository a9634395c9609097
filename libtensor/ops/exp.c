/* exp(x):  y = e^x;  dx = y dy. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(exp, TN_SAVE_Y, exp(x), y * dy);

tn_tensor *tn_exp(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &exp_op, x, NULL);
}
