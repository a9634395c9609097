/* Copies of a module's state, to go back to. */
#include "common/check_tn.h"

#include <tn/train.h>

static tn_module *net;

static void make_net(void)
{
    net = tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 2, 3, (tn_conv2d_opts){0}),
                        tn_nn_batch_norm2d(ctx, 2, (tn_batch_norm_opts){0}), tn_nn_flatten(ctx));
}

/* A step that changes every parameter and every buffer. */
static void change(double by)
{
    tn_dict *state = tn_state_dict(ctx, net);
    bool before = tn_set_grad_enabled(ctx, false);
    for (int64_t i = 0; i < tn_dict_count(state); i++)
        tn_fill_(ctx, tn_dict_at(state, i), by);
    tn_set_grad_enabled(ctx, before);
    tn_dict_free(state);
}

static bool is_all(double value)
{
    tn_dict *state = tn_state_dict(ctx, net);
    bool all = true;
    for (int64_t i = 0; i < tn_dict_count(state); i++)
        all = all && element_of(tn_dict_at(state, i), 0) == value;
    tn_dict_free(state);
    return all;
}

START_TEST(goes_back)
{
    make_net();
    tn_snapshot *s = tn_snapshot_new(ctx, net);
    change(3);
    ck_assert_int_eq(tn_snapshot_take(s), TN_OK);
    change(4);
    ck_assert_int_eq(tn_snapshot_restore(s), TN_OK);
    ck_assert(is_all(3));
    change(5);
    ck_assert_int_eq(tn_snapshot_take(s), TN_OK);
    change(6);
    ck_assert_int_eq(tn_snapshot_restore(s), TN_OK);
    ck_assert(is_all(5));
    ck_assert_int_eq(tn_snapshot_restore(s), TN_OK);
    tn_snapshot_free(s);
}
END_TEST

/* A result that was made with weights from before does not go back through others. */
START_TEST(counts_as_a_change)
{
    tn_module *linear = tn_nn_linear(ctx, 3, 2);
    tn_snapshot *s = tn_snapshot_new(ctx, linear);
    tn_snapshot_take(s);
    tn_tensor *y = tn_forward(ctx, linear, leaf(tn_ones(ctx, TN_F32, TN_SHAPE(4, 3))));
    ck_assert_int_eq(tn_snapshot_restore(s), TN_OK);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_ERR_STATE);
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), "changed"));
    tn_clear_error(ctx);
}
END_TEST

/* Again and again in the same memory, which has 40,000 bytes of weights. */
START_TEST(allocates_nothing)
{
    tn_snapshot *s = tn_snapshot_new(ctx, tn_nn_linear(ctx, 100, 100));
    tn_snapshot_take(s);
    tn_snapshot_take(s);
    int64_t live = tn_memory(ctx).live_bytes, calls = memory.calls;
    tn_memory_reset_peak(ctx);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(tn_snapshot_take(s), TN_OK);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes, live + 4000);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_assert_int_eq(memory.calls, calls);
}
END_TEST

/* Views that the program has of an earlier one stay as they are. */
START_TEST(leaves_views_alone)
{
    make_net();
    tn_snapshot *s = tn_snapshot_new(ctx, net);
    ck_assert_int_eq(tn_dict_count(tn_snapshot_state_dict(s)), 0);
    change(1);
    tn_snapshot_take(s);
    tn_dict *first = tn_snapshot_state_dict(s);
    change(2);
    tn_snapshot_take(s);
    ck_assert_double_eq(element_of(tn_dict_get(first, "0.weight"), 0), 1);
    ck_assert_double_eq(element_of(tn_dict_get(tn_snapshot_state_dict(s), "0.weight"), 0), 2);
    change(7);
    ck_assert_double_eq(element_of(tn_dict_get(first, "0.weight"), 0), 1);
}
END_TEST

START_TEST(keeps_its_state)
{
    make_net();
    tn_snapshot *s = tn_snapshot_new(ctx, net), *other = tn_snapshot_new(ctx, net);
    change(1);
    tn_snapshot_take(s);
    change(2);
    tn_snapshot_take(other);
    tn_dict *state = tn_snapshot_state_dict(s);
    ck_assert_int_eq(tn_snapshot_load_state_dict(other, state), TN_OK);
    tn_dict_free(state);
    tn_snapshot_free(s);
    ck_assert_int_eq(tn_snapshot_restore(other), TN_OK);
    ck_assert(is_all(1));
    ck_assert_int_eq(tn_snapshot_load_state_dict(other, tn_dict_new(ctx)), TN_OK);
    ck_assert_int_eq(tn_snapshot_restore(other), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "snapshot_restore: nothing was taken");
}
END_TEST

START_TEST(of_another_module)
{
    make_net();
    tn_snapshot *s = tn_snapshot_new(ctx, net);
    tn_snapshot_take(s);
    tn_dict *linear = tn_state_dict(ctx, tn_nn_linear(ctx, 2, 2));
    ck_assert_int_eq(tn_snapshot_load_state_dict(s, linear), TN_ERR_SHAPE);
    tn_clear_error(ctx);
    tn_module_to(ctx, net, TN_F64);
    ck_assert_int_eq(tn_snapshot_restore(s), TN_ERR_DTYPE);
    tn_clear_error(ctx);
    change(3);
    ck_assert_int_eq(tn_snapshot_take(s), TN_OK);
    change(4);
    ck_assert_int_eq(tn_snapshot_restore(s), TN_OK);
    ck_assert(is_all(3));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshot");
    TCase *tc = tn_case(suite, "snapshot");
    tcase_add_test(tc, goes_back);
    tcase_add_test(tc, counts_as_a_change);
    tcase_add_test(tc, allocates_nothing);
    tcase_add_test(tc, leaves_views_alone);
    tcase_add_test(tc, keeps_its_state);
    tcase_add_test(tc, of_another_module);
    return tn_run(suite);
}
