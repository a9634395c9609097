/* The backward pass: in which order, how often, of which loss. */
#include "common/check_tn.h"

START_TEST(tensor_used_twice)
{
    tn_tensor *x = LEAF(2, 3);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_mul(ctx, x, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 4, 6);
    tn_clear_grad(x);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_add(ctx, x, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 2);
}
END_TEST

START_TEST(diamond)
{
    tn_tensor *x = LEAF(2, 3);
    tn_tensor *y = tn_square(ctx, x);
    tn_tensor *a = tn_mul_scalar(ctx, y, 3), *b = tn_square(ctx, y);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_add(ctx, a, tn_add(ctx, b, y)))), TN_OK);
    ck_tn_equal(tn_grad(x), 4 * (3 + 8 + 1), 6 * (3 + 18 + 1));
}
END_TEST

/* Starts a pass of its own, with and without a gradient given. */
static void pass_within(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    bool before = tn_set_grad_enabled(c, true);
    tn_tensor *z = LEAF(3);
    if (*(const bool *)tn_node_data(node))
        ck_assert_int_eq(tn_backward_with(c, tn_square(c, z), dy), TN_ERR_STATE);
    else
        ck_assert_int_eq(tn_backward(c, sum_of(tn_square(c, z))), TN_ERR_STATE);
    ck_assert_ptr_null(tn_grad(z));
    tn_set_grad_enabled(c, before);
    tn_add_grad(c, node, 0, dy);
}

/* It would pass over what the outer one has gathered so far. */
START_TEST(backward_within_backward)
{
    static const tn_op op = {.name = "within", .backward = pass_within};
    tn_tensor *x = LEAF(1), *y = LEAF(2);
    bool with = _i == 1;
    tn_record_args args = {.inputs = {x}, .data = &with, .size = sizeof with};
    tn_tensor *first = tn_record(ctx, &op, F64(6), args);
    ck_assert_int_eq(tn_backward(ctx, tn_mul(ctx, first, y)), TN_ERR_STATE);
    ck_tn_error(
        TN_ERR_STATE,
        "backward: inside of the backward function of within; gradients of gradients are not "
        "supported yet");
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_ptr_null(tn_grad(y));
    ck_assert_int_eq(tn_backward(ctx, tn_mul(ctx, x, y)), TN_OK);
    ck_tn_equal(tn_grad(x), 2);
    ck_tn_equal(tn_grad(y), 1);
}
END_TEST

START_TEST(backward_twice)
{
    tn_tensor *x = LEAF(1, 2), *y = tn_square(ctx, x), *loss = sum_of(y);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "backward: the record of sum was used up by an earlier backward; run "
                              "the forward pass again");
    ck_tn_equal(tn_grad(x), 2, 4);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "backward: the record of square was used up by an earlier backward; "
                              "run the forward pass again");
    ck_tn_equal(tn_grad(x), 2, 4);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 4, 8);
}
END_TEST

START_TEST(changed_in_place)
{
    tn_tensor *x = LEAF(1, 2), *c = F64(3, 4), *y = tn_mul(ctx, x, c);
    tn_fill_(ctx, c, 0);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "backward: a tensor of shape [2] that mul saved was changed in place "
                              "since (version 0, now 1)");
    ck_assert_ptr_null(tn_grad(x));
    y = tn_mul(ctx, x, c);
    tn_data_mut(tn_slice(ctx, c, 0, 0, 1, 1));
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_ERR_STATE);
    tn_clear_error(ctx);
    y = tn_square(ctx, x);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_fill_(ctx, x, 5);
    tn_set_grad_enabled(ctx, before);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_ERR_STATE);
    tn_clear_error(ctx);
    y = tn_add(ctx, x, c);
    tn_fill_(ctx, c, 7);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_OK);
    ck_tn_equal(tn_grad(x), 1, 1);
}
END_TEST

START_TEST(backward_with_a_gradient)
{
    tn_tensor *x = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(2, 2)));
    tn_tensor *v = tn_transpose(ctx, tn_reshape(ctx, F64(1, 2, 3, 4), TN_SHAPE(2, 2)), 0, 1);
    ck_assert_int_eq(tn_backward_with(ctx, tn_mul_scalar(ctx, x, 10), v), TN_OK);
    ck_tn_equal(tn_grad(x), 10, 30, 20, 40);
    ck_assert_int_eq(tn_backward_with(ctx, x, v), TN_OK);
    ck_tn_equal(tn_grad(x), 11, 33, 22, 44);
    tn_tensor *y = tn_square(ctx, x);
    ck_assert_int_eq(tn_backward_with(ctx, y, F64(1, 2)), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "backward: a tensor of shape [2,2] and a gradient of [2]");
    ck_assert_int_eq(tn_backward_with(ctx, y, tn_ones(ctx, TN_F32, TN_SHAPE(2, 2))), TN_ERR_DTYPE);
    ck_tn_error(TN_ERR_DTYPE,
                "backward: the tensor is f64 but its gradient is f32; tn_cast converts");
    ck_assert_int_eq(tn_backward_with(ctx, y, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "backward: grad is NULL");
}
END_TEST

/* Of what a pass makes, the gradients of leaves alone stay. */
START_TEST(gradients_alone_stay)
{
    tn_tensor *x = LEAF(1, 2), *y = tn_neg(ctx, tn_mul_scalar(ctx, x, 2)), *g = F64(1, 1);
    tn_tensor *loss = sum_of(y);
    int64_t tensors = tn_memory(ctx).tensors;
    if (_i)
        ck_assert_int_eq(tn_backward_with(ctx, y, g), TN_OK);
    else
        ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors + 1);
}
END_TEST

START_TEST(loss_of_several_elements)
{
    tn_tensor *x = LEAF(1, 2);
    ck_assert_int_eq(tn_backward(ctx, tn_square(ctx, x)), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "backward: the loss has shape [2], not one element; reduce it, or "
                              "give a gradient to tn_backward_with");
    ck_assert_int_eq(tn_backward(ctx, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "backward: loss is NULL");
    ck_assert_int_eq(tn_backward(ctx, tn_reshape(ctx, sum_of(x), TN_SHAPE(1, 1))), TN_OK);
    ck_tn_equal(tn_grad(x), 1, 1);
    tn_tensor *one = LEAF(3);
    ck_assert_int_eq(tn_backward(ctx, one), TN_OK);
    ck_tn_equal(tn_grad(one), 1);
}
END_TEST

/* Two losses over one trunk: the first backward uses it up. */
START_TEST(shared_trunk)
{
    tn_tensor *x = LEAF(1, 2), *trunk = tn_square(ctx, x);
    tn_tensor *a = sum_of(trunk), *b = sum_of(tn_mul_scalar(ctx, trunk, 2));
    ck_assert_int_eq(tn_backward(ctx, a), TN_OK);
    ck_assert_int_eq(tn_backward(ctx, b), TN_ERR_STATE);
    tn_clear_error(ctx);
    ck_tn_equal(tn_grad(x), 2, 4);
}
END_TEST

/* Nodes that were recorded later, or belong to another loss, are left alone. */
START_TEST(other_graphs_are_left_alone)
{
    tn_tensor *x = LEAF(1, 2);
    tn_tensor *a = sum_of(tn_square(ctx, x)), *b = sum_of(tn_mul_scalar(ctx, x, 5));
    ck_assert_int_eq(tn_backward(ctx, a), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 4);
    ck_assert_int_eq(tn_backward(ctx, b), TN_OK);
    ck_tn_equal(tn_grad(x), 7, 9);
}
END_TEST

#define NOT_SUPPORTED "and gradients of gradients are not supported yet"

/* A loss of a gradient has no record, by whatever way it was made. */
START_TEST(gradients_of_gradients)
{
    tn_tensor *x = LEAF(1, 2);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, x))), TN_OK);
    tn_tensor *g = tn_grad(x);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, g))), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE,
                "backward: a tensor of shape [] was made of gradients, " NOT_SUPPORTED);
    tn_backward_with(ctx, g, g);
    ck_tn_error(TN_ERR_STATE,
                "backward: a tensor of shape [2] was made of gradients, " NOT_SUPPORTED);
    tn_tensor *row = tn_unsqueeze(ctx, tn_cast(ctx, g, TN_F32), 0);
    tn_tensor *all = tn_clone(ctx, tn_expand(ctx, tn_transpose(ctx, row, 0, 1), TN_SHAPE(2, 3)));
    tn_tensor *part = tn_select(ctx, tn_matmul(ctx, row, tn_softmax(ctx, all, 1)), 0, 0);
    tn_tensor *joined = tn_cat(ctx, TN_TENSORS(tn_ones(ctx, TN_F32, TN_SHAPE(1)), part), 0);
    tn_backward_with(ctx, joined, joined);
    ck_tn_error(TN_ERR_STATE,
                "backward: a tensor of shape [4] was made of gradients, " NOT_SUPPORTED);
    ck_tn_equal(tn_grad(x), 2, 4);
}
END_TEST

/* Added to a loss, a penalty would be a constant without a word; tn_detach says so. */
START_TEST(penalties_of_gradients)
{
    tn_tensor *x = LEAF(1, 2);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, x))), TN_OK);
    tn_tensor *penalty = sum_of(tn_square(ctx, tn_grad(x))), *y = sum_of(tn_square(ctx, x));
    ck_assert_ptr_null(tn_add(ctx, y, penalty));
    ck_tn_error(TN_ERR_STATE, "add: input 1 of shape [] was made of gradients, " NOT_SUPPORTED
                              "; tn_detach makes a constant of it");
    ck_assert_int_eq(tn_backward(ctx, tn_mul(ctx, y, tn_detach(ctx, penalty))), TN_OK);
    ck_tn_equal(tn_grad(x), 2 + 2 * 20, 4 + 4 * 20);
}
END_TEST

/* Where nothing is recorded, and as a leaf, a gradient is a tensor like others. */
START_TEST(gradients_as_numbers)
{
    tn_tensor *x = LEAF(1, 2);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, x))), TN_OK);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *next = tn_sub(ctx, x, tn_mul_scalar(ctx, tn_grad(x), 0.25));
    tn_set_grad_enabled(ctx, before);
    ck_tn_equal(tn_mul(ctx, x, next), 0.5, 2);
    tn_tensor *leaf = tn_mul_scalar(ctx, tn_grad(x), 2);
    tn_set_requires_grad(ctx, leaf, true);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_mul(ctx, leaf, x))), TN_OK);
    ck_tn_equal(tn_grad(leaf), 1, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backward");
    TCase *tc = tn_case(suite, "backward");
    tcase_add_test(tc, tensor_used_twice);
    tcase_add_test(tc, diamond);
    tcase_add_loop_test(tc, backward_within_backward, 0, 2);
    tcase_add_test(tc, backward_twice);
    tcase_add_test(tc, changed_in_place);
    tcase_add_test(tc, backward_with_a_gradient);
    tcase_add_loop_test(tc, gradients_alone_stay, 0, 2);
    tcase_add_test(tc, loss_of_several_elements);
    tcase_add_test(tc, shared_trunk);
    tcase_add_test(tc, other_graphs_are_left_alone);
    tcase_add_test(tc, gradients_of_gradients);
    tcase_add_test(tc, penalties_of_gradients);
    tcase_add_test(tc, gradients_as_numbers);
    return tn_run(suite);
}
