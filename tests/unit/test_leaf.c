/* Leaves, and tensors that are cut off. */
#include "common/check_tn.h"

START_TEST(detach_stops_gradients)
{
    tn_tensor *x = LEAF(2, 3), *y = tn_square(ctx, x), *d = tn_detach(ctx, y);
    ck_assert(!tn_requires_grad(d));
    ck_assert_ptr_eq(tn_data(d), tn_data(y));
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_mul(ctx, d, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 4, 9);
    ck_assert_ptr_null(tn_detach(ctx, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "detach: input is NULL");
}
END_TEST

START_TEST(view_of_a_parameter)
{
    tn_tensor *p = leaf(tn_reshape(ctx, tn_arange(ctx, TN_F64, 0, 6, 1), TN_SHAPE(2, 3)));
    tn_tensor *view = tn_select(ctx, tn_transpose(ctx, p, 0, 1), 0, 1);
    ck_assert(tn_requires_grad(view));
    ck_assert_ptr_null(tn_grad(view));
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, view))), TN_OK);
    ck_tn_equal(tn_grad(p), 0, 2, 0, 0, 8, 0);
    ck_assert_ptr_null(tn_grad(view));
    ck_assert_int_eq(tn_set_requires_grad(ctx, view, false), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "set_requires_grad: a tensor of shape [2] that slice made is not a "
                              "leaf; tn_detach makes one of it");
    tn_tensor *own = leaf(tn_detach(ctx, view));
    ck_assert_int_eq(tn_backward(ctx, sum_of(own)), TN_OK);
    ck_tn_equal(tn_grad(own), 1, 1);
    ck_tn_equal(tn_grad(p), 0, 2, 0, 0, 8, 0);
}
END_TEST

START_TEST(requires_grad_of_leaves)
{
    tn_tensor *x = F64(1), *i = tn_zeros(ctx, TN_I64, TN_SHAPE(2));
    ck_assert_int_eq(tn_set_requires_grad(ctx, i, true), TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE,
                "set_requires_grad: tensor is i64 but must be f32 or f64; tn_cast converts");
    leaf(leaf(x));
    tn_tensor *y = tn_square(ctx, x);
    ck_assert_int_eq(tn_set_requires_grad(ctx, x, false), TN_OK);
    ck_assert(!tn_requires_grad(x));
    ck_assert_int_eq(tn_backward(ctx, y), TN_OK);
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_int_eq(tn_set_requires_grad(ctx, NULL, true), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "set_requires_grad: tensor is NULL");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("leaf");
    TCase *tc = tn_case(suite, "leaf");
    tcase_add_test(tc, detach_stops_gradients);
    tcase_add_test(tc, view_of_a_parameter);
    tcase_add_test(tc, requires_grad_of_leaves);
    return tn_run(suite);
}
