/* pow_scalar(x, p):  y = x^p;  dx = p x^(p-1) dy, 0 where p = 0, and where |x| < 1
 * with p = infinity. */
#include <tn/formula.h>
#include <tn/ops.h>

/* c: p, the exponent of dx, and the end of the numbers where dx is 0. */
TN_UNARY(pow_scalar, TN_SAVE_X, pow(x, c[0]), fabs(x) < c[2] ? 0 : c[0] * pow(x, c[1]) * dy);

tn_tensor *tn_pow_scalar(tn_ctx *ctx, const tn_tensor *x, double p)
{
    const double c[TN_MAX_CONSTANTS] = {p, p == 0 ? 0 : p - 1,
                                        p == 0          ? INFINITY
                                        : p == INFINITY ? 1
                                                        : 0};
    return tn_unary(ctx, &pow_scalar_op, x, c);
}
