/* clamp(x, low, high):  y = min(max(x, low), high), NaN for NaN;  dx = dy where low <= x <= high,
 * 0 elsewhere. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(clamp, TN_SAVE_X,
         (x < c[0] ? c[0] : x) > c[1] ? c[1]
         : x < c[0]                   ? c[0]
                                      : x,
         x >= c[0] && x <= c[1] ? dy : 0);

tn_tensor *tn_clamp(tn_ctx *ctx, const tn_tensor *x, double low, double high)
{
    if (low != low || high != high) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "clamp: bounds %g and %g", low, high);
        return NULL;
    }
    return tn_unary(ctx, &clamp_op, x, (const double[TN_MAX_CONSTANTS]){low, high});
}
