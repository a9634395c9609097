/* The functions of <tn/context.h> while memory runs out. */
#include "rows/allocations.h"

/* A context over the allocator of this one. */
static bool make_context(void)
{
    tn_ctx *other = tn_ctx_new(&(tn_ctx_opts){.allocator = counting_allocator(&memory)});
    tn_ctx_free(other);
    tn_status none = other ? TN_OK : TN_ERR_MEMORY;
    return none == TN_OK || tn_fail(ctx, none, "no context") == TN_OK;
}

/* More scopes than there is room for. */
static tn_status nest_scopes(void)
{
    tn_scope outer = tn_scope_begin(ctx);
    for (int i = 0; tn_ok(ctx) && i < 10; i++)
        tn_scope_begin(ctx);
    return tn_scope_end(ctx, outer);
}

static void context_rows(void)
{
    ASKS(tn_version, "", tn_version()[0]);
    ASKS(tn_status_name, "", tn_status_name(TN_OK)[0]);
    CALLS(tn_ctx_new, "", make_context());
    ASKS(tn_ctx_free, "", (tn_ctx_free(NULL), 0));
    ASKS(tn_error, "", tn_error(ctx)[0]);
    ASKS(tn_error_status, "", tn_error_status(ctx));
    ASKS(tn_error_count, "", tn_error_count(ctx) >= 0);
    ASKS(tn_clear_error, "", (tn_clear_error(ctx), 0));
    ASKS(tn_on_error, "", (tn_on_error(ctx, NULL, NULL), 0));
    CALLS(tn_scope_begin, "", nest_scopes());
    ASKS(tn_scope_end, "", tn_scope_end(ctx, tn_scope_begin(ctx)));
    CALLS(tn_scope_keep, "", tn_scope_keep(ctx, scope, tn_zeros(ctx, TN_F32, TN_SHAPE(2))));
    ASKS(tn_memory, "", (double)tn_memory(ctx).nodes);
    ASKS(tn_memory_reset_peak, "", (tn_memory_reset_peak(ctx), 0));
    ASKS(tn_empty_cache, "", (tn_empty_cache(ctx), 0));
    ASKS(tn_set_threads, "", tn_set_threads(ctx, 1));
    ASKS(tn_threads, "", tn_threads(ctx));
    ASKS(tn_isa, "", tn_isa(ctx)[0]);
    ASKS(tn_blas_core, "", tn_blas_core(ctx)[0]);
    ASKS(tn_manual_seed, "", (tn_manual_seed(ctx, 3), 0));
    ASKS(tn_get_rng_state, "", (double)tn_get_rng_state(ctx).position);
    ASKS(tn_set_rng_state, "", (tn_set_rng_state(ctx, (tn_rng_state){3, 4}), 0));
    ASKS(tn_ok, "", tn_ok(ctx));
    ASKS(tn_fail, "", (tn_fail(ctx, TN_ERR_SHAPE, "text"), tn_clear_error(ctx), 0));
    ASKS(tn_shape_text, "", tn_shape_text(TN_SHAPE(2)).s[1]);
}

int main(void)
{
    return run_allocations("context.h", context_rows);
}
