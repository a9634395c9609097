/* neg(x):  y = -x;  dx = -dy. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(neg, TN_SAVE_NOTHING, -x, -dy);

tn_tensor *tn_neg(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &neg_op, x, NULL);
}
