/* Changes a view in place, and so what it is a view of. */
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_fill_(ctx, tn_select(ctx, x, 1, 0), 7);
    tn_print(ctx, x);
    tn_ctx_free(ctx);
    return 0;
}
/* tensor([[7., 0., 0.],
 *         [7., 0., 0.]], f32) */
