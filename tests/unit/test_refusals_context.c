/* The functions of <tn/context.h>, given what does not fit. */
#include "rows/refusals.h"

#include <string.h>

static bool makes_context(void)
{
    tn_ctx *another = tn_ctx_new(NULL);
    bool made = tn_ok(another);
    tn_ctx_free(another);
    return made;
}

static tn_ctx *context_without_memory(void)
{
    counting none = {.fail_at = 1, .for_good = true};
    return tn_ctx_new(&(tn_ctx_opts){.allocator = counting_allocator(&none)});
}

static void context_rows(void)
{
    HOLDS(tn_version, strcmp(tn_version(), TN_VERSION) == 0);
    HOLDS(tn_status_name, strcmp(tn_status_name((tn_status)1), "unknown status") == 0);
    HOLDS(tn_ctx_new, makes_context());
    HOLDS(tn_ctx_new, !context_without_memory());
    HOLDS(tn_ctx_free, (tn_ctx_free(NULL), true));
    HOLDS(tn_error, strcmp(tn_error(NULL), "the context is NULL") == 0);
    HOLDS(tn_error_status, tn_error_status(NULL) == TN_ERR_ARGUMENT);
    HOLDS(tn_error_count, tn_error_count(NULL) == 0);
    HOLDS(tn_clear_error, (tn_clear_error(NULL), true));
    HOLDS(tn_on_error, (tn_on_error(NULL, NULL, NULL), true));
    HOLDS(tn_scope_begin, tn_scope_end(NULL, tn_scope_begin(NULL)) == TN_ERR_ARGUMENT);
    REFUSES(tn_scope_end, TN_ERR_STATE, "scope_end: the scope has ended already",
            tn_scope_end(ctx, ended));
    REFUSES(tn_scope_end, TN_ERR_STATE, "scope_end: the scope has ended already",
            tn_scope_end(ctx, (tn_scope){.depth = 99}));
    HOLDS(tn_scope_end, tn_scope_end(own, inner) == TN_OK);
    REFUSES(tn_scope_keep, TN_ERR_ARGUMENT, "scope_keep: tensor is NULL",
            tn_scope_keep(ctx, inner, NULL));
    REFUSES(tn_scope_keep, TN_ERR_ARGUMENT, "scope_keep: tensor [2,3] is not of this scope",
            tn_scope_keep(ctx, inner, x));
    REFUSES(tn_scope_keep, TN_ERR_ARGUMENT, "scope_keep: tensor [2] is not of this scope",
            tn_scope_keep(ctx, inner, T("f32[2]")));
    REFUSES(tn_scope_keep, TN_ERR_STATE, "scope_keep: the scope has ended already",
            tn_scope_keep(ctx, ended, y));
    WORKS(tn_scope_keep, tn_scope_keep(ctx, inner, y));
    HOLDS(tn_memory, tn_memory(NULL).live_bytes == 0);
    HOLDS(tn_memory_reset_peak, (tn_memory_reset_peak(NULL), true));
    HOLDS(tn_empty_cache, (tn_empty_cache(NULL), true));
    REFUSES(tn_set_threads, TN_ERR_ARGUMENT, "set_threads: 0 is not between 1 and 1024",
            tn_set_threads(ctx, 0));
    REFUSES(tn_set_threads, TN_ERR_ARGUMENT, "set_threads: -3 is not between 1 and 1024",
            tn_set_threads(ctx, -3));
    WORKS(tn_set_threads, tn_set_threads(ctx, 2));
    HOLDS(tn_threads, tn_threads(NULL) == 0);
    HOLDS(tn_isa, strcmp(tn_isa(NULL), "") == 0);
    HOLDS(tn_blas_core, strcmp(tn_blas_core(NULL), "") == 0);
    HOLDS(tn_manual_seed, (tn_manual_seed(NULL, 1), true));
    HOLDS(tn_get_rng_state, tn_get_rng_state(NULL).position == 0);
    HOLDS(tn_set_rng_state, (tn_set_rng_state(NULL, (tn_rng_state){0}), true));
    HOLDS(tn_ok, !tn_ok(NULL));
    HOLDS(tn_fail, tn_fail(NULL, TN_ERR_SHAPE, "text") == TN_ERR_ARGUMENT);
    REFUSES(tn_fail, TN_ERR_SHAPE, "text", tn_fail(ctx, TN_ERR_SHAPE, "text"));
    HOLDS(tn_shape_text, strcmp(tn_shape_text(2, NULL).s, "[]") == 0);
}

int main(void)
{
    return run_refusals("context.h", context_rows);
}
