/* models.c - the program that the pieces of docs/file-formats.md go into: a training and its
 * parts. */
#include <stdio.h>
#include <tn/tn.h>

static void complain(tn_status status, const char *message, void *payload)
{
    (void)payload;
    printf("%d: %s\n", (int)status, message);
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_on_error(ctx, complain, NULL);
    tn_module *net =
        tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 8, 5, (tn_conv2d_opts){.stride = 2}),
                      tn_nn_relu(ctx), tn_nn_conv2d(ctx, 8, 16, 3, (tn_conv2d_opts){0}));
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){0});
    tn_schedule *warm_up = tn_linear_lr(ctx, opt, 0.1, 1, 10);
    tn_schedule *decay = tn_cosine_annealing_lr(ctx, opt, 100, 0);
    tn_loader *loader = tn_loader_new(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(4, 1, 28, 28)), NULL,
                                      (tn_loader_opts){.batch_size = 2});
    tn_dict *numbers = tn_dict_new(ctx);
    tn_ctx_free(ctx);
    return 0;
}
