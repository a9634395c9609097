/* Gradients that add up, in memory of their own. */
#include "common/check_tn.h"

START_TEST(gradients_add_up)
{
    tn_tensor *x = LEAF(1, 2, 3);
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 4, 6);
    tn_tensor *grad = tn_grad(x);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_mul_scalar(ctx, x, 10))), TN_OK);
    ck_tn_equal(tn_grad(x), 12, 14, 16);
    ck_assert_ptr_eq(tn_grad(x), grad);
    ck_assert(!tn_requires_grad(tn_grad(x)));
    tn_clear_grad(x);
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_int_eq(tn_backward(ctx, sum_of(x)), TN_OK);
    ck_tn_equal(tn_grad(x), 1, 1, 1);
}
END_TEST

/* dy reaches both inputs of a sum as it is: their gradients must not share memory. */
START_TEST(gradients_of_leaves_are_their_own)
{
    tn_tensor *x = LEAF(2, 3), *y = LEAF(4, 5);
    tn_tensor *seed = F64(7, 8);
    ck_assert_int_eq(tn_backward_with(ctx, tn_add(ctx, x, y), seed), TN_OK);
    ck_assert_int_eq(tn_fill_(ctx, tn_grad(x), 0), TN_OK);
    ck_assert_int_eq(tn_fill_(ctx, seed, 1), TN_OK);
    ck_tn_equal(tn_grad(y), 7, 8);
    tn_clear_grad(x);
    ck_assert_int_eq(tn_backward_with(ctx, tn_clone(ctx, x), seed), TN_OK);
    tn_fill_(ctx, seed, 9);
    ck_tn_equal(tn_grad(x), 1, 1);
    tn_clear_grad(x);
    ck_assert_int_eq(tn_backward_with(ctx, x, seed), TN_OK);
    tn_fill_(ctx, seed, 4);
    ck_tn_equal(tn_grad(x), 9, 9);
    tn_tensor *m = leaf(tn_zeros(ctx, TN_F64, TN_SHAPE(2, 2)));
    ck_assert_int_eq(tn_backward(ctx, sum_of(m)), TN_OK);
    ck_assert(tn_is_contiguous(tn_grad(m)));
    tn_fill_(ctx, tn_select(ctx, tn_grad(m), 0, 0), 5);
    ck_tn_equal(tn_grad(m), 5, 5, 1, 1);
}
END_TEST

static void give_both(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(c, node, 0, dy);
    tn_add_grad(c, node, 1, dy);
}

/* The same on the way: what is added to the gradient of one input stays with it. */
START_TEST(gradients_on_the_way_are_their_own)
{
    static const tn_op op = {.name = "sum", .backward = give_both};
    tn_tensor *x = LEAF(2, 3), *y = LEAF(4, 5);
    tn_tensor *a = tn_square(ctx, x), *b = tn_square(ctx, y), *c = tn_mul_scalar(ctx, a, 10);
    tn_tensor *both = tn_record(ctx, &op, F64(20, 34), (tn_record_args){.inputs = {a, b}});
    ck_assert_int_eq(tn_backward_with(ctx, tn_sub(ctx, both, c), F64(1, 2)), TN_OK);
    ck_tn_equal(tn_grad(x), -36, -108);
    ck_tn_equal(tn_grad(y), 8, 20);
}
END_TEST

/* What the program took of a gradient does not change under it. */
START_TEST(gathering_spares_views)
{
    tn_tensor *x = LEAF(1, 2);
    tn_backward(ctx, sum_of(x));
    tn_tensor *view = tn_detach(ctx, tn_grad(x));
    tn_backward(ctx, sum_of(x));
    ck_tn_equal(tn_grad(x), 2, 2);
    ck_tn_equal(view, 1, 1);
}
END_TEST

START_TEST(broadcast_inputs)
{
    tn_tensor *x = leaf(tn_reshape(ctx, tn_arange(ctx, TN_F64, 0, 6, 1), TN_SHAPE(2, 3)));
    tn_tensor *bias = LEAF(10, 20, 30), *column = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(2, 1)));
    tn_tensor *scale = leaf(tn_scalar(ctx, TN_F64, 2));
    tn_tensor *y = tn_mul(ctx, tn_add(ctx, tn_add(ctx, x, bias), column), scale);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 2, 2, 2, 2, 2);
    ck_tn_shape(tn_grad(bias), "[3]");
    ck_tn_equal(tn_grad(bias), 4, 4, 4);
    ck_tn_shape(tn_grad(column), "[2,1]");
    ck_tn_equal(tn_grad(column), 6, 6);
    ck_tn_shape(tn_grad(scale), "[]");
    ck_tn_equal(tn_grad(scale), 15 + 120 + 6);
}
END_TEST

/* The gradient is the end of something longer, of which nobody else knows. */
static void tail_backward(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    int64_t n = tn_numel(dy);
    tn_tensor *both = tn_cat(c, TN_TENSORS(dy, dy), 0), *tail = tn_slice(c, both, 0, n, 2 * n, 1);
    tn_free(both);
    tn_add_grad(c, node, 0, tail);
}

START_TEST(gradient_behind_other_elements)
{
    static const tn_op tail_op = {.name = "tail", .backward = tail_backward};
    tn_tensor *x = LEAF(1, 2, 3);
    for (int i = 1; i <= 3; i++) {
        tn_tensor *y = tn_clone(ctx, tn_detach(ctx, x));
        tn_record(ctx, &tail_op, y, (tn_record_args){.inputs = {x}});
        ck_assert_int_eq(tn_backward_with(ctx, y, F64(5, 6, 7)), TN_OK);
        ck_tn_equal(tn_grad(x), 5 * i, 6 * i, 7 * i);
        ck_assert_int_eq(tn_grad(x)->offset, i == 1 ? 3 : 0);
        tn_detach(ctx, tn_grad(x));
    }
}
END_TEST

static tn_tensor *held;

static void held_backward(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    (void)dy;
    tn_add_grad(c, node, 0, held);
}

/* A tensor that the program keeps is not the gradient of a leaf, which is changed in place. */
START_TEST(gradient_that_the_program_keeps)
{
    static const tn_op held_op = {.name = "held", .backward = held_backward};
    tn_tensor *x = LEAF(4, 5, 6), *y = tn_clone(ctx, tn_detach(ctx, x));
    held = F64(1, 2, 3);
    tn_record(ctx, &held_op, y, (tn_record_args){.inputs = {x}});
    ck_assert_int_eq(tn_backward_with(ctx, y, F64(7, 7, 7)), TN_OK);
    ck_assert_int_eq(tn_fill_(ctx, tn_grad(x), 0), TN_OK);
    ck_tn_equal(held, 1, 2, 3);
}
END_TEST

/* That of a leaf without elements has strides of its own, too. */
START_TEST(gradient_without_elements)
{
    tn_tensor *x = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(0, 3)));
    tn_tensor *y = tn_sum(ctx, tn_mul_scalar(ctx, x, 2), TN_DIMS(0));
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_add(ctx, y, y))), TN_OK);
    tn_clear_grad(x);
    y = tn_sum(ctx, tn_add_scalar(ctx, tn_add_scalar(ctx, x, 1), 1), TN_DIMS(0));
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_add(ctx, y, y))), TN_OK);
    ck_assert_int_eq(tn_fill_(ctx, tn_grad(x), 0), TN_OK);
}
END_TEST

static tn_tensor *doubled(const tn_tensor *x)
{
    return tn_mul_scalar(ctx, x, 2);
}

/* dy passes through the sum, and nobody keeps it. */
static tn_tensor *added(const tn_tensor *x)
{
    return tn_mul_scalar(ctx, tn_add_scalar(ctx, x, 1), 2);
}

/* The gradient is written by way of views, beside a copy of dy, whose elements are one, and what is
 * packed. */
static tn_tensor *multiplied(const tn_tensor *x)
{
    return tn_matmul(ctx, x, tn_ones(ctx, TN_F64, TN_SHAPE(2, 256, 256)));
}

/* The first gradient of a leaf is kept as it is, and the next ones are added to it. */
START_TEST(gradients_are_not_copied)
{
    enum { BYTES = 1 << 20 };
    static const struct {
        tn_tensor *(*run)(const tn_tensor *x);
        int64_t needed;
    } ops[] = {{doubled, BYTES}, {added, BYTES}, {multiplied, 5 * BYTES / 2}};
    for (int o = 0; o < 3; o++) {
        tn_tensor *x = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(2, 256, 256)));
        for (int i = 0; i < 3; i++) {
            tn_tensor *y = tn_sum(ctx, ops[o].run(x), TN_DIMS(0, 1, 2));
            int64_t before = tn_memory(ctx).live_bytes;
            tn_memory_reset_peak(ctx);
            ck_assert_int_eq(tn_backward(ctx, y), TN_OK);
            ck_assert_int_lt(tn_memory(ctx).peak_bytes - before, ops[o].needed + BYTES / 4);
        }
    }
}
END_TEST

/* Of a gradient that is a small part of another one the other does not stay. */
START_TEST(parts_keep_nothing_alive)
{
    tn_tensor *x = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(4, 8)));
    int64_t before = tn_memory(ctx).live_bytes;
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *rest = tn_ones(ctx, TN_F64, TN_SHAPE(10000, 8));
    tn_tensor *y = tn_mul_scalar(ctx, tn_cat(ctx, TN_TENSORS(x, rest), 0), 2);
    ck_assert_int_eq(tn_backward(ctx, tn_sum(ctx, y, TN_DIMS(0, 1))), TN_OK);
    tn_scope_end(ctx, scope);
    ck_assert_int_lt(tn_memory(ctx).live_bytes - before, 4096);
}
END_TEST

/* Parts are added where they lie, with gaps between what is added or what it is added to. */
START_TEST(gradients_of_parts)
{
    tn_tensor *x = leaf(tn_zeros(ctx, TN_F64, TN_SHAPE(2, 4)));
    tn_tensor *loss = sum_of(tn_select(ctx, x, 0, 0));
    tn_tensor *odd = tn_slice(ctx, x, 1, 1, 4, 2), *row = tn_select(ctx, x, 0, 1);
    tn_tensor *weights = tn_reshape(ctx, F64(1, 2, 3, 4), TN_SHAPE(2, 2));
    tn_tensor *turned = tn_mul(ctx, tn_transpose(ctx, odd, 0, 1), weights);
    loss = tn_add(ctx, loss, tn_add(ctx, sum_of(tn_mul(ctx, odd, weights)), sum_of(turned)));
    loss = tn_add(ctx, loss, sum_of(tn_mul(ctx, row, F64(10, 20, 30, 40))));
    loss = tn_add(ctx, loss, sum_of(tn_mul(ctx, tn_slice(ctx, x, 1, 0, 4, 3), weights)));
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 3, 1, 8, 13, 25, 30, 52);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("accumulate");
    TCase *tc = tn_case(suite, "accumulate");
    tcase_add_test(tc, gradients_add_up);
    tcase_add_test(tc, gradients_of_leaves_are_their_own);
    tcase_add_test(tc, gradients_on_the_way_are_their_own);
    tcase_add_test(tc, gathering_spares_views);
    tcase_add_test(tc, broadcast_inputs);
    tcase_add_test(tc, gradient_behind_other_elements);
    tcase_add_test(tc, gradient_that_the_program_keeps);
    tcase_add_test(tc, gradient_without_elements);
    tcase_add_test(tc, gradients_are_not_copied);
    tcase_add_test(tc, parts_keep_nothing_alive);
    tcase_add_test(tc, gradients_of_parts);
    return tn_run(suite);
}
