/* A column and a row broadcast to a table. */
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *column =
        tn_unsqueeze(ctx, tn_arange(ctx, TN_F32, 1, 4, 1), 1);
    tn_tensor *row = tn_arange(ctx, TN_F32, 1, 5, 1);
    tn_print(ctx, tn_mul(ctx, column, row));
    tn_ctx_free(ctx);
    return 0;
}
/* tensor([[ 1.,  2.,  3.,  4.],
 *         [ 2.,  4.,  6.,  8.],
 *         [ 3.,  6.,  9., 12.]], f32) */
