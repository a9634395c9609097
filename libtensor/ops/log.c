/* log(x):  y = ln x;  dx = dy / x. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(log, TN_SAVE_X, log(x), dy / x);

tn_tensor *tn_log(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &log_op, x, NULL);
}
