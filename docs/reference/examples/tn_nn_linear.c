/* A layer is a module: its parameters, and a pass. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_module *layer = tn_nn_linear(ctx, 784, 10);
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(64, 784));
    printf("%s, %d numbers\n", TN_SHAPE_TEXT(tn_forward(ctx, layer, x)),
           (int)tn_parameter_numel(layer));
    tn_ctx_free(ctx);
    return 0;
}
/* [64,10], 7850 numbers */
