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

/* Every pair of layouts of [3, 4] in every dtype. */
static tn_tensor *laid_out(int layout, tn_dtype dtype)
{
    tn_tensor *t;
    switch (layout) {
    case 0:
        return tn_empty(ctx, dtype, TN_SHAPE(3, 4));
    case 1:
        return tn_transpose(ctx, tn_empty(ctx, dtype, TN_SHAPE(4, 3)), 0, 1);
    case 2:
        t = tn_empty(ctx, dtype, TN_SHAPE(3, 8));
        return tn_slice(ctx, t, 1, 1, 8, 2);
    default:
        t = tn_slice(ctx, tn_empty(ctx, dtype, TN_SHAPE(9, 2, 4)), 0, 2, 9, 3);
        return tn_select(ctx, t, 1, 1);
    }
}

START_TEST(copies_between_layouts)
{
    tn_dtype dtype = (tn_dtype)_i;
    tn_tensor *numbers = tn_reshape(ctx, tn_arange(ctx, dtype, 0, 12, 1), TN_SHAPE(3, 4));
    for (int pair = 0; pair < 16; pair++) {
        tn_tensor *dst = laid_out(pair / 4, dtype), *src = laid_out(pair % 4, dtype);
        ck_assert_int_eq(tn_copy_(ctx, src, numbers), TN_OK);
        ck_assert_int_eq(tn_fill_(ctx, dst, 0), TN_OK);
        ck_assert_int_eq(tn_copy_(ctx, dst, src), TN_OK);
        for (int64_t i = 0; i < 12; i++)
            ck_assert_double_eq(element_of(dst, i), element_of(numbers, i));
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

START_TEST(copies_onto_itself)
{
    tn_tensor *t = F64(0, 1, 2, 3, 4, 5, 6, 7);
    ck_assert_int_eq(tn_copy_(ctx, tn_narrow(ctx, t, 0, 1, 7), tn_narrow(ctx, t, 0, 0, 7)), TN_OK);
    ck_tn_equal(t, 0, 0, 1, 2, 3, 4, 5, 6);
    ck_assert_int_eq(tn_copy_(ctx, tn_narrow(ctx, t, 0, 0, 7), tn_narrow(ctx, t, 0, 1, 7)), TN_OK);
    ck_tn_equal(t, 0, 1, 2, 3, 4, 5, 6, 6);
    tn_tensor *m = tn_reshape(ctx, F64(1, 2, 3, 4), TN_SHAPE(2, 2));
    ck_assert_int_eq(tn_copy_(ctx, m, tn_transpose(ctx, m, 0, 1)), TN_OK);
    ck_tn_equal(m, 1, 3, 2, 4);
    ck_assert_int_eq(tn_copy_(ctx, m, tn_select(ctx, m, 0, 1)), TN_OK);
    ck_tn_equal(m, 2, 4, 2, 4);
    int64_t tensors = tn_memory(ctx).tensors;
    ck_assert_int_eq(tn_copy_(ctx, m, m), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
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

/* Enough elements for several threads. */
START_TEST(large)
{
    tn_set_threads(ctx, 4);
    tn_tensor *t = tn_zeros(ctx, TN_I32, TN_SHAPE(300, 400));
    tn_tensor *numbers = tn_reshape(ctx, tn_arange(ctx, TN_I32, 0, 120000, 1), TN_SHAPE(400, 300));
    ck_assert_int_eq(tn_copy_(ctx, t, tn_transpose(ctx, numbers, 0, 1)), TN_OK);
    const int32_t *p = tn_data(t);
    int64_t wrong = 0;
    for (int64_t i = 0; i < 120000; i++)
        wrong += p[i] != i % 400 * 300 + i / 400;
    ck_assert_int_eq(tn_fill_(ctx, t, -5), TN_OK);
    for (int64_t i = 0; i < 120000; i++)
        wrong += p[i] != -5;
    ck_assert_int_eq(wrong, 0);
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
    tcase_add_loop_test(tc, copies_between_layouts, 0, TN_DTYPES);
    tcase_add_test(tc, copy_broadcasts);
    tcase_add_test(tc, copies_onto_itself);
    tcase_add_test(tc, refuses_what_requires_a_gradient);
    tcase_add_test(tc, refuses_what_is_expanded);
    tcase_add_test(tc, changes_are_counted);
    tcase_add_test(tc, large);
    return tn_run(suite);
}
