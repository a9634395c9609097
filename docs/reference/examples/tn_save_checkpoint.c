/* A training that stops after three steps, and one that goes on from its file. */
#include <stdio.h>
#include <tn/tn.h>

static double train(const char *from, int steps, const char *to)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = 1});
    tn_module *net = tn_nn_linear(ctx, 3, 1);
    tn_checkpoint all = {.module = net,
                         .optim = tn_adam(ctx, net, (tn_adam_opts){0})};
    if (from)
        tn_load_checkpoint(ctx, all, from);
    for (int i = 0; i < steps; i++) {
        tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(8, 3));
        tn_zero_grad(all.optim);
        tn_backward(
            ctx, tn_mean(ctx, tn_square(ctx, tn_forward(ctx, net, x)),
                         (tn_reduce_opts){0}));
        tn_step(all.optim);
    }
    if (to)
        tn_save_checkpoint(ctx, all, to);
    double bias = tn_item(ctx, tn_parameter_named(net, "bias"));
    tn_ctx_free(ctx);
    return bias;
}

int main(void)
{
    double at_once = train(NULL, 5, NULL);
    train(NULL, 3, "half.safetensors");
    double resumed = train("half.safetensors", 2, NULL);
    printf("%s\n",
           resumed == at_once ? "the same bits" : "something else");
    return 0;
}
/* the same bits */
