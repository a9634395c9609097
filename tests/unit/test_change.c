/* Changing a tensor in place: fill, copy, what is counted and what is refused. */
#include "common/check_tn.h"

START_TEST(fills_views)
{
    tn_tensor *t = tn_zeros(ctx, (tn_dtype)_i, TN_SHAPE(3, 4));
    ck_assert_int_eq(tn_fill_(ctx, tn_slice(ctx, t, 1, 1, 4, 2), 1), TN_OK);
    ck_tn_equal(t, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1);
    ck_assert_int_eq(tn_fill_(ctx, tn_select(ctx, t, 0, 1), 0), TN_OK);
    ck_tn_equal(t, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1);
    ck_assert_int_eq(tn_fill_(ctx, tn_transpose(ctx, t, 0, 1), 1), TN_OK);
    ck_tn_equal(t, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
}
END_TEST

/* Views of three dimensions in every order, with gaps: what is in them is filled, and no more. */
START_TEST(fills_views_in_any_order)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int gaps = 0; gaps < 8; gaps++)
        for (int order = 0; order < 6; order++) {
            tn_tensor *t = tn_zeros(ctx, (tn_dtype)_i, TN_SHAPE(5, 7, 9)), *view = t;
            for (int d = 0; d < 3; d++)
                if (gaps >> d & 1)
                    view = tn_slice(ctx, view, d, 1, tn_size(view, d), 2);
            ck_assert_int_eq(tn_fill_(ctx, tn_permute(ctx, view, orders[order]), 1), TN_OK);
            double sum = 0, inside = 0;
            for (int64_t i = 0; i < tn_numel(t); i++)
                sum += tn_at(ctx, t, (int64_t[]){i / 63, i / 9 % 7, i % 9});
            tn_tensor *part = tn_flatten(ctx, view, 0, -1);
            for (int64_t i = 0; i < tn_numel(part); i++)
                inside += tn_at(ctx, part, &i);
            ck_assert_double_eq(inside, (double)tn_numel(part));
            ck_assert_double_eq(sum, inside);
        }
}
END_TEST

START_TEST(copy_broadcasts)
{
    tn_tensor *t = tn_zeros(ctx, TN_F64, TN_SHAPE(2, 3));
    ck_assert_int_eq(tn_copy_(ctx, t, F64(1, 2, 3)), TN_OK);
    ck_tn_equal(t, 1, 2, 3, 1, 2, 3);
    ck_assert_int_eq(tn_copy_(ctx, t, tn_reshape(ctx, F64(4, 5), TN_SHAPE(2, 1))), TN_OK);
    ck_tn_equal(t, 4, 4, 4, 5, 5, 5);
    ck_assert_int_eq(tn_copy_(ctx, t, tn_scalar(ctx, TN_F64, 6)), TN_OK);
    ck_tn_equal(t, 6, 6, 6, 6, 6, 6);
    ck_assert_int_eq(tn_copy_(ctx, t, F64(1, 2)), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "copy_: src [2] does not broadcast to dst [2,3]");
    ck_assert_int_eq(tn_copy_(ctx, F64(1, 2, 3), t), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "copy_: src [2,3] does not broadcast to dst [3]");
    ck_assert_int_eq(tn_copy_(ctx, t, tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3))), TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE, "copy_: dst is f64 but src is f32; tn_cast converts");
    ck_assert_int_eq(tn_copy_(ctx, NULL, t), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "copy_: dst is NULL");
    ck_assert_int_eq(tn_copy_(ctx, t, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "copy_: src is NULL");
    ck_tn_equal(t, 6, 6, 6, 6, 6, 6);
}
END_TEST

START_TEST(refuses_what_requires_a_gradient)
{
    tn_tensor *p = LEAF(1, 2);
    ck_assert_int_eq(tn_fill_(ctx, p, 0), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "fill_: a tensor of shape [2] that requires a gradient is changed in "
                              "place while gradients are enabled");
    ck_assert_int_eq(tn_copy_(ctx, p, F64(3, 4)), TN_ERR_STATE);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_uniform_(ctx, p, 0, 1), TN_ERR_STATE);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_normal_(ctx, p, 0, 1), TN_ERR_STATE);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_bernoulli_(ctx, p, 0.5), TN_ERR_STATE);
    tn_clear_error(ctx);
    ck_tn_equal(p, 1, 2);
    bool before = tn_set_grad_enabled(ctx, false);
    ck_assert_int_eq(tn_copy_(ctx, p, F64(3, 4)), TN_OK);
    tn_set_grad_enabled(ctx, before);
    ck_tn_equal(p, 3, 4);
}
END_TEST

START_TEST(changes_are_counted)
{
    tn_tensor *t = F64(1, 2), *view = tn_slice(ctx, t, 0, 0, 1, 1);
    uint32_t version = t->storage->version;
    tn_fill_(ctx, view, 1);
    tn_copy_(ctx, t, view);
    tn_data_mut(view);
    tn_uniform_(ctx, t, 0, 1);
    tn_normal_(ctx, t, 0, 1);
    tn_bernoulli_(ctx, t, 1);
    ck_assert_uint_eq(t->storage->version, version + 6);
    tn_data(t);
    ck_assert_uint_eq(t->storage->version, version + 6);
}
END_TEST

START_TEST(refuses_what_is_expanded)
{
    tn_tensor *row = tn_arange(ctx, TN_F32, 0, 3, 1);
    tn_tensor *rows = tn_expand(ctx, row, TN_SHAPE(2, 3));
    ck_assert_int_eq(tn_fill_(ctx, rows, 7), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT,
                "fill_: a tensor of shape [2,3] is expanded: its elements share memory");
    ck_assert_double_eq(tn_at(ctx, row, (int64_t[]){2}), 2);
    tn_tensor *one = tn_narrow(ctx, rows, 0, 1, 1);
    ck_assert_int_eq(tn_strides(one)[0], 0);
    ck_assert_int_eq(tn_fill_(ctx, one, 7), TN_OK);
    ck_tn_equal(row, 7, 7, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("change");
    TCase *tc = tn_case(suite, "change");
    tcase_add_loop_test(tc, fills_views, 0, TN_DTYPES);
    tcase_add_loop_test(tc, fills_views_in_any_order, 0, TN_DTYPES);
    tcase_add_test(tc, copy_broadcasts);
    tcase_add_test(tc, refuses_what_requires_a_gradient);
    tcase_add_test(tc, refuses_what_is_expanded);
    tcase_add_test(tc, changes_are_counted);
    return tn_run(suite);
}
