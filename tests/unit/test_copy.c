/* Copies between any two layouts, and casts of them. */
#include <string.h>
#include "common/check_tn.h"
#include "common/layouts.h"

RUNS_WITH_EACH_ISA;

/* Through the loops of two operands, into strided memory. */
START_TEST(every_pair_of_copies)
{
    for (int a = 0; a < LAYOUTS; a += 8)
        for (int b = 0; b < LAYOUTS; b++) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_tensor *dst = numbered(a, 0), *src = numbered(b, 100);
            ck_assert_int_eq(tn_copy_(ctx, dst, src), TN_OK);
            int wrong = 0;
            for (int64_t n = 0; n < 24; n++) {
                int64_t i = n / 12, j = n / 3 % 4, k = n % 3;
                wrong += naive_at(dst, i, j, k) != naive_at(src, i, j, k);
            }
            ck_assert_int_eq(wrong, 0);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* Every pair of layouts of [3, 4] in every dtype. */
static tn_tensor *laid_out(int layout, tn_dtype dtype)
{
    tn_tensor *t;
    switch (layout) {
    case 0:
        return tn_empty(ctx, dtype, TN_SHAPE(3, 4));
    case 1:
        return tn_transpose(ctx, tn_empty(ctx, dtype, TN_SHAPE(4, 3)), 0, 1);
    case 2:
        t = tn_empty(ctx, dtype, TN_SHAPE(3, 8));
        return tn_slice(ctx, t, 1, 1, 8, 2);
    default:
        t = tn_slice(ctx, tn_empty(ctx, dtype, TN_SHAPE(9, 2, 4)), 0, 2, 9, 3);
        return tn_select(ctx, t, 1, 1);
    }
}

START_TEST(copies_between_layouts)
{
    tn_dtype dtype = (tn_dtype)_i;
    tn_tensor *numbers = tn_reshape(ctx, tn_arange(ctx, dtype, 0, 12, 1), TN_SHAPE(3, 4));
    for (int pair = 0; pair < 16; pair++) {
        tn_tensor *dst = laid_out(pair / 4, dtype), *src = laid_out(pair % 4, dtype);
        ck_assert_int_eq(tn_copy_(ctx, src, numbers), TN_OK);
        ck_assert_int_eq(tn_fill_(ctx, dst, 0), TN_OK);
        ck_assert_int_eq(tn_copy_(ctx, dst, src), TN_OK);
        for (int64_t i = 0; i < 12; i++)
            ck_assert_double_eq(element_of(dst, i), element_of(numbers, i));
    }
}
END_TEST

START_TEST(copies_onto_itself)
{
    tn_tensor *t = F64(0, 1, 2, 3, 4, 5, 6, 7);
    ck_assert_int_eq(tn_copy_(ctx, tn_narrow(ctx, t, 0, 1, 7), tn_narrow(ctx, t, 0, 0, 7)), TN_OK);
    ck_tn_equal(t, 0, 0, 1, 2, 3, 4, 5, 6);
    ck_assert_int_eq(tn_copy_(ctx, tn_narrow(ctx, t, 0, 0, 7), tn_narrow(ctx, t, 0, 1, 7)), TN_OK);
    ck_tn_equal(t, 0, 1, 2, 3, 4, 5, 6, 6);
    tn_tensor *m = tn_reshape(ctx, F64(1, 2, 3, 4), TN_SHAPE(2, 2));
    ck_assert_int_eq(tn_copy_(ctx, m, tn_transpose(ctx, m, 0, 1)), TN_OK);
    ck_tn_equal(m, 1, 3, 2, 4);
    ck_assert_int_eq(tn_copy_(ctx, m, tn_select(ctx, m, 0, 1)), TN_OK);
    ck_tn_equal(m, 2, 4, 2, 4);
    int64_t tensors = tn_memory(ctx).tensors;
    ck_assert_int_eq(tn_copy_(ctx, m, m), TN_OK);
    ck_assert_int_eq(tn_memory(ctx).tensors, tensors);
}
END_TEST

/* [2, c, n] as [2, n, c] and as [n, 2, c], in the middle of other elements. */
static void check_turned(tn_dtype dtype, int64_t c, int64_t n)
{
    static const int orders[2][3] = {{0, 2, 1}, {2, 0, 1}};
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *numbers = tn_arange(ctx, TN_I64, 0, (double)(2 * c * n), 1);
    tn_tensor *src = tn_reshape(ctx, tn_cast(ctx, numbers, dtype), TN_SHAPE(2, c, n));
    for (int order = 0; order < 2; order++) {
        tn_tensor *turned = tn_permute(ctx, src, orders[order]);
        int64_t outer = tn_size(turned, 0), middle = tn_size(turned, 1), wrong = 0;
        tn_tensor *all = tn_full(ctx, dtype, TN_SHAPE(outer, middle, c + 3), 1);
        ck_assert_int_eq(tn_copy_(ctx, tn_narrow(ctx, all, 2, 2, c), turned), TN_OK);
        for (int64_t i = 0; i < tn_numel(all); i++) {
            int64_t k = i % (c + 3) - 2, j = i / (c + 3) % middle, b = i / (c + 3) / middle;
            int64_t batch = order ? j : b, column = order ? b : j;
            double want = k < 0 || k >= c ? 1 : (double)((batch * c + k) * n + column);
            wrong += element_of(all, i) != want;
        }
        ck_assert_msg(wrong == 0, "[2,%d,%d], order %d: %d of %s are wrong", (int)c, (int)n, order,
                      (int)wrong, tn_dtype_name(dtype));
    }
    tn_scope_end(ctx, scope);
}

/* Sizes around squares of 16 x 16, and those that are too small for them. */
START_TEST(copies_the_other_way_round)
{
    static const int64_t sizes[] = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33};
    for (int i = 0; i < 100; i++)
        for (int dtype = TN_F32; dtype <= TN_I32; dtype++)
            check_turned((tn_dtype)dtype, sizes[i / 10], sizes[i % 10]);
    check_turned(TN_F32, 130, 517);
    check_turned(TN_F64, 517, 130);
}
END_TEST

/* The bytes of [a, b, c] into a view of a larger tensor with the dimensions in any order, in the
 * middle of others. */
static void check_permuted(int64_t a, int64_t b, int64_t c, const int *order)
{
    tn_scope scope = tn_scope_begin(ctx);
    int64_t shape[] = {a, b, c}, from[3], wrong = 0;
    tn_tensor *src = tn_empty(ctx, TN_U8, 3, shape);
    uint8_t *bytes = tn_data_mut(src);
    for (int64_t i = 0; i < a * b * c; i++)
        bytes[i] = (uint8_t)(1 + i * 7 % 251);
    for (int i = 0; i < 3; i++)
        from[i] = shape[order[i]];
    tn_tensor *all = tn_zeros(ctx, TN_U8, TN_SHAPE(from[0], from[1] + 2, from[2] + 3));
    tn_tensor *part = tn_narrow(ctx, tn_narrow(ctx, all, 2, 1, from[2]), 1, 1, from[1]);
    int back[3];
    for (int i = 0; i < 3; i++)
        back[order[i]] = i;
    ck_assert_int_eq(tn_copy_(ctx, tn_permute(ctx, part, back), src), TN_OK);
    const uint8_t *p = tn_data(all);
    for (int64_t i = 0; i < tn_numel(all); i++) {
        int64_t at[3], k = i % (from[2] + 3) - 1, j = i / (from[2] + 3) % (from[1] + 2) - 1;
        at[order[0]] = i / (from[2] + 3) / (from[1] + 2);
        at[order[1]] = j;
        at[order[2]] = k;
        bool is_inside = k >= 0 && k < from[2] && j >= 0 && j < from[1];
        wrong += p[i] != (is_inside ? bytes[(at[0] * b + at[1]) * c + at[2]] : 0);
    }
    ck_assert_msg(wrong == 0, "[%d,%d,%d] in order %d,%d,%d: %d are wrong", (int)a, (int)b, (int)c,
                  order[0], order[1], order[2], (int)wrong);
    tn_scope_end(ctx, scope);
}

START_TEST(bytes_in_every_order)
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const int64_t sizes[] = {1, 3, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130};
    tn_set_threads(ctx, 3);
    for (int i = 0; i < 13 * 13; i++)
        check_permuted(sizes[i / 13], 2, sizes[i % 13], orders[i % 6]);
    for (int i = 0; i < 6; i++) {
        check_permuted(2, 33, 70, orders[i]);
        check_permuted(65, 19, 4, orders[i]);
        check_permuted(70, 80, 90, orders[i]);
    }
}
END_TEST

/* A cast of columns is that of a copy of them, which has no columns any more: strips and blocks of
 * all types, whole ones and ends of them. */
static void check_columns(int64_t rows, int64_t cols)
{
    tn_tensor *start = tn_mul_scalar(ctx, tn_randn(ctx, TN_F32, TN_SHAPE(2, cols, rows)), 200);
    for (int run = 0; run < TN_DTYPES * TN_DTYPES; run++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_dtype from = (tn_dtype)(run / TN_DTYPES), to = (tn_dtype)(run % TN_DTYPES);
        tn_tensor *x = tn_transpose(ctx, tn_cast(ctx, start, from), 1, 2);
        tn_tensor *y = tn_cast(ctx, x, to), *want = tn_cast(ctx, tn_contiguous(ctx, x), to);
        ck_assert(tn_is_contiguous(y));
        ck_assert_msg(memcmp(tn_data(y), tn_data(want),
                             (size_t)tn_numel(y) * tn_dtype_size(tn_dtype_of(y))) == 0,
                      "%d x %d of %s as %s", (int)rows, (int)cols, tn_dtype_name(from),
                      tn_dtype_name(to));
        tn_scope_end(ctx, scope);
    }
}

START_TEST(casts_of_columns)
{
    static const int64_t sizes[] = {1, 8, 15, 16, 17, 33, 63, 65};
    tn_set_threads(ctx, 2);
    for (int i = 0; i < 64; i++)
        check_columns(sizes[i / 8], sizes[i % 8]);
    for (int64_t cols = 255; cols <= 257; cols++)
        check_columns(20, cols);
    check_columns(70, 600);
}
END_TEST

/* x has gaps; what lies behind the rows stays as it is. */
static void check_repeated(tn_dtype dtype, int64_t rows, int64_t n)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = tn_arange(ctx, dtype, 1, (double)(2 * rows + 1), 1);
    x = tn_slice(ctx, tn_reshape(ctx, x, TN_SHAPE(2 * rows, 1)), 0, 0, 2 * rows, 2);
    tn_tensor *y = tn_zeros(ctx, dtype, TN_SHAPE(rows + 1, n));
    tn_copy_(ctx, tn_narrow(ctx, y, 0, 0, rows), tn_expand(ctx, x, TN_SHAPE(rows, n)));
    const double *p = tn_data_f64(tn_cast(ctx, y, TN_F64));
    int64_t wrong = 0;
    for (int64_t i = 0; i < (rows + 1) * n; i++)
        wrong += p[i] != (double)(i / n < rows ? 2 * (i / n) + 1 : 0);
    ck_assert_msg(wrong == 0, "%d rows of %d: %d of %s are wrong", (int)rows, (int)n, (int)wrong,
                  tn_dtype_name(dtype));
    tn_scope_end(ctx, scope);
}

/* Rows of one number each, of all lengths around those of vectors. */
START_TEST(short_rows_of_one_number)
{
    static const tn_dtype dtypes[] = {TN_F32, TN_F64, TN_I32, TN_I64};
    tn_set_threads(ctx, 4);
    for (int i = 0; i < 4; i++) {
        for (int64_t rows = 1; rows < 40; rows += rows < 8 ? 1 : 13)
            for (int64_t n = 2; n < 140; n += n < 40 ? 1 : 17)
                check_repeated(dtypes[i], rows, n);
        check_repeated(dtypes[i], 5000, 20);
    }
    check_repeated(TN_U8, 50, 20);
}
END_TEST

/* Enough elements for several threads. */
START_TEST(large)
{
    tn_set_threads(ctx, 4);
    tn_tensor *t = tn_zeros(ctx, TN_I32, TN_SHAPE(300, 400));
    tn_tensor *numbers = tn_reshape(ctx, tn_arange(ctx, TN_I32, 0, 120000, 1), TN_SHAPE(400, 300));
    ck_assert_int_eq(tn_copy_(ctx, t, tn_transpose(ctx, numbers, 0, 1)), TN_OK);
    const int32_t *p = tn_data(t);
    int64_t wrong = 0;
    for (int64_t i = 0; i < 120000; i++)
        wrong += p[i] != i % 400 * 300 + i / 400;
    ck_assert_int_eq(tn_fill_(ctx, t, -5), TN_OK);
    for (int64_t i = 0; i < 120000; i++)
        wrong += p[i] != -5;
    ck_assert_int_eq(wrong, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("copy");
    TCase *tc = tn_case(suite, "copy");
    tcase_add_test(tc, every_pair_of_copies);
    tcase_add_loop_test(tc, copies_between_layouts, 0, TN_DTYPES);
    tcase_add_test(tc, copies_onto_itself);
    tcase_add_test(tc, copies_the_other_way_round);
    tcase_add_test(tc, bytes_in_every_order);
    tcase_add_test(tc, casts_of_columns);
    tcase_add_test(tc, short_rows_of_one_number);
    tcase_add_test(tc, large);
    return tn_run(suite);
}
