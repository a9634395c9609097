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
    other = tn_ctx_new(&(tn_ctx_opts){.threads = 1000000});
    ck_assert_int_le(tn_threads(other), 1024);
    tn_ctx_free(other);
    other = tn_ctx_new(&(tn_ctx_opts){.threads = -1});
    ck_assert_int_ge(tn_threads(other), 1);
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
    tcase_add_test(tc, new_fails_without_memory);
    return tn_run(suite);
}
