/* Formulas over operands of any layout; those of operators are in the tests of these. */
#include "common/check_tn.h"
#include "common/layouts.h"

#include <tn/formula.h>

TN_FORMULA3(mix, x, y, z, x + 1000 * y + 1000000 * z);
TN_FORMULA3(small_mix, x, y, z, x + 16 * y + 512 * z); /* exact in float, too */

static void check_mix(const tn_tensor *const *operands)
{
    tn_tensor *y = tn_map(ctx, "mix", &mix, NULL, operands);
    ck_assert_ptr_nonnull(y);
    ck_assert(tn_is_contiguous(y));
    int wrong = 0;
    for (int64_t n = 0; n < tn_numel(y); n++) {
        int64_t k = n % tn_size(y, 2), j = n / tn_size(y, 2) % tn_size(y, 1),
                i = n / tn_size(y, 2) / tn_size(y, 1);
        double expected = naive_at(operands[0], i, j, k) + 1000 * naive_at(operands[1], i, j, k) +
                          1000000 * naive_at(operands[2], i, j, k);
        wrong += tn_data_f64(y)[n] != expected;
    }
    ck_assert_int_eq(wrong, 0);
}

/* Beside its operands a formula has the names of the file, and none of the loop around it. */
static const float pa = 2, sa = 3, so = 4;
TN_FORMULA1(named, x, x * (pa + sa + so));

START_TEST(names_in_formulas)
{
    const tn_tensor *operands[] = {F64(1, 2, 3)};
    ck_tn_equal(tn_map(ctx, "named", &named, NULL, operands), 9, 18, 27);
}
END_TEST

/* Loops of one data type do not do for a formula. */
START_TEST(formulas_without_loops)
{
    const tn_tensor *operands[] = {F64(1), F64(2), F64(3)};
    for (int dtype = 0; dtype < 2; dtype++) {
        tn_formula half = mix;
        half.loops[dtype][ctx->isa] = NULL;
        ck_assert_ptr_null(tn_map(ctx, "half", &half, NULL, operands));
        ck_tn_error(TN_ERR_ARGUMENT, "half: no formula, or one without loops or operands");
    }
}
END_TEST

START_TEST(no_formulas)
{
    const tn_tensor *operands[] = {F64(1), F64(2), F64(3)};
    ck_assert_ptr_null(tn_map(ctx, "none", NULL, NULL, operands));
    ck_tn_error(TN_ERR_ARGUMENT, "none: no formula, or one without loops or operands");
    ck_assert_ptr_null(tn_map(ctx, "none", &mix, NULL, NULL));
    ck_tn_error(TN_ERR_ARGUMENT, "none: no formula, or one without loops or operands");
    ck_assert_ptr_null(tn_map(ctx, NULL, &mix, NULL, operands));
    ck_tn_error(TN_ERR_ARGUMENT, "map: no formula, or one without loops or operands");
}
END_TEST

/* A column, one number for all, and a row. */
START_TEST(short_rows)
{
    tn_tensor *square = tn_reshape(ctx, F64(1, 2, 3, 4), TN_SHAPE(2, 2));
    const tn_tensor *operands[] = {tn_select(ctx, square, 1, 1), F64(5), F64(6, 7)};
    ck_tn_equal(tn_map(ctx, "mix", &mix, NULL, operands), 6005002, 7005004);
}
END_TEST

START_TEST(every_combination_of_strides)
{
    for (int a = 0; a < LAYOUTS; a++)
        for (int b = 0; b < LAYOUTS; b++) {
            tn_scope scope = tn_scope_begin(ctx);
            int c = (37 * a + 11 * b) % LAYOUTS;
            check_mix((const tn_tensor *[]){numbered(a, 0), numbered(b, 100), numbered(c, 200)});
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* Rows that are longer than the blocks in which strided operands are gathered, and that end within
 * one: a column, one number for all, and a contiguous row. */
START_TEST(long_rows)
{
    for (int dtype = 0; dtype < 2; dtype++)
        for (int64_t n = 255; n <= 2050; n += 257) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_tensor *pairs =
                tn_cast(ctx, tn_arange(ctx, TN_F64, 0, (double)(3 * n), 1), (tn_dtype)dtype);
            const tn_tensor *operands[] = {
                tn_select(ctx, tn_reshape(ctx, pairs, TN_SHAPE(n, 3)), 1, 2),
                tn_expand(ctx, tn_scalar(ctx, (tn_dtype)dtype, 7), TN_SHAPE(n)),
                tn_narrow(ctx, pairs, 0, 0, n)};
            const tn_tensor *y =
                tn_cast(ctx, tn_map(ctx, "mix", &small_mix, NULL, operands), TN_F64);
            int wrong = 0;
            for (int64_t i = 0; i < n; i++)
                wrong += tn_data_f64(y)[i] != (double)(3 * i + 2 + 7 * 16 + i * 512);
            ck_assert_int_eq(wrong, 0);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map");
    TCase *tc = tn_case(suite, "map");
    tcase_add_test(tc, names_in_formulas);
    tcase_add_test(tc, formulas_without_loops);
    tcase_add_test(tc, no_formulas);
    tcase_add_test(tc, short_rows);
    tcase_add_test(tc, every_combination_of_strides);
    tcase_add_test(tc, long_rows);
    return tn_run(suite);
}
