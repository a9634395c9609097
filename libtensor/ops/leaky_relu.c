/* leaky_relu(x, s):  y = x where x > 0, s x elsewhere;  dx = dy where x > 0, s dy elsewhere. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(leaky_relu, TN_SAVE_X, x > 0 ? x : c[0] * x, x > 0 ? dy : c[0] * dy);

tn_tensor *tn_leaky_relu(tn_ctx *ctx, const tn_tensor *x, double negative_slope)
{
    return tn_unary(ctx, &leaky_relu_op, x, (const double[TN_MAX_CONSTANTS]){negative_slope});
}
