/* Errors: the first one stays, a context in error does nothing, and the hook hears of it. */
#include "base/error.h"
#include "common/check_tn.h"

#include <string.h>

START_TEST(names_of_statuses)
{
    static const char *const names[] = {"TN_OK",        "TN_ERR_ARGUMENT", "TN_ERR_SHAPE",
                                        "TN_ERR_DTYPE", "TN_ERR_MEMORY",   "TN_ERR_STATE",
                                        "TN_ERR_FILE",  "TN_ERR_FORMAT",   "TN_ERR_GRADIENT"};
    for (int i = 0; i < 9; i++)
        ck_assert_str_eq(tn_status_name((tn_status)-i), names[i]);
    ck_assert_str_eq(tn_status_name((tn_status)-99), "unknown status");
    ck_assert_str_eq(tn_status_name((tn_status)1), "unknown status");
    ck_assert_str_eq(tn_version(), TN_VERSION);
}
END_TEST

START_TEST(first_error_stays)
{
    ck_assert(tn_ok(ctx));
    ck_assert_int_eq(tn_fail(ctx, TN_ERR_SHAPE, "first: %d of %s", 1, "two"), TN_ERR_SHAPE);
    ck_assert_int_eq(tn_fail(ctx, TN_ERR_DTYPE, "second"), TN_ERR_SHAPE);
    tn__out_of_memory(ctx, 1);
    ck_assert(!tn_ok(ctx));
    ck_tn_error(TN_ERR_SHAPE, "first: 1 of two");
    ck_assert(tn_ok(ctx));
    ck_assert_int_eq(tn_fail(ctx, TN_ERR_DTYPE, "third"), TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE, "third");
}
END_TEST

START_TEST(failure_is_negative)
{
    ck_assert_int_eq(tn_fail(ctx, TN_OK, "a mistake of the caller"), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "a mistake of the caller");
}
END_TEST

START_TEST(long_messages_are_cut)
{
    char text[2 * TN_ERROR_SIZE];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    tn_fail(ctx, TN_ERR_STATE, "%s", text);
    ck_assert_uint_eq(strlen(tn_error(ctx)), TN_ERROR_SIZE - 1);
    tn_clear_error(ctx);
}
END_TEST

/* A message is one line, whatever a name in it holds. */
START_TEST(control_characters_are_shown)
{
    tn_fail(ctx, TN_ERR_FORMAT, "%s", "a b\nc\x1f~\x7f~\xc3\xa9");
    ck_tn_error(TN_ERR_FORMAT, "a b?c?~?~\xc3\xa9");
}
END_TEST

/* Terminals obey U+0080 to U+009F, and their bytes alone, as they do escape sequences; what is no
 * UTF-8 cannot be shown. */
START_TEST(other_bytes_are_shown)
{
    tn_fail(ctx, TN_ERR_FORMAT, "%s",
            "a\xc2\x9b"
            "31m\xc2\x80\xc2\xa0\xff\x9b\xe2\x82");
    ck_tn_error(TN_ERR_FORMAT, "a?31m?\xc2\xa0????");
    tn_clear_error(ctx);
    tn_fail(ctx, TN_ERR_FORMAT, "%*s\xe2\x82\xac", TN_ERROR_SIZE - 3, "");
    const char *text = tn_error(ctx);
    ck_assert_str_eq(text + strlen(text) - 2, "??");
    tn_clear_error(ctx);
}
END_TEST

START_TEST(context_in_error_does_nothing)
{
    tn_tensor *x = F64(1, 2);
    tn_tensor *p = LEAF(3, 4);
    int64_t calls = memory.calls;
    tn_fail(ctx, TN_ERR_STATE, "stop");
    ck_assert_ptr_null(tn_zeros(ctx, TN_F32, TN_SHAPE(2)));
    ck_assert_ptr_null(tn_relu(ctx, tn_add(ctx, x, x)));
    ck_assert_ptr_null(tn_nn_linear(ctx, 2, 3));
    ck_assert_ptr_null(tn_sgd_of(ctx, 1, &p, (tn_sgd_opts){0}));
    ck_assert_ptr_null(tn_loader_new(ctx, x, NULL, (tn_loader_opts){0}));
    ck_assert_ptr_null(tn_detach(ctx, x));
    ck_assert_int_eq(tn_fill_(ctx, x, 7), TN_ERR_STATE);
    ck_assert_int_eq(tn_copy_(ctx, x, p), TN_ERR_STATE);
    ck_assert_int_eq(tn_normal_(ctx, x, 0, 1), TN_ERR_STATE);
    ck_assert_int_eq(tn_backward(ctx, x), TN_ERR_STATE);
    ck_assert_int_eq(tn_set_threads(ctx, 5), TN_ERR_STATE);
    ck_assert_int_eq(tn_set_requires_grad(ctx, x, true), TN_ERR_STATE);
    ck_assert(tn_item(ctx, x) != tn_item(ctx, x));
    ck_assert_int_eq(tn_threads(ctx), 2);
    ck_assert(!tn_requires_grad(x));
    ck_assert_int_eq(memory.calls, calls);
    ck_tn_error(TN_ERR_STATE, "stop");
    ck_tn_equal(x, 1, 2);
}
END_TEST

/* Whatever is called without a context fails and does nothing. */
START_TEST(no_context)
{
    tn_tensor *x = F64(1);
    ck_assert(!tn_ok(NULL));
    ck_assert_str_eq(tn_error(NULL), "the context is NULL");
    ck_assert_int_eq(tn_error_status(NULL), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_fail(NULL, TN_ERR_SHAPE, "x"), TN_ERR_ARGUMENT);
    tn_clear_error(NULL);
    tn_on_error(NULL, NULL, NULL);
    ck_assert_ptr_null(tn_zeros(NULL, TN_F32, TN_SCALAR));
    ck_assert_ptr_null(tn_relu(NULL, x));
    ck_assert_ptr_null(tn_randperm(NULL, 3));
    ck_assert_int_eq(tn_fill_(NULL, x, 0), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_backward(NULL, x), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_set_threads(NULL, 1), TN_ERR_ARGUMENT);
    ck_assert_int_eq(tn_scope_end(NULL, tn_scope_begin(NULL)), TN_ERR_ARGUMENT);
    ck_assert(!tn_set_grad_enabled(NULL, true));
    ck_assert(!tn_is_grad_enabled(NULL));
    ck_assert_int_eq(tn_threads(NULL), 0);
    ck_assert_str_eq(tn_isa(NULL), "");
    ck_assert_int_eq(tn_memory(NULL).live_bytes, 0);
    tn_memory_reset_peak(NULL);
    tn_empty_cache(NULL);
    tn_manual_seed(NULL, 1);
    tn_set_rng_state(NULL, tn_get_rng_state(NULL));
    tn_ctx_free(NULL);
}
END_TEST

typedef struct heard {
    int calls;
    tn_status status;
    char message[64];
} heard;

static void hear(tn_status status, const char *message, void *payload)
{
    heard *h = payload;
    h->calls++;
    h->status = status;
    strncpy(h->message, message, sizeof h->message - 1);
}

START_TEST(hook_hears_the_first_error)
{
    heard h = {0};
    tn_on_error(ctx, hear, &h);
    ck_assert_ptr_null(tn_relu(ctx, tn_neg(ctx, NULL)));
    ck_assert_int_eq(h.calls, 1);
    ck_assert_int_eq(h.status, TN_ERR_ARGUMENT);
    ck_assert_str_eq(h.message, "neg: input is NULL");
    tn_fail(ctx, TN_ERR_SHAPE, "another");
    ck_assert_int_eq(h.calls, 1);
    tn_clear_error(ctx);
    tn_fail(ctx, TN_ERR_SHAPE, "another");
    ck_assert_int_eq(h.calls, 2);
    ck_assert_str_eq(h.message, "another");
    tn_clear_error(ctx);
    tn_on_error(ctx, NULL, NULL);
    tn_fail(ctx, TN_ERR_SHAPE, "unheard");
    ck_assert_int_eq(h.calls, 2);
    tn_clear_error(ctx);
}
END_TEST

static int calls;

/* Clears the error, and fails itself. */
static void meddling_hook(tn_status status, const char *message, void *payload)
{
    (void)status, (void)message;
    calls++;
    tn_clear_error(payload);
    tn_relu(payload, NULL);
}

START_TEST(hook_may_clear_and_fail)
{
    calls = 0;
    tn_on_error(ctx, meddling_hook, ctx);
    ck_assert_int_eq(tn_fail(ctx, TN_ERR_SHAPE, "first"), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "first");
    ck_assert_int_eq(calls, 1);
    tn_on_error(ctx, NULL, NULL);
    tn_clear_error(ctx);
}
END_TEST

static void clearing_hook(tn_status status, const char *message, void *payload)
{
    (void)status, (void)message;
    tn_clear_error(payload);
}

/* The call that fails has not returned yet, and finds its error after the hook. */
START_TEST(hook_clears_nothing)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(6, 8));
    tn_on_error(ctx, clearing_hook, ctx);
    ck_assert_int_eq(tn_backward(ctx, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "backward: loss is NULL");
    tn_on_error(ctx, NULL, NULL);
    tn_clear_error(ctx);
    tn_empty_cache(ctx);
    tn_on_error(ctx, clearing_hook, ctx);
    memory.fail_at = memory.calls + 1;
    memory.for_good = true;
    ck_assert_ptr_null(tn_linear(ctx, x, x, NULL));
    memory.fail_at = 0;
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    tn_on_error(ctx, NULL, NULL);
    tn_clear_error(ctx);
    ck_assert(tn_ok(ctx));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tc = tn_case(suite, "error");
    tcase_add_test(tc, names_of_statuses);
    tcase_add_test(tc, first_error_stays);
    tcase_add_test(tc, failure_is_negative);
    tcase_add_test(tc, long_messages_are_cut);
    tcase_add_test(tc, control_characters_are_shown);
    tcase_add_test(tc, other_bytes_are_shown);
    tcase_add_test(tc, context_in_error_does_nothing);
    tcase_add_test(tc, no_context);
    tcase_add_test(tc, hook_hears_the_first_error);
    tcase_add_test(tc, hook_may_clear_and_fail);
    tcase_add_test(tc, hook_clears_nothing);
    return tn_run(suite);
}
