/* mul(a, b):  y = a b;  da = b dy;  db = a dy.  Shapes broadcast. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_BINARY(mul, TN_SAVE_AB, a * b, b * dy, a * dy);

tn_tensor *tn_mul(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return tn_binary(ctx, &mul_op, a, b);
}
