/* Shape, elements, and one of them. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_reshape(ctx, tn_arange(ctx, TN_F32, 0, 6, 1),
                              TN_SHAPE(2, 3));
    printf("%s of %s\n", TN_SHAPE_TEXT(x),
           tn_dtype_name(tn_dtype_of(x)));
    double sum = 0;
    for (int64_t i = 0; i < tn_numel(x); i++)
        sum += tn_data_f32(x)[i];
    printf("%.0f, and %.0f at [1,2]\n", sum,
           tn_at(ctx, x, (int64_t[]){1, 2}));
    tn_ctx_free(ctx);
    return 0;
}
/* [2,3] of f32
 * 15, and 5 at [1,2] */
