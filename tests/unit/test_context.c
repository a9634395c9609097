/* Making a context: its options, and what happens without memory. */
#include "common/check_tn.h"

START_TEST(options)
{
    tn_ctx *other = tn_ctx_new(&(tn_ctx_opts){.seed = 7, .threads = 3, .keep_blas_threads = true});
    ck_assert_int_eq(tn_threads(other), 3);
    ck_assert_uint_eq(tn_get_rng_state(other).seed, 7);
    tn_ctx_free(other);
    other = tn_ctx_new(&(tn_ctx_opts){.threads = 1});
    ck_assert_int_eq(tn_threads(other), 1);
    tn_ctx_free(other);
    other = tn_ctx_new(NULL);
    ck_assert_int_ge(tn_threads(other), 1);
    ck_assert_uint_eq(tn_get_rng_state(other).seed, 0);
    tn_ctx_free(other);
}
END_TEST

/* A context that is not what was asked for says so, as its first error; cleared, it has the
 * default. */
START_TEST(refuses_options)
{
    static const struct {
        tn_ctx_opts opts;
        const char *error;
    } cases[] = {
        {{.threads = -1}, "ctx_new: threads: -1 is not between 0 and 1024"},
        {{.threads = 1025}, "ctx_new: threads: 1025 is not between 0 and 1024"},
        {{.prepared_bytes = -1}, "ctx_new: prepared_bytes: -1 is negative"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_ctx *other = tn_ctx_new(&cases[i].opts);
        ck_assert_int_eq(tn_error_status(other), TN_ERR_ARGUMENT);
        ck_assert_str_eq(tn_error(other), cases[i].error);
        ck_assert_ptr_null(tn_zeros(other, TN_F32, TN_SHAPE(1)));
        tn_clear_error(other);
        ck_assert_int_ge(tn_threads(other), 1);
        ck_assert_ptr_nonnull(tn_zeros(other, TN_F32, TN_SHAPE(1)));
        tn_ctx_free(other);
    }
    tn_ctx *other = tn_ctx_new(&(tn_ctx_opts){.threads = 1024, .prepared_bytes = TN_ZERO});
    ck_assert_str_eq(tn_error(other), "");
    ck_assert_int_eq(tn_threads(other), 1024);
    tn_ctx_free(other);
}
END_TEST

/* Each allocation of tn_ctx_new in turn. */
START_TEST(new_fails_without_memory)
{
    counting own = {.fail_at = 1};
    tn_ctx_opts opts = {.allocator = counting_allocator(&own)};
    tn_ctx *other = NULL;
    for (; !(other = tn_ctx_new(&opts)); own.calls = 0, own.fail_at++)
        ck_assert_int_eq(own.blocks, 0);
    ck_assert_int_gt(own.fail_at, 1);
    tn_ctx_free(other);
    ck_assert_int_eq(own.blocks, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *tc = tn_case(suite, "context");
    tcase_add_test(tc, options);
    tcase_add_test(tc, refuses_options);
    tcase_add_test(tc, new_fails_without_memory);
    return tn_run(suite);
}
