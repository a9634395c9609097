/* threads.c - one budget of OpenMP threads per context. */
#include <omp.h>
#include "core/core.h"

int tn__default_threads(void)
{
    int n = omp_get_max_threads();
    return n > 0 ? n : 1;
}

tn_status tn_set_threads(tn_ctx *ctx, int threads)
{
    if (!tn_ok(ctx))
        return tn_error_status(ctx);
    if (threads < 1 || threads > TN_MAX_THREADS)
        return tn_fail(ctx, TN_ERR_ARGUMENT, "set_threads: %d is not between 1 and %d", threads,
                       TN_MAX_THREADS);
    ctx->threads = threads;
    return TN_OK;
}

int tn_threads(const tn_ctx *ctx)
{
    return ctx ? ctx->threads : 0;
}

void tn__parallel(const tn_ctx *ctx, int64_t n, int64_t grain, tn__range_fn fn, void *payload)
{
    int64_t parts = grain > 0 ? n / grain : n;
    parts = parts < ctx->threads ? parts : ctx->threads;
    if (parts <= 1) {
        if (n > 0)
            fn(0, n, payload);
        return;
    }
#pragma omp parallel for num_threads((int)parts) schedule(static, 1)
    for (int64_t i = 0; i < parts; i++)
        fn(n * i / parts, n * (i + 1) / parts, payload);
}
