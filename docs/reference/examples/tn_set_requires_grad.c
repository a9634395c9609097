/* The gradient of x^2 y at x = 3, y = 5. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_scalar(ctx, TN_F64, 3),
              *y = tn_scalar(ctx, TN_F64, 5);
    tn_set_requires_grad(ctx, x, true);
    tn_set_requires_grad(ctx, y, true);
    tn_backward(ctx, tn_mul(ctx, tn_square(ctx, x), y));
    printf("%.0f %.0f\n", tn_item(ctx, tn_grad(x)),
           tn_item(ctx, tn_grad(y)));
    tn_ctx_free(ctx);
    return 0;
}
/* 30 9 */
