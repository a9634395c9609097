/* A whole training: it learns, repeats bit for bit, allocates nothing, and survives failures. */
#include "common/check_tn.h"

#include <math.h>

RUNS_WITH_EACH_ISA;

/* A small classifier with everything that belongs to it: 50 samples of 12 bytes in 3 classes. */
typedef struct trainer {
    tn_ctx *c;
    tn_module *net;
    tn_optim *opt;
    tn_loader *loader;
} trainer;

enum { SAMPLES = 50, PIXELS = 12, CLASSES = 3 };

static tn_loader *make_loader(tn_ctx *c)
{
    uint8_t pixels[SAMPLES * PIXELS], classes[SAMPLES];
    for (int i = 0; i < SAMPLES * PIXELS; i++)
        pixels[i] = (uint8_t)(i / PIXELS % CLASSES == i % PIXELS / 4 ? 200 + i % 7 : i * 31 % 60);
    for (int i = 0; i < SAMPLES; i++)
        classes[i] = (uint8_t)(i % CLASSES);
    tn_scope scope = tn_scope_begin(c);
    tn_tensor *x = tn_from_data(c, TN_U8, TN_SHAPE(SAMPLES, PIXELS), pixels);
    tn_tensor *y = tn_from_data(c, TN_U8, TN_SHAPE(SAMPLES), classes);
    tn_loader *loader = tn_loader_new(
        c, x, y, (tn_loader_opts){.batch_size = 16, .shuffle = true, .scale = 1 / 255.0});
    tn_scope_end(c, scope);
    return loader;
}

static trainer make_trainer(tn_ctx *c)
{
    trainer t = {.c = c, .loader = make_loader(c)};
    t.net = tn_sequential(c, tn_nn_linear(c, PIXELS, 20), tn_nn_relu(c), tn_nn_linear(c, 20, 20),
                          tn_nn_relu(c), tn_nn_linear(c, 20, CLASSES));
    t.opt = tn_sgd(c, t.net, (tn_sgd_opts){.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-4});
    return t;
}

static double loss_of_step;

static tn_status plain_step(trainer *t, const tn_batch *b)
{
    tn_scope scope = tn_scope_begin(t->c);
    tn_tensor *out = tn_forward(t->c, t->net, b->x);
    tn_tensor *loss = tn_cross_entropy(t->c, out, b->y, (tn_cross_entropy_opts){0});
    tn_zero_grad(t->opt);
    tn_backward(t->c, loss);
    tn_status status = tn_step(t->opt);
    if (status == TN_OK)
        loss_of_step = tn_item(t->c, loss);
    tn_scope_end(t->c, scope);
    return status;
}

/* The same through as many operators as there are: the loss is a mixture that means nothing. */
static tn_tensor *mixture(tn_ctx *c, const tn_tensor *out, const tn_tensor *w)
{
    tn_tensor *p = tn_softmax(c, out, 1), *logs = tn_log_softmax(c, tn_clone(c, out), -1);
    tn_tensor *wide = tn_cast(c, tn_mul(c, p, logs), TN_F64);
    tn_tensor *gram = tn_matmul(c, w, tn_transpose(c, w, 0, 1));
    tn_tensor *row = tn_select(c, tn_slice(c, gram, 0, 0, INT64_MAX, 2), 0, 0);
    tn_tensor *column = tn_unsqueeze(c, tn_narrow(c, row, 0, 1, 2), -1);
    tn_tensor *square = tn_square(c, tn_add_scalar(c, tn_expand(c, column, TN_SHAPE(2, 5)), 1));
    tn_tensor *ratio = tn_div(c, square, tn_exp(c, tn_neg(c, tn_mul_scalar(c, square, 0.1))));
    tn_tensor *strange = tn_log(c, tn_add_scalar(c, tn_square(c, tn_flatten(c, ratio, 0, 1)), 1));
    tn_tensor *sum = tn_sum(
        c, tn_reshape(c, tn_contiguous(c, tn_permute(c, ratio, (int[]){1, 0})), TN_SHAPE(-1)),
        (tn_reduce_opts){0});
    tn_tensor *mean = tn_mean(
        c, tn_sub(c, strange, tn_squeeze(c, tn_sum(c, column, TN_KEEPDIMS(0)), 0)), TN_DIMS(0));
    return tn_add(c, tn_cast(c, tn_sum(c, wide, TN_DIMS(0, 1)), TN_F32),
                  tn_mul_scalar(c, tn_add(c, sum, mean), 1e-3));
}

static tn_status rich_step(trainer *t, const tn_batch *b)
{
    tn_scope scope = tn_scope_begin(t->c);
    tn_tensor *out = tn_forward(t->c, t->net, b->x);
    tn_cross_entropy_opts opts = {.weight = tn_ones(t->c, TN_F32, TN_SHAPE(CLASSES)),
                                  .label_smoothing = 0.1};
    tn_tensor *entropy = tn_cross_entropy(t->c, out, b->y, opts);
    tn_tensor *loss =
        tn_add(t->c, entropy, mixture(t->c, out, tn_parameter_named(t->net, "0.weight")));
    tn_zero_grad(t->opt);
    tn_backward(t->c, loss);
    tn_status status = tn_step(t->opt);
    tn_count_equal(t->c, tn_argmax(t->c, out, -1), tn_cast(t->c, b->y, TN_I64));
    tn_scope_end(t->c, scope);
    return status < 0 ? status : tn_error_status(t->c);
}

typedef tn_status (*step_fn)(trainer *t, const tn_batch *b);

static const step_fn steps[] = {plain_step, rich_step};

START_TEST(learns)
{
    trainer t = make_trainer(ctx);
    tn_batch b;
    double first = 0;
    for (int epoch = 0; epoch < 30; epoch++)
        while (tn_loader_next(t.loader, &b)) {
            ck_assert_int_eq(plain_step(&t, &b), TN_OK);
            first = first > 0 ? first : loss_of_step;
        }
    ck_assert_double_eq_tol(first, log(CLASSES), 0.3);
    ck_assert_double_lt(loss_of_step, 0.05);
    int64_t right = 0;
    bool before = tn_set_grad_enabled(ctx, false);
    while (tn_loader_next(t.loader, &b))
        right += tn_count_equal(ctx, tn_argmax(ctx, tn_forward(ctx, t.net, b.x), 1),
                                tn_cast(ctx, b.y, TN_I64));
    tn_set_grad_enabled(ctx, before);
    ck_assert_int_eq(right, SAMPLES);
}
END_TEST

START_TEST(repeats)
{
    tn_tensor *weights[2];
    for (int run = 0; run < 2; run++) {
        tn_manual_seed(ctx, 11);
        trainer t = make_trainer(ctx);
        tn_batch b;
        for (int epoch = 0; epoch < 3; epoch++)
            while (tn_loader_next(t.loader, &b))
                ck_assert_int_eq(steps[_i](&t, &b), TN_OK);
        weights[run] = tn_parameter(t.net, 2, NULL, 0);
    }
    check_same_bits(weights[0], weights[1]);
}
END_TEST

/* ---- no allocation in the steady state ------------------------------------------------------- */

START_TEST(steady_steps_do_not_allocate)
{
    trainer t = make_trainer(ctx);
    tn_batch b;
    int64_t calls = 0, live = 0;
    for (int epoch = 0; epoch < 6; epoch++) {
        if (epoch == 1) {
            calls = memory.calls;
            live = tn_memory(ctx).live_bytes;
        }
        while (tn_loader_next(t.loader, &b))
            ck_assert_int_eq(steps[_i](&t, &b), TN_OK);
        ck_assert(epoch < 1 || memory.calls == calls);
    }
    ck_assert_int_gt(calls, 0);
    ck_assert_int_eq(tn_memory(ctx).allocations, calls);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_assert_int_eq(tn_memory(ctx).nodes, 0);
}
END_TEST

/* ---- every allocation fails in turn ---------------------------------------------------------- */

/* From nothing to two steps, as a program would write it that checks errors at the end. */
static tn_status whole_program(counting *own, step_fn step)
{
    tn_ctx *c =
        tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = 2, .allocator = counting_allocator(own)});
    if (!c)
        return TN_ERR_MEMORY;
    trainer t = make_trainer(c);
    tn_batch b;
    for (int i = 0; i < 2 && tn_loader_next(t.loader, &b); i++)
        step(&t, &b);
    tn_status status = tn_error_status(c);
    if (status != TN_OK)
        ck_assert_ptr_null(tn_zeros(c, TN_F32, TN_SCALAR));
    tn_ctx_free(c);
    return status;
}

/* Call k of the allocator fails, alone or with all that follow. */
static void fail_each(step_fn step, bool for_good)
{
    for (int64_t k = 1;; k++) {
        counting own = {.fail_at = k, .for_good = for_good};
        tn_status status = whole_program(&own, step);
        ck_assert_msg(own.blocks == 0 && own.bytes == 0, "%lld blocks leak after failure %lld",
                      (long long)own.blocks, (long long)k);
        if (own.failed == 0) {
            ck_assert_int_eq(status, TN_OK);
            ck_assert_int_gt(k, 100);
            return;
        }
        ck_assert(status == TN_ERR_MEMORY || (status == TN_OK && !for_good));
    }
}

START_TEST(every_allocation_of_a_program_fails)
{
    fail_each(steps[_i], true);
    fail_each(steps[_i], false);
}
END_TEST

/* Within a step, nothing cached. Afterwards all is as before, and the step can be repeated. */
static bool fail_in_step(trainer *t, const tn_batch *b, step_fn step, int64_t k)
{
    tn_zero_grad(t->opt);
    tn_empty_cache(ctx);
    tn_memory_stats before = tn_memory(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *weights[6];
    for (int i = 0; i < 6; i++)
        weights[i] = tn_clone(ctx, tn_detach(ctx, tn_parameter(t->net, i, NULL, 0)));
    tn_empty_cache(ctx);
    memory.failed = 0;
    memory.for_good = true;
    memory.fail_at = memory.calls + k;
    tn_status status = step(t, b);
    memory.fail_at = 0;
    ck_assert_int_eq(status, memory.failed ? TN_ERR_MEMORY : TN_OK);
    ck_assert_int_eq(tn_error_status(ctx), status);
    for (int i = 0; i < 6 && status != TN_OK && step == plain_step; i++) {
        tn_clear_error(ctx);
        check_same_bits(tn_detach(ctx, tn_parameter(t->net, i, NULL, 0)), weights[i]);
    }
    tn_clear_error(ctx);
    tn_scope_end(ctx, scope);
    tn_zero_grad(t->opt);
    ck_assert(tn_is_grad_enabled(ctx));
    ck_assert_int_eq(ctx->scopes->count, 1);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, before.live_bytes);
    ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors);
    ck_assert_int_eq(tn_memory(ctx).nodes, 0);
    return memory.failed > 0;
}

START_TEST(every_allocation_of_a_step_fails)
{
    trainer t = make_trainer(ctx);
    tn_batch b;
    ck_assert(tn_loader_next(t.loader, &b));
    ck_assert_int_eq(steps[_i](&t, &b), TN_OK);
    int64_t k = 1;
    while (fail_in_step(&t, &b, steps[_i], k))
        k++;
    ck_assert_int_gt(k, 50);
    ck_assert_int_eq(steps[_i](&t, &b), TN_OK);
}
END_TEST

/* What else allocates: each call fails at each of its allocations, and leaves nothing behind. */
typedef void (*call_fn)(tn_tensor *x);

static tn_tensor *square(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    return tn_square(c, inputs[0]);
}

static void call_gradcheck(tn_tensor *x)
{
    tn_gradcheck(ctx, square, NULL, 1, &x, (tn_gradcheck_opts){0}, NULL);
}

static void call_conversion(tn_tensor *x)
{
    (void)x;
    tn_module *m = tn_nn_linear(ctx, 3, 2);
    tn_module_to(ctx, m, TN_F64);
    tn_module_free(m);
}

static void call_makers(tn_tensor *x)
{
    float data[4] = {0};
    tn_randperm(ctx, 5);
    tn_arange(ctx, TN_F32, 0, 4, 1);
    tn_rand(ctx, TN_F32, TN_SHAPE(3));
    tn_from_blob(ctx, TN_F32, TN_SHAPE(4), data, NULL, NULL);
    tn_normal_(ctx, tn_transpose(ctx, tn_detach(ctx, x), 0, 1), 0, 1);
    tn_copy_(ctx, tn_detach(ctx, x), tn_detach(ctx, x));
}

static void call_scopes(tn_tensor *x)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_scope_keep(ctx, scope, tn_square(ctx, x));
    tn_scope_end(ctx, scope);
    tn_scope_keep(ctx, scope, NULL);
}

static void call_twice(tn_tensor *x)
{
    tn_tensor *y = tn_add(ctx, tn_square(ctx, x), tn_mul(ctx, x, x));
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    tn_backward_with(ctx, tn_transpose(ctx, x, 0, 1), tn_transpose(ctx, tn_detach(ctx, x), 0, 1));
    tn_clear_grad(x);
}

static const call_fn calls[] = {call_gradcheck, call_conversion, call_makers, call_scopes,
                                call_twice};

static tn_status call_once(call_fn call, tn_tensor *x, int64_t k)
{
    tn_empty_cache(ctx);
    tn_memory_stats before = tn_memory(ctx);
    memory.failed = 0;
    memory.for_good = true;
    tn_scope scope = tn_scope_begin(ctx);
    memory.fail_at = k ? memory.calls + k : 0;
    call(x);
    memory.fail_at = 0;
    tn_status status = tn_scope_end(ctx, scope);
    tn_clear_error(ctx);
    tn_clear_grad(x);
    if (k) {
        ck_assert_int_eq(tn_memory(ctx).live_bytes, before.live_bytes);
        ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors);
        ck_assert_int_eq(tn_memory(ctx).nodes, before.nodes);
    }
    return status;
}

START_TEST(every_allocation_of_a_call_fails)
{
    tn_tensor *x = leaf(tn_reshape(ctx, F64(1, 2, 3, 4, 5, 6), TN_SHAPE(2, 3)));
    tn_status expected = call_once(calls[_i], x, 0);
    int64_t k = 0;
    do {
        tn_status status = call_once(calls[_i], x, ++k);
        ck_assert_int_eq(status, memory.failed ? TN_ERR_MEMORY : expected);
    } while (memory.failed);
    ck_assert_int_gt(k, 3);
}
END_TEST

/* ---- the text of the main errors ------------------------------------------------------------- */

#define FAILS(call, status, text)  \
    do {                           \
        ck_assert_ptr_null(call);  \
        ck_tn_error(status, text); \
    } while (0)

static tn_tensor *f32(int64_t rows, int64_t cols)
{
    return tn_zeros(ctx, TN_F32, TN_SHAPE(rows, cols));
}

START_TEST(errors_of_shapes)
{
    tn_tensor *a = f32(2, 3), *b = f32(4, 5), *v = tn_zeros(ctx, TN_F32, TN_SHAPE(7));
    FAILS(tn_add(ctx, a, b), TN_ERR_SHAPE, "add: shapes [2,3] and [4,5] do not broadcast");
    FAILS(tn_matmul(ctx, a, b), TN_ERR_SHAPE,
          "matmul: input [2,3] has 3 columns but other [4,5] has 4 rows");
    FAILS(tn_linear(ctx, a, b, NULL), TN_ERR_SHAPE,
          "linear: input [2,3] and weight [4,5]; expected [...,in] and [out,in]");
    FAILS(tn_linear(ctx, f32(2, 5), b, v), TN_ERR_SHAPE,
          "linear: weight [4,5] has 4 outputs but bias is [7]");
    FAILS(tn_reshape(ctx, a, TN_SHAPE(4, 2)), TN_ERR_SHAPE,
          "reshape: shape [4,2] does not hold the 6 elements of [2,3]");
    FAILS(tn_expand(ctx, a, TN_SHAPE(4, 3)), TN_ERR_SHAPE,
          "expand: [2,3] does not broadcast to [4,3]");
    FAILS(tn_cross_entropy(ctx, a, v, (tn_cross_entropy_opts){0}), TN_ERR_DTYPE,
          "cross_entropy: target is f32 but must be i64, i32 or u8");
    FAILS(tn_cross_entropy(ctx, a, tn_arange(ctx, TN_I64, 0, 7, 1), (tn_cross_entropy_opts){0}),
          TN_ERR_SHAPE,
          "cross_entropy: logits [2,3] and target [7]; expected [n,classes] and [n], or [classes] "
          "and []");
    FAILS(tn_cross_entropy(ctx, a, tn_arange(ctx, TN_I64, 2, 4, 1), (tn_cross_entropy_opts){0}),
          TN_ERR_ARGUMENT, "cross_entropy: target[1] is 3, not one of 3 classes");
}
END_TEST

START_TEST(errors_of_arguments)
{
    tn_tensor *a = f32(2, 3), *d = tn_zeros(ctx, TN_F64, TN_SHAPE(2, 3));
    tn_tensor *i = tn_zeros(ctx, TN_I64, TN_SHAPE(2));
    FAILS(tn_add(ctx, a, NULL), TN_ERR_ARGUMENT, "add: other is NULL");
    FAILS(tn_relu(ctx, NULL), TN_ERR_ARGUMENT, "relu: input is NULL");
    FAILS(tn_add(ctx, a, d), TN_ERR_DTYPE, "add: input is f32 but other is f64; tn_cast converts");
    FAILS(tn_relu(ctx, i), TN_ERR_DTYPE,
          "relu: input is i64 but must be f32 or f64; tn_cast converts");
    FAILS(tn_sum(ctx, a, TN_DIMS(2)), TN_ERR_ARGUMENT,
          "sum: dimension 2 is outside a tensor of 2 dimensions");
    FAILS(tn_sum(ctx, a, TN_DIMS(1, -1)), TN_ERR_ARGUMENT, "sum: dimension 1 is listed twice");
    FAILS(tn_softmax(ctx, a, 2), TN_ERR_ARGUMENT,
          "softmax: dimension 2 is outside a tensor of 2 dimensions");
    FAILS(tn_select(ctx, a, 1, 3), TN_ERR_ARGUMENT,
          "select: index 3 is outside dimension 1 of [2,3]");
    FAILS(tn_narrow(ctx, a, 0, 1, 2), TN_ERR_ARGUMENT,
          "narrow: 2 elements from 1 of dimension 0 of [2,3]");
    FAILS(tn_slice(ctx, a, 0, 0, 2, 0), TN_ERR_ARGUMENT, "slice: step 0 is not positive");
    FAILS(tn_permute(ctx, a, (int[]){0, 0}), TN_ERR_ARGUMENT,
          "permute: dimension 0 of [2,3] is listed twice");
    FAILS(tn_transpose(ctx, a, 0, 2), TN_ERR_ARGUMENT,
          "transpose: dimension 2 is outside a tensor of 2 dimensions");
    ck_assert_int_eq(tn_count_equal(ctx, i, tn_zeros(ctx, TN_I64, TN_SHAPE(3))), -1);
    ck_tn_error(TN_ERR_SHAPE, "count_equal: shapes [2] and [3] differ");
}
END_TEST

/* The first error of a step is the one that is told, whatever follows. */
START_TEST(one_check_at_the_end_of_a_step)
{
    trainer t = make_trainer(ctx);
    tn_batch b = {.x = f32(4, PIXELS + 1), .y = tn_zeros(ctx, TN_I64, TN_SHAPE(4))};
    ck_assert_int_eq(plain_step(&t, &b), TN_ERR_SHAPE);
    ck_tn_error(TN_ERR_SHAPE, "linear: input [4,13] and weight [20,12]; expected [...,in] and "
                              "[out,in]");
    ck_assert_int_eq(tn_memory(ctx).nodes, 0);
    ck_assert(tn_loader_next(t.loader, &b));
    ck_assert_int_eq(plain_step(&t, &b), TN_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("training");
    TCase *tc = tn_case(suite, "training");
    tcase_add_test(tc, learns);
    tcase_add_loop_test(tc, repeats, 0, 2);
    tcase_add_loop_test(tc, steady_steps_do_not_allocate, 0, 2);
    tcase_add_loop_test(tc, every_allocation_of_a_program_fails, 0, 2);
    tcase_add_loop_test(tc, every_allocation_of_a_step_fails, 0, 2);
    tcase_add_loop_test(tc, every_allocation_of_a_call_fails, 0, 5);
    tcase_add_test(tc, errors_of_shapes);
    tcase_add_test(tc, errors_of_arguments);
    tcase_add_test(tc, one_check_at_the_end_of_a_step);
    return tn_run(suite);
}
