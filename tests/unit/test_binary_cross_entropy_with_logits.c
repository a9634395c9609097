/* binary_cross_entropy_with_logits(logits, target), with weights and reductions. */
#include <stdio.h>
#include "common/ops.h"

/* Weights of 0.5, 1.5, 2.5... from an input of integers, to which no gradient flows. */
static tn_tensor *weights(tn_tensor *const *in, int i)
{
    return tn_add_scalar(ctx, tn_cast(ctx, in[i], tn_dtype_of(in[0])), 0.5);
}

static tn_tensor *loss(tn_tensor *const *in, tn_bce_opts opts)
{
    return tn_binary_cross_entropy_with_logits(ctx, in[0], in[1], opts);
}

OP(mean, loss(in, (tn_bce_opts){0}))
OP(sum, loss(in, (tn_bce_opts){.reduction = TN_REDUCE_SUM}))
OP(each, loss(in, (tn_bce_opts){.reduction = TN_REDUCE_NONE}))
OP(weighted, loss(in, (tn_bce_opts){.weight = weights(in, 2)}))
OP(pos_weighted, loss(in, (tn_bce_opts){.pos_weight = weights(in, 2)}))
OP(everything, loss(in, (tn_bce_opts){.reduction = TN_REDUCE_NONE,
                                      .weight = weights(in, 2),
                                      .pos_weight = weights(in, 3)}))

#define NAME "binary_cross_entropy_with_logits"

static const op_case cases[] = {
    {NAME, mean, "[] []", false},
    {NAME, mean, "[3,4] [3,4]", false},
    {NAME " sum", sum, "[2,3,2] [2,3,2]", false},
    {NAME " none", each, "[3,4] [3,4]", false},
    {NAME " none", each, "[0,4] [0,4]", false},
    {NAME " weight", weighted, "[3,4] [3,4] [4]<3", false},
    {NAME " pos_weight", pos_weighted, "[3,4] [3,4] [4]<3", false},
    {NAME " everything", everything, "[3,4] [3,4] [3,1]<3 [4]<3", false}};

/* -w (r t ln s + (1 - t) ln(1 - s)) and its derivatives to x and t. */
static void naive_loss(double x, double t, double w, double r, double out[3])
{
    double s = 1 / (1 + exp(-x));
    out[0] = -w * (r * t * log(s) + (1 - t) * log(1 - s));
    out[1] = w * ((1 - t) * s - r * t * (1 - s));
    out[2] = w * (log(1 - s) - r * log(s));
}

static void check_losses(const char *shape, const char *w_shape, const char *r_shape,
                         tn_dtype dtype, layout how)
{
    array x = array_random(shape), t = array_random(shape), w = array_random(w_shape);
    array r = array_random(r_shape), y = array_new(x.ndim, x.shape), dx = y, dt = y;
    dx = array_new(x.ndim, x.shape);
    dt = array_new(x.ndim, x.shape);
    int64_t index[TN_MAX_DIMS] = {0};
    for (int64_t i = 0; i < x.numel; i++, next_index(x.ndim, x.shape, index)) {
        double out[3];
        t.data[i] = (double)(random_bits() % 5) / 4;
        naive_loss(x.data[i], t.data[i], *array_at(&w, x.ndim, index), *array_at(&r, x.ndim, index),
                   out);
        y.data[i] = out[0], dx.data[i] = out[1], dt.data[i] = out[2];
    }
    tn_tensor *in[] = {leaf_of(&x, dtype, how), leaf_of(&t, dtype, how)};
    tn_tensor *got = loss(in, (tn_bce_opts){.reduction = TN_REDUCE_NONE,
                                            .weight = tensor_of(&w, dtype, how),
                                            .pos_weight = tensor_of(&r, dtype, how)});
    check_array(got, &y, tolerance(dtype), "losses of %s", shape);
    tn_backward(ctx, tn_sum(ctx, got, (tn_reduce_opts){0}));
    check_array(tn_grad(in[0]), &dx, tolerance(dtype), "gradient of %s", shape);
    check_array(tn_grad(in[1]), &dt, tolerance(dtype), "gradient of target %s", shape);
}

START_TEST(test_values)
{
    static const char *const shapes[][3] = {
        {"[]", "[]", "[]"},           {"[5]", "[5]", "[]"},      {"[3,4]", "[3,1]", "[4]"},
        {"[2,3,4]", "[4]", "[3,1]"},  {"[3,0]", "[3,1]", "[0]"}, {"[67]", "[1]", "[67]"},
        {"[40013]", "[40013]", "[1]"}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int run = 0; run < 6; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_losses(shapes[i][0], shapes[i][1], shapes[i][2], run % 2 ? TN_F32 : TN_F64,
                         (layout)(run / 2));
            tn_scope_end(ctx, scope);
        }
}
END_TEST

START_TEST(test_reductions)
{
    tn_tensor *in[] = {LEAF(0, 0, 0, 0), LEAF(0, 1, 0.5, 0.5)};
    tn_tensor *two = tn_full(ctx, TN_F64, TN_SHAPE(1), 2);
    tn_tensor *y = loss(in, (tn_bce_opts){.reduction = TN_REDUCE_SUM, .weight = two});
    ck_tn_close(y, 1e-15, 8 * log(2));
    y = loss(in, (tn_bce_opts){.weight = two});
    ck_tn_close(y, 1e-15, 2 * log(2));
    tn_backward(ctx, y);
    ck_tn_close(tn_grad(in[0]), 1e-15, 0.25, -0.25, 0, 0);
}
END_TEST

/* Nothing overflows, and small losses are not lost beside large numbers. */
START_TEST(test_extreme_logits)
{
    static const double x[] = {1e4, -1e4, 1e4, -1e4, 1e30, -1e30, -40, 40};
    static const double t[] = {1, 1, 0, 0, 1, 0, 0, 1};
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
        tn_tensor *in[] = {
            leaf(tn_cast(ctx, tn_from_data(ctx, TN_F64, TN_SHAPE(8), x), (tn_dtype)dtype)),
            tn_cast(ctx, tn_from_data(ctx, TN_F64, TN_SHAPE(8), t), (tn_dtype)dtype)};
        tn_tensor *y = loss(in, (tn_bce_opts){.reduction = TN_REDUCE_NONE});
        ck_tn_close(y, 1e-6, 0, 1e4, 1e4, 0, 0, 0, 0, 0);
        for (int i = 6; i < 8; i++)
            ck_assert_double_le(fabs(element_of(y, i) / exp(-40) - 1), 1e-5);
        tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
        ck_tn_close(tn_grad(in[0]), 1e-6, 0, -1, 1, 0, 0, 0, 0, 0);
        ck_assert_double_le(fabs(element_of(tn_grad(in[0]), 6) / exp(-40) - 1), 1e-5);
    }
}
END_TEST

/* w l for an l that may be infinite, which counts for nothing with a w of 0. */
static long double times(double w, long double l)
{
    return w == 0 && !isnan(l) ? 0 : w * l;
}

/* log(1 + e^x), where e^x may be beyond what a long double holds. */
static long double softplus(long double x)
{
    return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}

/* What the loss and its derivatives are for a logit of any size. */
static void exact_loss(double x, double t, double r, double out[3])
{
    long double up = softplus(x), down = softplus(-x);
    out[0] = (double)(times(1 - t, up) + times(r * t, down));
    out[1] = (double)((1 - t) / (1 + expl(-(long double)x)) - r * t / (1 + expl(x)));
    out[2] = (double)(r * down - up);
}

static void check_logits(double t, const double *r, tn_dtype dtype)
{
    static const double logits[] = {0,   -0.0, 0.25, -0.25, 20,       -20,       100, -100,
                                    200, -200, 800,  -800,  INFINITY, -INFINITY, NAN};
    enum { N = sizeof logits / sizeof *logits };
    tn_tensor *x = leaf(tn_cast(ctx, tn_from_data(ctx, TN_F64, TN_SHAPE(N), logits), dtype));
    tn_tensor *target = leaf(tn_full(ctx, dtype, TN_SHAPE(N), t)), *in[] = {x, target};
    tn_tensor *y = loss(in, (tn_bce_opts){.reduction = TN_REDUCE_NONE,
                                          .pos_weight = r ? tn_scalar(ctx, dtype, *r) : NULL});
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    array want[] = {array_zeros("[15]"), array_zeros("[15]"), array_zeros("[15]")};
    for (int i = 0; i < N; i++) {
        double out[3];
        exact_loss(logits[i], t, r ? *r : 1, out);
        for (int k = 0; k < 3; k++)
            want[k].data[i] = out[k];
    }
    const tn_tensor *got[] = {y, tn_grad(x), tn_grad(target)};
    for (int k = 0; k < 3; k++)
        check_array(got[k], &want[k], tolerance(dtype), "result %d of target %g, weight %g", k, t,
                    r ? *r : 1);
}

/* Logits on both sides of what e^-x can be, with whole targets and with others. */
START_TEST(test_all_logits)
{
    static const double targets[] = {0, 0.75, 1}, weights[] = {0.5, 3};
    for (int i = 0; i < 3; i++)
        for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
            check_logits(targets[i], NULL, (tn_dtype)dtype);
            check_logits(targets[i], &weights[0], (tn_dtype)dtype);
            check_logits(targets[i], &weights[1], (tn_dtype)dtype);
        }
}
END_TEST

START_TEST(test_of_nothing)
{
    tn_tensor *none = tn_zeros(ctx, TN_F64, TN_SHAPE(0, 3)), *in[] = {none, none};
    ck_tn_equal(loss(in, (tn_bce_opts){.reduction = TN_REDUCE_SUM}), 0);
    ck_tn_equal(loss(in, (tn_bce_opts){0}), NAN);
}
END_TEST

/* Where the weight of a target is 0, an infinite logarithm counts for nothing, but NaN does. */
START_TEST(test_nan_logits)
{
    for (int t = 0; t <= 1; t++) {
        tn_tensor *in[] = {F64(NAN), F64(t)};
        for (int r = 0; r <= 1; r++)
            ck_tn_equal(loss(in, (tn_bce_opts){.pos_weight = F64(r)}), NAN);
    }
}
END_TEST

static void check_message(const tn_tensor *x, const tn_tensor *t, tn_bce_opts opts,
                          tn_status status, const char *message)
{
    char text[256];
    snprintf(text, sizeof text, NAME ": %s", message);
    check_fails(tn_binary_cross_entropy_with_logits(ctx, x, t, opts), status, text);
}

START_TEST(test_errors)
{
    tn_bce_opts none = {0};
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)),
              *f64 = tn_ones(ctx, TN_F64, TN_SHAPE(2, 3));
    tn_tensor *i64 = tn_ones(ctx, TN_I64, TN_SHAPE(2, 3)), *row = tn_ones(ctx, TN_F32, TN_SHAPE(3));
    check_message(NULL, x, none, TN_ERR_ARGUMENT, "logits is NULL");
    check_message(x, NULL, none, TN_ERR_ARGUMENT, "target is NULL");
    check_message(i64, x, none, TN_ERR_DTYPE,
                  "logits is i64 but must be f32 or f64; tn_cast converts");
    check_message(x, i64, none, TN_ERR_DTYPE,
                  "target is i64 but must be f32 or f64; tn_cast converts");
    check_message(x, f64, none, TN_ERR_DTYPE, "logits is f32 but target is f64; tn_cast converts");
    check_message(x, row, none, TN_ERR_SHAPE, "logits [2,3] and target [3] have different shapes");
    check_message(x, x, (tn_bce_opts){.weight = f64}, TN_ERR_DTYPE,
                  "logits is f32 but weight is f64; tn_cast converts");
    check_message(x, x, (tn_bce_opts){.weight = tn_ones(ctx, TN_F32, TN_SHAPE(2))}, TN_ERR_SHAPE,
                  "weight [2] does not broadcast to logits [2,3]");
    check_message(row, row, (tn_bce_opts){.pos_weight = x}, TN_ERR_SHAPE,
                  "pos_weight [2,3] does not broadcast to logits [3]");
    check_message(x, x, (tn_bce_opts){.reduction = (tn_reduction)3}, TN_ERR_ARGUMENT,
                  "reduction 3");
    ck_assert_ptr_null(tn_binary_cross_entropy_with_logits(NULL, x, x, none));
}
END_TEST

OP_TESTS(NAME, cases, test_values, test_reductions, test_extreme_logits, test_all_logits,
         test_of_nothing, test_nan_logits, test_errors)
