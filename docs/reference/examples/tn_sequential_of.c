/* A small convolutional network for images of 28 x 28. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_module *net = tn_sequential(
        ctx, tn_nn_conv2d(ctx, 1, 8, 5, (tn_conv2d_opts){.padding = 2}),
        tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, 2, (tn_pool2d_opts){0}),
        tn_nn_flatten(ctx), tn_nn_linear(ctx, 8 * 14 * 14, 10));
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(1, 1, 28, 28));
    printf("%s\n", TN_SHAPE_TEXT(tn_forward(ctx, net, x)));
    tn_ctx_free(ctx);
    return 0;
}
/* [1,10] */
