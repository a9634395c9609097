/* batch_norm(x, w, b): each channel to mean 0 and variance 1, then scaled and shifted. */
#include "common/ops.h"

static tn_tensor *numbers_below(int64_t n, double from)
{
    return tn_add_scalar(ctx, tn_arange(ctx, TN_F64, 0, (double)n, 1), from);
}

/* In evaluation, with running statistics that depend on the channel. */
static tn_tensor *evaluate(tn_tensor *const *in)
{
    int64_t channels = tn_size(in[0], 1);
    tn_dtype dtype = tn_dtype_of(in[0]);
    tn_tensor *mean = tn_cast(ctx, numbers_below(channels, -1), dtype);
    tn_tensor *var = tn_cast(ctx, numbers_below(channels, 0.5), dtype);
    return tn_batch_norm(ctx, in[0], mean, var, in[1], in[2], (tn_batch_norm_opts){0});
}

#define TRAIN(id, w, b, ...)                           \
    OP(id, tn_batch_norm(ctx, in[0], NULL, NULL, w, b, \
                         (tn_batch_norm_opts){.training = true, __VA_ARGS__}))

TRAIN(trained, in[1], in[2], .eps = 0)
TRAIN(alone, NULL, NULL, .eps = 0)
TRAIN(large_eps, in[1], in[2], .eps = 0.25)
OP(rows, tn_batch_norm(ctx, tn_flatten(ctx, in[0], 0, 1), NULL, NULL, in[1], in[2],
                       (tn_batch_norm_opts){.training = true}))
OP(evaluated, evaluate(in))
OP(twice, tn_batch_norm(ctx,
                        tn_batch_norm(ctx, tn_mul(ctx, in[0], in[0]), NULL, NULL, in[1], in[2],
                                      (tn_batch_norm_opts){.training = true}),
                        NULL, NULL, in[1], in[2], (tn_batch_norm_opts){.training = true}))
OP(same_twice, tn_add(ctx, trained(ctx, in, NULL), tn_mul(ctx, in[0], evaluate(in))))

static const op_case cases[] = {{"batch_norm", trained, "[4,3,2,5] [3] [3]", false},
                                {"batch_norm of rows", rows, "[2,3,2] [2] [2]", false},
                                {"batch_norm", trained, "[3,1,7] [1] [1]", false},
                                {"batch_norm", trained, "[2,2,2,1,3,1] [2] [2]", false},
                                {"batch_norm", trained, "[0,2,3,3] [2] [2]", false},
                                {"batch_norm no weight", alone, "[3,2,3,3]", false},
                                {"batch_norm eps=0.25", large_eps, "[3,2,3,3] [2] [2]", false},
                                {"batch_norm eval", evaluated, "[3,2,3,3] [2] [2]", false},
                                {"batch_norm eval", evaluated, "[1,4] [4] [4]", false},
                                {"batch_norm eval", evaluated, "[2,0,3] [0] [0]", false},
                                {"batch_norm eval", evaluated, "[2,3,0] [3] [3]", false},
                                {"batch_norm eval", evaluated, "[1,3,0] [3] [3]", false},
                                {"batch_norm twice", twice, "[3,2,2,3] [2] [2]", false},
                                {"batch_norm twice", same_twice, "[3,2,2,3] [2] [2]", false}};

/* ---- a naive version ------------------------------------------------------------------------- */

typedef struct norm {
    array x, w, b, mean, var, dy, y, dx, dw, db;
    int64_t n, channels, size;
} norm;

static double *at(const norm *r, const array *a, int64_t i, int64_t channel, int64_t j)
{
    return a->data + (i * r->channels + channel) * r->size + j;
}

/* The mean and variance of the channel's numbers; the running ones are updated. */
static void moments(norm *r, int64_t channel, double *mean, double *var)
{
    double count = (double)(r->n * r->size);
    *mean = *var = 0;
    for (int64_t k = 0; k < r->n * r->size; k++)
        *mean += *at(r, &r->x, k / r->size, channel, k % r->size) / count;
    for (int64_t k = 0; k < r->n * r->size; k++) {
        double d = *at(r, &r->x, k / r->size, channel, k % r->size) - *mean;
        *var += d * d / count;
    }
    r->mean.data[channel] += 0.3 * (*mean - r->mean.data[channel]);
    r->var.data[channel] += 0.3 * (*var * count / (count - 1) - r->var.data[channel]);
}

static void naive_channel(norm *r, int64_t channel, bool training)
{
    double mean = r->mean.data[channel], var = r->var.data[channel];
    double count = (double)(r->n * r->size), w = r->w.data[channel];
    if (training)
        moments(r, channel, &mean, &var);
    double s = 1 / sqrt(var + 1e-3);
    for (int64_t k = 0; k < r->n * r->size; k++) {
        int64_t i = k / r->size, j = k % r->size;
        double h = (*at(r, &r->x, i, channel, j) - mean) * s;
        *at(r, &r->y, i, channel, j) = w * h + r->b.data[channel];
        r->dw.data[channel] += h * *at(r, &r->dy, i, channel, j);
        r->db.data[channel] += *at(r, &r->dy, i, channel, j);
    }
    for (int64_t k = 0; k < r->n * r->size; k++) {
        int64_t i = k / r->size, j = k % r->size;
        double h = (*at(r, &r->x, i, channel, j) - mean) * s, dy = *at(r, &r->dy, i, channel, j);
        if (training)
            dy -= r->db.data[channel] / count + h * r->dw.data[channel] / count;
        *at(r, &r->dx, i, channel, j) = s * w * dy;
    }
}

static void check_norm(const char *text, bool training, tn_dtype dtype, layout how)
{
    array_seed(9);
    norm r = {.x = array_random(text), .dy = array_random(text)};
    r.n = r.x.shape[0], r.channels = r.x.shape[1];
    r.size = r.channels && r.n ? r.x.numel / r.n / r.channels : 0;
    const char *vector = tn_shape_text(1, &r.channels).s;
    r.w = array_random(vector), r.b = array_random(vector);
    r.mean = array_random(vector), r.var = array_random(vector);
    for (int64_t i = 0; i < r.channels; i++)
        r.var.data[i] = fabs(r.var.data[i]);
    tn_tensor *x = leaf_of(&r.x, dtype, how), *w = leaf_of(&r.w, dtype, how);
    tn_tensor *b = leaf_of(&r.b, dtype, how);
    tn_tensor *mean = tensor_of(&r.mean, dtype, how), *var = tensor_of(&r.var, dtype, how);
    r.y = array_zeros(text), r.dx = array_zeros(text);
    r.dw = array_zeros(vector), r.db = array_zeros(vector);
    for (int64_t i = 0; i < r.channels; i++)
        naive_channel(&r, i, training);
    tn_tensor *y =
        tn_batch_norm(ctx, x, mean, var, w, b,
                      (tn_batch_norm_opts){.training = training, .momentum = 0.3, .eps = 1e-3});
    const char *name = layout_name(how);
    check_array(y, &r.y, tolerance(dtype), "%s %s", text, name);
    check_array(mean, &r.mean, tolerance(dtype), "%s %s: running mean", text, name);
    check_array(var, &r.var, tolerance(dtype), "%s %s: running var", text, name);
    tn_backward_with(ctx, y, tensor_of(&r.dy, dtype, PLAIN));
    check_array(tn_grad(x), &r.dx, tolerance(dtype), "%s %s: dx", text, name);
    check_array(tn_grad(w), &r.dw, tolerance(dtype), "%s %s: dw", text, name);
    check_array(tn_grad(b), &r.db, tolerance(dtype), "%s %s: db", text, name);
}

START_TEST(test_values)
{
    static const char *const shapes[] = {"[4,3,5,7]",   "[2,1,1,1]",    "[9,5]",  "[3,2,17]",
                                         "[2,3,2,2,3]", "[8,40,13,13]", "[2,63]", "[65,64]",
                                         "[129,65,1]",  "[300,130]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int how = PLAIN; how <= SLICED; how++)
            for (int training = 0; training < 2; training++) {
                check_norm(shapes[i], training, TN_F64, (layout)how);
                check_norm(shapes[i], training, TN_F32, (layout)how);
            }
}
END_TEST

/* Far from 0 the squares alone would cancel. */
START_TEST(test_large_mean)
{
    static const float values[] = {10000.25f, 10000.75f, 9999.5f, 9999.5f};
    tn_tensor *x = tn_from_data(ctx, TN_F32, TN_SHAPE(4, 1), values);
    tn_batch_norm_opts opts = {.training = true, .eps = 1e-12};
    tn_tensor *y = tn_batch_norm(ctx, x, NULL, NULL, NULL, NULL, opts);
    ck_tn_close(y, 1e-6, 0.4714045208, 1.4142135624, -0.9428090416, -0.9428090416);
}
END_TEST

START_TEST(test_running_statistics)
{
    tn_tensor *x = F64(1, 2, 3, 6), *mean = F64(1), *var = F64(2);
    x = tn_reshape(ctx, x, TN_SHAPE(4, 1));
    tn_batch_norm(ctx, x, mean, var, NULL, NULL, (tn_batch_norm_opts){.training = true});
    ck_tn_close(mean, 1e-15, 0.9 + 0.1 * 3);
    ck_tn_close(var, 1e-15, 0.9 * 2 + 0.1 * 14 / 3);
    tn_batch_norm(ctx, x, mean, var, NULL, NULL,
                  (tn_batch_norm_opts){.training = true, .momentum = 1});
    ck_tn_close(mean, 1e-15, 3);
    tn_batch_norm(ctx, tn_mul_scalar(ctx, x, 2), mean, var, NULL, NULL,
                  (tn_batch_norm_opts){.training = true, .momentum = TN_ZERO});
    tn_batch_norm(ctx, tn_zeros(ctx, TN_F64, TN_SHAPE(0, 1)), mean, var, NULL, NULL,
                  (tn_batch_norm_opts){.training = true});
    ck_tn_close(mean, 1e-15, 3);
    ck_tn_close(var, 1e-15, 14.0 / 3);
}
END_TEST

/* `low` and `high` in turn, 500 times each: y is -1 and 1, and the statistics are exact. */
static void check_in_turn(tn_dtype dtype, double low, double high)
{
    double mean = (low + high) / 2, var = (high - low) * (high - low) / 4 * (1000 / 999.0);
    tn_tensor *x = tn_empty(ctx, dtype, TN_SHAPE(500, 1, 2));
    for (int64_t i = 0; i < 1000; i++)
        tn__store_f64(dtype, (char *)tn__ptr(x) + (size_t)i * tn_dtype_size(dtype),
                      i % 2 ? high : low);
    tn_tensor *running_mean = tn_zeros(ctx, dtype, TN_SHAPE(1));
    tn_tensor *running_var = tn_zeros(ctx, dtype, TN_SHAPE(1));
    tn_tensor *y =
        tn_batch_norm(ctx, x, running_mean, running_var, NULL, NULL,
                      (tn_batch_norm_opts){.training = true, .momentum = 1, .eps = TN_ZERO});
    ck_tn_ok();
    ck_assert_double_le(fabs(tn_item(ctx, running_mean) - mean), 1e-7 * high);
    ck_assert_double_le(fabs(tn_item(ctx, running_var) / var - 1), 1e-6);
    for (int64_t i = 0; i < 1000; i++)
        ck_assert_double_le(fabs(element_of(y, i) - (i % 2 ? 1 : -1)), 1e-6);
}

START_TEST(test_ends_of_the_range)
{
    check_in_turn(TN_F32, 16777216, 16777218);
    check_in_turn(TN_F32, 9e19F, 11e19F);
    check_in_turn(TN_F32, -16e18, 16e18);
    check_in_turn(TN_F64, 2e154, 3e154);
}
END_TEST

/* Rounding the mean makes no negative variance. */
START_TEST(test_of_equal_numbers)
{
    tn_tensor *var = tn_zeros(ctx, TN_F64, TN_SHAPE(1));
    for (int64_t n = 2; n < 500; n++) {
        tn_tensor *x = tn_full(ctx, TN_F64, TN_SHAPE(n, 1), n % 2 ? 1.7e308 : 0.1 * (double)n);
        tn_tensor *mean = tn_zeros(ctx, TN_F64, TN_SHAPE(1));
        tn_batch_norm(ctx, x, mean, var, NULL, NULL,
                      (tn_batch_norm_opts){.training = true, .momentum = 1});
        ck_assert_double_ge(tn_item(ctx, var), 0);
        ck_assert_double_le(tn_item(ctx, var), 1e-28);
    }
}
END_TEST

/* In evaluation a NaN stays where it is. */
START_TEST(test_not_a_number)
{
    tn_tensor *x = tn_reshape(ctx, F64(1, NAN, 3), TN_SHAPE(3, 1));
    x = leaf(tn_detach(ctx, x));
    tn_tensor *y =
        tn_batch_norm(ctx, x, F64(0), F64(1), NULL, NULL, (tn_batch_norm_opts){.eps = 3});
    ck_tn_equal(y, 0.5, NAN, 1.5);
    tn_backward_with(ctx, y, tn_ones(ctx, TN_F64, TN_SHAPE(3, 1)));
    ck_tn_equal(tn_grad(x), 0.5, 0.5, 0.5);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3, 4, 4)),
              *v = tn_ones(ctx, TN_F32, TN_SHAPE(3));
    tn_tensor *two = tn_ones(ctx, TN_F32, TN_SHAPE(2)), *d = tn_ones(ctx, TN_F64, TN_SHAPE(3));
    tn_batch_norm_opts none = {0}, train = {.training = true};
    check_fails(tn_batch_norm(ctx, NULL, v, v, v, v, none), TN_ERR_ARGUMENT,
                "batch_norm: input is NULL");
    check_fails(tn_batch_norm(ctx, v, v, v, v, v, none), TN_ERR_SHAPE,
                "batch_norm: input [3]; expected [n,channels,...]");
    check_fails(tn_batch_norm(ctx, x, v, v, two, v, none), TN_ERR_SHAPE,
                "batch_norm: input [2,3,4,4] has 3 channels but weight is [2]");
    check_fails(tn_batch_norm(ctx, x, two, v, v, v, none), TN_ERR_SHAPE,
                "batch_norm: input [2,3,4,4] has 3 channels but running_mean is [2]");
    check_fails(tn_batch_norm(ctx, x, v, v, v, d, none), TN_ERR_DTYPE,
                "batch_norm: input is f32 but bias is f64; tn_cast converts");
    check_fails(tn_batch_norm(ctx, x, NULL, v, v, v, none), TN_ERR_ARGUMENT,
                "batch_norm: running_mean is NULL");
    check_fails(tn_batch_norm(ctx, x, v, NULL, v, v, train), TN_ERR_ARGUMENT,
                "batch_norm: running_var is NULL");
    check_fails(tn_batch_norm(ctx, x, v, v, v, v, (tn_batch_norm_opts){.eps = -1}), TN_ERR_ARGUMENT,
                "batch_norm: momentum 0.1 and eps -1");
    check_fails(tn_batch_norm(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(1, 3)), v, v, v, v, train),
                TN_ERR_SHAPE,
                "batch_norm: training on input [1,3], which has one value per channel");
    check_fails(tn_batch_norm(ctx, x, leaf(tn_clone(ctx, v)), v, NULL, NULL, train), TN_ERR_STATE,
                "batch_norm: a tensor of shape [3] that requires a gradient is changed in place "
                "while gradients are enabled");
    ck_assert_ptr_null(tn_batch_norm(NULL, x, v, v, v, v, none));
}
END_TEST

OP_TESTS("batch_norm", cases, test_values, test_large_mean, test_running_statistics,
         test_ends_of_the_range, test_of_equal_numbers, test_not_a_number, test_errors)
