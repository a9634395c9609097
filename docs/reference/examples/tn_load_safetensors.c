/* Saves a network with a word about it, and lists what the file holds. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    const char *words[] = {"made by", "an example", NULL};
    tn_dict *state = tn_state_dict(ctx, tn_nn_linear(ctx, 3, 2));
    tn_save_safetensors(ctx, state, "net.safetensors",
                        (tn_safetensors_opts){.metadata = words});
    tn_dict *read = tn_load_safetensors(ctx, "net.safetensors");
    for (int64_t i = 0; i < tn_dict_count(read); i++)
        printf("%s %s\n", tn_dict_name(read, i),
               TN_SHAPE_TEXT(tn_dict_at(read, i)));
    tn_ctx_free(ctx);
    return 0;
}
/* weight [2,3]
 * bias [2] */
