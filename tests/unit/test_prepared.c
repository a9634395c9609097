/* Weights that are kept as kernels take them: kept where nothing is recorded, and never after a
 * change, whoever makes it and by whatever means. Each result is compared, bit for bit, with that
 * of a copy of the weight of which nothing is kept. */
#include "common/check_tn.h"

#include <pthread.h>
#include <string.h>
#include "tensor/gemm.h"
#include "tensor/prepared.h"

RUNS_WITH_EACH_ISA;

static int64_t kept(void)
{
    return tn_memory(ctx).prepared_bytes;
}

/* A copy that the program has an address of. */
static tn_tensor *never_kept(const tn_tensor *w)
{
    tn_tensor *copy = tn_empty(ctx, tn_dtype_of(w), tn_ndim(w), tn_shape(w));
    ck_assert_int_eq(tn_copy_(ctx, copy, w), TN_OK);
    ck_assert_ptr_nonnull(tn_data_mut(copy));
    return copy;
}

/* ---- a layer and its weight ------------------------------------------------------------------ */

enum { CONV, LINEAR, LAYERS };

static tn_tensor *new_weight(int layer, tn_dtype dtype)
{
    return layer == CONV ? tn_randn(ctx, dtype, TN_SHAPE(32, 16, 3, 3))
                         : tn_randn(ctx, dtype, TN_SHAPE(32, 48));
}

static tn_tensor *new_input(int layer, tn_dtype dtype)
{
    return layer == CONV ? tn_randn(ctx, dtype, TN_SHAPE(2, 16, 12, 12))
                         : tn_randn(ctx, dtype, TN_SHAPE(9, 48));
}

static tn_tensor *apply(int layer, const tn_tensor *x, const tn_tensor *w)
{
    return layer == CONV ? tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.padding = 1})
                         : tn_linear(ctx, x, w, NULL);
}

/* Only products of the library's own take packed weights. */
static bool is_kept(int layer)
{
    return layer == CONV || tn__gemm_is_own(ctx);
}

static tn_tensor *infer(int layer, const tn_tensor *x, const tn_tensor *w)
{
    bool before = tn_set_grad_enabled(ctx, false);
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *y = tn_scope_keep(ctx, scope, apply(layer, x, w));
    tn_scope_end(ctx, scope);
    tn_set_grad_enabled(ctx, before);
    ck_tn_ok();
    return y;
}

/* The first call, which keeps what it makes, and the second, which finds it, are as they should
 * be. */
static tn_tensor *check(int layer, const tn_tensor *x, const tn_tensor *w)
{
    tn_tensor *y = infer(layer, x, w);
    check_same_bits(y, infer(layer, x, never_kept(w)));
    check_same_bits(y, infer(layer, x, w));
    return y;
}

static bool have_same_bits(const tn_tensor *a, const tn_tensor *b)
{
    return tn_dtype_of(a) == tn_dtype_of(b) &&
           memcmp(tn_data(a), tn_data(b), (size_t)tn_numel(a) * tn_dtype_size(tn_dtype_of(a))) == 0;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

START_TEST(found_again)
{
    tn_tensor *x = new_input(_i, TN_F32), *w = new_weight(_i, TN_F32);
    check(_i, x, w);
    int64_t bytes = kept(), live = tn_memory(ctx).live_bytes;
    ck_assert_int_eq(bytes > 0, is_kept(_i));
    tn_free(check(_i, x, w));
    ck_assert_int_eq(kept(), bytes);
    ck_assert_int_ge(live, bytes);
    tn_free(w);
    ck_assert_int_eq(kept(), 0);
}
END_TEST

START_TEST(nothing_is_kept_where_it_is_recorded)
{
    tn_tensor *x = new_input(_i, TN_F32), *w = leaf(new_weight(_i, TN_F32));
    tn_tensor *y = apply(_i, x, w);
    ck_assert_int_eq(kept(), 0);
    apply(_i, leaf(x), new_weight(_i, TN_F32));
    ck_assert_int_eq(kept(), 0);
    check_same_bits(y, check(_i, x, w));
    ck_assert_int_eq(kept() > 0, is_kept(_i));
}
END_TEST

/* A view that lives longer than the tensor has the same storage. */
START_TEST(freed_with_the_storage)
{
    tn_tensor *x = new_input(_i, TN_F32), *w = new_weight(_i, TN_F32);
    tn_tensor *view = tn_detach(ctx, w);
    check(_i, x, w);
    int64_t bytes = kept();
    tn_free(w);
    ck_assert_int_eq(kept(), bytes);
    check(_i, x, view);
    ck_assert_int_eq(kept(), bytes);
    tn_free(view);
    ck_assert_int_eq(kept(), 0);
    tn_scope scope = tn_scope_begin(ctx);
    check(_i, x, new_weight(_i, TN_F32));
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(kept(), 0);
}
END_TEST

/* Gaps are closed in a copy, which is gone after the call. */
START_TEST(weights_with_gaps)
{
    tn_tensor *x = new_input(_i, TN_F32), *w = new_weight(_i, TN_F32);
    tn_tensor *wide = tn_cat(ctx, 2, (const tn_tensor *[]){w, w}, 1);
    check(_i, x, tn_narrow(ctx, wide, 1, tn_size(w, 1) / 2, tn_size(w, 1)));
    ck_assert_int_eq(kept(), 0);
}
END_TEST

START_TEST(both_types)
{
    tn_tensor *x = new_input(_i, TN_F64), *w = new_weight(_i, TN_F64);
    check(_i, x, w);
    ck_assert_int_eq(kept() > 0, is_kept(_i));
    check(_i, tn_cast(ctx, x, TN_F32), tn_cast(ctx, w, TN_F32));
    check(_i, x, w);
}
END_TEST

/* ---- one storage, several forms -------------------------------------------------------------- */

static void check_conv(const tn_tensor *w, int64_t images, int64_t channels, int64_t side,
                       tn_conv2d_opts opts)
{
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(images, channels, side, side));
    tn_tensor *other = never_kept(w);
    tn_set_grad_enabled(ctx, false);
    tn_tensor *y = tn_conv2d(ctx, x, w, NULL, opts), *want = tn_conv2d(ctx, x, other, NULL, opts);
    check_same_bits(y, want);
    check_same_bits(tn_conv2d(ctx, x, w, NULL, opts), want);
    tn_set_grad_enabled(ctx, true);
}

/* Terms of small planes have other orders, and many tiles another method. */
START_TEST(geometries_take_turns)
{
    tn_tensor *w = tn_randn(ctx, TN_F32, TN_SHAPE(128, 128, 3, 3));
    for (int round = 0; round < 2; round++) {
        check_conv(w, 1, 128, 40, (tn_conv2d_opts){0});
        check_conv(w, 1, 128, 13, (tn_conv2d_opts){.padding = 1});
        check_conv(w, 16, 128, 20, (tn_conv2d_opts){.padding = 1});
        check_conv(w, 1, 128, 40, (tn_conv2d_opts){.stride = 2, .padding = 1});
        check_conv(w, 3, 128, 24, (tn_conv2d_opts){.dilation = 2});
        check_conv(w, 2, 256, 14, (tn_conv2d_opts){.groups = 2});
    }
    ck_assert_int_gt(kept(), 128 * 128 * 9 * 4);
}
END_TEST

/* Phases of a kernel are others for each step, and are kept beside their transforms. */
START_TEST(steps_take_turns)
{
    tn_tensor *w = tn_randn(ctx, TN_F32, TN_SHAPE(64, 16, 9, 9));
    for (int round = 0; round < 2; round++) {
        check_conv(w, 1, 16, 200, (tn_conv2d_opts){.stride = 3});
        check_conv(w, 1, 16, 200, (tn_conv2d_opts){.stride = 4});
        check_conv(w, 2, 16, 200, (tn_conv2d_opts){.stride_h = 3, .stride_w = 4});
        check_conv(w, 2, 16, 200, (tn_conv2d_opts){.stride_h = 4, .stride_w = 3});
    }
}
END_TEST

/* The same of a kernel that is taken straight from the image, with the padding left out or not, and
 * in groups that do not fill a panel. */
START_TEST(orders_take_turns)
{
    tn_tensor *w = tn_randn(ctx, TN_F32, TN_SHAPE(48, 32, 4, 4));
    for (int round = 0; round < 2; round++) {
        check_conv(w, 1, 32, 40, (tn_conv2d_opts){0});
        check_conv(w, 2, 32, 11, (tn_conv2d_opts){.padding = 3});
        check_conv(w, 1, 32, 40, (tn_conv2d_opts){.padding_h = 3});
        check_conv(w, 1, 64, 40, (tn_conv2d_opts){.groups = 2});
    }
}
END_TEST

START_TEST(batches_of_any_size)
{
    tn_tensor *conv = tn_randn(ctx, TN_F32, TN_SHAPE(32, 16, 5, 5));
    tn_tensor *w = new_weight(LINEAR, TN_F32);
    static const int64_t sizes[] = {1, 32, 3, 130, 2, 1, 300};
    for (int i = 0; i < 7; i++) {
        check_conv(conv, sizes[i] % 40, 16, 14, (tn_conv2d_opts){.padding = 2});
        check(LINEAR, tn_randn(ctx, TN_F32, TN_SHAPE(sizes[i], 48)), w);
    }
}
END_TEST

/* Views begin elsewhere, or have another shape of as many elements. */
START_TEST(views_of_one_storage)
{
    tn_tensor *w = tn_randn(ctx, TN_F32, TN_SHAPE(64, 16, 3, 3));
    for (int round = 0; round < 2; round++) {
        check_conv(tn_narrow(ctx, w, 0, 0, 32), 1, 16, 14, (tn_conv2d_opts){0});
        check_conv(tn_narrow(ctx, w, 0, 32, 32), 1, 16, 14, (tn_conv2d_opts){0});
        check_conv(tn_reshape(ctx, w, TN_SHAPE(32, 32, 3, 3)), 1, 32, 14, (tn_conv2d_opts){0});
        check_conv(tn_reshape(ctx, w, TN_SHAPE(32, 32, 9, 1)), 1, 32, 22, (tn_conv2d_opts){0});
    }
}
END_TEST

START_TEST(no_more_than_four_forms)
{
    tn_tensor *w = tn_randn(ctx, TN_F32, TN_SHAPE(48, 16, 3, 3));
    check_conv(tn_narrow(ctx, w, 0, 0, 32), 1, 16, 14, (tn_conv2d_opts){0});
    int64_t one = kept();
    ck_assert_int_gt(one, 32 * 16 * 9 * 4);
    for (int64_t i = 1; i < 16; i++) {
        check_conv(tn_narrow(ctx, w, 0, i, 32), 1, 16, 14, (tn_conv2d_opts){0});
        ck_assert_int_eq(kept(), (i < 4 ? i + 1 : 4) * one);
    }
}
END_TEST

/* ---- changes --------------------------------------------------------------------------------- */

static tn_tensor *other(const tn_tensor *w)
{
    return tn_randn(ctx, tn_dtype_of(w), tn_ndim(w), tn_shape(w));
}

static void fill(tn_tensor *w)
{
    ck_assert_int_eq(tn_fill_(ctx, w, 0.5), TN_OK);
}

static void copy(tn_tensor *w)
{
    ck_assert_int_eq(tn_copy_(ctx, w, other(w)), TN_OK);
}

static void draw_uniform(tn_tensor *w)
{
    ck_assert_int_eq(tn_uniform_(ctx, w, 0, 1), TN_OK);
}

static void draw_normal(tn_tensor *w)
{
    ck_assert_int_eq(tn_normal_(ctx, w, 0, 1), TN_OK);
}

static void draw_bits(tn_tensor *w)
{
    ck_assert_int_eq(tn_bernoulli_(ctx, w, 0.5), TN_OK);
}

static void write(tn_tensor *w)
{
    ((float *)tn_data_mut(w))[40] = 7;
}

/* Of all but the first lines of the weight. */
static void change_a_view(tn_tensor *w)
{
    tn_tensor *view = tn_narrow(ctx, w, 0, 7, 20);
    ck_assert_int_eq(tn_copy_(ctx, view, other(view)), TN_OK);
}

static void change_a_transposed_view(tn_tensor *w)
{
    ck_assert_int_eq(tn_fill_(ctx, tn_transpose(ctx, w, 0, 1), 2), TN_OK);
}

static tn_optim *sgd(tn_tensor *w)
{
    return tn_sgd_of(ctx, 1, &w, (tn_sgd_opts){.lr = 0.1});
}

static tn_optim *adam(tn_tensor *w)
{
    return tn_adam_of(ctx, 1, &w, (tn_adam_opts){.lr = 0.1});
}

static tn_optim *rmsprop(tn_tensor *w)
{
    return tn_rmsprop_of(ctx, 1, &w, (tn_rmsprop_opts){.lr = 0.1});
}

static void learn(tn_tensor *w, tn_optim *(*make)(tn_tensor *w))
{
    tn_set_grad_enabled(ctx, true);
    tn_set_requires_grad(ctx, w, true);
    tn_optim *optim = make(w);
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, w))), TN_OK);
    ck_assert_int_eq(tn_step(optim), TN_OK);
    tn_set_grad_enabled(ctx, false);
}

static void step_sgd(tn_tensor *w)
{
    learn(w, sgd);
}

static void step_adam(tn_tensor *w)
{
    learn(w, adam);
}

static void step_rmsprop(tn_tensor *w)
{
    learn(w, rmsprop);
}

typedef void (*change_fn)(tn_tensor *w);
static const change_fn changes[] = {fill,          copy,        draw_uniform,
                                    draw_normal,   draw_bits,   write,
                                    change_a_view, step_sgd,    change_a_transposed_view,
                                    step_adam,     step_rmsprop};
enum { CHANGES = (int)(sizeof changes / sizeof *changes) };

/* After it the old form is gone, and a new one is made. */
START_TEST(changes_are_seen)
{
    int layer = _i % LAYERS;
    tn_tensor *x = new_input(layer, TN_F32), *w = new_weight(layer, TN_F32);
    tn_set_grad_enabled(ctx, false);
    tn_tensor *before = check(layer, x, w);
    ck_assert_int_eq(kept() > 0, is_kept(layer));
    int64_t bytes = kept();
    tn_scope scope = tn_scope_begin(ctx);
    changes[_i / LAYERS](w);
    tn_scope_end(ctx, scope);
    bool written = changes[_i / LAYERS] == write;
    ck_assert(written || kept() == 0);
    ck_assert(!have_same_bits(before, check(layer, x, w)));
    ck_assert(written || kept() == bytes);
    tn_free(w);
    ck_assert_int_eq(kept(), 0);
}
END_TEST

/* An address to write to outlives any call: nothing is kept any more, and what was is freed with
 * the tensor at the latest. */
START_TEST(addresses_are_written_to_later)
{
    tn_tensor *x = new_input(_i, TN_F32), *w = new_weight(_i, TN_F32);
    tn_tensor *before = check(_i, x, w);
    float *elements = tn_data_mut(w);
    check_same_bits(check(_i, x, w), before);
    elements[3] = 8;
    ck_assert(!have_same_bits(before, check(_i, x, w)));
    elements[3] = 9;
    check(_i, x, w);
    tn_tensor *view = tn_detach(ctx, w);
    tn_free(w);
    check(_i, x, view);
    tn_free(view);
    ck_assert_int_eq(kept(), 0);
}
END_TEST

START_TEST(memory_of_the_program)
{
    tn_tensor *x = new_input(_i, TN_F32), *from = new_weight(_i, TN_F32);
    static float elements[32 * 16 * 9];
    memcpy(elements, tn_data(from), (size_t)tn_numel(from) * sizeof *elements);
    tn_tensor *w = tn_from_blob(ctx, TN_F32, tn_ndim(from), tn_shape(from), elements, NULL, NULL);
    tn_tensor *before = check(_i, x, w);
    ck_assert_int_eq(kept(), 0);
    elements[5] = 3;
    ck_assert(!have_same_bits(before, check(_i, x, w)));
}
END_TEST

static tn_module *new_layer(int layer)
{
    return layer == CONV ? tn_nn_conv2d_nobias(ctx, 16, 32, 3, (tn_conv2d_opts){.padding = 1})
                         : tn_nn_linear_nobias(ctx, 48, 32);
}

START_TEST(states_are_loaded)
{
    tn_tensor *x = new_input(_i, TN_F32);
    tn_module *net = new_layer(_i);
    const tn_tensor *w = tn_parameter_named(net, "weight");
    tn_tensor *first = check(_i, x, w);
    tn_dict *state = tn_state_dict(ctx, net);
    ck_assert_int_eq(
        tn_load_state_dict(ctx, net, tn_state_dict(ctx, new_layer(_i)), (tn_load_opts){0}), TN_OK);
    tn_tensor *second = check(_i, x, w);
    ck_assert(!have_same_bits(first, second));
    ck_assert_int_eq(tn_fill_(ctx, tn_dict_get(state, "weight"), 1), TN_OK);
    ck_assert(!have_same_bits(second, check(_i, x, w)));
}
END_TEST

START_TEST(modules_are_converted)
{
    tn_module *net = new_layer(_i);
    const tn_tensor *w = tn_parameter_named(net, "weight");
    tn_tensor *x = new_input(_i, TN_F32), *first = check(_i, x, w);
    ck_assert_int_eq(tn_module_to(ctx, net, TN_F64), TN_OK);
    ck_assert_int_eq(kept(), 0);
    check(_i, tn_cast(ctx, x, TN_F64), w);
    ck_assert_int_eq(tn_module_to(ctx, net, TN_F32), TN_OK);
    check_same_bits(check(_i, x, w), first);
    tn_module_free(net);
    ck_assert_int_eq(kept(), 0);
}
END_TEST

static tn_tensor *layer_of(tn_ctx *unused, tn_tensor *const *in, void *payload)
{
    (void)unused;
    return apply(*(int *)payload, in[0], in[1]);
}

/* It moves the elements of the weight, and calls the layer with recording off. */
START_TEST(gradients_are_checked)
{
    int layer = _i;
    tn_tensor *in[] = {leaf(new_input(_i, TN_F64)), leaf(new_weight(_i, TN_F64))};
    tn_tensor *before = check(_i, in[0], in[1]);
    ck_assert_int_eq(tn_gradcheck(ctx, layer_of, &layer, 2, in,
                                  (tn_gradcheck_opts){.samples = 20, .projections = 1}, NULL),
                     TN_OK);
    check_same_bits(check(_i, in[0], in[1]), before);
}
END_TEST

/* ---- tensors that the library changes on its own --------------------------------------------- */

START_TEST(gradients_are_added_up)
{
    tn_tensor *x = new_input(_i, TN_F32), *w = leaf(new_weight(_i, TN_F32));
    tn_optim *optim = sgd(w);
    tn_tensor *results[4];
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, w))), TN_OK);
    results[0] = check(_i, x, tn_grad(w));
    ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, w))), TN_OK);
    results[1] = check(_i, x, tn_grad(w));
    ck_assert(tn_clip_grad_norm(optim, 0.5) > 1);
    results[2] = check(_i, x, tn_grad(w));
    ck_assert_int_eq(tn_clip_grad_value(optim, 0.001), TN_OK);
    results[3] = check(_i, x, tn_grad(w));
    for (int i = 0; i < 3; i++)
        ck_assert(!have_same_bits(results[i], results[i + 1]));
}
END_TEST

START_TEST(moments_are_updated)
{
    tn_tensor *x = new_input(_i, TN_F32), *w = leaf(new_weight(_i, TN_F32));
    tn_optim *optim = adam(w);
    tn_tensor *results[3];
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, w))), TN_OK);
        ck_assert_int_eq(tn_step(optim), TN_OK);
        results[i] = check(_i, x, tn_dict_get(tn_optim_state_dict(optim), "state.0.exp_avg"));
    }
    tn_dict *start = tn_optim_state_dict(adam(leaf(new_weight(_i, TN_F32))));
    tn_dict *state = tn_optim_state_dict(optim);
    ck_assert_int_eq(tn_optim_load_state_dict(optim, start), TN_OK);
    results[2] = check(_i, x, tn_dict_get(state, "state.0.exp_avg"));
    for (int i = 0; i < 2; i++)
        ck_assert(!have_same_bits(results[i], results[i + 1]));
}
END_TEST

START_TEST(statistics_run)
{
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(5, 64)),
              *mean = tn_zeros(ctx, TN_F32, TN_SHAPE(64));
    tn_tensor *var = tn_ones(ctx, TN_F32, TN_SHAPE(64)),
              *rows = tn_randn(ctx, TN_F32, TN_SHAPE(4, 8));
    tn_tensor *before = check(LINEAR, rows, tn_reshape(ctx, mean, TN_SHAPE(8, 8)));
    tn_batch_norm_opts training = {.training = true};
    ck_assert_ptr_nonnull(tn_batch_norm(ctx, x, mean, var, NULL, NULL, training));
    tn_tensor *after = check(LINEAR, rows, tn_reshape(ctx, mean, TN_SHAPE(8, 8)));
    ck_assert(!have_same_bits(before, after));
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

START_TEST(contexts_have_a_limit)
{
    tn_tensor *x = new_input(CONV, TN_F32), *w = new_weight(CONV, TN_F32);
    check(CONV, x, w);
    int64_t one = kept();
    for (int i = 0; i < 3; i++) {
        tn_ctx *test = ctx;
        int64_t limit = i == 0 ? TN_ZERO : i == 1 ? 2 * one : one - 1;
        ctx = tn_ctx_new(&(tn_ctx_opts){.prepared_bytes = limit});
        tn_tensor *y = new_input(CONV, TN_F32);
        for (int j = 0; j < 3; j++)
            check(CONV, y, new_weight(CONV, TN_F32));
        ck_assert_int_eq(kept(), i == 1 ? 2 * one : 0);
        tn_ctx_free(ctx);
        ctx = test;
    }
}
END_TEST

static tn_status run_layer(void *payload)
{
    int layer = *(int *)payload;
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = new_input(layer, TN_F32), *w = new_weight(layer, TN_F32);
    tn_tensor *y = w ? apply(layer, x, w) : NULL;
    ck_assert(y || kept() == 0);
    y = y ? apply(layer, x, w) : NULL;
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}

START_TEST(allocations_fail)
{
    int layer = _i;
    fail_each_allocation(run_layer, &layer);
    ck_assert_int_eq(kept(), 0);
}
END_TEST

/* A call that fails keeps nothing, and the next one is as it should be. */
START_TEST(calls_fail)
{
    tn_tensor *x = new_input(_i, TN_F32), *w = new_weight(_i, TN_F32), *y = NULL;
    for (int64_t k = 1; !y; k++) {
        tn_empty_cache(ctx);
        memory.for_good = k % 2;
        memory.fail_at = memory.calls + k;
        y = apply(_i, x, w);
        memory.fail_at = 0;
        ck_assert(y || kept() == 0);
        tn_clear_error(ctx);
    }
    check_same_bits(y, check(_i, x, w));
}
END_TEST

/* ---- several contexts ------------------------------------------------------------------------ */

typedef struct reader {
    int layer;
    const tn_tensor *x, *w;
    const float *expected;
    pthread_barrier_t *begun;
    int wrong;
    int64_t kept;
} reader;

/* In a thread of its own; the assertions of Check are for the main one. */
static void *read_weights(void *payload)
{
    reader *r = payload;
    tn_ctx *own = tn_ctx_new(&(tn_ctx_opts){.threads = 2});
    for (int i = 0; i < 30; i++) {
        if (i == 1)
            pthread_barrier_wait(r->begun);
        tn_scope scope = tn_scope_begin(own);
        tn_tensor *y = r->layer == CONV
                           ? tn_conv2d(own, r->x, r->w, NULL, (tn_conv2d_opts){.padding = 1})
                           : tn_linear(own, r->x, r->w, NULL);
        for (int64_t j = 0; y && j < tn_numel(y); j++)
            r->wrong += tn_data_f32(y)[j] != r->expected[j];
        r->wrong += !y;
        tn_scope_end(own, scope);
    }
    r->kept = tn_memory(own).prepared_bytes;
    tn_ctx_free(own);
    return NULL;
}

/* The owner prepares the weight while others read it, and again after a change. */
START_TEST(owner_beside_readers)
{
    enum { READERS = 3 };
    tn_tensor *x = new_input(_i, TN_F32), *w = new_weight(_i, TN_F32);
    for (int round = 0; round < 3; round++) {
        tn_tensor *y = infer(_i, x, never_kept(w));
        reader readers[READERS];
        pthread_t threads[READERS];
        pthread_barrier_t begun;
        pthread_barrier_init(&begun, NULL, READERS + 1);
        for (int i = 0; i < READERS; i++) {
            readers[i] = (reader){_i, x, w, tn_data_f32(y), .begun = &begun};
            ck_assert_int_eq(pthread_create(&threads[i], NULL, read_weights, &readers[i]), 0);
        }
        pthread_barrier_wait(&begun);
        for (int i = 0; i < 5; i++)
            check_same_bits(infer(_i, x, w), y);
        for (int i = 0; i < READERS; i++) {
            pthread_join(threads[i], NULL);
            ck_assert_int_eq(readers[i].wrong, 0);
            ck_assert_int_eq(readers[i].kept, 0);
        }
        pthread_barrier_destroy(&begun);
        ck_assert_int_eq(kept() > 0, is_kept(_i));
        ck_assert_int_eq(tn_normal_(ctx, w, 0, 1), TN_OK);
    }
}
END_TEST

/* The owner's memory is not that of the context which makes the change. */
START_TEST(changes_in_another_context)
{
    tn_tensor *x = new_input(_i, TN_F32), *w = new_weight(_i, TN_F32), *before = check(_i, x, w);
    int64_t bytes = kept();
    tn_ctx *another = tn_ctx_new(&(tn_ctx_opts){.threads = 1});
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(tn_fill_(another, w, i), TN_OK);
        ck_assert_int_eq(kept(), bytes);
        ck_assert(!have_same_bits(before, check(_i, x, w)));
        ck_assert_int_eq(kept(), bytes);
    }
    ck_assert_int_eq(tn_fill_(another, w, 7), TN_OK);
    tn_ctx_free(another);
    tn_free(w);
    ck_assert_int_eq(kept(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prepared");
    TCase *tc = tn_case(suite, "kept");
    tcase_add_loop_test(tc, found_again, 0, LAYERS);
    tcase_add_loop_test(tc, nothing_is_kept_where_it_is_recorded, 0, LAYERS);
    tcase_add_loop_test(tc, freed_with_the_storage, 0, LAYERS);
    tcase_add_loop_test(tc, weights_with_gaps, 0, LAYERS);
    tcase_add_loop_test(tc, both_types, 0, LAYERS);
    tcase_add_test(tc, geometries_take_turns);
    tcase_add_test(tc, steps_take_turns);
    tcase_add_test(tc, orders_take_turns);
    tcase_add_test(tc, batches_of_any_size);
    tcase_add_test(tc, views_of_one_storage);
    tcase_add_test(tc, no_more_than_four_forms);
    TCase *changing = tn_case(suite, "changes");
    tcase_add_loop_test(changing, changes_are_seen, 0, CHANGES * LAYERS);
    tcase_add_loop_test(changing, addresses_are_written_to_later, 0, LAYERS);
    tcase_add_loop_test(changing, memory_of_the_program, 0, LAYERS);
    tcase_add_loop_test(changing, states_are_loaded, 0, LAYERS);
    tcase_add_loop_test(changing, modules_are_converted, 0, LAYERS);
    tcase_add_loop_test(changing, gradients_are_checked, 0, LAYERS);
    tcase_add_loop_test(changing, gradients_are_added_up, 0, LAYERS);
    tcase_add_loop_test(changing, moments_are_updated, 0, LAYERS);
    tcase_add_test(changing, statistics_run);
    TCase *room = tn_case(suite, "memory");
    tcase_add_test(room, contexts_have_a_limit);
    tcase_add_loop_test(room, allocations_fail, 0, LAYERS);
    tcase_add_loop_test(room, calls_fail, 0, LAYERS);
    TCase *contexts = tn_case(suite, "contexts");
    tcase_add_loop_test(contexts, owner_beside_readers, 0, LAYERS);
    tcase_add_loop_test(contexts, changes_in_another_context, 0, LAYERS);
    return tn_run(suite);
}
