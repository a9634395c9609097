/* What an expanded tensor repeats is reduced once, and never copied: [2^21 + 1, 1024] floats would
 * take 8.6 GB. */
#include "common/check_tn.h"

#define ROWS ((1 << 21) + 1)
#define COLS 1024

static int64_t most; /* bytes that a test may take */

static void begin(int64_t bytes)
{
    most = tn_memory(ctx).live_bytes + bytes;
    tn_memory_reset_peak(ctx);
}

static void end(const char *what)
{
    ck_tn_ok();
    int64_t peak = tn_memory(ctx).peak_bytes;
    ck_assert_msg(peak <= most, "%s: %lld bytes, %lld too many", what, (long long)peak,
                  (long long)(peak - most));
}

/* 0, 1, 2... in a row, which is seen ROWS times; the row is a leaf. */
static tn_tensor *expanded(tn_tensor **row)
{
    *row = leaf(tn_arange(ctx, TN_F32, 0, COLS, 1));
    return tn_expand(ctx, *row, TN_SHAPE(ROWS, COLS));
}

START_TEST(test_sum_and_mean)
{
    tn_tensor *row, *x = expanded(&row);
    begin(1 << 20);
    tn_tensor *sum = tn_sum(ctx, x, (tn_reduce_opts){0});
    tn_backward(ctx, sum);
    x = tn_expand(ctx, row, TN_SHAPE(ROWS, COLS));
    tn_tensor *columns = tn_sum(ctx, x, TN_DIMS(0));
    tn_backward(ctx, tn_mean(ctx, x, (tn_reduce_opts){0}));
    end("sum");
    double total = COLS * (COLS - 1) / 2;
    ck_tn_close(sum, 1e-6 * total * ROWS, total * ROWS);
    ck_assert_double_le(fabs(element_of(columns, 7) / (7.0 * ROWS) - 1), 1e-6);
    ck_assert_double_le(fabs(element_of(tn_grad(row), 5) / (ROWS + 1.0 / COLS) - 1), 1e-6);
}
END_TEST

/* What is used again has the sum of expanded gradients: of those that both repeat, of rows beside
 * columns, and of more of them than are added one after another. */
START_TEST(test_gradients_that_meet)
{
    tn_tensor *row, *x = expanded(&row);
    begin(1 << 20);
    tn_tensor *y =
        tn_add(ctx, tn_sum(ctx, x, (tn_reduce_opts){0}), tn_mean(ctx, x, (tn_reduce_opts){0}));
    tn_backward(ctx, y);
    end("sum and mean");
    ck_assert_double_le(fabs(element_of(tn_grad(row), 5) / (ROWS + 1.0 / COLS) - 1), 1e-6);
    tn_tensor *column = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(3, 1)));
    x = tn_expand(ctx, column, TN_SHAPE(3, 4));
    y = tn_sum(ctx, x, TN_DIMS(0));
    y = tn_add(ctx,
               tn_sum(ctx, tn_mul(ctx, y, tn_arange(ctx, TN_F32, 0, 4, 1)), (tn_reduce_opts){0}),
               tn_sum(ctx, tn_sum(ctx, x, TN_DIMS(1)), (tn_reduce_opts){0}));
    for (int i = 0; i < 100; i++)
        y = tn_add(ctx, y, tn_sum(ctx, x, (tn_reduce_opts){0}));
    tn_backward(ctx, y);
    ck_tn_equal(tn_grad(column), 410, 410, 410);
}
END_TEST

START_TEST(test_rows_have_sums_of_their_own)
{
    tn_tensor *row, *x = expanded(&row);
    begin((int64_t)ROWS * 4 * 3);
    tn_tensor *sums = tn_sum(ctx, tn_detach(ctx, x), TN_DIMS(1));
    tn_fill_(ctx, sums, 1);
    end("sum dim=1");
    ck_assert_int_eq(tn_numel(sums), ROWS);
}
END_TEST

START_TEST(test_var)
{
    tn_tensor *row, *x = expanded(&row);
    begin(1 << 20);
    tn_tensor *y = tn_var(ctx, x, (tn_var_opts){.correction = TN_ZERO});
    tn_backward(ctx, y);
    end("var");
    double var = ((double)COLS * COLS - 1) / 12, dx = 2 * (5 - (COLS - 1) / 2.0) / COLS;
    ck_assert_double_le(fabs(tn_item(ctx, y) / var - 1), 1e-6);
    ck_assert_double_le(fabs(element_of(tn_grad(row), 5) / dx - 1), 1e-6);
}
END_TEST

START_TEST(test_amax_and_amin)
{
    tn_tensor *row, *x = expanded(&row);
    begin(1 << 20);
    tn_tensor *max = tn_amax(ctx, x, (tn_reduce_opts){0});
    tn_tensor *min = tn_amin(ctx, x, TN_DIMS(0));
    tn_backward(ctx, max);
    end("amax");
    ck_tn_equal(max, COLS - 1);
    ck_assert_double_eq(element_of(min, 9), 9);
    ck_assert_double_le(fabs(element_of(tn_grad(row), COLS - 1) - 1), 1e-6);
    ck_assert_double_eq(element_of(tn_grad(row), 0), 0);
}
END_TEST

START_TEST(test_argmax)
{
    tn_tensor *row, *x = expanded(&row);
    begin((int64_t)ROWS * 8 * 3);
    tn_tensor *first = tn_argmax(ctx, x, 0), *last = tn_argmax(ctx, x, 1);
    end("argmax");
    ck_assert_double_eq(element_of(first, COLS - 1), 0);
    ck_assert_double_eq(element_of(last, ROWS - 1), COLS - 1);
}
END_TEST

/* The gradient of a sum repeats one number: it is not copied. */
START_TEST(test_softmax)
{
    const int64_t n = 1000, bytes = n * COLS * 4;
    tn_tensor *x = leaf(tn_rand(ctx, TN_F32, TN_SHAPE(COLS, n)));
    begin(bytes * 17 / 8);
    tn_tensor *y = tn_softmax(ctx, x, 0);
    end("softmax");
    begin(bytes * 9 / 8 * 2);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    end("softmax backward");
}
END_TEST

START_TEST(test_losses)
{
    const int64_t n = 4097;
    tn_tensor *row = tn_arange(ctx, TN_F32, 0, COLS, 1);
    tn_tensor *x = tn_expand(ctx, row, TN_SHAPE(n, COLS));
    tn_tensor *target = tn_zeros(ctx, TN_I64, TN_SHAPE(n));
    begin(1 << 18);
    tn_tensor *nll = tn_nll_loss(ctx, x, target, (tn_nll_loss_opts){.reduction = TN_REDUCE_NONE});
    tn_tensor *loss = tn_cross_entropy(ctx, x, target, (tn_cross_entropy_opts){0});
    end("losses");
    ck_assert_double_eq(element_of(nll, n - 1), 0);
    ck_tn_close(loss, 1e-6, COLS - 1 - log1p(-exp(-1)));
    begin(n * COLS * 4 * 9 / 8 + (1 << 18));
    x = tn_expand(ctx, leaf(row), TN_SHAPE(n, COLS));
    tn_backward(ctx, tn_cross_entropy(ctx, x, target, (tn_cross_entropy_opts){0}));
    end("cross_entropy backward");
    ck_assert_double_le(fabs(element_of(tn_grad(row), 0) + 1), 1e-6);
    ck_assert_double_le(fabs(element_of(tn_grad(row), COLS - 1) - (1 - exp(-1))), 1e-6);
}
END_TEST

START_TEST(test_gather)
{
    const int64_t n = 1 << 20;
    tn_tensor *row = tn_arange(ctx, TN_F32, 0, COLS, 1);
    tn_tensor *x = tn_expand(ctx, row, TN_SHAPE(n, COLS));
    tn_tensor *index = tn_expand(ctx, tn_full(ctx, TN_I64, TN_SHAPE(1, 1), 7), TN_SHAPE(n, 2));
    begin(n * 2 * 4 * 9 / 8);
    tn_tensor *y = tn_gather(ctx, x, 1, index);
    end("gather");
    ck_assert_double_eq(element_of(y, 2 * n - 1), 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expanded");
    TCase *tc = tn_case(suite, "expanded");
    tcase_add_test(tc, test_sum_and_mean);
    tcase_add_test(tc, test_gradients_that_meet);
    tcase_add_test(tc, test_rows_have_sums_of_their_own);
    tcase_add_test(tc, test_var);
    tcase_add_test(tc, test_amax_and_amin);
    tcase_add_test(tc, test_argmax);
    tcase_add_test(tc, test_softmax);
    tcase_add_test(tc, test_losses);
    tcase_add_test(tc, test_gather);
    return tn_run(suite);
}
