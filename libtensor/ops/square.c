/* square(x):  y = x^2;  dx = 2 x dy. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_UNARY(square, TN_SAVE_X, x * x, 2 * (x * dy));

tn_tensor *tn_square(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &square_op, x, NULL);
}
