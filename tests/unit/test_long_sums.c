/* Sums of a million terms and more, in every operator that has one: one after another they would be
 * off by parts in a thousand in float32. The terms are all the same, or two kinds of them, so that
 * the exact value is known. */
#include "common/check_tn.h"

#include <math.h>
#include <string.h>

RUNS_WITH_EACH_ISA;

enum { MILLION = 1 << 20 };

static const tn_dtype dtypes[] = {TN_F32, TN_F64};

/* What a sum of n terms of one sign may be off by: a few roundings for each doubling of n. */
static double rounding(tn_dtype dtype)
{
    return dtype == TN_F32 ? 16 * 0x1p-24 : 16 * 0x1p-53;
}

/* 0.1 as the type has it. */
static double tenth(tn_dtype dtype)
{
    return dtype == TN_F32 ? (double)0.1F : 0.1;
}

#define ck_near(got, want, tolerance) check_near(__LINE__, #got, got, want, tolerance)

static void check_near(int line, const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * fabs(want)))
        ck_abort_msg("line %d: %s is %.17g, not %.17g: off by %g of %g", line, what, got, want,
                     fabs(got / want - 1), tolerance);
}

static double first(const tn_tensor *t)
{
    ck_assert_msg(t != NULL, "%s", tn_error(ctx));
    return tn__load_f64(t->dtype, tn__ptr(t));
}

/* Every element of t, which is contiguous, is `want`. */
static void check_all(int line, const tn_tensor *t, double want, double tolerance)
{
    ck_assert_msg(t != NULL, "%s", tn_error(ctx));
    size_t size = tn_dtype_size(t->dtype);
    for (int64_t i = 0; i < tn_numel(t); i++)
        check_near(line, "an element",
                   tn__load_f64(t->dtype, (char *)tn__ptr(t) + (size_t)i * size), want, tolerance);
}

#define ck_all(t, want, tolerance) check_all(__LINE__, t, want, tolerance)

#define FOR_EACH_DTYPE                                                       \
    for (int i_ = 0; i_ < 2; i_++)                                           \
        for (tn_scope scope_ = tn_scope_begin(ctx), *once_ = &scope_; once_; \
             tn_scope_end(ctx, scope_), once_ = NULL)                        \
            for (tn_dtype dtype = dtypes[i_], *twice_ = &dtype; twice_; twice_ = NULL)

/* ---- reductions ------------------------------------------------------------------------------ */

START_TEST(sums_along_every_dimension)
{
    FOR_EACH_DTYPE
    {
        double value = tenth(dtype), r = rounding(dtype);
        tn_tensor *line = tn_full(ctx, dtype, TN_SHAPE(MILLION), value);
        ck_near(first(tn_sum(ctx, line, (tn_reduce_opts){0})), MILLION * value, r);
        ck_near(first(tn_mean(ctx, line, (tn_reduce_opts){0})), value, r);
        tn_tensor *rows = tn_reshape(ctx, line, TN_SHAPE(MILLION / 4, 4));
        ck_all(tn_sum(ctx, rows, TN_DIMS(0)), MILLION / 4 * value, r);
        tn_tensor *turned = tn_transpose(ctx, rows, 0, 1);
        ck_all(tn_sum(ctx, turned, TN_DIMS(1)), MILLION / 4 * value, r);
        tn_tensor *gaps = tn_slice(ctx, rows, 1, 0, 4, 2);
        ck_all(tn_sum(ctx, gaps, TN_DIMS(0)), MILLION / 4 * value, r);
        ck_near(first(tn_sum(ctx, gaps, (tn_reduce_opts){0})), MILLION / 2 * value, r);
        tn_tensor *cube = tn_reshape(ctx, line, TN_SHAPE(MILLION / 256, 2, 128));
        ck_all(tn_sum(ctx, cube, TN_DIMS(0, 2)), MILLION / 2 * value, r);
        ck_all(tn_sum(ctx, cube, TN_DIMS(0)), MILLION / 256 * value, r);
    }
}
END_TEST

/* The squares of 2 and -2, and of a mean that is far from 0. */
START_TEST(variance)
{
    FOR_EACH_DTYPE
    {
        tn_tensor *x = tn_full(ctx, dtype, TN_SHAPE(MILLION / 2, 2), tenth(dtype));
        tn_fill_(ctx, tn_select(ctx, x, 1, 1), -tenth(dtype));
        tn_var_opts all = {.correction = TN_ZERO},
                    down = {.correction = TN_ZERO, .dims = (int[]){0}, .ndims = 1};
        double want = tenth(dtype) * tenth(dtype), r = rounding(dtype);
        ck_near(first(tn_var(ctx, x, all)), want, r);
        ck_near(first(tn_var(ctx, tn_transpose(ctx, x, 0, 1), all)), want, r);
        tn_tensor *other = tn_reshape(ctx, tn_contiguous(ctx, tn_transpose(ctx, x, 0, 1)),
                                      TN_SHAPE(MILLION / 2, 2));
        ck_all(tn_var(ctx, other, down), want, r);
    }
}
END_TEST

START_TEST(largest_of_equal_elements)
{
    FOR_EACH_DTYPE
    {
        tn_tensor *x = leaf(tn_ones(ctx, dtype, TN_SHAPE(3 * MILLION / 2)));
        tn_backward(ctx, tn_amax(ctx, x, (tn_reduce_opts){0}));
        ck_all(tn_grad(x), 2 / (3.0 * MILLION), rounding(dtype));
    }
}
END_TEST

/* ---- soft-max -------------------------------------------------------------------------------- */

/* As many equal logits as a float counts, and twice as many. */
START_TEST(softmax_of_equal_logits)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(1 << 25));
    ck_near(first(tn_softmax(ctx, x, 0)), 0x1p-25, rounding(TN_F32));
    ck_near(first(tn_log_softmax(ctx, x, 0)), -25 * log(2), rounding(TN_F32));
}
END_TEST

/* A logit of 0 and a million of ln 0.1. */
static tn_tensor *logits(tn_dtype dtype, int64_t n, double *sum)
{
    tn_tensor *x = tn_full(ctx, dtype, TN_SHAPE(n), log(0.1));
    tn_fill_(ctx, tn_select(ctx, x, 0, 0), 0);
    double other = element_of(x, 1);
    *sum = 1 + (double)(n - 1) * exp(other);
    return x;
}

START_TEST(softmax)
{
    FOR_EACH_DTYPE
    {
        double sum, r = rounding(dtype);
        tn_tensor *x = leaf(logits(dtype, MILLION + 7, &sum));
        tn_tensor *y = tn_softmax(ctx, x, 0);
        ck_near(first(y), 1 / sum, r);
        ck_near(1 - first(tn_log_softmax(ctx, x, 0)), 1 + log(sum), r);
        tn_backward_with(ctx, y, tn_full(ctx, dtype, TN_SHAPE(MILLION + 7), 0.7));
        for (int64_t i = 0; i < 100; i++)
            ck_near(0.7 + element_of(tn_grad(x), i) / element_of(y, i), 0.7, 2 * r);
    }
}
END_TEST

/* dx = dy - p sum dy, p = 0.7 for the first logit. */
START_TEST(log_softmax_backward)
{
    FOR_EACH_DTYPE
    {
        tn_tensor *x = tn_full(ctx, dtype, TN_SHAPE(MILLION + 1), log(0.3 / 0.7 / MILLION));
        tn_fill_(ctx, tn_select(ctx, x, 0, 0), 0);
        leaf(x);
        double value = tenth(dtype), p = 1 / (1 + MILLION * exp(element_of(x, 1)));
        tn_tensor *dy = tn_full(ctx, dtype, TN_SHAPE(MILLION + 1), value);
        tn_backward_with(ctx, tn_log_softmax(ctx, x, 0), dy);
        ck_near(element_of(tn_grad(x), 0), value - p * (MILLION + 1) * value, rounding(dtype));
    }
}
END_TEST

/* ---- losses ---------------------------------------------------------------------------------- */

/* Four million classes, with and without smoothing and weights of 0.1 and, for the target, 1. */
START_TEST(cross_entropy_of_many_classes)
{
    FOR_EACH_DTYPE
    {
        int64_t n = dtype == TN_F32 ? 4000000 : 300000;
        double sum, r = rounding(dtype);
        tn_tensor *x = leaf(logits(dtype, n, &sum)), *t = tn_zeros(ctx, TN_I64, TN_SCALAR);
        ck_near(first(tn_cross_entropy(ctx, x, t, (tn_cross_entropy_opts){0})), log(sum), r);
        tn_tensor *w = tn_full(ctx, dtype, TN_SHAPE(n), 0.1);
        tn_fill_(ctx, tn_select(ctx, w, 0, 0), 1);
        tn_cross_entropy_opts opts = {.label_smoothing = 0.25, .weight = w};
        tn_tensor *loss = tn_cross_entropy(ctx, x, t, opts);
        double other = element_of(x, 1), lse = log(sum), m = (double)n, v = tenth(dtype);
        ck_near(first(loss), 0.75 * lse + 0.25 / m * (lse + (m - 1) * v * (lse - other)), r);
        tn_backward(ctx, loss);
        double weights = 1 + (m - 1) * v, p = exp(other) / sum;
        ck_near(element_of(tn_grad(x), 1), 0.75 * p + 0.25 / m * (p * weights - v), 4 * r);
    }
}
END_TEST

/* A million targets, a third of them with weights of 0.1 and the others of 0.7. */
START_TEST(losses_of_many_targets)
{
    FOR_EACH_DTYPE
    {
        double a = tenth(dtype), b = dtype == TN_F32 ? (double)0.7F : 0.7, r = rounding(dtype);
        int64_t n = 3 * (MILLION / 3);
        tn_tensor *x = tn_zeros(ctx, dtype, TN_SHAPE(n, 2));
        tn_fill_(ctx, tn_select(ctx, x, 1, 0), -3);
        tn_tensor *t = tn_ones(ctx, TN_U8, TN_SHAPE(n));
        tn_fill_(ctx, tn_slice(ctx, t, 0, 0, n, 3), 0);
        tn_tensor *w = tn_cast(ctx, F64(0.1, 0.7), dtype);
        double total = (double)n / 3 * (a + 2 * b);
        ck_near(first(tn_nll_loss(ctx, x, t, (tn_nll_loss_opts){.weight = w})),
                (double)n / 3 * 3 * a / total, r);
        ck_near(first(tn_nll_loss(ctx, x, t,
                                  (tn_nll_loss_opts){.weight = w, .reduction = TN_REDUCE_SUM})),
                (double)n / 3 * 3 * a, r);
        double l1 = log1p(exp(-3)), l0 = 3 + l1;
        ck_near(first(tn_cross_entropy(ctx, x, t, (tn_cross_entropy_opts){.weight = w})),
                (double)n / 3 * (a * l0 + 2 * b * l1) / total, r);
    }
}
END_TEST

START_TEST(means_of_losses)
{
    FOR_EACH_DTYPE
    {
        double a = tenth(dtype), r = rounding(dtype);
        tn_tensor *x = tn_full(ctx, dtype, TN_SHAPE(MILLION), a);
        tn_tensor *y = tn_zeros(ctx, dtype, TN_SHAPE(MILLION));
        ck_near(first(tn_mse_loss(ctx, x, y, (tn_mse_loss_opts){0})), a * a, r);
        ck_near(first(tn_mse_loss(ctx, x, y, (tn_mse_loss_opts){.reduction = TN_REDUCE_SUM})),
                MILLION * a * a, r);
        ck_near(first(tn_binary_cross_entropy_with_logits(ctx, x, y, (tn_bce_opts){0})),
                a + log1p(exp(-a)), r);
    }
}
END_TEST

/* ---- gradients ------------------------------------------------------------------------------- */

START_TEST(gradients_of_what_was_broadcast)
{
    FOR_EACH_DTYPE
    {
        double a = tenth(dtype), r = rounding(dtype);
        tn_tensor *x = leaf(tn_zeros(ctx, dtype, TN_SCALAR));
        tn_tensor *row = leaf(tn_zeros(ctx, dtype, TN_SHAPE(2)));
        tn_tensor *column = leaf(tn_zeros(ctx, dtype, TN_SHAPE(2, 1)));
        tn_tensor *big = tn_full(ctx, dtype, TN_SHAPE(MILLION / 2, 2), a);
        tn_backward_with(ctx, tn_add(ctx, x, big), big);
        ck_all(tn_grad(x), MILLION * a, r);
        tn_backward_with(ctx, tn_mul(ctx, row, big), big);
        ck_all(tn_grad(row), MILLION / 2 * a * a, r);
        tn_tensor *wide = tn_reshape(ctx, big, TN_SHAPE(2, MILLION / 2));
        tn_backward_with(ctx, tn_sub(ctx, column, wide), wide);
        ck_all(tn_grad(column), MILLION / 2 * a, r);
        tn_clear_grad(x);
        tn_backward(ctx, tn_sum(ctx, tn_expand(ctx, x, TN_SHAPE(MILLION, 3)), (tn_reduce_opts){0}));
        ck_all(tn_grad(x), 3 * MILLION, r);
    }
}
END_TEST

/* A million parts of the gradient go to two elements. */
START_TEST(gradients_of_what_was_selected)
{
    FOR_EACH_DTYPE
    {
        double a = tenth(dtype), r = rounding(dtype);
        int64_t n = MILLION;
        tn_tensor *t = tn_zeros(ctx, TN_I64, TN_SHAPE(n));
        tn_fill_(ctx, tn_slice(ctx, t, 0, 0, n, 4), 1);
        tn_tensor *x = leaf(tn_zeros(ctx, dtype, TN_SHAPE(2, 2)));
        tn_backward_with(ctx, tn_index_select(ctx, x, 0, t),
                         tn_full(ctx, dtype, TN_SHAPE(n, 2), a));
        ck_near(element_of(tn_grad(x), 1), (double)n / 4 * 3 * a, r);
        ck_near(element_of(tn_grad(x), 2), (double)n / 4 * a, r);
        tn_tensor *g = leaf(tn_zeros(ctx, dtype, TN_SHAPE(2)));
        tn_backward_with(ctx, tn_gather(ctx, g, 0, t), tn_full(ctx, dtype, TN_SHAPE(n), a));
        ck_near(element_of(tn_grad(g), 0), (double)n / 4 * 3 * a, r);
        ck_near(element_of(tn_grad(g), 1), (double)n / 4 * a, r);
    }
}
END_TEST

/* Gradients with gaps, which are added in pieces, and infinities among the terms. */
START_TEST(gradients_with_gaps)
{
    FOR_EACH_DTYPE
    {
        tn_tensor *x = leaf(tn_zeros(ctx, dtype, TN_SHAPE(2, 600)));
        tn_tensor *row = tn_cast(ctx, tn_arange(ctx, TN_F64, 0, 1200, 1), dtype);
        tn_tensor *turned = tn_transpose(ctx, tn_reshape(ctx, row, TN_SHAPE(600, 2)), 0, 1);
        tn_tensor *one = tn_expand(ctx, tn_ones(ctx, dtype, TN_SHAPE(1)), TN_SHAPE(2, 600));
        for (int i = 0; i < 200; i++) {
            tn_backward_with(ctx, x, turned);
            tn_backward(ctx, tn_sum(ctx, tn_mul(ctx, x, one), (tn_reduce_opts){0}));
            tn_backward(ctx, tn_sum(ctx, x, (tn_reduce_opts){0}));
        }
        for (int64_t i = 0; i < 1200; i++) {
            double value = (double)(i < 600 ? 2 * i : 2 * (i - 600) + 1);
            ck_assert_double_eq(element_of(tn_grad(x), i), 200 * value + 400);
        }
        tn_tensor *big = leaf(tn_zeros(ctx, dtype, TN_SHAPE(2)));
        tn_tensor *t = tn_zeros(ctx, TN_I64, TN_SHAPE(300));
        tn_tensor *dy = tn_ones(ctx, dtype, TN_SHAPE(300));
        tn_fill_(ctx, tn_select(ctx, dy, 0, 7), INFINITY);
        tn_backward_with(ctx, tn_gather(ctx, big, 0, t), dy);
        ck_tn_equal(tn_grad(big), INFINITY, 0);
    }
}
END_TEST

/* One tensor, used over and over in one pass, and in many passes. */
START_TEST(gradients_of_many_uses)
{
    FOR_EACH_DTYPE
    {
        double a = tenth(dtype), r = rounding(dtype);
        enum { USES = 20000 };
        for (int made = 0; made < 2; made++) {
            tn_tensor *x = leaf(tn_zeros(ctx, dtype, TN_SHAPE(3)));
            tn_tensor *used = made ? tn_add_scalar(ctx, x, 1) : x, *chain = tn_neg(ctx, x);
            for (int64_t i = 1; i < USES; i++)
                chain = tn_sub(ctx, chain, used);
            tn_backward_with(ctx, chain, tn_full(ctx, dtype, TN_SHAPE(3), a));
            ck_all(tn_grad(x), -USES * a, r);
        }
    }
}
END_TEST

/* What was lost in rounding goes with a gradient that its owner changes, however that is done. */
/* Of sums, whose gradients are expanded. */
START_TEST(expanded_gradients_of_many_uses)
{
    FOR_EACH_DTYPE
    {
        double a = tenth(dtype), r = rounding(dtype);
        enum { USES = 20000 };
        tn_tensor *x = leaf(tn_zeros(ctx, dtype, TN_SHAPE(3))), *used = tn_add_scalar(ctx, x, 1);
        tn_tensor *chain = tn_sum(ctx, used, (tn_reduce_opts){0});
        for (int64_t i = 1; i < USES; i++)
            chain = tn_add(ctx, chain, tn_sum(ctx, used, (tn_reduce_opts){0}));
        tn_backward_with(ctx, chain, tn_full(ctx, dtype, 0, NULL, a));
        ck_all(tn_grad(x), USES * a, r);
    }
}
END_TEST

START_TEST(gradients_of_many_passes)
{
    FOR_EACH_DTYPE
    {
        double a = tenth(dtype);
        enum { PASSES = 20000 };
        tn_tensor *x = leaf(tn_zeros(ctx, dtype, TN_SHAPE(3)));
        tn_tensor *dy = tn_full(ctx, dtype, TN_SHAPE(3), a), *held = NULL;
        for (int64_t i = 0; i < PASSES; i++) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_backward_with(ctx, tn_neg(ctx, x), dy);
            tn_scope_end(ctx, scope);
            if (i == PASSES / 2)
                held = tn_detach(ctx, tn_grad(x));
        }
        ck_all(tn_grad(x), -PASSES * a, rounding(dtype));
        ck_all(held, -(PASSES / 2 + 1) * a, rounding(dtype));
        memset(tn_data_mut(tn_grad(x)), 0, 3 * tn_dtype_size(dtype));
        tn_backward_with(ctx, x, tn_full(ctx, dtype, TN_SHAPE(3), 0x1p-40));
        ck_all(tn_grad(x), 0x1p-40, 0);
        tn_fill_(ctx, tn_grad(x), INFINITY);
        tn_backward_with(ctx, x, dy);
        tn_backward_with(ctx, x, dy);
        ck_tn_equal(tn_grad(x), INFINITY, INFINITY, INFINITY);
    }
}
END_TEST

/* At a power of two, where the numbers below are closer than those above. */
START_TEST(gradients_beside_a_power_of_two)
{
    FOR_EACH_DTYPE
    {
        double step = dtype == TN_F32 ? 0x1p-23 : 0x1p-52;
        tn_tensor *x = leaf(tn_zeros(ctx, dtype, TN_SHAPE(2)));
        tn_tensor *one = tn_cast(ctx, F64(1, -1), dtype);
        for (int i = 0; i < 200; i++)
            tn_backward_with(ctx, x, i ? tn_zeros(ctx, dtype, TN_SHAPE(2)) : one);
        for (int i = 0; i < 2; i++)
            tn_backward_with(ctx, x, tn_mul_scalar(ctx, one, 0.4 * step));
        ck_tn_equal(tn_grad(x), 1 + step, -1 - step);
    }
}
END_TEST

START_TEST(norms_of_gradients)
{
    FOR_EACH_DTYPE
    {
        double a = tenth(dtype);
        tn_tensor *x = leaf(tn_zeros(ctx, dtype, TN_SHAPE(MILLION)));
        tn_backward_with(ctx, x, tn_full(ctx, dtype, TN_SHAPE(MILLION), a));
        tn_optim *opt = tn_sgd_of(ctx, 1, &x, (tn_sgd_opts){0});
        ck_near(tn_clip_grad_norm(opt, 1), 1024 * a, rounding(TN_F64));
        tn_optim_free(opt);
    }
}
END_TEST

/* ---- batch normalisation --------------------------------------------------------------------- */

/* x is `shape` [n, 1, size], half 0.1 and half 0.7, dy is x. */
/* The moments alone, of numbers whose squares have a sum that is infinite. */
static void check_large_moments(int64_t n)
{
    double a = 0x1p510, b = 3 * 0x1p508;
    tn_tensor *x = tn_full(ctx, TN_F64, TN_SHAPE(n, 1), 0.1 * a);
    tn_fill_(ctx, tn_slice(ctx, x, 0, 0, INT64_MAX, 2), 0.1 * b);
    tn_tensor *m = tn_zeros(ctx, TN_F64, TN_SHAPE(1)), *v = tn_zeros(ctx, TN_F64, TN_SHAPE(1));
    tn_batch_norm_opts opts = {.training = true, .momentum = 1};
    tn_batch_norm(ctx, x, m, v, NULL, NULL, opts);
    double half = 0.1 * (a - b) / 2;
    ck_near(first(m), 0.1 * (a + b) / 2, rounding(TN_F64));
    ck_near(first(v), half * half * ((double)n / ((double)n - 1)), rounding(TN_F64));
}

static void check_batch_norm(tn_dtype dtype, int64_t n, int64_t size)
{
    double a = tenth(dtype), b = dtype == TN_F32 ? (double)0.7F : 0.7, r = rounding(TN_F64);
    double mean = (a + b) / 2, var = (b - a) * (b - a) / 4, count = (double)(n * size);
    tn_tensor *x = tn_full(ctx, dtype, TN_SHAPE(n, 1, size), a);
    tn_fill_(ctx, tn_slice(ctx, tn_reshape(ctx, x, TN_SHAPE(n * size)), 0, 0, INT64_MAX, 2), b);
    tn_tensor *m = tn_zeros(ctx, dtype, TN_SHAPE(1)), *v = tn_zeros(ctx, dtype, TN_SHAPE(1));
    tn_tensor *w = leaf(tn_ones(ctx, dtype, TN_SHAPE(1))),
              *c = leaf(tn_zeros(ctx, dtype, TN_SHAPE(1)));
    tn_batch_norm_opts opts = {.training = true, .momentum = 1, .eps = 1e-300};
    tn_tensor *y = tn_batch_norm(ctx, x, m, v, w, c, opts);
    r = dtype == TN_F32 ? 0x1p-24 : r;
    ck_near(first(m), mean, r);
    ck_near(first(v), var * count / (count - 1), r);
    tn_backward_with(ctx, y, x);
    ck_near(first(tn_grad(c)), count * mean, r);
    ck_near(first(tn_grad(w)), count * sqrt(var), 2 * r);
}

START_TEST(batch_norm)
{
    FOR_EACH_DTYPE
    {
        check_batch_norm(dtype, MILLION, 1);
        check_batch_norm(dtype, 1, MILLION);
        check_batch_norm(dtype, MILLION / 32, 32);
    }
    check_large_moments(MILLION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("long sums");
    TCase *tc = tn_case(suite, "long sums");
    tcase_add_test(tc, sums_along_every_dimension);
    tcase_add_test(tc, variance);
    tcase_add_test(tc, largest_of_equal_elements);
    tcase_add_test(tc, softmax_of_equal_logits);
    tcase_add_test(tc, softmax);
    tcase_add_test(tc, log_softmax_backward);
    tcase_add_test(tc, cross_entropy_of_many_classes);
    tcase_add_test(tc, losses_of_many_targets);
    tcase_add_test(tc, means_of_losses);
    tcase_add_test(tc, gradients_of_what_was_broadcast);
    tcase_add_test(tc, gradients_of_what_was_selected);
    tcase_add_test(tc, gradients_with_gaps);
    tcase_add_test(tc, gradients_of_many_uses);
    tcase_add_test(tc, expanded_gradients_of_many_uses);
    tcase_add_test(tc, gradients_of_many_passes);
    tcase_add_test(tc, gradients_beside_a_power_of_two);
    tcase_add_test(tc, norms_of_gradients);
    tcase_add_test(tc, batch_norm);
    return tn_run(suite);
}
