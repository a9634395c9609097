/* A scope around each step frees what the step made, and its memory is used again. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *sum = tn_zeros(ctx, TN_F64, TN_SCALAR);
    int64_t allocations = 0;
    for (int i = 0; i < 100; i++) {
        tn_scope step = tn_scope_begin(ctx);
        tn_tensor *x = tn_arange(ctx, TN_F64, 0, 1000, 1);
        tn_tensor *more =
            tn_add(ctx, sum, tn_mean(ctx, x, (tn_reduce_opts){0}));
        tn_copy_(ctx, sum, more);
        tn_scope_end(ctx, step);
        if (i == 1)
            allocations = tn_memory(ctx).allocations;
    }
    printf("%.0f, with %d new blocks since the second step\n",
           tn_item(ctx, sum),
           (int)(tn_memory(ctx).allocations - allocations));
    tn_ctx_free(ctx);
    return 0;
}
/* 49950, with 0 new blocks since the second step */
