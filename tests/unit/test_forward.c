/* A forward pass that fails changes nothing: buffers and the random stream are as before. */
#include "common/check_tn.h"

/* ---- modules of the tests -------------------------------------------------------------------- */

/* Adds 1 to its buffer, if it has one, and fails as it is told. */
typedef enum way { WORKS, FAILS, COMPLAINS, FAILS_UNCHANGED } way;

typedef struct counter {
    tn_tensor *buffer;
    way way;
    int64_t tensors; /* of the context, while it runs */
} counter;

static tn_tensor *count_forward(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    counter *s = tn_module_state(self);
    s->tensors = tn_memory(c).tensors;
    tn_tensor *y = s->buffer ? tn_mul(c, x, s->buffer) : tn_detach(c, x);
    if (s->buffer && s->way != FAILS_UNCHANGED)
        tn_copy_(c, s->buffer, tn_add_scalar(c, s->buffer, 1));
    if (s->way != WORKS)
        tn_fail(c, TN_ERR_ARGUMENT, "counter: told to");
    return s->way == WORKS || s->way == COMPLAINS ? y : NULL;
}

static const tn_module_type counter_type = {.name = "Counter", .forward = count_forward};

static tn_module *counter_new(tn_tensor *buffer, way how)
{
    tn_module *m = tn_module_new(ctx, &counter_type, sizeof(counter));
    counter *s = tn_module_state(m);
    s->buffer = buffer ? tn_add_buffer(ctx, m, "buffer", buffer) : NULL;
    s->way = how;
    ck_tn_ok();
    return m;
}

/* Runs its children, and goes on without those that fail. */
static tn_tensor *tolerant_forward(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    tn_tensor *y = tn_detach(c, x);
    for (int i = 0; tn_child(self, i); i++) {
        tn_tensor *next = tn_forward(c, tn_child(self, i), y);
        tn_clear_error(c);
        y = next ? next : y;
    }
    return y;
}

static const tn_module_type tolerant_type = {.name = "Tolerant", .forward = tolerant_forward};

static void check_stream(tn_rng_state before)
{
    tn_rng_state now = tn_get_rng_state(ctx);
    ck_assert_uint_eq(now.seed, before.seed);
    ck_assert_uint_eq(now.position, before.position);
}

/* ---- what a failure leaves ------------------------------------------------------------------- */

START_TEST(memory_that_runs_out)
{
    tn_module *net = tn_sequential(ctx, tn_nn_batch_norm2d(ctx, 1, (tn_batch_norm_opts){0}),
                                   tn_sequential(ctx, tn_nn_dropout(ctx, 0.5), tn_nn_flatten(ctx)),
                                   tn_nn_linear(ctx, 4, 100000));
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(8, 1, 2, 2));
    tn_rng_state rng = tn_get_rng_state(ctx);
    int64_t live = 0, tensors = tn_memory(ctx).tensors;
    memory.largest = 1 << 20;
    for (int i = 0; i < 3; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        ck_assert_ptr_null(tn_forward(ctx, net, x));
        ck_assert_int_eq(tn_error_status(ctx), TN_ERR_MEMORY);
        tn_clear_error(ctx);
        tn_scope_end(ctx, scope);
        ck_tn_equal(tn_buffer_named(net, "0.running_mean"), 0);
        ck_tn_equal(tn_buffer_named(net, "0.running_var"), 1);
        ck_tn_equal(tn_buffer_named(net, "0.num_batches_tracked"), 0);
        check_stream(rng);
        live = i == 0 ? tn_memory(ctx).live_bytes : live; /* the tape has room from then on */
        ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
        ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
    }
    memory.largest = 0;
    ck_assert_ptr_nonnull(tn_forward(ctx, net, x));
    ck_tn_equal(tn_buffer_named(net, "0.num_batches_tracked"), 1);
    ck_assert_uint_gt(tn_get_rng_state(ctx).position, rng.position);
}
END_TEST

/* The numbers go back to where they were, and nowhere else. */
START_TEST(buffers_that_are_views)
{
    tn_tensor *all = tn_reshape(ctx, F64(1, 2, 3, 4, 5, 6), TN_SHAPE(3, 2));
    tn_tensor *column = tn_select(ctx, all, 1, 1);
    const void *data = tn_data(all);
    tn_module *net = tn_sequential(ctx, counter_new(column, WORKS), counter_new(NULL, FAILS));
    tn_tensor *x = F64(1, 1, 1);
    ck_assert_ptr_null(tn_forward(ctx, net, x));
    ck_tn_error(TN_ERR_ARGUMENT, "counter: told to");
    ck_tn_equal(all, 1, 2, 3, 4, 5, 6);
    ck_assert_ptr_eq(tn_data(all), data);
    ((counter *)tn_module_state(tn_child(net, 1)))->way = WORKS;
    ck_tn_equal(tn_forward(ctx, net, x), 2, 4, 6);
    ck_tn_equal(all, 1, 3, 3, 5, 5, 7);
}
END_TEST

START_TEST(converted_modules)
{
    tn_module *net = tn_sequential(ctx, tn_nn_batch_norm2d(ctx, 1, (tn_batch_norm_opts){0}),
                                   counter_new(NULL, FAILS));
    ck_assert_int_eq(tn_module_to(ctx, net, TN_F64), TN_OK);
    const void *data = tn_data(tn_buffer_named(net, "0.running_mean"));
    ck_assert_ptr_null(tn_forward(ctx, net, tn_randn(ctx, TN_F64, TN_SHAPE(2, 1, 2, 2))));
    ck_tn_error(TN_ERR_ARGUMENT, "counter: told to");
    ck_tn_equal(tn_buffer_named(net, "0.running_mean"), 0);
    ck_tn_equal(tn_buffer_named(net, "0.running_var"), 1);
    ck_assert_ptr_eq(tn_data(tn_buffer_named(net, "0.running_mean")), data);
}
END_TEST

static tn_tensor *twice_forward(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    tn_tensor *y = tn_forward(c, tn_child(self, 0), x);
    return y ? tn_forward(c, tn_child(self, 0), y) : NULL;
}

static const tn_module_type twice_type = {.name = "Twice", .forward = twice_forward};

/* A module that runs twice in a pass gets back what it had before the first time. */
START_TEST(modules_that_run_twice)
{
    tn_module *m = tn_module_new(ctx, &twice_type, 0);
    tn_add_child(ctx, m, "inner", counter_new(F64(2), WORKS));
    tn_module *net = tn_sequential(ctx, m, counter_new(NULL, FAILS));
    ck_assert_ptr_null(tn_forward(ctx, net, F64(1)));
    ck_tn_error(TN_ERR_ARGUMENT, "counter: told to");
    ck_tn_equal(tn_buffer_named(m, "inner.buffer"), 2);
    ck_tn_equal(tn_forward(ctx, m, F64(1)), 6);
    ck_tn_equal(tn_buffer_named(m, "inner.buffer"), 4);
}
END_TEST

/* Who goes on after a failure inside finds what failed as it was, and what worked as it is. */
START_TEST(failures_that_are_passed_over)
{
    tn_module *m = tn_module_new(ctx, &tolerant_type, 0);
    tn_add_child(ctx, m, "first", counter_new(F64(2), WORKS));
    tn_add_child(ctx, m, "second", counter_new(F64(3), FAILS));
    tn_add_child(ctx, m, "third", counter_new(F64(4), WORKS));
    ck_tn_equal(tn_forward(ctx, m, F64(1)), 8);
    ck_tn_ok();
    ck_tn_equal(tn_buffer_named(m, "first.buffer"), 3);
    ck_tn_equal(tn_buffer_named(m, "second.buffer"), 3);
    ck_tn_equal(tn_buffer_named(m, "third.buffer"), 5);
}
END_TEST

/* A result beside an error is none. */
START_TEST(errors_beside_a_result)
{
    tn_module *m = counter_new(F64(2), COMPLAINS);
    ck_assert_ptr_null(tn_forward(ctx, m, F64(1)));
    ck_tn_error(TN_ERR_ARGUMENT, "counter: told to");
    ck_tn_equal(tn_buffer_named(m, "buffer"), 2);
}
END_TEST

START_TEST(modules_without_buffers)
{
    tn_module *net = tn_sequential(ctx, tn_nn_dropout(ctx, 0.5), counter_new(NULL, FAILS));
    tn_tensor *x = F64(1, 2, 3);
    tn_rng_state rng = tn_get_rng_state(ctx);
    ck_assert_ptr_null(tn_forward(ctx, net, x));
    ck_tn_error(TN_ERR_ARGUMENT, "counter: told to");
    check_stream(rng);
}
END_TEST

/* What a graph has saved, and the failing pass did not change, can be used. */
START_TEST(graphs_from_before)
{
    tn_module *m = counter_new(F64(2), FAILS_UNCHANGED);
    tn_tensor *x = LEAF(1), *y = tn_mul(ctx, x, tn_buffer_named(m, "buffer"));
    ck_assert_ptr_null(tn_forward(ctx, m, F64(1)));
    ck_tn_error(TN_ERR_ARGUMENT, "counter: told to");
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_OK);
    ck_tn_equal(tn_grad(x), 2);
}
END_TEST

/* Without a scope around it, what the modules before made goes all the same, with its record. */
START_TEST(nothing_is_left_in_the_scope)
{
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 2, 3), counter_new(F64(1), WORKS),
                                   tn_nn_linear(ctx, 3, 3), counter_new(NULL, FAILS));
    tn_tensor *x = tn_ones(ctx, TN_F64, TN_SHAPE(4, 2));
    ck_assert_int_eq(tn_module_to(ctx, net, TN_F64), TN_OK);
    tn_memory_stats before = tn_memory(ctx);
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_null(tn_forward(ctx, net, x));
        ck_tn_error(TN_ERR_ARGUMENT, "counter: told to");
        ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors);
        ck_assert_int_eq(tn_memory(ctx).nodes, before.nodes);
    }
}
END_TEST

static tn_tensor *stash; /* made by the module below beside its result */

static tn_tensor *stash_forward(tn_ctx *c, tn_module *self, const tn_tensor *x)
{
    (void)self;
    stash = tn_mul_scalar(c, x, 3);
    tn_scope_begin(c);
    return tn_square(c, stash);
}

static const tn_module_type stash_type = {.name = "Stash", .forward = stash_forward};

/* Of a pass that works all stays, also what is in a scope that it left open; the scope that was
 * innermost before has them. */
START_TEST(what_works_stays)
{
    tn_module *m = tn_module_new(ctx, &stash_type, 0);
    int64_t tensors = tn_memory(ctx).tensors;
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = LEAF(2), *y = tn_forward(ctx, m, x);
    tn_tensor *after = F64(7);
    ck_assert_int_eq(ctx->scopes->count, scope.depth + 1);
    ck_tn_equal(y, 36);
    ck_tn_equal(stash, 6);
    ck_tn_equal(after, 7);
    ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_OK);
    ck_tn_equal(tn_grad(x), 36);
    ck_assert_int_eq(tn_scope_end(ctx, scope), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
}
END_TEST

/* ---- what it takes --------------------------------------------------------------------------- */

/* The tensors that there are while the innermost module of `depth` runs. */
static int64_t tensors_at(int depth, bool training)
{
    tn_module *last = counter_new(NULL, WORKS);
    tn_module *net = tn_sequential(ctx, tn_nn_batch_norm2d(ctx, 1, (tn_batch_norm_opts){0}), last);
    for (int i = 0; i < depth; i++)
        net = tn_sequential(ctx, net);
    tn_train(net, training);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_scope scope = tn_scope_begin(ctx);
    int64_t tensors = tn_memory(ctx).tensors;
    ck_assert_ptr_nonnull(tn_forward(ctx, net, tn_ones(ctx, TN_F32, TN_SHAPE(2, 1, 2, 2))));
    tensors = ((counter *)tn_module_state(last))->tensors - tensors;
    tn_scope_end(ctx, scope);
    tn_set_grad_enabled(ctx, before);
    tn_module_free(net);
    return tensors;
}

/* Each buffer is kept once however deep its module lies, and in training alone. */
START_TEST(one_copy)
{
    int64_t plain = tensors_at(0, false), kept = tensors_at(0, true);
    ck_assert_int_eq(kept, plain + 2 * 3);
    ck_assert_int_eq(tensors_at(1, true), kept);
    ck_assert_int_eq(tensors_at(3, true), kept);
    ck_assert_int_eq(tensors_at(3, false), plain);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forward");
    TCase *tc = tn_case(suite, "forward");
    tcase_add_test(tc, memory_that_runs_out);
    tcase_add_test(tc, buffers_that_are_views);
    tcase_add_test(tc, converted_modules);
    tcase_add_test(tc, modules_that_run_twice);
    tcase_add_test(tc, failures_that_are_passed_over);
    tcase_add_test(tc, errors_beside_a_result);
    tcase_add_test(tc, modules_without_buffers);
    tcase_add_test(tc, graphs_from_before);
    tcase_add_test(tc, nothing_is_left_in_the_scope);
    tcase_add_test(tc, what_works_stays);
    tcase_add_test(tc, one_copy);
    return tn_run(suite);
}
