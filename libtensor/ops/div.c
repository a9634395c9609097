/* div(a, b):  y = a / b;  da = dy / b;  db = -a dy / b^2.  Shapes broadcast. */
#include <tn/formula.h>
#include <tn/ops.h>

TN_BINARY(div, TN_SAVE_AB, a / b, dy / b, -dy * (a / b / b));

tn_tensor *tn_div(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return tn_binary(ctx, &div_op, a, b);
}
