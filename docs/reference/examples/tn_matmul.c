/* A batch of matrices times one. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *a = tn_ones(ctx, TN_F32, TN_SHAPE(10, 2, 3));
    tn_tensor *b = tn_ones(ctx, TN_F32, TN_SHAPE(3, 4));
    printf("%s\n", TN_SHAPE_TEXT(tn_matmul(ctx, a, b)));
    tn_ctx_free(ctx);
    return 0;
}
/* [10,2,4] */
