/* sub(a, b):  y = a - b;  da = dy;  db = -dy.  Shapes broadcast. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_BINARY(sub, TN_SAVE_NOTHING, a - b, dy, -dy);

tn_tensor *tn_sub(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return tn_binary(ctx, &sub_op, a, b);
}
