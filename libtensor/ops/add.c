/* add(a, b):  y = a + b;  da = dy;  db = dy.  Shapes broadcast. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_BINARY(add, TN_SAVE_NOTHING, a + b, dy, dy);

tn_tensor *tn_add(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return tn_binary(ctx, &add_op, a, b);
}
