/* Copies the weights of one network into another of the same kind. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_module *from = tn_nn_linear(ctx, 2, 2),
              *to = tn_nn_linear(ctx, 2, 2);
    tn_dict *state = tn_state_dict(ctx, from);
    tn_load_state_dict(ctx, to, state, (tn_load_opts){0});
    tn_dict_free(state);
    tn_tensor *equal = tn_eq(ctx, tn_parameter_named(from, "weight"),
                             tn_parameter_named(to, "weight"));
    tn_print(ctx, equal);
    tn_ctx_free(ctx);
    return 0;
}
/* tensor([[ True,  True],
 *         [ True,  True]], bool) */
