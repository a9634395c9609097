/* Shapes of no elements that are as large as 2^40 in another dimension, and views of one element
 * that are: every operator returns at once, forward and backward, as do copies, files, loaders and
 * optimisers. A loop over the large dimension would not end before the time is up. An operator of
 * ops.h without a row fails the test. */
#include "common/check_tn.h"
#include "common/files.h"
#include "common/functions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define H (INT64_C(1) << 40)
#define LARGE "1099511627776"

static tn_tensor *of(tn_dtype dtype, int ndim, const int64_t *shape)
{
    tn_tensor *t = tn_zeros(ctx, dtype, ndim, shape);
    ck_assert_msg(t != NULL, "%s", tn_error(ctx));
    return tn__is_float(dtype) ? leaf(t) : t;
}

#define LEAF_OF(...) (mark_point(), of(TN_F32, TN_SHAPE(__VA_ARGS__)))
#define INDEX_OF(...) of(TN_I64, TN_SHAPE(__VA_ARGS__))

/* The result has this shape and these values, and a gradient goes through it. */
static void check_row(const char *name, int line, const tn_tensor *y, const char *shape,
                      double value)
{
    see_function(name, 1);
    ck_assert_msg(y != NULL, "line %d: %s: %s", line, name, tn_error(ctx));
    if (strcmp(TN_SHAPE_TEXT(y), shape) != 0)
        ck_abort_msg("line %d: %s gives %s, not %s", line, name, TN_SHAPE_TEXT(y), shape);
    for (int64_t i = 0; i < tn_numel(y); i++)
        if (!(element_of(y, i) == value || (isnan(value) && isnan(element_of(y, i)))))
            ck_abort_msg("line %d: %s gives %g, not %g", line, name, element_of(y, i), value);
    if (tn_requires_grad(y))
        tn_backward_with(ctx, y, tn_ones(ctx, tn_dtype_of(y), tn_ndim(y), tn_shape(y)));
    ck_assert_msg(tn_ok(ctx), "line %d: %s, backward: %s", line, name, tn_error(ctx));
}

#define GIVES(fn, shape, value, call)                 \
    do {                                              \
        mark_point();                                 \
        tn_scope scope_ = tn_scope_begin(ctx);        \
        check_row(#fn, __LINE__, call, shape, value); \
        tn_scope_end(ctx, scope_);                    \
    } while (0)

/* The call has nothing to give, or no room for what it would give: it says so at once. */
static void check_refusal(const char *name, int line, const tn_tensor *y, tn_status status)
{
    see_function(name, 1);
    if (y || tn_error_status(ctx) != status)
        ck_abort_msg("line %d: %s gives %s, not status %d: %s", line, name,
                     y ? TN_SHAPE_TEXT(y) : "an error", status, tn_error(ctx));
    tn_clear_error(ctx);
}

#define REFUSES(fn, status, call)                   \
    do {                                            \
        mark_point();                               \
        tn_scope scope_ = tn_scope_begin(ctx);      \
        check_refusal(#fn, __LINE__, call, status); \
        tn_scope_end(ctx, scope_);                  \
    } while (0)

/* ---- element by element ---------------------------------------------------------------------- */

#define SAME(fn, ...) GIVES(fn, shape, 0, fn(ctx, x, ##__VA_ARGS__))

static void unary_rows(const tn_tensor *x)
{
    char shape[256];
    snprintf(shape, sizeof shape, "%s", TN_SHAPE_TEXT(x));
    SAME(tn_neg);
    SAME(tn_abs);
    SAME(tn_square);
    SAME(tn_sqrt);
    SAME(tn_exp);
    SAME(tn_log);
    SAME(tn_add_scalar, 1);
    SAME(tn_mul_scalar, 2);
    SAME(tn_pow_scalar, 3);
    SAME(tn_clamp, -1, 1);
    SAME(tn_relu);
    SAME(tn_sigmoid);
    SAME(tn_tanh);
    SAME(tn_gelu);
    SAME(tn_leaky_relu, 0.5);
    SAME(tn_softplus);
    SAME(tn_dropout, 0.5, true);
    SAME(tn_contiguous);
    SAME(tn_clone);
    SAME(tn_cast, TN_F64);
    SAME(tn_cast, TN_I64);
    SAME(tn_softmax, 0);
    SAME(tn_softmax, -1);
    SAME(tn_log_softmax, 0);
    SAME(tn_log_softmax, -1);
}

/* `one` broadcasts to x, whose gradient it gets none of. */
static void binary_rows(const tn_tensor *x, const tn_tensor *one)
{
    char shape[256];
    snprintf(shape, sizeof shape, "%s", TN_SHAPE_TEXT(x));
    SAME(tn_add, one);
    SAME(tn_sub, one);
    SAME(tn_mul, one);
    SAME(tn_div, one);
    SAME(tn_eq, one);
    SAME(tn_ne, one);
    SAME(tn_lt, one);
    SAME(tn_le, one);
    SAME(tn_gt, one);
    SAME(tn_ge, one);
    GIVES(tn_where, shape, 0, tn_where(ctx, tn_gt(ctx, x, one), x, one));
    GIVES(tn_mse_loss, shape, 0,
          tn_mse_loss(ctx, x, one, (tn_mse_loss_opts){TN_REDUCE_NONE, .broadcast = true}));
    GIVES(tn_mse_loss, "[]", 0,
          tn_mse_loss(ctx, x, one, (tn_mse_loss_opts){TN_REDUCE_SUM, .broadcast = true}));
    GIVES(tn_mse_loss, "[]", NAN, tn_mse_loss(ctx, one, x, (tn_mse_loss_opts){.broadcast = true}));
    if (tn_grad(one))
        ck_tn_equal(tn_grad(one), 0);
}

static void bce_rows(const tn_tensor *x)
{
    const tn_tensor *t = tn_detach(ctx, x);
    tn_bce_opts sum = {.reduction = TN_REDUCE_SUM};
    GIVES(tn_binary_cross_entropy_with_logits, "[]", NAN,
          tn_binary_cross_entropy_with_logits(ctx, x, t, (tn_bce_opts){0}));
    GIVES(tn_binary_cross_entropy_with_logits, "[]", 0,
          tn_binary_cross_entropy_with_logits(ctx, x, t, sum));
}

static void element_by_element(void)
{
    tn_tensor *shapes[] = {LEAF_OF(H, 0), LEAF_OF(0, H), LEAF_OF(1 << 10, 0, H),
                           leaf(tn_transpose(ctx, tn_detach(ctx, LEAF_OF(H, 0)), 0, 1))};
    for (int i = 0; i < 4; i++) {
        unary_rows(shapes[i]);
        binary_rows(shapes[i], LEAF_OF(1, 1));
        binary_rows(shapes[i], tn_scalar(ctx, TN_F32, 1));
        bce_rows(shapes[i]);
    }
}

/* ---- all the others -------------------------------------------------------------------------- */

static void reduction_rows(const tn_tensor *x)
{
    tn_reduce_opts all = {0}, down = TN_DIMS(0), along = TN_DIMS(1);
    GIVES(tn_sum, "[]", 0, tn_sum(ctx, x, all));
    GIVES(tn_sum, "[0]", 0, tn_sum(ctx, x, down));
    REFUSES(tn_sum, TN_ERR_MEMORY, tn_sum(ctx, x, along));
    GIVES(tn_mean, "[]", NAN, tn_mean(ctx, x, all));
    GIVES(tn_mean, "[0]", 0, tn_mean(ctx, x, down));
    REFUSES(tn_mean, TN_ERR_MEMORY, tn_mean(ctx, x, along));
    GIVES(tn_var, "[]", NAN, tn_var(ctx, x, (tn_var_opts){0}));
    GIVES(tn_var, "[0]", 0, tn_var(ctx, x, (tn_var_opts){.dims = (int[]){0}, .ndims = 1}));
    GIVES(tn_amax, "[0]", 0, tn_amax(ctx, x, down));
    GIVES(tn_amin, "[0]", 0, tn_amin(ctx, x, down));
    REFUSES(tn_amax, TN_ERR_SHAPE, tn_amax(ctx, x, along));
    REFUSES(tn_amin, TN_ERR_SHAPE, tn_amin(ctx, x, all));
    tn_tensor *at;
    GIVES(tn_max, "[0]", 0, tn_max(ctx, x, 0, false, &at));
    GIVES(tn_min, "[1,0]", 0, tn_min(ctx, x, 0, true, &at));
    REFUSES(tn_max, TN_ERR_SHAPE, tn_max(ctx, x, 1, false, &at));
    GIVES(tn_argmax, "[0]", 0, tn_argmax(ctx, x, 0));
    GIVES(tn_argmin, "[0]", 0, tn_argmin(ctx, x, 0));
    GIVES(tn_topk, "[3,0]", 0, tn_topk(ctx, x, 3, 0, true, &at));
    GIVES(tn_topk, "[" LARGE ",0]", 0, tn_topk(ctx, x, H, 0, false, &at));
    GIVES(tn_topk, "[" LARGE ",0]", 0, tn_topk(ctx, x, 0, 1, true, &at));
}

static void reductions(void)
{
    reduction_rows(LEAF_OF(H, 0));
    see_function("tn_count_equal", 1);
    ck_assert_int_eq(tn_count_equal(ctx, INDEX_OF(H, 0), INDEX_OF(H, 0)), 0);
}

static void products(void)
{
    GIVES(tn_matmul, "[0,0]", 0, tn_matmul(ctx, LEAF_OF(0, INT32_MAX), LEAF_OF(INT32_MAX, 0)));
    GIVES(tn_matmul, "[2147483647,0]", 0, tn_matmul(ctx, LEAF_OF(INT32_MAX, 0), LEAF_OF(0, 0)));
    GIVES(tn_matmul, "[" LARGE ",0,2]", 0, tn_matmul(ctx, LEAF_OF(H, 0, 3), LEAF_OF(3, 2)));
    REFUSES(tn_matmul, TN_ERR_SHAPE, tn_matmul(ctx, LEAF_OF(H, 2, 0), LEAF_OF(0, 0)));
    REFUSES(tn_matmul, TN_ERR_MEMORY, tn_matmul(ctx, LEAF_OF(INT32_MAX, 0), LEAF_OF(0, 3)));
    REFUSES(tn_matmul, TN_ERR_MEMORY, tn_matmul(ctx, LEAF_OF(3, 0), LEAF_OF(0, INT32_MAX)));
    GIVES(tn_linear, "[2147483647,0]", 0,
          tn_linear(ctx, LEAF_OF(INT32_MAX, 0), LEAF_OF(0, 0), LEAF_OF(0)));
    GIVES(tn_linear, "[0,0]", 0,
          tn_linear(ctx, LEAF_OF(0, INT32_MAX), LEAF_OF(0, INT32_MAX), LEAF_OF(0)));
    REFUSES(tn_linear, TN_ERR_SHAPE, tn_linear(ctx, LEAF_OF(2, 0), LEAF_OF(H, 0), NULL));
    REFUSES(tn_linear, TN_ERR_SHAPE, tn_linear(ctx, LEAF_OF(0, H), LEAF_OF(0, H), NULL));
    REFUSES(tn_linear, TN_ERR_MEMORY,
            tn_linear(ctx, LEAF_OF(INT32_MAX, 0), LEAF_OF(3, 0), LEAF_OF(3)));
}

static void images(void)
{
    tn_conv2d_opts plain = {0};
    tn_pool2d_opts pool = {0};
    GIVES(tn_conv2d, "[0,2,32768,32768]", 0,
          tn_conv2d(ctx, LEAF_OF(0, 1, 1 << 15, 1 << 15), LEAF_OF(2, 1, 1, 1), LEAF_OF(2), plain));
    GIVES(tn_conv2d, "[0,2,32766,32766]", 0,
          tn_conv2d(ctx, LEAF_OF(0, 1, 1 << 15, 1 << 15), LEAF_OF(2, 1, 3, 3), NULL, plain));
    tn_tensor *many = LEAF_OF(H, 0, 4, 4);
    GIVES(tn_max_pool2d, "[" LARGE ",0,2,2]", 0, tn_max_pool2d(ctx, many, 2, pool));
    GIVES(tn_avg_pool2d, "[" LARGE ",0,2,2]", 0, tn_avg_pool2d(ctx, many, 2, pool));
    GIVES(tn_adaptive_avg_pool2d, "[" LARGE ",0,3,3]", 0, tn_adaptive_avg_pool2d(ctx, many, 3, 3));
    tn_tensor *channels = LEAF_OF(H, 3, 0), *three = tn_ones(ctx, TN_F32, TN_SHAPE(3));
    GIVES(tn_batch_norm, "[" LARGE ",3,0]", 0,
          tn_batch_norm(ctx, channels, three, three, leaf(tn_clone(ctx, three)), LEAF_OF(3),
                        (tn_batch_norm_opts){0}));
    GIVES(tn_batch_norm, "[" LARGE ",3,0]", 0,
          tn_batch_norm(ctx, channels, NULL, NULL, NULL, NULL,
                        (tn_batch_norm_opts){.training = true}));
}

static void losses_of_classes(void)
{
    tn_tensor *targets = tn_expand(ctx, tn_zeros(ctx, TN_U8, TN_SHAPE(1)), TN_SHAPE(H));
    tn_cross_entropy_opts sum = {.reduction = TN_REDUCE_SUM};
    GIVES(tn_cross_entropy, "[]", NAN,
          tn_cross_entropy(ctx, LEAF_OF(0, H), INDEX_OF(0), (tn_cross_entropy_opts){0}));
    GIVES(tn_cross_entropy, "[]", 0, tn_cross_entropy(ctx, LEAF_OF(0, H), INDEX_OF(0), sum));
    GIVES(tn_nll_loss, "[]", NAN,
          tn_nll_loss(ctx, LEAF_OF(0, H), INDEX_OF(0), (tn_nll_loss_opts){0}));
    REFUSES(tn_cross_entropy, TN_ERR_SHAPE,
            tn_cross_entropy(ctx, LEAF_OF(H, 0), targets, (tn_cross_entropy_opts){0}));
    REFUSES(tn_nll_loss, TN_ERR_SHAPE,
            tn_nll_loss(ctx, LEAF_OF(H, 0), targets, (tn_nll_loss_opts){0}));
}

static void shapes(void)
{
    const char *same = "[" LARGE ",0]", *turned = "[0," LARGE "]";
    tn_tensor *x = LEAF_OF(H, 0);
    GIVES(tn_reshape, turned, 0, tn_reshape(ctx, x, TN_SHAPE(0, H)));
    GIVES(tn_reshape, turned, 0, tn_reshape(ctx, tn_transpose(ctx, x, 0, 1), TN_SHAPE(0, H)));
    GIVES(tn_flatten, "[0]", 0, tn_flatten(ctx, x, 0, 1));
    GIVES(tn_permute, turned, 0, tn_permute(ctx, x, (int[]){1, 0}));
    GIVES(tn_transpose, turned, 0, tn_transpose(ctx, x, 0, 1));
    GIVES(tn_slice, "[549755813888,0]", 0, tn_slice(ctx, x, 0, 0, INT64_MAX, 2));
    GIVES(tn_narrow, "[5,0]", 0, tn_narrow(ctx, x, 0, 7, 5));
    GIVES(tn_select, "[0]", 0, tn_select(ctx, x, 0, H - 1));
    GIVES(tn_squeeze, same, 0, tn_squeeze(ctx, x, 0));
    GIVES(tn_unsqueeze, "[1," LARGE ",0]", 0, tn_unsqueeze(ctx, x, 0));
    GIVES(tn_expand, "[3," LARGE ",0]", 0, tn_expand(ctx, x, TN_SHAPE(3, H, 0)));
    GIVES(tn_expand, same, 0, tn_expand(ctx, LEAF_OF(1, 0), TN_SHAPE(H, 0)));
    GIVES(tn_cat, "[2199023255552,0]", 0, tn_cat(ctx, TN_TENSORS(x, x), 0));
    GIVES(tn_cat, same, 0, tn_cat(ctx, TN_TENSORS(x, x), 1));
    GIVES(tn_stack, "[2," LARGE ",0]", 0, tn_stack(ctx, TN_TENSORS(x, x), 0));
    GIVES(tn_stack, "[" LARGE ",0,2]", 0, tn_stack(ctx, TN_TENSORS(x, x), 2));
    GIVES(tn_index_select, "[2,0]", 0, tn_index_select(ctx, x, 0, INDEX_OF(2)));
    GIVES(tn_index_select, same, 0, tn_index_select(ctx, x, 1, INDEX_OF(0)));
    GIVES(tn_gather, same, 0, tn_gather(ctx, x, 0, INDEX_OF(H, 0)));
    GIVES(tn_gather, same, 0, tn_gather(ctx, x, 1, INDEX_OF(H, 0)));
    GIVES(tn_pad, "[1099511627779,0]", 0, tn_pad(ctx, x, TN_SHAPE(0, 0, 1, 2), 0));
    REFUSES(tn_pad, TN_ERR_MEMORY, tn_pad(ctx, x, TN_SHAPE(1, 0), 0));
}

/* One element, seen 2^40 times: views of it are made and shown, and no copies. */
static void expanded(void)
{
    tn_tensor *x = tn_expand(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(1, 1)), TN_SHAPE(H, 1));
    char text[256];
    ck_assert_int_gt(tn_format(x, text, sizeof text), 0);
    GIVES(tn_mul, "[" LARGE ",0]", 0, tn_mul(ctx, x, LEAF_OF(H, 0)));
    GIVES(tn_slice, "[2,1]", 1, tn_slice(ctx, x, 0, 5, 7, 1));
    GIVES(tn_select, "[1]", 1, tn_select(ctx, x, 0, H - 1));
    GIVES(tn_index_select, "[2,1]", 1, tn_index_select(ctx, x, 0, INDEX_OF(2)));
    REFUSES(tn_neg, TN_ERR_MEMORY, tn_neg(ctx, x));
    REFUSES(tn_clone, TN_ERR_MEMORY, tn_clone(ctx, x));
    REFUSES(tn_contiguous, TN_ERR_MEMORY, tn_contiguous(ctx, x));
    REFUSES(tn_cat, TN_ERR_MEMORY, tn_cat(ctx, TN_TENSORS(x, x), 0));
    REFUSES(tn_cast, TN_ERR_MEMORY, tn_cast(ctx, x, TN_F64));
    REFUSES(tn_softmax, TN_ERR_MEMORY, tn_softmax(ctx, x, 0));
    REFUSES(tn_matmul, TN_ERR_SHAPE, tn_matmul(ctx, x, LEAF_OF(1, 1)));
}

/* ---- beside the operators -------------------------------------------------------------------- */

START_TEST(in_place)
{
    tn_tensor *x = tn_rand(ctx, TN_F32, TN_SHAPE(H, 0)), *y = tn_randn(ctx, TN_F32, TN_SHAPE(H, 0));
    char text[256];
    ck_assert_int_eq(tn_fill_(ctx, x, 1), TN_OK);
    ck_assert_int_eq(
        tn_copy_(ctx, x, tn_transpose(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(0, H)), 0, 1)), TN_OK);
    ck_assert_int_eq(tn_uniform_(ctx, x, 0, 1), TN_OK);
    ck_assert_int_eq(tn_normal_(ctx, y, 0, 1), TN_OK);
    ck_assert_int_eq(tn_bernoulli_(ctx, tn_transpose(ctx, y, 0, 1), 0.5), TN_OK);
    ck_assert_int_gt(tn_format(x, text, sizeof text), 0);
    ck_assert_ptr_nonnull(tn_from_data(ctx, TN_F32, TN_SHAPE(H, 0), text));
    ck_assert_ptr_nonnull(tn_full(ctx, TN_F32, TN_SHAPE(0, H), 2));
}
END_TEST

START_TEST(files)
{
    make_folder();
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(H, 0));
    ck_assert_int_eq(tn_save_npy(ctx, x, folder_path("x.npy")), TN_OK);
    ck_tn_shape(tn_load_npy(ctx, folder_path("x.npy")), "[" LARGE ",0]");
    const char *const paths[] = {"x.npz", "x.safetensors"};
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, "x", tn_transpose(ctx, x, 0, 1));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tn_save_dict(ctx, dict, folder_path(paths[i])), TN_OK);
        tn_dict *back = tn_load_dict(ctx, folder_path(paths[i]));
        ck_tn_shape(tn_dict_get(back, "x"), "[0," LARGE "]");
        tn_dict_free(back);
    }
    tn_dict_free(dict);
    remove_folder();
}
END_TEST

START_TEST(loaders)
{
    tn_batch batch;
    tn_loader_opts opts[] = {{0}, {.scale = 0.5}, {.batch_size = H / 4}};
    for (int i = 0; i < 3; i++) {
        tn_loader *loader = tn_loader_new(ctx, of(TN_U8, TN_SHAPE(H, 0)), NULL, opts[i]);
        ck_assert(tn_loader_next(loader, &batch));
        ck_assert_int_eq(batch.size, i == 2 ? H / 4 : H);
        tn_loader_free(loader);
    }
}
END_TEST

static tn_tensor *cube(tn_ctx *c, tn_tensor *const *inputs, void *payload)
{
    (void)payload;
    return tn_pow_scalar(c, inputs[0], 3);
}

START_TEST(training)
{
    tn_tensor *x = leaf(tn_zeros(ctx, TN_F64, TN_SHAPE(H, 0)));
    ck_assert_int_eq(tn_gradcheck(ctx, cube, NULL, 1, &x, (tn_gradcheck_opts){0}, NULL), TN_OK);
    tn_detect_anomaly(ctx, true);
    tn_optim *optims[] = {tn_sgd_of(ctx, 1, &x, (tn_sgd_opts){.momentum = 0.5}),
                          tn_adam_of(ctx, 1, &x, (tn_adam_opts){0}),
                          tn_rmsprop_of(ctx, 1, &x, (tn_rmsprop_opts){0})};
    for (int i = 0; i < 3; i++) {
        tn_zero_grad(optims[i]);
        tn_backward(ctx, tn_sum(ctx, tn_square(ctx, x), (tn_reduce_opts){0}));
        ck_assert_double_eq(tn_clip_grad_norm(optims[i], 1), 0);
        ck_assert_int_eq(tn_step(optims[i]), TN_OK);
        tn_optim_free(optims[i]);
    }
}
END_TEST

static void setup(void)
{
    memory.largest = 1 << 24;
}

/* Tests of rows run one after another in one process, which counts what they have seen. */
START_TEST(every_operator)
{
    list_functions("ops.h", "tn_");
    element_by_element();
    reductions();
    products();
    images();
    losses_of_classes();
    shapes();
    expanded();
    ck_assert_int_eq(unseen_functions(1, ""), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("empty");
    TCase *tc = tn_case(suite, "empty");
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, every_operator);
    tcase_add_test(tc, in_place);
    tcase_add_test(tc, files);
    tcase_add_test(tc, loaders);
    tcase_add_test(tc, training);
    return tn_run(suite);
}
