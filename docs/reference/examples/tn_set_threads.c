/* The same work with one thread and with two. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.threads = 1});
    tn_tensor *a = tn_ones(ctx, TN_F32, TN_SHAPE(300, 300));
    double one = tn_item(
        ctx, tn_sum(ctx, tn_matmul(ctx, a, a), (tn_reduce_opts){0}));
    tn_set_threads(ctx, 2);
    double two = tn_item(
        ctx, tn_sum(ctx, tn_matmul(ctx, a, a), (tn_reduce_opts){0}));
    printf("%.0f %.0f with %d threads\n", one, two, tn_threads(ctx));
    tn_ctx_free(ctx);
    return 0;
}
/* 27000000 27000000 with 2 threads */
