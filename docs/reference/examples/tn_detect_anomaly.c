/* Finds where an infinity comes from. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_detect_anomaly(ctx, true);
    tn_tensor *x = tn_arange(ctx, TN_F32, 0, 3, 1);
    tn_set_requires_grad(ctx, x, true);
    tn_sum(ctx, tn_log(ctx, x), (tn_reduce_opts){0});
    printf("%.48s...\n", tn_error(ctx));
    tn_ctx_free(ctx);
    return 0;
}
/* log: step 0 on the tape, forward: 1 of 3 element... */
