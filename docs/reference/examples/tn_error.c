/* The first error stays, calls after it do nothing, and one check finds it. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *a = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_tensor *b = tn_ones(ctx, TN_F32, TN_SHAPE(4, 3));
    tn_tensor *c = tn_matmul(ctx, a, b);
    tn_tensor *d = tn_relu(ctx, c);
    if (tn_error_status(ctx) != TN_OK)
        printf("%s: %s\n", tn_status_name(tn_error_status(ctx)),
               tn_error(ctx));
    tn_clear_error(ctx);
    printf("%s, %s\n", d ? "a tensor" : "nothing",
           tn_ok(ctx) ? "and on we go" : "stuck");
    tn_ctx_free(ctx);
    return 0;
}
/* TN_ERR_SHAPE: matmul: input [2,3] has 3 columns but other [4,3] has 4 rows
 * nothing, and on we go */
