/* Finds the minimum of (p - 3)^2. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *p = tn_scalar(ctx, TN_F64, 0);
    tn_set_requires_grad(ctx, p, true);
    tn_optim *opt =
        tn_sgd_of(ctx, 1, (tn_tensor *[]){p}, (tn_sgd_opts){.lr = 0.1});
    for (int i = 0; i < 100; i++) {
        tn_scope step = tn_scope_begin(ctx);
        tn_zero_grad(opt);
        tn_backward(ctx, tn_square(ctx, tn_add_scalar(ctx, p, -3)));
        tn_step(opt);
        tn_scope_end(ctx, step);
    }
    printf("%.3f\n", tn_item(ctx, p));
    tn_ctx_free(ctx);
    return 0;
}
/* 3.000 */
