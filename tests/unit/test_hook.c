/* Hooks of leaves: when they are called, with what, and what becomes of the gradient. */
#include "common/check_tn.h"

/* What hooks and operators did, in order. */
static char events[64];

static void note(char event)
{
    size_t length = strlen(events);
    if (length + 1 < sizeof events)
        events[length] = event;
}

static void begin(void)
{
    memset(events, 0, sizeof events);
}

typedef struct seen {
    char name;
    bool take;
    double sum; /* of the gradient's elements */
} seen;

static bool look(tn_ctx *c, const tn_tensor *grad, void *payload)
{
    seen *s = payload;
    ck_assert(!tn_is_grad_enabled(c));
    note(s->name);
    s->sum = tn_item(c, tn_sum(c, grad, (tn_reduce_opts){0}));
    return !s->take;
}

/* Passes the gradient on, and notes that it did. */
static void pass_on(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    note(*(const char *)tn_node_data(node));
    tn_add_grad(c, node, 0, dy);
}

static tn_tensor *noted(const tn_tensor *x, char event)
{
    static const tn_op op = {.name = "noted", .backward = pass_on};
    tn_record_args args = {.inputs = {x}, .data = &event, .size = 1};
    return tn_record(ctx, &op, tn_mul_scalar(ctx, tn_detach(ctx, x), 1), args);
}

/* While earlier operators are still to be passed. */
START_TEST(as_soon_as_complete)
{
    tn_tensor *a = LEAF(2), *b = LEAF(3), *c = LEAF(5);
    seen of_a = {.name = 'a'}, of_b = {.name = 'b'}, of_c = {.name = 'c'};
    tn_on_grad(ctx, a, look, &of_a);
    tn_on_grad(ctx, b, look, &of_b);
    tn_on_grad(ctx, c, look, &of_c);
    begin();
    tn_tensor *y = noted(tn_mul(ctx, noted(a, '1'), b), '2');
    tn_backward(ctx, tn_mul(ctx, tn_add(ctx, y, b), c));
    ck_assert_str_eq(events, "c2b1a");
    ck_assert_double_eq(of_a.sum, 15);
    ck_assert_double_eq(of_b.sum, 15);
    ck_assert_double_eq(of_c.sum, 9);
    ck_tn_equal(tn_grad(b), 15);
}
END_TEST

/* What the leaf had before is not part of it. */
START_TEST(once_in_each_pass)
{
    tn_tensor *x = LEAF(2, 3);
    seen s = {.name = 'x'};
    tn_on_grad(ctx, x, look, &s);
    begin();
    for (int i = 1; i <= 3; i++) {
        tn_backward(ctx, sum_of(tn_add(ctx, tn_mul(ctx, x, x), x)));
        ck_assert_double_eq(s.sum, 5 + 7);
    }
    ck_assert_str_eq(events, "xxx");
    ck_tn_equal(tn_grad(x), 15, 21);
}
END_TEST

START_TEST(used_by_the_hook)
{
    tn_tensor *x = LEAF(2), *y = LEAF(3);
    seen s = {.name = 'x', .take = true};
    tn_on_grad(ctx, x, look, &s);
    tn_backward(ctx, tn_mul(ctx, x, y));
    ck_assert_ptr_null(tn_grad(x));
    ck_tn_equal(tn_grad(y), 2);
    s.take = false;
    tn_backward(ctx, tn_mul(ctx, x, y));
    s.take = true;
    tn_backward(ctx, tn_mul(ctx, x, y));
    ck_tn_equal(tn_grad(x), 3);
    ck_tn_equal(tn_grad(y), 6);
    ck_assert_double_eq(s.sum, 3);
}
END_TEST

/* What stands on the tape besides does not make a leaf wait. */
START_TEST(other_graphs_on_the_tape)
{
    tn_tensor *a = LEAF(2), *b = LEAF(3);
    seen of_a = {.name = 'a'}, of_b = {.name = 'b'};
    tn_on_grad(ctx, a, look, &of_a);
    tn_on_grad(ctx, b, look, &of_b);
    begin();
    tn_tensor *other = tn_square(ctx, b);
    tn_tensor *gone = tn_square(ctx, b);
    tn_tensor *loss = tn_mul(ctx, noted(a, '1'), b);
    tn_tensor *later = tn_square(ctx, b);
    tn_free(gone);
    tn_backward(ctx, loss);
    ck_assert_str_eq(events, "b1a");
    tn_backward(ctx, tn_add(ctx, other, later));
    ck_assert_str_eq(events, "b1ab");
    ck_tn_equal(tn_grad(b), 2 + 12);
}
END_TEST

static void pass_nothing(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    (void)c, (void)node, (void)dy;
}

/* An operator may be below the loss and get no gradient. */
START_TEST(last_user_gets_nothing)
{
    static const tn_op op = {.name = "stop", .backward = pass_nothing};
    tn_tensor *x = LEAF(2);
    seen s = {.name = 'x'};
    tn_on_grad(ctx, x, look, &s);
    begin();
    tn_tensor *squares = tn_square(ctx, x);
    tn_tensor *stopped = tn_record(ctx, &op, F64(1), (tn_record_args){.inputs = {squares}});
    tn_backward(ctx, tn_mul(ctx, stopped, x));
    ck_assert_str_eq(events, "x");
    ck_tn_equal(tn_grad(x), 1);
}
END_TEST

/* Nor need the leaf itself get any. */
START_TEST(leaf_gets_nothing)
{
    static const tn_op op = {.name = "stop", .backward = pass_nothing};
    tn_tensor *x = LEAF(2), *y = LEAF(3);
    seen of_x = {.name = 'x'}, of_y = {.name = 'y'};
    tn_on_grad(ctx, x, look, &of_x);
    tn_on_grad(ctx, y, look, &of_y);
    begin();
    tn_tensor *stopped = tn_record(ctx, &op, F64(5), (tn_record_args){.inputs = {x}});
    tn_backward(ctx, tn_mul(ctx, stopped, y));
    ck_assert_str_eq(events, "y");
    ck_assert_ptr_null(tn_grad(x));
    ck_tn_equal(tn_grad(y), 5);
}
END_TEST

/* What is computed with, but not learned, has no hook to call. */
START_TEST(inputs_without_gradient)
{
    tn_tensor *x = F64(5, 7), *weight = LEAF(2, 3);
    seen s = {.name = 'w'};
    tn_on_grad(ctx, weight, look, &s);
    ck_assert_int_eq(tn_on_grad(ctx, x, NULL, NULL), TN_OK);
    begin();
    tn_backward(ctx, sum_of(tn_mul(ctx, x, weight)));
    ck_assert_str_eq(events, "w");
    ck_assert_double_eq(s.sum, 12);
    ck_tn_equal(tn_grad(weight), 5, 7);
}
END_TEST

static void fail_after(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(c, node, 0, dy);
    tn_fail(c, TN_ERR_NUMBER, "no more of shape %s", TN_SHAPE_TEXT(dy));
}

/* A gradient that arrived from an operator that fails is none. */
START_TEST(operator_fails)
{
    static const tn_op op = {.name = "fails", .backward = fail_after};
    tn_tensor *x = LEAF(2);
    seen s = {.name = 'x'};
    tn_on_grad(ctx, x, look, &s);
    begin();
    tn_tensor *y = tn_record(ctx, &op, F64(1), (tn_record_args){.inputs = {x}});
    ck_assert_int_eq(tn_backward(ctx, y), TN_ERR_NUMBER);
    ck_tn_error(TN_ERR_NUMBER, "no more of shape [1]");
    ck_assert_str_eq(events, "");
    ck_assert_ptr_null(tn_grad(x));
}
END_TEST

START_TEST(loss_is_the_leaf)
{
    tn_tensor *x = LEAF(2);
    seen s = {.name = 'x'};
    tn_on_grad(ctx, x, look, &s);
    begin();
    tn_backward_with(ctx, x, F64(7));
    ck_assert_str_eq(events, "x");
    ck_assert_double_eq(s.sum, 7);
    ck_tn_equal(tn_grad(x), 7);
}
END_TEST

START_TEST(taken_away)
{
    tn_tensor *x = LEAF(2);
    seen s = {.name = 'x'};
    tn_on_grad(ctx, x, look, &s);
    tn_fail(ctx, TN_ERR_STATE, "something");
    ck_assert_int_eq(tn_on_grad(ctx, x, NULL, NULL), TN_OK);
    ck_tn_error(TN_ERR_STATE, "something");
    begin();
    tn_backward(ctx, tn_square(ctx, x));
    ck_assert_str_eq(events, "");
    tn_on_grad(ctx, x, look, &s);
    tn_set_requires_grad(ctx, x, false);
    tn_set_requires_grad(ctx, x, true);
    tn_backward(ctx, tn_square(ctx, x));
    ck_assert_str_eq(events, "");
    ck_assert_int_eq(tn_on_grad(ctx, NULL, NULL, NULL), TN_OK);
}
END_TEST

static bool complain(tn_ctx *c, const tn_tensor *grad, void *payload)
{
    (void)payload;
    tn_fail(c, TN_ERR_NUMBER, "a gradient of shape %s", TN_SHAPE_TEXT(grad));
    return true;
}

/* What stands for a hook for a while can be put out of its place again, after an error, too. */
START_TEST(put_back)
{
    tn_tensor *x = LEAF(2);
    seen s = {.name = 'x'};
    void *payload = &s;
    ck_assert(!tn_get_grad_hook(NULL, NULL) && !tn_get_grad_hook(x, &payload) && !payload);
    tn_on_grad(ctx, x, look, &s);
    ck_assert(tn_get_grad_hook(x, &payload) == look && payload == &s);
    tn_on_grad(ctx, x, complain, NULL);
    ck_assert_int_eq(tn_backward(ctx, tn_square(ctx, x)), TN_ERR_NUMBER);
    ck_assert_int_eq(tn_on_grad(ctx, x, look, payload), TN_ERR_NUMBER);
    ck_assert_int_eq(tn_on_grad(ctx, tn_grad(x), look, payload), TN_ERR_NUMBER);
    ck_tn_error(TN_ERR_NUMBER, "a gradient of shape [1]");
    ck_assert(tn_get_grad_hook(x, NULL) == look);
    begin();
    tn_backward(ctx, tn_square(ctx, x));
    ck_assert_str_eq(events, "x");
    tn_set_requires_grad(ctx, x, false);
    ck_assert(!tn_get_grad_hook(x, &payload) && !payload);
}
END_TEST

static bool start_another(tn_ctx *c, const tn_tensor *grad, void *payload)
{
    (void)grad;
    bool before = tn_set_grad_enabled(c, true);
    tn_backward(c, tn_square(c, payload));
    tn_set_grad_enabled(c, before);
    return true;
}

START_TEST(errors_of_hooks)
{
    tn_tensor *x = LEAF(2), *y = LEAF(3);
    tn_on_grad(ctx, x, start_another, y);
    ck_assert_int_eq(tn_backward(ctx, tn_mul(ctx, x, y)), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "backward: inside of a hook of tn_on_grad");
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_ptr_null(tn_grad(y));
    tn_on_grad(ctx, x, complain, NULL);
    ck_assert_int_eq(tn_backward(ctx, tn_mul(ctx, x, y)), TN_ERR_NUMBER);
    ck_tn_error(TN_ERR_NUMBER, "a gradient of shape [1]");
    ck_assert_ptr_null(tn_grad(y));
    tn_on_grad(ctx, x, NULL, NULL);
    ck_assert_int_eq(tn_backward(ctx, tn_mul(ctx, x, y)), TN_OK);
    ck_tn_equal(tn_grad(x), 3);
}
END_TEST

/* What frees the record that backward walks. */
static tn_scope around;
static tn_tensor *walked;

static bool end_around(tn_ctx *c, const tn_tensor *grad, void *payload)
{
    (void)grad, (void)payload;
    tn_scope_end(c, around);
    return true;
}

static bool free_loss(tn_ctx *c, const tn_tensor *grad, void *payload)
{
    (void)c, (void)grad, (void)payload;
    tn_free(walked);
    return true;
}

START_TEST(record_stays_while_backward_runs)
{
    tn_tensor *x = LEAF(2);
    around = tn_scope_begin(ctx);
    tn_on_grad(ctx, x, end_around, NULL);
    ck_assert_int_eq(tn_backward(ctx, tn_square(ctx, tn_neg(ctx, x))), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "scope_end: a backward runs in the scope");
    tn_on_grad(ctx, x, free_loss, NULL);
    walked = tn_square(ctx, tn_neg(ctx, x));
    ck_assert_int_eq(tn_backward(ctx, walked), TN_OK);
    ck_tn_equal(tn_grad(x), 4);
    ck_assert_int_eq(tn_scope_end(ctx, around), TN_OK);
}
END_TEST

static void end_around_in_backward(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    tn_scope_end(c, around);
    tn_add_grad(c, node, 0, tn_neg(c, dy));
}

START_TEST(scopes_around_operators_stay)
{
    static const tn_op op = {.name = "ends", .backward = end_around_in_backward};
    tn_tensor *x = LEAF(2);
    around = tn_scope_begin(ctx);
    tn_tensor *y =
        tn_record(ctx, &op, tn_clone(ctx, tn_detach(ctx, x)), (tn_record_args){.inputs = {x}});
    ck_assert_int_eq(tn_backward(ctx, y), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "scope_end: a backward runs in the scope");
    ck_assert_int_eq(tn_scope_end(ctx, around), TN_OK);
}
END_TEST

/* A training step with hooks makes no call of the allocator. */
START_TEST(steady)
{
    tn_tensor *x = LEAF(2, 3);
    seen s = {.name = 'x'};
    tn_on_grad(ctx, x, look, &s);
    int64_t before = 0;
    for (int i = 0; i < 10; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_backward(ctx, sum_of(tn_square(ctx, x)));
        tn_clear_grad(x);
        tn_scope_end(ctx, scope);
        if (i == 4)
            before = tn_memory(ctx).allocations;
    }
    ck_assert_int_eq(tn_memory(ctx).allocations, before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hook");
    TCase *tc = tn_case(suite, "hook");
    tcase_add_test(tc, as_soon_as_complete);
    tcase_add_test(tc, once_in_each_pass);
    tcase_add_test(tc, used_by_the_hook);
    tcase_add_test(tc, other_graphs_on_the_tape);
    tcase_add_test(tc, last_user_gets_nothing);
    tcase_add_test(tc, leaf_gets_nothing);
    tcase_add_test(tc, inputs_without_gradient);
    tcase_add_test(tc, operator_fails);
    tcase_add_test(tc, loss_is_the_leaf);
    tcase_add_test(tc, taken_away);
    tcase_add_test(tc, put_back);
    tcase_add_test(tc, errors_of_hooks);
    tcase_add_test(tc, record_stays_while_backward_runs);
    tcase_add_test(tc, scopes_around_operators_stay);
    tcase_add_test(tc, steady);
    return tn_run(suite);
}
