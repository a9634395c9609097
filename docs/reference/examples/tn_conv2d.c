/* A convolution that keeps the size of its images, and pooling that halves it. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(8, 3, 32, 32));
    tn_tensor *weight = tn_randn(ctx, TN_F32, TN_SHAPE(16, 3, 3, 3));
    tn_tensor *y =
        tn_conv2d(ctx, x, weight, NULL, (tn_conv2d_opts){.padding = 1});
    tn_tensor *z = tn_max_pool2d(ctx, y, 2, (tn_pool2d_opts){0});
    printf("%s %s\n", TN_SHAPE_TEXT(y), TN_SHAPE_TEXT(z));
    tn_ctx_free(ctx);
    return 0;
}
/* [8,16,32,32] [8,16,16,16] */
