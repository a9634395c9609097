/* abs(x):  y = |x|;  dx = dy where x > 0, -dy where x < 0, 0 elsewhere. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(abs, TN_SAVE_X, fabs(x), x > 0 ? dy : x < 0 ? -dy : 0);

tn_tensor *tn_abs(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &abs_op, x, NULL);
}
