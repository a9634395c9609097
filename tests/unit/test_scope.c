/* Scopes: what they free, keep and refuse. */
#include "common/check_tn.h"
#include "tensor/scope.h"

START_TEST(scope_frees_what_was_made_in_it)
{
    tn_tensor *outside = F64(1, 2);
    tn_memory_stats before = tn_memory(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(100)));
    for (int i = 0; i < 10; i++)
        x = tn_relu(ctx, tn_neg(ctx, x));
    ck_assert_int_eq(tn_memory(ctx).nodes, 20);
    ck_assert_int_gt(tn_memory(ctx).live_bytes, before.live_bytes);
    ck_assert_int_eq(tn_scope_end(ctx, scope), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors);
    ck_assert_int_eq(tn_memory(ctx).nodes, 0);
    ck_tn_equal(outside, 1, 2);
    scope = tn_scope_begin(ctx);
    int64_t live = tn_memory(ctx).live_bytes;
    leaf(tn_ones(ctx, TN_F32, TN_SHAPE(100)));
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
}
END_TEST

START_TEST(scopes_nest)
{
    int64_t tensors = tn_memory(ctx).tensors;
    tn_scope a = tn_scope_begin(ctx);
    F64(1);
    tn_scope b = tn_scope_begin(ctx);
    F64(2);
    F64(3);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 3);
    tn_scope_end(ctx, b);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 1);
    tn_scope_end(ctx, a);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
}
END_TEST

START_TEST(outer_end_ends_inner_ones)
{
    int64_t tensors = tn_memory(ctx).tensors;
    tn_scope a = tn_scope_begin(ctx), inner = {0};
    for (int i = 0; i < 50; i++) {
        inner = tn_scope_begin(ctx);
        F64(1);
    }
    ck_assert_int_eq(tn_scope_end(ctx, a), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_int_eq(tn_scope_end(ctx, inner), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "scope_end: the scope has ended already");
}
END_TEST

/* A scope that has ended is not mistaken for a later one at the same depth. */
START_TEST(ended_scopes_stay_ended)
{
    tn_scope a = tn_scope_begin(ctx);
    tn_scope_end(ctx, a);
    tn_scope b = tn_scope_begin(ctx);
    tn_tensor *x = F64(1);
    ck_assert_int_eq(tn_scope_end(ctx, a), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "scope_end: the scope has ended already");
    ck_assert_ptr_null(tn_scope_keep(ctx, a, x));
    ck_tn_error(TN_ERR_STATE, "scope_keep: the scope has ended already");
    ck_assert_int_eq(tn_scope_end(ctx, (tn_scope){0}), TN_ERR_STATE);
    tn_clear_error(ctx);
    ck_tn_equal(x, 1);
    ck_assert_int_eq(tn_scope_end(ctx, b), TN_OK);
    ck_assert_int_eq(tn_scope_end(ctx, b), TN_ERR_STATE);
    tn_clear_error(ctx);
}
END_TEST

START_TEST(scope_ends_while_an_error_is_recorded)
{
    int64_t tensors = tn_memory(ctx).tensors;
    tn_scope scope = tn_scope_begin(ctx);
    F64(1);
    tn_fail(ctx, TN_ERR_SHAPE, "wrong");
    tn_scope inner = tn_scope_begin(ctx);
    ck_assert_int_eq(tn_scope_end(ctx, inner), TN_ERR_SHAPE);
    ck_assert_int_eq(tn_scope_end(ctx, scope), TN_ERR_SHAPE);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_tn_error(TN_ERR_SHAPE, "wrong");
}
END_TEST

START_TEST(keep_moves_outward)
{
    tn_scope a = tn_scope_begin(ctx), b = tn_scope_begin(ctx), c = tn_scope_begin(ctx);
    tn_tensor *x = F64(1, 2), *view = tn_reshape(ctx, x, TN_SHAPE(2, 1));
    ck_assert_ptr_eq(tn_scope_keep(ctx, c, x), x);
    tn_scope_end(ctx, c);
    ck_tn_equal(x, 1, 2);
    ck_assert_ptr_eq(tn_scope_keep(ctx, b, x), x);
    view = tn_reshape(ctx, x, TN_SHAPE(1, 2));
    tn_scope inner = tn_scope_begin(ctx);
    tn_tensor *deep = tn_slice(ctx, x, 0, 1, 2, 1);
    ck_assert_ptr_eq(tn_scope_keep(ctx, b, deep), deep);
    tn_scope_end(ctx, inner);
    ck_assert_ptr_eq(tn_scope_keep(ctx, b, view), view);
    tn_scope_end(ctx, b);
    tn_free(x);
    ck_tn_equal(view, 1, 2);
    ck_tn_equal(deep, 2);
    tn_scope_end(ctx, a);
    ck_assert_int_eq(tn_memory(ctx).tensors, 0);
}
END_TEST

START_TEST(keep_detaches)
{
    tn_tensor *p = LEAF(1, 2);
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *y = tn_square(ctx, p);
    ck_assert(tn_requires_grad(y));
    ck_assert_ptr_eq(tn_scope_keep(ctx, scope, y), y);
    ck_assert(!tn_requires_grad(y));
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(tn_memory(ctx).nodes, 0);
    ck_tn_equal(y, 1, 4);
}
END_TEST

START_TEST(keep_refuses_what_is_not_of_the_scope)
{
    tn_tensor *outside = F64(1, 2);
    tn_module *net = tn_nn_linear(ctx, 1, 1);
    tn_scope scope = tn_scope_begin(ctx);
    ck_assert_ptr_null(tn_scope_keep(ctx, scope, outside));
    ck_tn_error(TN_ERR_ARGUMENT, "scope_keep: tensor [2] is not of this scope");
    ck_assert_ptr_null(tn_scope_keep(ctx, scope, tn_parameter(net, 0, NULL, 0)));
    ck_tn_error(TN_ERR_ARGUMENT, "scope_keep: tensor [1,1] is not of this scope");
    ck_assert_ptr_null(tn_scope_keep(ctx, scope, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "scope_keep: tensor is NULL");
    tn_ctx *other = tn_ctx_new(NULL);
    tn_scope theirs = tn_scope_begin(other);
    ck_assert_ptr_null(tn_scope_keep(ctx, scope, tn_scalar(other, TN_F32, 1)));
    ck_tn_error(TN_ERR_ARGUMENT, "scope_keep: tensor [] is not of this scope");
    tn_scope_end(other, theirs);
    tn_ctx_free(other);
    tn_scope_end(ctx, scope);
}
END_TEST

START_TEST(free_before_the_scope_ends)
{
    int64_t tensors = tn_memory(ctx).tensors;
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *t[5];
    for (int i = 0; i < 5; i++)
        t[i] = tn_scalar(ctx, TN_F32, i);
    tn_free(t[2]);
    tn_free(t[0]);
    tn_free(t[4]);
    tn_free(NULL);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 2);
    tn_scalar(ctx, TN_F32, 5);
    ck_tn_equal(t[1], 1);
    ck_tn_equal(t[3], 3);
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
}
END_TEST

START_TEST(scope_begin_fails_without_memory)
{
    tn_scope first = tn_scope_begin(ctx), last = first;
    memory.fail_at = memory.calls + 1;
    memory.for_good = true;
    for (int i = 0; tn_ok(ctx) && i < 10000; i++)
        last = tn_scope_begin(ctx);
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
    ck_assert_int_eq(tn_scope_end(ctx, last), TN_ERR_MEMORY);
    ck_assert_int_eq(tn_scope_end(ctx, first), TN_ERR_MEMORY);
    memory.fail_at = 0;
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_scope_end(ctx, tn_scope_begin(ctx)), TN_OK);
}
END_TEST

/* A scope that is held, and what is around it, ends when it is let go; what is begun in it, when
 * its owner likes. */
START_TEST(held_scopes_stay)
{
    int64_t tensors = tn_memory(ctx).tensors, held, inner_held;
    tn_scope around = tn_scope_begin(ctx), own = tn__scope_hold(ctx, &held);
    tn_scope between = tn_scope_begin(ctx), inner = tn__scope_hold(ctx, &inner_held);
    tn_scalar(ctx, TN_F32, 1);
    const tn_scope kept[] = {around, own, between, inner};
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(tn_scope_end(ctx, kept[i]), TN_ERR_STATE);
        ck_tn_error(TN_ERR_STATE, "scope_end: a backward runs in the scope");
    }
    ck_assert_int_eq(tn_scope_end(ctx, tn_scope_begin(ctx)), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 1);
    tn__scope_let_go(ctx, inner, inner_held);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    ck_assert_int_eq(tn_scope_end(ctx, own), TN_ERR_STATE);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_scope_end(ctx, between), TN_OK);
    tn__scope_let_go(ctx, own, held);
    ck_assert_int_eq(tn_scope_end(ctx, around), TN_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scope");
    TCase *tc = tn_case(suite, "scope");
    tcase_add_test(tc, scope_frees_what_was_made_in_it);
    tcase_add_test(tc, scopes_nest);
    tcase_add_test(tc, outer_end_ends_inner_ones);
    tcase_add_test(tc, ended_scopes_stay_ended);
    tcase_add_test(tc, scope_ends_while_an_error_is_recorded);
    tcase_add_test(tc, keep_moves_outward);
    tcase_add_test(tc, keep_detaches);
    tcase_add_test(tc, keep_refuses_what_is_not_of_the_scope);
    tcase_add_test(tc, free_before_the_scope_ends);
    tcase_add_test(tc, scope_begin_fails_without_memory);
    tcase_add_test(tc, held_scopes_stay);
    return tn_run(suite);
}
