/* A context with memory of the program's own, which counts what is not freed. */
#include <stdio.h>
#include <stdlib.h>
#include <tn/tn.h>

static void *take(void *count, size_t size, size_t alignment)
{
    *(int *)count += 1;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment *
                                        alignment);
}

static void give(void *count, void *memory, size_t size)
{
    (void)size;
    *(int *)count -= memory != NULL;
    free(memory);
}

int main(void)
{
    int count = 0;
    tn_allocator allocator = {take, give, &count};
    tn_ctx *ctx = tn_ctx_new(
        &(tn_ctx_opts){.threads = 1, .allocator = allocator});
    tn_randn(ctx, TN_F32, TN_SHAPE(100, 100));
    tn_ctx_free(ctx);
    printf("%d blocks are left\n", count);
    return 0;
}
/* 0 blocks are left */
