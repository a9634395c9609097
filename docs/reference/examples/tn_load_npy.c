/* Writes a file that NumPy reads, and reads it. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_save_npy(ctx, tn_ones(ctx, TN_F64, TN_SHAPE(2, 3)), "ones.npy");
    tn_tensor *x = tn_load_npy(ctx, "ones.npy");
    printf("%s of %s\n", TN_SHAPE_TEXT(x),
           tn_dtype_name(tn_dtype_of(x)));
    tn_load_npy(ctx, "twos.npy");
    printf("%s\n", tn_error(ctx));
    tn_ctx_free(ctx);
    return 0;
}
/* [2,3] of f64
 * load_npy: twos.npy: No such file or directory */
