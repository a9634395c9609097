/* An operator from its formula and its derivative: x^3, and 3 x^2 dy. */
#include <stdio.h>
#include <tn/formula.h>
#include <tn/tn.h>

TN_UNARY(cube, TN_SAVE_X, pow(x, 3), 3 * x * x * dy);

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_scalar(ctx, TN_F32, 2);
    tn_set_requires_grad(ctx, x, true);
    tn_tensor *y = tn_unary(ctx, &cube_op, x, NULL);
    tn_backward(ctx, y);
    printf("%.0f %.0f\n", tn_item(ctx, y), tn_item(ctx, tn_grad(x)));
    tn_ctx_free(ctx);
    return 0;
}
/* 8 12 */
