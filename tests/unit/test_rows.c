/* Short rows, which are taken several at a time: operators over rows of every length around the
 * edges, beside the same numbers one at a time. */
#include "common/check_tn.h"
#include "tensor/rows.h"

RUNS_WITH_EACH_ISA;

static const int64_t lengths[] = {1,  2,  3,  4,  5,  7,  8,   9,   15,  16,  17,  31,  32,
                                  33, 63, 64, 65, 85, 86, 127, 128, 129, 170, 341, 342, 343};
static const int64_t counts[] = {1, 2, 3, 17, 64, 65, 131};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static double at(const tn_tensor *t, int64_t row, int64_t column)
{
    int64_t rows = tn_size(t, 0), columns = tn_size(t, 1);
    return element_of(t, (rows == 1 ? 0 : row) * columns + (columns == 1 ? 0 : column));
}

/* A tensor of rows, of one row, of one column, of one number, and rows that have gaps. */
static tn_tensor *operand(tn_dtype dtype, int64_t rows, int64_t n, int kind, uint32_t seed)
{
    int64_t shape[] = {kind == 1 || kind == 3 ? 1 : rows, kind == 2 || kind == 3 ? 1 : n};
    if (kind < 4)
        return whole_numbers(dtype, 2, shape, 9, seed);
    return tn_narrow(ctx, whole_numbers(dtype, TN_SHAPE(rows, n + 3), 9, seed), 1, 2, n);
}

static void check_pair(const tn_tensor *a, const tn_tensor *b, const tn_tensor *c)
{
    tn_tensor *difference = tn_sub(ctx, a, b), *less = tn_lt(ctx, a, b);
    tn_tensor *chosen = tn_where(ctx, c, a, b);
    int64_t rows = tn_size(difference, 0), n = tn_size(difference, 1), wrong = 0;
    int64_t chosen_rows = tn_size(chosen, 0), chosen_n = tn_size(chosen, 1);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            wrong += at(difference, i, j) != at(a, i, j) - at(b, i, j);
            wrong += at(less, i, j) != (at(a, i, j) < at(b, i, j));
        }
    for (int64_t i = 0; i < chosen_rows; i++)
        for (int64_t j = 0; j < chosen_n; j++)
            wrong += at(chosen, i, j) != (at(c, i, j) > 0 ? at(a, i, j) : at(b, i, j));
    ck_assert_msg(wrong == 0, "%lld wrong of %s and %s", (long long)wrong, TN_SHAPE_TEXT(a),
                  TN_SHAPE_TEXT(b));
}

START_TEST(operands_of_all_kinds)
{
    tn_dtype dtype = _i % 2 ? TN_F64 : TN_F32;
    int64_t n = lengths[_i / 2];
    for (int i = 0; i < COUNT(counts) - 2; i++)
        for (int kind = 0; kind < 25; kind++) {
            tn_scope scope = tn_scope_begin(ctx);
            int64_t rows = counts[i];
            tn_set_threads(ctx, 1 + kind % 3);
            tn_tensor *c =
                tn_lt(ctx, operand(TN_F32, rows, n, (kind + i) % 5, 3), tn_scalar(ctx, TN_F32, 0));
            check_pair(operand(dtype, rows, n, kind % 5, 1), operand(dtype, rows, n, kind / 5, 2),
                       c);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* The same column for all channels, in more dimensions than two. */
START_TEST(dimensions_before_rows)
{
    tn_tensor *x = whole_numbers(TN_F32, TN_SHAPE(3, 5, 4, 7), 9, 1);
    tn_tensor *scale = whole_numbers(TN_F32, TN_SHAPE(5, 1, 1), 9, 2);
    tn_tensor *y = tn_mul(ctx, tn_permute(ctx, x, (int[]){0, 1, 3, 2}), scale);
    tn_tensor *z = tn_mul(ctx, x, scale);
    for (int64_t i = 0; i < tn_numel(x); i++) {
        int64_t block = i / 28 * 28, row = i % 28 / 7, column = i % 7;
        double want = element_of(x, i) * element_of(scale, i / 28 % 5);
        ck_assert_double_eq(element_of(z, i), want);
        ck_assert_double_eq(element_of(y, block + column * 4 + row), want);
    }
}
END_TEST

/* Nothing before or behind the rows is written. */
static void check_copies(tn_dtype dtype, int64_t rows, int64_t n)
{
    tn_tensor *x = whole_numbers(dtype, TN_SHAPE(rows, n + 2), 9, 1);
    tn_tensor *y = tn_full(ctx, dtype, TN_SHAPE(rows + 1, n + 3), 77);
    tn_tensor *part = tn_narrow(ctx, x, 1, 1, n), *plain = tn_contiguous(ctx, part);
    tn_tensor *into = tn_narrow(ctx, tn_narrow(ctx, y, 0, 0, rows), 1, 2, n);
    ck_assert_int_eq(tn_copy_(ctx, into, part), TN_OK);
    int64_t wrong = 0;
    for (int64_t i = 0; i <= rows; i++)
        for (int64_t j = 0; j < n + 3; j++) {
            bool is_inside = i < rows && j >= 2 && j < n + 2;
            wrong += element_of(y, i * (n + 3) + j) !=
                     (is_inside ? element_of(x, i * (n + 2) + j - 1) : 77);
        }
    for (int64_t i = 0; i < rows * n; i++)
        wrong += element_of(plain, i) != element_of(x, i / n * (n + 2) + i % n + 1);
    ck_assert_int_eq(tn_copy_(ctx, into, tn_scalar(ctx, dtype, 5)), TN_OK);
    for (int64_t i = 0; i <= rows; i++)
        for (int64_t j = 0; j < n + 3; j++)
            wrong += element_of(y, i * (n + 3) + j) != (i < rows && j >= 2 && j < n + 2 ? 5 : 77);
    tn_tensor *joined = tn_cat(ctx, 3, (const tn_tensor *[]){part, x, part}, 1);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            double want = element_of(plain, i * n + j);
            wrong += at(joined, i, j) != want;
            wrong += at(joined, i, n + 1 + j) != want;
            wrong += at(joined, i, 2 * n + 2 + j) != want;
        }
    ck_assert_msg(wrong == 0, "%lld wrong of %lld rows of %lld", (long long)wrong, (long long)rows,
                  (long long)n);
}

START_TEST(copies_with_gaps)
{
    static const tn_dtype dtypes[] = {TN_F32, TN_F64, TN_I32, TN_I64};
    for (int i = 0; i < COUNT(counts); i++)
        for (int j = 0; j < COUNT(dtypes); j++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_copies(dtypes[j], counts[i], lengths[_i]);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* There is nothing to do for rows without numbers, however many there are. */
START_TEST(rows_of_nothing)
{
    const int64_t many = INT64_C(1) << 40;
    const int64_t shape[] = {many, 0}, strides[] = {3, 1};
    tn_tensor *x = tn__view(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(0)), 2, shape, strides, 0);
    tn_tensor *index = tn_empty(ctx, TN_I64, TN_SHAPE(many, 0));
    ck_assert_int_eq(tn_numel(tn_clone(ctx, x)), 0);
    ck_assert_int_eq(
        tn_numel(tn_sub(ctx, x,
                        tn_expand(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(1, 1)), TN_SHAPE(many, 1)))),
        0);
    ck_assert_int_eq(tn_numel(tn_cat(ctx, 2, (const tn_tensor *[]){x, x}, 1)), 0);
    ck_assert_int_eq(tn_numel(tn_softmax(ctx, x, 1)), 0);
    ck_assert_int_eq(tn_numel(tn_lt(ctx, x, x)), 0);
    ck_assert_int_eq(tn_numel(tn_gather(ctx, x, 1, index)), 0);
    ck_tn_ok();
}
END_TEST

/* Rows of bytes, of every length. */
START_TEST(bytes)
{
    char from[3 * 300], to[3 * 300];
    for (int64_t n = 0; n <= 290; n++) {
        for (int i = 0; i < 900; i++) {
            from[i] = (char)(i * 7 + 1);
            to[i] = 0;
        }
        const int64_t index[] = {2, -1, 0, -1, 1};
        tn__copy_rows(3, n,
                      (tn__row_list){.first = from, .step = 300, .index = index, .index_step = 2},
                      (tn__row_list){.first = to + 3, .step = 299});
        int wrong = 0;
        for (int i = 0; i < 900; i++) {
            int row = (i - 3) / 299, column = (i - 3) % 299;
            bool is_inside = i >= 3 && row < 3 && column < n;
            wrong += to[i] != (is_inside ? from[index[2 * row] * 300 + column] : 0);
        }
        ck_assert_int_eq(wrong, 0);
    }
}
END_TEST

/* With gaps between them and without. */
static void check_lines(tn_dtype dtype, int64_t rows, int64_t n, int kind)
{
    tn_tensor *x = operand(dtype, rows, n, kind, 5), *places, *least_places;
    tn_tensor *best = tn_max(ctx, x, 1, false, &places), *most = tn_amax(ctx, x, TN_DIMS(1));
    tn_tensor *least = tn_min(ctx, x, 1, false, &least_places);
    for (int64_t i = 0; i < rows; i++) {
        int64_t high = 0, low = 0;
        for (int64_t j = 1; j < n; j++) {
            high = at(x, i, j) > at(x, i, high) ? j : high;
            low = at(x, i, j) < at(x, i, low) ? j : low;
        }
        ck_assert_double_eq(element_of(best, i), at(x, i, high));
        ck_assert_double_eq(element_of(most, i), at(x, i, high));
        ck_assert_double_eq(element_of(least, i), at(x, i, low));
        ck_assert_double_eq(element_of(places, i), (double)high);
        ck_assert_double_eq(element_of(least_places, i), (double)low);
    }
}

START_TEST(best_of_lines)
{
    for (int i = 0; i < COUNT(counts); i++)
        for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_lines((tn_dtype)dtype, counts[i], lengths[_i], 0);
            check_lines((tn_dtype)dtype, counts[i], lengths[_i], 4);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* What is chosen gives its gradient to where it came from. */
static void check_gradient(tn_tensor *x, tn_tensor *y, const tn_tensor *dy, const int64_t *row,
                           const int64_t *column)
{
    double want[131 * 343] = {0};
    int64_t n = tn_size(y, 1), wrong = 0;
    ck_assert_msg(tn_backward_with(ctx, y, dy) == TN_OK, "%s", tn_error(ctx));
    for (int64_t i = 0; i < tn_numel(y); i++)
        want[(row ? row[i] : i / n) * tn_size(x, 1) + (column ? column[i % n] : i % n)] +=
            element_of(dy, i);
    for (int64_t i = 0; i < tn_numel(x); i++)
        wrong += element_of(tn_grad(x), i) != want[i];
    ck_assert_msg(wrong == 0, "%lld wrong gradients of %s", (long long)wrong, TN_SHAPE_TEXT(x));
    tn_clear_grad(x);
}

/* Numbers and whole rows of a table, by indices that repeat. */
static void check_chosen(tn_dtype dtype, int64_t rows, int64_t n)
{
    tn_tensor *x = leaf(whole_numbers(dtype, TN_SHAPE(rows, n), 9, 7));
    tn_tensor *which = tn_empty(ctx, TN_I64, TN_SHAPE(2 * rows, n));
    tn_tensor *line = tn_empty(ctx, TN_I64, TN_SHAPE(2 * rows)),
              *across = tn_empty(ctx, TN_I64, TN_SHAPE(n));
    int64_t *p = tn_data_mut(which), *q = tn_data_mut(line), *r = tn_data_mut(across), wrong = 0;
    for (int64_t i = 0; i < 2 * rows * n; i++)
        p[i] = i * 31 % rows;
    for (int64_t i = 0; i < 2 * rows; i++)
        q[i] = i * 17 % rows;
    for (int64_t i = 0; i < n; i++)
        r[i] = i * 13 % n;
    tn_tensor *numbers_of = tn_gather(ctx, x, 0, which),
              *rows_of = tn_index_select(ctx, x, 0, line);
    tn_tensor *columns_of = tn_index_select(ctx, x, 1, across);
    for (int64_t i = 0; i < 2 * rows; i++)
        for (int64_t j = 0; j < n; j++) {
            wrong += at(numbers_of, i, j) != at(x, p[i * n + j], j);
            wrong += at(rows_of, i, j) != at(x, q[i], j);
            wrong += i < rows && at(columns_of, i, j) != at(x, i, r[j]);
        }
    ck_assert_msg(wrong == 0, "%lld wrong of %s", (long long)wrong, TN_SHAPE_TEXT(x));
    tn_tensor *wide = whole_numbers(dtype, TN_SHAPE(2 * rows, n), 9, 8);
    check_gradient(x, tn_gather(ctx, x, 0, which), wide, p, NULL);
    check_gradient(x, tn_index_select(ctx, x, 1, across), tn_narrow(ctx, wide, 0, 0, rows), NULL,
                   r);
}

START_TEST(chosen_rows)
{
    for (int i = 0; i < COUNT(counts); i++)
        for (int dtype = TN_F32; dtype <= TN_F64; dtype++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_chosen((tn_dtype)dtype, counts[i], lengths[_i]);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rows");
    TCase *tc = tn_case(suite, "rows");
    tcase_add_loop_test(tc, operands_of_all_kinds, 0, 2 * COUNT(lengths));
    tcase_add_test(tc, dimensions_before_rows);
    tcase_add_loop_test(tc, copies_with_gaps, 0, COUNT(lengths));
    tcase_add_test(tc, rows_of_nothing);
    tcase_add_test(tc, bytes);
    tcase_add_loop_test(tc, best_of_lines, 0, COUNT(lengths));
    tcase_add_loop_test(tc, chosen_rows, 0, COUNT(lengths));
    return tn_run(suite);
}
