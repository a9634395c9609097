/* Compares the gradient of a function with differences. */
#include <stdio.h>
#include <tn/tn.h>

static tn_tensor *f(tn_ctx *ctx, tn_tensor *const *inputs,
                    void *payload)
{
    (void)payload;
    return tn_tanh(ctx, tn_matmul(ctx, inputs[0], inputs[1]));
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *inputs[] = {tn_randn(ctx, TN_F64, TN_SHAPE(3, 4)),
                           tn_randn(ctx, TN_F64, TN_SHAPE(4, 2))};
    for (int i = 0; i < 2; i++)
        tn_set_requires_grad(ctx, inputs[i], true);
    tn_gradcheck_report report;
    tn_status status = tn_gradcheck(ctx, f, NULL, 2, inputs,
                                    (tn_gradcheck_opts){0}, &report);
    printf("%s after %d comparisons\n", tn_status_name(status),
           (int)report.checked);
    tn_ctx_free(ctx);
    return 0;
}
/* TN_OK after 40 comparisons */
