/* An option whose default is another number than zero is made zero by TN_ZERO. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_arange(ctx, TN_F64, 0, 5, 1);
    tn_tensor *sample = tn_var(ctx, x, (tn_var_opts){0});
    tn_tensor *population =
        tn_var(ctx, x, (tn_var_opts){.correction = TN_ZERO});
    printf("%.1f %.1f\n", tn_item(ctx, sample),
           tn_item(ctx, population));
    printf("%s\n", tn_status_name(tn_error_status(ctx)));
    tn_ctx_free(ctx);
    return 0;
}
/* 2.5 2.0
 * TN_OK */
