#include "common/check_tn.h"

#include <math.h>
#include <pthread.h>

#define ALL ((tn_reduce_opts){0})

static tn_tensor *sum(const tn_tensor *t)
{
    return tn_sum(ctx, t, ALL);
}

START_TEST(gradients_add_up)
{
    tn_tensor *x = LEAF(1, 2, 3);
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_int_eq(tn_backward(ctx, sum(tn_square(ctx, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 4, 6);
    tn_tensor *grad = tn_grad(x);
    ck_assert_int_eq(tn_backward(ctx, sum(tn_mul_scalar(ctx, x, 10))), TN_OK);
    ck_tn_equal(tn_grad(x), 12, 14, 16);
    ck_assert_ptr_eq(tn_grad(x), grad);
    ck_assert(!tn_requires_grad(tn_grad(x)));
    tn_clear_grad(x);
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_int_eq(tn_backward(ctx, sum(x)), TN_OK);
    ck_tn_equal(tn_grad(x), 1, 1, 1);
}
END_TEST

START_TEST(tensor_used_twice)
{
    tn_tensor *x = LEAF(2, 3);
    ck_assert_int_eq(tn_backward(ctx, sum(tn_mul(ctx, x, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 4, 6);
    tn_clear_grad(x);
    ck_assert_int_eq(tn_backward(ctx, sum(tn_add(ctx, x, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 2);
}
END_TEST

START_TEST(diamond)
{
    tn_tensor *x = LEAF(2, 3);
    tn_tensor *y = tn_square(ctx, x);
    tn_tensor *a = tn_mul_scalar(ctx, y, 3), *b = tn_square(ctx, y);
    ck_assert_int_eq(tn_backward(ctx, sum(tn_add(ctx, a, tn_add(ctx, b, y)))), TN_OK);
    ck_tn_equal(tn_grad(x), 4 * (3 + 8 + 1), 6 * (3 + 18 + 1));
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
    tn_tensor *m = leaf(tn_zeros(ctx, TN_F64, TN_SHAPE(2, 2)));
    ck_assert_int_eq(tn_backward(ctx, sum(m)), TN_OK);
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

/* Starts a pass of its own, with and without a gradient given. */
static void pass_within(tn_ctx *c, tn_node *node, const tn_tensor *dy)
{
    bool before = tn_set_grad_enabled(c, true);
    tn_tensor *z = LEAF(3);
    if (*(const bool *)tn_node_data(node))
        ck_assert_int_eq(tn_backward_with(c, tn_square(c, z), dy), TN_ERR_STATE);
    else
        ck_assert_int_eq(tn_backward(c, sum(tn_square(c, z))), TN_ERR_STATE);
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
    ck_tn_error(TN_ERR_STATE, "backward: inside of the backward function of within");
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_ptr_null(tn_grad(y));
    ck_assert_int_eq(tn_backward(ctx, tn_mul(ctx, x, y)), TN_OK);
    ck_tn_equal(tn_grad(x), 2);
    ck_tn_equal(tn_grad(y), 1);
}
END_TEST

/* What the program took of a gradient does not change under it. */
START_TEST(gathering_spares_views)
{
    tn_tensor *x = LEAF(1, 2);
    tn_backward(ctx, sum(x));
    tn_tensor *view = tn_detach(ctx, tn_grad(x));
    tn_backward(ctx, sum(x));
    ck_tn_equal(tn_grad(x), 2, 2);
    ck_tn_equal(view, 1, 1);
}
END_TEST

START_TEST(backward_twice)
{
    tn_tensor *x = LEAF(1, 2), *y = tn_square(ctx, x), *loss = sum(y);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "backward: the record of sum was used up by an earlier backward; run "
                              "the forward pass again");
    ck_tn_equal(tn_grad(x), 2, 4);
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "backward: the record of square was used up by an earlier backward; "
                              "run the forward pass again");
    ck_tn_equal(tn_grad(x), 2, 4);
    ck_assert_int_eq(tn_backward(ctx, sum(tn_square(ctx, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 4, 8);
}
END_TEST

START_TEST(changed_in_place)
{
    tn_tensor *x = LEAF(1, 2), *c = F64(3, 4), *y = tn_mul(ctx, x, c);
    tn_fill_(ctx, c, 0);
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "backward: a tensor of shape [2] that mul saved was changed in place "
                              "since (version 0, now 1)");
    ck_assert_ptr_null(tn_grad(x));
    y = tn_mul(ctx, x, c);
    tn_data_mut(tn_slice(ctx, c, 0, 0, 1, 1));
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_ERR_STATE);
    tn_clear_error(ctx);
    y = tn_square(ctx, x);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_fill_(ctx, x, 5);
    tn_set_grad_enabled(ctx, before);
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_ERR_STATE);
    tn_clear_error(ctx);
    y = tn_add(ctx, x, c);
    tn_fill_(ctx, c, 7);
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_OK);
    ck_tn_equal(tn_grad(x), 1, 1);
}
END_TEST

START_TEST(detach_stops_gradients)
{
    tn_tensor *x = LEAF(2, 3), *y = tn_square(ctx, x), *d = tn_detach(ctx, y);
    ck_assert(!tn_requires_grad(d));
    ck_assert_ptr_eq(tn_data(d), tn_data(y));
    ck_assert_int_eq(tn_backward(ctx, sum(tn_mul(ctx, d, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 4, 9);
    ck_assert_ptr_null(tn_detach(ctx, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "detach: input is NULL");
}
END_TEST

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
    ck_assert_int_eq(tn_backward(ctx, sum(tn_mul(ctx, y, scale))), TN_OK);
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
    tn_tensor *loss = sum(tn_mul(ctx, x, p));
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_assert_ptr_null(tn_grad(x));
    ck_tn_equal(tn_grad(p), 1, 2);
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "backward: a tensor of shape [] requires no gradient");
}
END_TEST

START_TEST(broadcast_inputs)
{
    tn_tensor *x = leaf(tn_reshape(ctx, tn_arange(ctx, TN_F64, 0, 6, 1), TN_SHAPE(2, 3)));
    tn_tensor *bias = LEAF(10, 20, 30), *column = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(2, 1)));
    tn_tensor *scale = leaf(tn_scalar(ctx, TN_F64, 2));
    tn_tensor *y = tn_mul(ctx, tn_add(ctx, tn_add(ctx, x, bias), column), scale);
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 2, 2, 2, 2, 2);
    ck_tn_shape(tn_grad(bias), "[3]");
    ck_tn_equal(tn_grad(bias), 4, 4, 4);
    ck_tn_shape(tn_grad(column), "[2,1]");
    ck_tn_equal(tn_grad(column), 6, 6);
    ck_tn_shape(tn_grad(scale), "[]");
    ck_tn_equal(tn_grad(scale), 15 + 120 + 6);
}
END_TEST

START_TEST(view_of_a_parameter)
{
    tn_tensor *p = leaf(tn_reshape(ctx, tn_arange(ctx, TN_F64, 0, 6, 1), TN_SHAPE(2, 3)));
    tn_tensor *view = tn_select(ctx, tn_transpose(ctx, p, 0, 1), 0, 1);
    ck_assert(tn_requires_grad(view));
    ck_assert_ptr_null(tn_grad(view));
    ck_assert_int_eq(tn_backward(ctx, sum(tn_square(ctx, view))), TN_OK);
    ck_tn_equal(tn_grad(p), 0, 2, 0, 0, 8, 0);
    ck_assert_ptr_null(tn_grad(view));
    ck_assert_int_eq(tn_set_requires_grad(ctx, view, false), TN_ERR_STATE);
    ck_tn_error(TN_ERR_STATE, "set_requires_grad: a tensor of shape [2] that slice made is not a "
                              "leaf; tn_detach makes one of it");
    tn_tensor *own = leaf(tn_detach(ctx, view));
    ck_assert_int_eq(tn_backward(ctx, sum(own)), TN_OK);
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
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_OK);
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
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_OK);
    ck_tn_equal(tn_grad(x), 4, 32);
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

START_TEST(loss_of_several_elements)
{
    tn_tensor *x = LEAF(1, 2);
    ck_assert_int_eq(tn_backward(ctx, tn_square(ctx, x)), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "backward: the loss has shape [2], not one element; reduce it, or "
                              "give a gradient to tn_backward_with");
    ck_assert_int_eq(tn_backward(ctx, NULL), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "backward: loss is NULL");
    ck_assert_int_eq(tn_backward(ctx, tn_reshape(ctx, sum(x), TN_SHAPE(1, 1))), TN_OK);
    ck_tn_equal(tn_grad(x), 1, 1);
    tn_tensor *one = LEAF(3);
    ck_assert_int_eq(tn_backward(ctx, one), TN_OK);
    ck_tn_equal(tn_grad(one), 1);
}
END_TEST

/* ---- an operator of the test's own ----------------------------------------------------------- */

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

/* The first gradient of a leaf is kept as it is, and the next ones are added to it. */
START_TEST(gradients_are_not_copied)
{
    enum { BYTES = 1 << 20 };
    tn_tensor *x = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(BYTES / 8)));
    for (int i = 0; i < 3; i++) {
        tn_tensor *y = sum(tn_mul_scalar(ctx, x, 2));
        int64_t before = tn_memory(ctx).live_bytes;
        tn_memory_reset_peak(ctx);
        ck_assert_int_eq(tn_backward(ctx, y), TN_OK);
        ck_assert_int_lt(tn_memory(ctx).peak_bytes - before, BYTES + BYTES / 4);
    }
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
    tn_tensor *loss = sum(tn_mul(ctx, b, tn_exp(ctx, a)));
    int64_t tensors = tn_memory(ctx).tensors;
    ck_assert_int_eq(tn_backward(ctx, loss), errors[_i].status);
    ck_tn_error(errors[_i].status, errors[_i].text);
    ck_assert(tn_is_grad_enabled(ctx));
    ck_assert_int_le(tn_memory(ctx).tensors, tensors);
    for (int64_t i = 0; i < ctx->tape->count; i++)
        ck_assert_ptr_null(ctx->tape->nodes[i] ? ctx->tape->nodes[i]->output->grad.sum : NULL);
    ck_assert_int_eq(tn_scope_end(ctx, tn_scope_begin(ctx)), TN_OK);
    ck_assert_ptr_null(tn_grad(x));
    ck_assert_int_eq(tn_backward(ctx, sum(tn_square(ctx, x))), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 4);
}
END_TEST

/* An operator that gives nothing back stops there. */
START_TEST(no_gradient_given)
{
    tn_tensor *x = LEAF(1, 2), *y = own(tn_square(ctx, x), (plan){.mode = 4});
    ck_assert_int_eq(tn_backward(ctx, sum(y)), TN_OK);
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
    tn_tensor *loss = sum(y);
    int64_t before = tn_memory(ctx).live_bytes;
    tn_memory_reset_peak(ctx);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - before, 4 * bytes);
    ck_assert_int_lt(seen - before, 2 * bytes);
    ck_assert_int_lt(tn_memory(ctx).live_bytes - before, 3 * bytes / 2);
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

/* Two losses over one trunk: the first backward uses it up. */
START_TEST(shared_trunk)
{
    tn_tensor *x = LEAF(1, 2), *trunk = tn_square(ctx, x);
    tn_tensor *a = sum(trunk), *b = sum(tn_mul_scalar(ctx, trunk, 2));
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
    tn_tensor *a = sum(tn_square(ctx, x)), *b = sum(tn_mul_scalar(ctx, x, 5));
    ck_assert_int_eq(tn_backward(ctx, a), TN_OK);
    ck_tn_equal(tn_grad(x), 2, 4);
    ck_assert_int_eq(tn_backward(ctx, b), TN_OK);
    ck_tn_equal(tn_grad(x), 7, 9);
}
END_TEST

/* Gradients would be gathered in memory that the other context may free. */
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
    Suite *suite = suite_create("tape");
    TCase *tc = tn_case(suite, "tape");
    tcase_add_test(tc, gradients_add_up);
    tcase_add_test(tc, tensor_used_twice);
    tcase_add_test(tc, diamond);
    tcase_add_test(tc, gradients_of_leaves_are_their_own);
    tcase_add_test(tc, gradients_on_the_way_are_their_own);
    tcase_add_loop_test(tc, backward_within_backward, 0, 2);
    tcase_add_test(tc, gathering_spares_views);
    tcase_add_test(tc, backward_twice);
    tcase_add_test(tc, changed_in_place);
    tcase_add_test(tc, detach_stops_gradients);
    tcase_add_test(tc, no_grad_nests);
    tcase_add_test(tc, no_grad_inside_a_graph);
    tcase_add_test(tc, nothing_is_recorded_for_nobody);
    tcase_add_test(tc, broadcast_inputs);
    tcase_add_test(tc, view_of_a_parameter);
    tcase_add_test(tc, requires_grad_of_leaves);
    tcase_add_test(tc, graph_dies_with_its_results);
    tcase_add_test(tc, leaf_that_is_gone);
    tcase_add_test(tc, long_chain);
    tcase_add_test(tc, tape_is_compacted);
    tcase_add_test(tc, backward_with_a_gradient);
    tcase_add_test(tc, loss_of_several_elements);
    tcase_add_test(tc, record_nothing);
    tcase_add_loop_test(tc, error_in_the_middle, 0, 3);
    tcase_add_test(tc, no_gradient_given);
    tcase_add_test(tc, gradients_on_the_way_are_released);
    tcase_add_test(tc, saved_tensors_are_released);
    tcase_add_test(tc, gradient_behind_other_elements);
    tcase_add_test(tc, gradients_are_not_copied);
    tcase_add_test(tc, shared_trunk);
    tcase_add_test(tc, other_graphs_are_left_alone);
    tcase_add_test(tc, two_contexts);
    tcase_add_test(tc, misused_operators);
    return tn_run(suite);
}
