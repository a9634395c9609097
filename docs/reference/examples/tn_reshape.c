/* Views, without a copy: rows, a part of them, and their transpose. */
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_I32, 0, 12, 1),
                              TN_SHAPE(3, -1));
    tn_tensor *part = tn_slice(ctx, x, 1, 1, INT64_MAX, 2);
    tn_print(ctx, part);
    tn_print(ctx, tn_transpose(ctx, part, 0, 1));
    tn_print(ctx, tn_cat(ctx, TN_TENSORS(part, part), 1));
    tn_ctx_free(ctx);
    return 0;
}
/* tensor([[ 1,  3],
 *         [ 5,  7],
 *         [ 9, 11]], i32)
 * tensor([[ 1,  5,  9],
 *         [ 3,  7, 11]], i32)
 * tensor([[ 1,  3,  1,  3],
 *         [ 5,  7,  5,  7],
 *         [ 9, 11,  9, 11]], i32) */
