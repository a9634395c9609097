/* The learning rate of each of six epochs: divided by 10 every second one. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_optim *opt =
        tn_sgd(ctx, tn_nn_linear(ctx, 2, 1), (tn_sgd_opts){.lr = 1});
    tn_schedule *decay = tn_step_lr(ctx, opt, 2, 0.1);
    for (int epoch = 0; epoch < 6; epoch++) {
        printf("%g%s", tn_lr(opt), epoch < 5 ? " " : "\n");
        tn_schedule_step(decay);
    }
    tn_ctx_free(ctx);
    return 0;
}
/* 1 1 0.1 0.1 0.01 0.01 */
