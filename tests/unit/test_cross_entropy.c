/* cross_entropy(logits, target), with weights, smoothing, ignored targets and reductions. */
#include <stdio.h>
#include "common/ops.h"

static tn_tensor *loss(tn_tensor *const *in, tn_cross_entropy_opts opts)
{
    return tn_cross_entropy(ctx, in[0], in[1], opts);
}

/* Weights of 0.25, 1.25, 2.25 and 3.25. */
static tn_tensor *weighted(tn_tensor *const *in, tn_cross_entropy_opts opts)
{
    opts.weight = tn_arange(ctx, tn_dtype_of(in[0]), 0.25, 4, 1);
    return loss(in, opts);
}

OP(mean, loss(in, (tn_cross_entropy_opts){0}))
OP(sum, loss(in, (tn_cross_entropy_opts){.reduction = TN_REDUCE_SUM}))
OP(each, loss(in, (tn_cross_entropy_opts){.reduction = TN_REDUCE_NONE}))
OP(smooth, loss(in, (tn_cross_entropy_opts){.label_smoothing = 0.1}))
OP(ignoring, loss(in, (tn_cross_entropy_opts){.ignore_index = 1, .label_smoothing = 0.3}))
OP(ignoring_0, loss(in, (tn_cross_entropy_opts){.ignore_index = TN_ZERO}))

OP(weights, weighted(in, (tn_cross_entropy_opts){0}))
OP(everything, weighted(in, (tn_cross_entropy_opts){.ignore_index = 2, .label_smoothing = 0.3}))

static const op_case cases[] = {{"cross_entropy weights", weights, "[6,4] [6]<4", false},
                                {"cross_entropy everything", everything, "[9,4] [9]<4", false},
                                {"cross_entropy mean", mean, "[6,4] [6]<4", false},
                                {"cross_entropy mean", mean, "[4] []<4", false},
                                {"cross_entropy mean", mean, "[5,1] [5]<1", false},
                                {"cross_entropy sum", sum, "[6,4] [6]<4", false},
                                {"cross_entropy sum", sum, "[3,19] [3]<19", false},
                                {"cross_entropy sum", sum, "[0,3] [0]<3", false},
                                {"cross_entropy none", each, "[6,4] [6]<4", false},
                                {"cross_entropy none", each, "[5] []<5", false},
                                {"cross_entropy smoothing", smooth, "[6,4] [6]<4", false},
                                {"cross_entropy ignore 1", ignoring, "[8,3] [8]<3", false},
                                {"cross_entropy ignore 0", ignoring_0, "[8,3] [8]<3", false}};

#define MAX_CLASSES 70

/* The loss of one row and its gradient, as PyTorch's documentation has it. */
static double naive_row(const double *x, int64_t classes, int64_t t, const double *w, double smooth,
                        double *dx)
{
    double sum = 0, value = 0, p[MAX_CLASSES];
    for (int64_t c = 0; c < classes; c++)
        sum += exp(x[c]);
    for (int64_t c = 0; c < classes; c++) {
        p[c] = exp(x[c]) / sum;
        dx[c] = 0;
    }
    for (int64_t c = 0; c < classes; c++) {
        double target = (c == t ? 1 - smooth : 0) + smooth / (double)classes;
        value -= w[c] * target * log(p[c]);
        for (int64_t k = 0; k < classes; k++)
            dx[k] += w[c] * target * (p[k] - (k == c));
    }
    return value;
}

typedef struct losses {
    tn_cross_entropy_opts opts;
    array x, t, w, each, dx; /* dx is the gradient of the sum */
    double sum, weights;
} losses;

static losses naive_losses(int64_t n, int64_t classes, double smooth, int64_t ignore)
{
    char x[32], w[32];
    snprintf(x, sizeof x, "[%d,%d]", (int)n, (int)classes);
    snprintf(w, sizeof w, "[%d]", (int)classes);
    losses l = {.opts = {.label_smoothing = smooth, .ignore_index = ignore},
                .x = array_random(x),
                .t = array_new(1, &n),
                .w = array_random(w),
                .each = array_new(1, &n),
                .dx = array_zeros(x)};
    for (int64_t c = 0; c < classes; c++)
        l.w.data[c] = fabs(l.w.data[c]);
    for (int64_t i = 0; i < n; i++) {
        l.t.data[i] = (double)(random_bits() % (uint64_t)classes);
        if (random_bits() % 4 == 0 && ignore < 0)
            l.t.data[i] = (double)ignore;
        if ((int64_t)l.t.data[i] == ignore)
            continue;
        l.each.data[i] = naive_row(l.x.data + i * classes, classes, (int64_t)l.t.data[i], l.w.data,
                                   smooth, l.dx.data + i * classes);
        l.sum += l.each.data[i];
        l.weights += l.w.data[(int64_t)l.t.data[i]];
    }
    return l;
}

static void check_losses(losses *l, tn_dtype dtype, layout how)
{
    tn_scope scope = tn_scope_begin(ctx);
    const char *text = layout_name(how);
    tn_tensor *x = leaf_of(&l->x, dtype, how), *t = tensor_of(&l->t, TN_I32, how);
    tn_cross_entropy_opts opts = l->opts;
    opts.weight = tensor_of(&l->w, dtype, how);
    array sum = {.numel = 1, .data = (double[]){l->sum}};
    array mean = {.numel = 1, .data = (double[]){l->sum / l->weights}};
    check_array(tn_cross_entropy(ctx, x, t, opts), &mean, tolerance(dtype), "mean %s", text);
    opts.reduction = TN_REDUCE_NONE;
    check_array(tn_cross_entropy(ctx, x, t, opts), &l->each, tolerance(dtype), "none %s", text);
    opts.reduction = TN_REDUCE_SUM;
    tn_tensor *y = tn_cross_entropy(ctx, x, t, opts);
    check_array(y, &sum, tolerance(dtype), "sum %s", text);
    tn_backward(ctx, y);
    check_array(tn_grad(x), &l->dx, tolerance(dtype), "gradient %s", text);
    tn_scope_end(ctx, scope);
}

START_TEST(test_values)
{
    for (int64_t classes = 1; classes <= 67; classes++)
        for (int run = 0; run < 12; run++) {
            double smooth = run % 3 * 0.2;
            losses l = naive_losses(5 + run, classes, smooth, run % 2 ? -100 : classes / 2 + 1);
            check_losses(&l, run % 2 ? TN_F32 : TN_F64, (layout)(run % 3));
            check_losses(&l, run % 2 ? TN_F64 : TN_F32, (layout)(run % 3));
        }
}
END_TEST

START_TEST(test_threads)
{
    losses l = naive_losses(3001, 10, 0.1, -100);
    check_losses(&l, TN_F64, PLAIN);
    check_losses(&l, TN_F32, SLICED);
}
END_TEST

/* A row has the same bits alone and beside others, and where all rows are one. */
START_TEST(test_rows_of_any_company)
{
    tn_cross_entropy_opts each = {.reduction = TN_REDUCE_NONE};
    for (int64_t classes = 1; classes <= 40; classes++)
        for (int64_t n = 1; n <= 300; n += n < 33 ? 4 : 89) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_dtype dtype = classes % 2 ? TN_F32 : TN_F64;
            tn_tensor *x = tn_randn(ctx, dtype, TN_SHAPE(n, classes));
            tn_tensor *t = tn_zeros(ctx, TN_I64, TN_SHAPE(n));
            tn_tensor *all = tn_cross_entropy(ctx, x, t, each);
            tn_tensor *one = tn_expand(ctx, tn_narrow(ctx, x, 0, 0, 1), TN_SHAPE(n, classes));
            tn_tensor *same = tn_cross_entropy(ctx, one, t, each);
            for (int64_t i = 0; i < n; i++) {
                const tn_tensor *row = tn_narrow(ctx, x, 0, i, 1);
                tn_tensor *loss = tn_cross_entropy(ctx, row, tn_narrow(ctx, t, 0, 0, 1), each);
                check_same_bits(tn_narrow(ctx, all, 0, i, 1), loss);
                check_same_bits(tn_narrow(ctx, same, 0, i, 1), tn_narrow(ctx, all, 0, 0, 1));
            }
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* Logits far apart, and equal ones far from 0, whose losses are ln 2. */
START_TEST(test_extreme_logits)
{
    static const double values[] = {1e4, -1e4, -1e4, 1e4, 1e4, 1e4, 1e30, -1e30, 1e30, 1e30};
    static const int64_t targets[] = {0, 0, 1, 0, 1};
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
        tn_tensor *x =
            leaf(tn_cast(ctx, tn_from_data(ctx, TN_F64, TN_SHAPE(5, 2), values), (tn_dtype)dtype));
        tn_tensor *t = tn_from_data(ctx, TN_I64, TN_SHAPE(5), targets);
        tn_tensor *y =
            tn_cross_entropy(ctx, x, t, (tn_cross_entropy_opts){.reduction = TN_REDUCE_NONE});
        ck_tn_close(y, 1e-6, 0, 2e4, log(2), 0, log(2));
        tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
        ck_tn_close(tn_grad(x), 1e-6, 0, 0, -1, 1, 0.5, -0.5, 0, 0, 0.5, -0.5);
    }
}
END_TEST

START_TEST(test_type_of_targets)
{
    tn_tensor *x = tn_reshape(ctx, F64(1, 2, 3, 4, 5, 7), TN_SHAPE(2, 3));
    double want = tn_item(
        ctx, tn_cross_entropy(ctx, x, tn_arange(ctx, TN_I64, 1, 3, 1), (tn_cross_entropy_opts){0}));
    ck_tn_equal(
        tn_cross_entropy(ctx, x, tn_arange(ctx, TN_I32, 1, 3, 1), (tn_cross_entropy_opts){0}),
        want);
    ck_tn_equal(
        tn_cross_entropy(ctx, x, tn_arange(ctx, TN_U8, 1, 3, 1), (tn_cross_entropy_opts){0}), want);
}
END_TEST

START_TEST(test_nothing_counts)
{
    tn_tensor *x = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(2, 3)));
    tn_tensor *t = tn_full(ctx, TN_I64, TN_SHAPE(2), -100);
    tn_cross_entropy_opts opts = {.reduction = TN_REDUCE_SUM};
    ck_tn_equal(tn_cross_entropy(ctx, x, t, opts), 0);
    opts.reduction = TN_REDUCE_MEAN;
    tn_tensor *mean = tn_cross_entropy(ctx, x, t, opts);
    ck_tn_equal(mean, NAN);
    tn_backward(ctx, mean);
    ck_tn_equal(tn_grad(x), 0, 0, 0, 0, 0, 0);
    tn_tensor *none = tn_zeros(ctx, TN_F64, TN_SHAPE(0, 3));
    ck_tn_equal(tn_cross_entropy(ctx, none, tn_zeros(ctx, TN_I64, TN_SHAPE(0)), opts), NAN);
}
END_TEST

static void check_target(int64_t a, int64_t b, tn_cross_entropy_opts opts, const char *text)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_tensor *t = tn_from_data(ctx, TN_I64, TN_SHAPE(2), (int64_t[]){a, b});
    check_fails(tn_cross_entropy(ctx, x, t, opts), TN_ERR_ARGUMENT, text);
}

START_TEST(test_targets_out_of_range)
{
    tn_cross_entropy_opts none = {0}, minus_1 = {.ignore_index = -1};
    check_target(3, 0, none, "cross_entropy: target[0] is 3, not one of 3 classes");
    check_target(0, -1, none, "cross_entropy: target[1] is -1, not one of 3 classes");
    check_target(-1, -100, minus_1, "cross_entropy: target[1] is -100, not one of 3 classes");
    check_target(1, INT64_MAX, none,
                 "cross_entropy: target[1] is 9223372036854775807, not one of 3 classes");
}
END_TEST

START_TEST(test_errors)
{
    tn_cross_entropy_opts none = {0};
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)), *t = tn_zeros(ctx, TN_I64, TN_SHAPE(2));
    check_fails(tn_cross_entropy(ctx, NULL, t, none), TN_ERR_ARGUMENT,
                "cross_entropy: logits is NULL");
    check_fails(tn_cross_entropy(ctx, x, NULL, none), TN_ERR_ARGUMENT,
                "cross_entropy: target is NULL");
    check_fails(tn_cross_entropy(ctx, t, t, none), TN_ERR_DTYPE,
                "cross_entropy: logits is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_cross_entropy(ctx, x, x, none), TN_ERR_DTYPE,
                "cross_entropy: target is f32 but must be i64, i32 or u8");
    check_fails(tn_cross_entropy(ctx, x, tn_zeros(ctx, TN_BOOL, TN_SHAPE(2)), none), TN_ERR_DTYPE,
                "cross_entropy: target is bool but must be i64, i32 or u8");
    check_fails(tn_cross_entropy(ctx, x, tn_zeros(ctx, TN_I64, TN_SHAPE(3)), none), TN_ERR_SHAPE,
                "cross_entropy: logits [2,3] and target [3]; expected [n,classes] and [n], or "
                "[classes] and []");
    check_fails(tn_cross_entropy(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(2, 3, 4)), t, none),
                TN_ERR_SHAPE,
                "cross_entropy: logits [2,3,4] and target [2]; expected [n,classes] and [n], or "
                "[classes] and []");
    check_fails(tn_cross_entropy(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(2, 0)), t, none), TN_ERR_SHAPE,
                "cross_entropy: logits [2,0]: there are no classes");
    ck_assert_ptr_null(tn_cross_entropy(NULL, x, t, none));
}
END_TEST

START_TEST(test_errors_of_options)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)), *t = tn_zeros(ctx, TN_I64, TN_SHAPE(2));
    tn_tensor *w = tn_ones(ctx, TN_F64, TN_SHAPE(3)), *two = tn_ones(ctx, TN_F32, TN_SHAPE(2));
    tn_cross_entropy_opts opts = {.weight = w};
    check_fails(tn_cross_entropy(ctx, x, t, opts), TN_ERR_DTYPE,
                "cross_entropy: logits is f32 but weight is f64; tn_cast converts");
    opts.weight = two;
    check_fails(tn_cross_entropy(ctx, x, t, opts), TN_ERR_SHAPE,
                "cross_entropy: weight [2] does not match logits [2,3]");
    opts = (tn_cross_entropy_opts){.label_smoothing = 1.5};
    check_fails(tn_cross_entropy(ctx, x, t, opts), TN_ERR_ARGUMENT,
                "cross_entropy: label smoothing 1.5, reduction 0");
    opts = (tn_cross_entropy_opts){.reduction = (tn_reduction)3};
    check_fails(tn_cross_entropy(ctx, x, t, opts), TN_ERR_ARGUMENT,
                "cross_entropy: label smoothing 0, reduction 3");
}
END_TEST

OP_TESTS("cross_entropy", cases, test_values, test_threads, test_rows_of_any_company,
         test_extreme_logits, test_type_of_targets, test_nothing_counts, test_targets_out_of_range,
         test_errors, test_errors_of_options)
