/* What is recorded, and operators of a program. */
#include "common/check_tn.h"

START_TEST(no_grad_nests)
{
    tn_tensor *x = LEAF(1, 2);
    ck_assert(tn_is_grad_enabled(ctx));
    bool outer = tn_set_grad_enabled(ctx, false);
    ck_assert(outer);
    bool inner = tn_set_grad_enabled(ctx, false);
    ck_assert(!inner);
    ck_assert(!tn_requires_grad(tn_square(ctx, x)));
    bool on = tn_set_grad_enabled(ctx, true);
    ck_assert(!on);
    ck_assert(tn_requires_grad(tn_square(ctx, x)));
    tn_set_grad_enabled(ctx, on);
    tn_set_grad_enabled(ctx, inner);
    ck_assert(!tn_is_grad_enabled(ctx));
    ck_assert(!tn_requires_grad(tn_square(ctx, x)));
    tn_set_grad_enabled(ctx, outer);
    ck_assert(tn_requires_grad(tn_square(ctx, x)));
}
END_TEST

START_TEST(no_grad_inside_a_graph)
{
    tn_tensor *x = LEAF(2, 3), *y = tn_square(ctx, x);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *scale = tn_mul_scalar(ctx, y, 2);
    tn_set_grad_enabled(ctx, before);
    ck_assert(!tn_requires_grad(scale));
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_mul(ctx, y, scale))), TN_OK);
    ck_tn_equal(tn_grad(x), 4 * 8, 6 * 18);
}
END_TEST

START_TEST(nothing_is_recorded_for_nobody)
{
    tn_tensor *x = F64(1, 2), *p = LEAF(3, 4);
    tn_tensor *y = tn_square(ctx, tn_add(ctx, x, x));
    ck_assert(!tn_requires_grad(y));
    ck_assert_int_eq(tn_memory(ctx).nodes, 0);
    ck_assert(!tn_will_record(ctx, 3, (const tn_tensor *[]){x, NULL, y}));
    ck_assert(tn_will_record(ctx, 3, (const tn_tensor *[]){x, NULL, p}));
    tn_tensor *loss = sum_of(tn_mul(ctx, x, p));
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_assert_ptr_null(tn_grad(x));
    ck_tn_equal(tn_grad(p), 1, 2);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "backward: a tensor of shape [] requires no gradient");
}
END_TEST

typedef struct plan {
    int mode;
    int64_t *seen;
} plan;

static void own_backward(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    const plan *p = tn_node_data(node);
    if (p->seen)
        *p->seen = tn_memory(c).live_bytes;
    ck_assert(!tn_is_grad_enabled(c));
    ck_assert_ptr_null(tn_saved(node, 0));
    ck_assert_ptr_null(tn_saved(node, -1));
    ck_assert_ptr_null(tn_saved(node, 17));
    ck_assert(!tn_wants_grad(node, 1) && !tn_wants_grad(node, -1) && !tn_wants_grad(node, 99));
    ck_assert_int_eq(tn_input_ndim(node, 1), 0);
    ck_assert_ptr_null(tn_input_shape(node, 1));
    if (p->mode == 1)
        tn_fail(c, TN_ERR_ARGUMENT, "own: stop");
    else if (p->mode == 2)
        tn_add_grad(c, node, 0, tn_zeros(c, TN_F64, TN_SHAPE(5)));
    else if (p->mode == 3)
        tn_add_grad(c, node, 0, tn_cast(c, dy, TN_F32));
    else if (p->mode == 4)
        tn_add_grad(c, node, 0, NULL);
    else
        tn_add_grad(c, node, 0, dy);
    tn_add_grad(c, node, 1, dy);
}

static const tn_op own_op = {.name = "own", .backward = own_backward};

static tn_tensor *own(const tn_tensor *x, plan p)
{
    tn_tensor *y = tn_clone(ctx, tn_detach(ctx, x));
    return tn_record(ctx, &own_op, y,
                     (tn_record_args){.inputs = {x}, .data = &p, .size = sizeof p});
}

START_TEST(record_nothing)
{
    ck_assert_ptr_null(tn_record(ctx, &own_op, NULL, (tn_record_args){.inputs = {LEAF(1)}}));
    tn_tensor *x = F64(1);
    ck_assert_ptr_eq(tn_record(ctx, &own_op, x, (tn_record_args){.inputs = {x}}), x);
    ck_assert(!tn_requires_grad(x));
}
END_TEST

/* After an error in the middle nothing is left of this backward but what leaves had gathered. */
START_TEST(error_in_the_middle)
{
    static const struct {
        tn_status status;
        const char *text;
    } errors[] = {
        {TN_ERR_ARGUMENT, "own: stop"},
        {TN_ERR_SHAPE, "backward: own gave a gradient [5] for input 0 of shape [2]"},
        {TN_ERR_DTYPE, "backward: own gave a gradient of f32 for input 0 of f64"},
    };
    tn_tensor *x = LEAF(1, 2);
    tn_tensor *a = tn_square(ctx, x), *b = own(a, (plan){.mode = _i + 1});
    tn_tensor *loss = sum_of(tn_mul(ctx, b, tn_exp(ctx, a)));
    int64_t tensors = tn_memory(ctx).tensors;
    ck_assert_int_eq(tn_backward(ctx, loss), errors[_i].status);
    ck_tn_error(errors[_i].status, errors[_i].text);
    ck_assert(tn_is_grad_enabled(ctx));
    ck_assert_int_le(tn_memory(ctx).tensors, tensors);
    for (int64_t i = 0; i < ctx->tape->count; i++)
        ck_assert_ptr_null(ctx->tape->nodes[i] ? ctx->tape->nodes[i]->output->grad.sum : NULL);
    ck_assert_int_eq(tn_scope_end(ctx, tn_scope_begin(ctx)), TN_OK);
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 4);
}
END_TEST

/* An operator that gives nothing back stops there. */
START_TEST(no_gradient_given)
{
    tn_tensor *x = LEAF(1, 2), *y = own(tn_square(ctx, x), (plan){.mode = 4});
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_OK);
    ck_assert_ptr_null(tn_grad(x));
}
END_TEST

/* Along a chain no more than a few gradients live at a time, and what was saved goes, too. */
START_TEST(gradients_on_the_way_are_released)
{
    const int64_t n = 10000, bytes = 80000;
    int64_t seen = 0;
    tn_tensor *x = leaf(tn_ones(ctx, TN_F64, 1, &n));
    tn_tensor *y = own(x, (plan){.seen = &seen});
    for (int i = 0; i < 20; i++)
        y = tn_add_scalar(ctx, y, 1);
    tn_tensor *loss = sum_of(y);
    int64_t before = tn_memory(ctx).live_bytes;
    tn_memory_reset_peak(ctx);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - before, 4 * bytes);
    ck_assert_int_lt(seen - before, 2 * bytes);
    ck_assert_int_lt(tn_memory(ctx).live_bytes - before, 3 * bytes / 2);
}
END_TEST

/* Gradients would be gathered in memory that the other context may free. */
static void all_saved(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    for (int i = 0; i < TN_MAX_SAVED; i++)
        ck_assert_ptr_nonnull(tn_saved(node, i));
    ck_assert_ptr_null(tn_saved(node, TN_MAX_SAVED));
    tn_add_grad(c, node, 0, dy);
}

/* Of tensors that were changed before. */
START_TEST(saves_as_many_as_it_may)
{
    static const tn_op op = {.name = "all", .backward = all_saved};
    tn_tensor *x = LEAF(1), *t = F64(2);
    ck_assert_ptr_nonnull(tn_data_mut(t));
    tn_tensor *y =
        tn_record(ctx, &op, F64(3), (tn_record_args){.inputs = {x}, .saved = {t, t, t, t, t, t}});
    ck_assert_int_eq(tn_backward(ctx, y), TN_OK);
    ck_tn_equal(tn_grad(x), 1);
}
END_TEST

START_TEST(two_contexts)
{
    tn_ctx *other = tn_ctx_new(NULL);
    tn_tensor *x = LEAF(1, 2), *y = tn_sum(ctx, x, (tn_reduce_opts){0});
    ck_assert_int_eq(tn_backward(other, y), TN_ERR_STATE);
    ck_assert_str_eq(tn_error(other), "backward: a tensor of shape [] requires its gradient in "
                                      "another context");
    tn_clear_error(other);
    ck_assert_ptr_null(tn_square(other, x));
    ck_assert_str_eq(tn_error(other), "square: input 0 of shape [2] requires a gradient in another "
                                      "context; detach it or disable gradients");
    tn_clear_error(other);
    tn_set_grad_enabled(other, false);
    ck_assert_ptr_nonnull(tn_square(other, x));
    tn_ctx_free(other);
    ck_assert_int_eq(tn_backward(ctx, y), TN_OK);
}
END_TEST

static void no_input(tn_ctx *unused, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(unused, node, TN_MAX_INPUTS, dy);
}

START_TEST(misused_operators)
{
    static const tn_op wrong = {.name = "wrong", .backward = no_input}, half = {.name = "half"};
    tn_tensor *x = LEAF(1, 2);
    ck_assert_ptr_null(tn_record(ctx, &half, tn_detach(ctx, x), (tn_record_args){.inputs = {x}}));
    ck_tn_error(TN_ERR_ARGUMENT, "half: the operator has no name or no backward");
    ck_assert_ptr_null(tn_record(ctx, &wrong, x, (tn_record_args){.inputs = {x}}));
    ck_tn_error(TN_ERR_STATE, "wrong: the result of shape [2] requires a gradient already");
    tn_tensor *y = tn_record(ctx, &wrong, tn_detach(ctx, x), (tn_record_args){.inputs = {x}});
    ck_assert_int_eq(tn_backward_with(ctx, y, tn_detach(ctx, x)), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "backward: wrong has no input 8");
    ck_assert_ptr_null(tn_unary(ctx, NULL, x, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "unary: the operator is NULL");
    ck_assert_ptr_null(tn_map(ctx, "mine", NULL, NULL, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "mine: no formula, or one without loops or operands");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tc = tn_case(suite, "record");
    tcase_add_test(tc, no_grad_nests);
    tcase_add_test(tc, no_grad_inside_a_graph);
    tcase_add_test(tc, nothing_is_recorded_for_nobody);
    tcase_add_test(tc, record_nothing);
    tcase_add_loop_test(tc, error_in_the_middle, 0, 3);
    tcase_add_test(tc, no_gradient_given);
    tcase_add_test(tc, gradients_on_the_way_are_released);
    tcase_add_test(tc, saves_as_many_as_it_may);
    tcase_add_test(tc, two_contexts);
    tcase_add_test(tc, misused_operators);
    return tn_run(suite);
}
