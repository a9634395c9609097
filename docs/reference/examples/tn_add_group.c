/* The last layer learns ten times as fast as the others. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_module *head = tn_nn_linear(ctx, 3, 2);
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 4, 3),
                                   tn_nn_relu(ctx), head);
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 1e-3});
    int64_t group =
        tn_add_group(opt, head, (tn_group_opts){.lr = 1e-2});
    printf("%g %g\n", tn_group_lr(opt, 0), tn_group_lr(opt, group));
    tn_ctx_free(ctx);
    return 0;
}
/* 0.001 0.01 */
