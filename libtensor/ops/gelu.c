/* gelu(x):  y = x F(x), F(x) = erfc(-x / 2^(1/2)) / 2 the normal distribution;
 * dx = dy (F(x) + x f(x)), f(x) = e^(-x^2 / 2) / (2 pi)^(1/2) its density. F is 0 below -40 and
 * x f beyond 40 on either side, also where x is infinite and the products would be NaN. */
#include <tn/formula.h>
#include <tn/ops.h>

#define DISTRIBUTION(x) ((real)0.5 * erfc(-(x) * (real)0.7071067811865476))
#define DENSITY(x) ((real)0.3989422804014327 * TN_GAUSSIAN(-(x) * (real)0.7071067811865476))

TN_UNARY(gelu, TN_SAVE_X, x < -40 ? 0 : x * DISTRIBUTION(x),
         dy * (DISTRIBUTION(x) + (fabs(x) > 40 ? 0 : x * DENSITY(x))));

tn_tensor *tn_gelu(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &gelu_op, x, NULL);
}
