/* pow_scalar(x, p):  y = x^p;  dx = p x^(p-1) dy, 0 where p = 0, where |x| < 1 with p = infinity,
 * and where |x| > 1 with p = -infinity. */
#include <float.h>
#include <math.h>
#include <tn/formula.h>
#include <tn/ops.h>

/* c: p, the exponent of dx, and the ends of the numbers where dx is not 0: one of them is 1 if p is
 * infinite, or as good as that. */
TN_UNARY(pow_scalar, TN_SAVE_X, pow(x, c[0]),
         fabs(x) < c[2] || fabs(x) > c[3] ? 0 : c[0] * pow(x, c[1]) * dy);

/* The powers that are used most need no logarithm, as in PyTorch: within 2 units of the last place,
 * too. Powers of halves are those of pow: 0 of -0, and infinity of -infinity. */
#define ROOT(x) ((x) == -INFINITY ? (real)INFINITY : sqrt((x) + 0))
#define POWER(name, y, dx) TN_UNARY_AS("pow_scalar", name, TN_SAVE_X, y, dx)

POWER(root, (ROOT(x)), (real)0.5 / ROOT(x) * dy);
POWER(x_root, (fabs(x) * ROOT(x)), (real)1.5 * ROOT(x) * dy);
POWER(x_squared, (x * x), 2 * (x * dy));
POWER(cube, (x * x * x), 3 * (x * x) * dy);
POWER(inverse, (1 / x), -((1 / x) * (1 / x)) * dy);

/* An exponent that a float does not hold comes as the sum of three: rounded, it would be off by as
 * much as |p ln x| units of the last place of the result, and its parity may be another. */
#define P ((double)c[0] + (double)c[1] + (double)c[2])
POWER(exactly, (real)pow((double)x, P), (real)(pow((double)x, P - 1) * P * (double)dy));

static const tn_unary_op *op_of(double p)
{
    return p == 0.5   ? &root_op
           : p == 1.5 ? &x_root_op
           : p == 2   ? &x_squared_op
           : p == 3   ? &cube_op
           : p == -1  ? &inverse_op
                      : &pow_scalar_op;
}

/* Beyond FLT_MAX an exponent is as good as an infinite one. */
static bool is_float(double p)
{
    return fabs(p) > FLT_MAX || p != p || (double)(float)p == p;
}

static tn_tensor *pow_exactly(tn_ctx *ctx, const tn_tensor *x, double p)
{
    double high = (double)(float)p, middle = (double)(float)(p - high);
    const double c[TN_MAX_CONSTANTS] = {high, middle, p - high - middle};
    return tn_unary(ctx, &exactly_op, x, c);
}

tn_tensor *tn_pow_scalar(tn_ctx *ctx, const tn_tensor *x, double p)
{
    if (!is_float(p) || !is_float(p - 1))
        return pow_exactly(ctx, x, p);
    const double c[TN_MAX_CONSTANTS] = {p, p == 0 ? 0 : p - 1,
                                        p == 0        ? INFINITY
                                        : p > FLT_MAX ? 1
                                                      : 0,
                                        p < -FLT_MAX ? 1 : INFINITY};
    return tn_unary(ctx, op_of(p), x, c);
}
