/* The record itself: how long it lives, and what it holds. */
#include "common/check_tn.h"

#include <pthread.h>

START_TEST(graph_dies_with_its_results)
{
    tn_tensor *x = LEAF(1, 2);
    int64_t live = tn_memory(ctx).live_bytes, tensors = tn_memory(ctx).tensors;
    tn_tensor *a = tn_square(ctx, x), *b = tn_exp(ctx, a), *c = tn_log(ctx, a);
    tn_free(a);
    ck_assert_int_eq(tn_memory(ctx).nodes, 3);
    tn_free(b);
    ck_assert_int_eq(tn_memory(ctx).nodes, 2);
    ck_assert_int_eq(tn_backward_with(ctx, c, F64(1, 1)), TN_OK);
    ck_tn_close(tn_grad(x), 1e-15, 2, 1);
    tn_free(c);
    ck_assert_int_eq(tn_memory(ctx).nodes, 0);
    ck_assert_int_eq(ctx->tape->count, 0);
    tn_clear_grad(x);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 1);
    ck_assert_int_le(tn_memory(ctx).live_bytes, live + 1024);
}
END_TEST

/* The gradients of leaves that have died are of no use to anybody, and do no harm. */
START_TEST(leaf_that_is_gone)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *p = LEAF(1, 2), *q = LEAF(3, 4);
    tn_tensor *y = tn_mul(ctx, p, q);
    tn_free(p);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_OK);
    ck_tn_equal(tn_grad(q), 1, 2);
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(tn_memory(ctx).tensors, 0);
}
END_TEST

#define LONG 100000

static void *free_chain(void *y)
{
    tn_free(y);
    return NULL;
}

/* Runs in a thread with a stack that a call for each node would not fit. */
static void on_small_stack(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, run, argument), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
}

START_TEST(long_chain)
{
    tn_tensor *x = leaf(tn_scalar(ctx, TN_F64, 1));
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *y = tn_add_scalar(ctx, x, 1);
    for (int i = 1; i < LONG; i++) {
        tn_tensor *next = tn_add_scalar(ctx, y, 1);
        tn_free(y);
        y = next;
    }
    ck_assert_int_eq(tn_memory(ctx).nodes, LONG);
    ck_assert_double_eq(tn_item(ctx, y), LONG + 1);
    ck_assert_int_eq(tn_backward(ctx, y), TN_OK);
    ck_tn_equal(tn_grad(x), 1);
    on_small_stack(free_chain, y);
    ck_assert_int_eq(tn_memory(ctx).nodes, 0);
    tn_scope_end(ctx, scope);
}
END_TEST

/* The tape does not grow with the nodes that have died. */
START_TEST(tape_is_compacted)
{
    tn_tensor *x = LEAF(1, 2), *first = tn_square(ctx, x), *y = NULL;
    for (int i = 0; i < 10000; i++) {
        tn_tensor *next = tn_square(ctx, first);
        tn_free(y);
        y = next;
    }
    ck_assert_int_lt(ctx->tape->capacity, 64);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_OK);
    ck_tn_equal(tn_grad(x), 4, 32);
}
END_TEST

START_TEST(saved_tensors_are_released)
{
    const int64_t n = 10000, bytes = 80000;
    tn_tensor *x = leaf(tn_ones(ctx, TN_F64, 1, &n)), *v = tn_ones(ctx, TN_F64, 1, &n);
    tn_tensor *y = tn_exp(ctx, x), *z = tn_add_scalar(ctx, y, 1);
    tn_free(y);
    int64_t before = tn_memory(ctx).live_bytes;
    ck_assert_int_eq(tn_backward_with(ctx, z, v), TN_OK);
    ck_assert_int_lt(tn_memory(ctx).live_bytes, before + bytes / 2);
    ck_assert_double_eq_tol(tn_at(ctx, tn_grad(x), (int64_t[]){n - 1}), exp(1), 1e-15);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node");
    TCase *tc = tn_case(suite, "node");
    tcase_add_test(tc, graph_dies_with_its_results);
    tcase_add_test(tc, leaf_that_is_gone);
    tcase_add_test(tc, long_chain);
    tcase_add_test(tc, tape_is_compacted);
    tcase_add_test(tc, saved_tensors_are_released);
    return tn_run(suite);
}
