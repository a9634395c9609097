/* Tensors from numbers, from a rule, and over memory of the program's own. */
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    float numbers[] = {1, 2, 3, 4, 5, 6};
    tn_print(ctx, tn_from_data(ctx, TN_F32, TN_SHAPE(2, 3), numbers));
    tn_print(ctx, tn_arange(ctx, TN_I64, 0, 5, 1));
    tn_tensor *seen =
        tn_from_blob(ctx, TN_F32, TN_SHAPE(3), numbers, NULL, NULL);
    numbers[0] = 10;
    tn_print(ctx, seen);
    tn_ctx_free(ctx);
    return 0;
}
/* tensor([[1., 2., 3.],
 *         [4., 5., 6.]], f32)
 * tensor([0, 1, 2, 3, 4], i64)
 * tensor([10.,  2.,  3.], f32) */
