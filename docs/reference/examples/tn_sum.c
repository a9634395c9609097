/* Over everything, over one dimension, and over one that stays. */
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_F32, 0, 6, 1),
                              TN_SHAPE(2, 3));
    tn_print(ctx, tn_sum(ctx, x, (tn_reduce_opts){0}));
    tn_print(ctx, tn_sum(ctx, x, TN_DIMS(0)));
    tn_print(ctx, tn_mean(ctx, x, TN_KEEPDIMS(1)));
    tn_print(ctx, tn_argmax(ctx, x, 1));
    tn_ctx_free(ctx);
    return 0;
}
/* tensor(15., f32)
 * tensor([3., 5., 7.], f32)
 * tensor([[1.],
 *         [4.]], f32)
 * tensor([2, 2], i64) */
