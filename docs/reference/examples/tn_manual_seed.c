/* The numbers that came after a place in the stream come again. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_manual_seed(ctx, 7);
    tn_rng_state here = tn_get_rng_state(ctx);
    double first = tn_item(ctx, tn_rand(ctx, TN_F64, TN_SCALAR));
    double second = tn_item(ctx, tn_rand(ctx, TN_F64, TN_SCALAR));
    tn_set_rng_state(ctx, here);
    double again = tn_item(ctx, tn_rand(ctx, TN_F64, TN_SCALAR));
    printf("%s, %s\n", again == first ? "the same" : "another",
           second == first ? "the same" : "another");
    tn_ctx_free(ctx);
    return 0;
}
/* the same, another */
