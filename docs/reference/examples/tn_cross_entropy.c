/* Four logits that know nothing cost ln 4; a target of -100 counts for nothing. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *logits = tn_zeros(ctx, TN_F32, TN_SHAPE(3, 4));
    int64_t classes[] = {0, 3, -100};
    tn_tensor *target = tn_from_data(ctx, TN_I64, TN_SHAPE(3), classes);
    tn_tensor *loss = tn_cross_entropy(ctx, logits, target,
                                       (tn_cross_entropy_opts){0});
    printf("%.4f\n", tn_item(ctx, loss));
    tn_ctx_free(ctx);
    return 0;
}
/* 1.3863 */
