/* Tensors under names, and a part of them. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, "net.weight",
                tn_ones(ctx, TN_F32, TN_SHAPE(2, 2)));
    tn_dict_set(dict, "net.bias", tn_zeros(ctx, TN_F32, TN_SHAPE(2)));
    tn_dict_set(dict, "epoch", tn_scalar(ctx, TN_I64, 3));
    tn_dict *net = tn_dict_select(dict, "net.");
    for (int64_t i = 0; i < tn_dict_count(net); i++)
        printf("%s %s\n", tn_dict_name(net, i),
               TN_SHAPE_TEXT(tn_dict_at(net, i)));
    tn_ctx_free(ctx);
    return 0;
}
/* weight [2,2]
 * bias [2] */
