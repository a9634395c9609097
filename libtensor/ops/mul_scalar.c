/* mul_scalar(x, s):  y = s x;  dx = s dy. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(mul_scalar, TN_SAVE_NOTHING, c[0] * x, c[0] * dy);

tn_tensor *tn_mul_scalar(tn_ctx *ctx, const tn_tensor *x, double s)
{
    return tn_unary(ctx, &mul_scalar_op, x, (const double[TN_MAX_CONSTANTS]){s});
}
