/* swish.c - an operator of a program's own; formulas are C, and what they make C++ can call. */
#include <tn/formula.h>

tn_tensor *swish(tn_ctx *ctx, const tn_tensor *x);

TN_UNARY(swish, TN_SAVE_X, x / (1 + exp(-x)),
         dy * (1 + x * (1 - 1 / (1 + exp(-x)))) / (1 + exp(-x)));

tn_tensor *swish(tn_ctx *ctx, const tn_tensor *x)
{
    return tn_unary(ctx, &swish_op, x, NULL);
}
