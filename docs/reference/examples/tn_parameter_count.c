/* The parameters of a network by name, the first layer's frozen. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_module *first = tn_nn_linear(ctx, 4, 3);
    tn_module *net = tn_sequential(ctx, first, tn_nn_relu(ctx),
                                   tn_nn_linear(ctx, 3, 2));
    tn_freeze(ctx, first, true);
    for (int64_t i = 0; i < tn_parameter_count(net); i++) {
        char name[32];
        tn_tensor *p = tn_parameter(net, i, name, sizeof name);
        printf("%s %s%s\n", name, TN_SHAPE_TEXT(p),
               tn_requires_grad(p) ? "" : ", frozen");
    }
    tn_ctx_free(ctx);
    return 0;
}
/* 0.weight [3,4], frozen
 * 0.bias [3], frozen
 * 2.weight [2,3]
 * 2.bias [2] */
