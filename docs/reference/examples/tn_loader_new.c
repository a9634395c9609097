/* Ten samples in batches of four. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(10, 3));
    tn_tensor *y = tn_arange(ctx, TN_I64, 0, 10, 1);
    tn_loader *loader =
        tn_loader_new(ctx, x, y, (tn_loader_opts){.batch_size = 4});
    tn_batch batch;
    while (tn_loader_next(loader, &batch))
        printf("batch %d: x %s, y %s\n", (int)batch.number,
               TN_SHAPE_TEXT(batch.x), TN_SHAPE_TEXT(batch.y));
    tn_ctx_free(ctx);
    return 0;
}
/* batch 0: x [4,3], y [4]
 * batch 1: x [4,3], y [4]
 * batch 2: x [2,3], y [2] */
