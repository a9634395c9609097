/* Sums of many matrices: some columns at a time, in rows with gaps, and what rounding takes from an
 * addition is in the next one. */
#include "common/check_tn.h"

#include <math.h>
#include "tensor/long_sum.h"

RUNS_WITH_EACH_ISA;

static const tn_dtype dtypes[] = {TN_F32, TN_F64};

/* A sum of [2,5] in rows 7 numbers apart, in tensors with a row before and after them. */
typedef struct memory_of_sum {
    tn_tensor *to, *part, *lost;
    tn__long_sum sum;
} memory_of_sum;

static char *behind(const tn_tensor *t, int64_t numbers)
{
    return (char *)tn__ptr(t) + (size_t)numbers * tn_dtype_size(t->dtype);
}

static memory_of_sum memory_new(tn_dtype dtype)
{
    memory_of_sum m = {.to = tn_ones(ctx, dtype, TN_SHAPE(4, 7)),
                       .part = tn_full(ctx, dtype, TN_SHAPE(4, 5), 3),
                       .lost = tn_zeros(ctx, dtype, TN_SHAPE(4, 5))};
    m.sum = (tn__long_sum){.k = tn__kernels_of(ctx, dtype),
                           .dtype = dtype,
                           .rows = 2,
                           .cols = 5,
                           .ld = 7,
                           .to = behind(m.to, 7),
                           .part = behind(m.part, 5),
                           .lost = behind(m.lost, 5)};
    return m;
}

/* Each number of part is another one. */
START_TEST(adds_columns)
{
    for (int64_t begin = 0; begin < 5; begin++)
        for (int64_t end = begin; end <= 5; end++) {
            memory_of_sum m = memory_new(dtypes[_i]);
            for (int64_t i = 0; i < 20; i++)
                tn_fill_(ctx, tn_select(ctx, tn_reshape(ctx, m.part, TN_SHAPE(20)), 0, i),
                         (double)i);
            tn__long_sum_add(&m.sum, begin, end);
            for (int64_t i = 0; i < 28; i++) {
                int64_t row = i / 7 - 1, col = i % 7;
                bool is_added = row >= 0 && row < 2 && col >= begin && col < end;
                double want = 1 + (is_added ? (double)(5 + row * 5 + col) : 0);
                ck_assert_double_eq(element_of(m.to, i), want);
            }
        }
}
END_TEST

/* Halves of the last place: the first one changes nothing, the second one does, and so on for
 * ever. */
START_TEST(keeps_what_is_lost)
{
    double half = dtypes[_i] == TN_F32 ? 0x1p-24 : 0x1p-53;
    memory_of_sum m = memory_new(dtypes[_i]);
    tn_fill_(ctx, m.part, half);
    for (int i = 1; i <= 1000; i++) {
        tn__long_sum_add(&m.sum, 0, 5);
        double off = element_of(m.to, 7) - (1 + i * half);
        ck_assert_double_le(fabs(off), half);
        ck_assert_double_eq(element_of(m.to, 18), element_of(m.to, 7));
    }
    ck_assert_double_eq(element_of(m.to, 7), 1 + 1000 * half);
    ck_assert_double_eq(element_of(m.to, 6), 1);
    ck_assert_double_eq(element_of(m.lost, 4), 0);
    ck_assert_double_eq(element_of(m.lost, 15), 0);
}
END_TEST

/* What was lost of a sum that was changed since is forgotten; of one that was not, it is kept, also
 * at a power of two, below which numbers are closer than above. */
START_TEST(adds_to_what_was_changed)
{
    enum { N = 40 };
    double unit = dtypes[_i] == TN_F32 ? 0x1p-23 : 0x1p-52;
    const tn__kernels *k = tn__kernels_of(ctx, dtypes[_i]);
    tn_tensor *x = tn_full(ctx, dtypes[_i], TN_SHAPE(N), 0.4 * unit);
    tn_tensor *y = tn_ones(ctx, dtypes[_i], TN_SHAPE(N));
    tn_tensor *lost = tn_full(ctx, dtypes[_i], TN_SHAPE(N), 0.4 * unit);
    tn_fill_(ctx, tn_narrow(ctx, lost, 0, 0, N / 2), 3);
    k->add_to_changed(N, tn__ptr(x), tn__ptr(lost), tn__ptr(y));
    for (int64_t i = 0; i < N; i++)
        ck_assert_double_eq(element_of(y, i), i < N / 2 ? 1 : 1 + unit);
    k->add_to_changed(N, tn__ptr(x), tn__ptr(lost), tn__ptr(y));
    for (int64_t i = 0; i < N; i++)
        ck_assert_double_eq(element_of(y, i), 1 + unit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("long_sum");
    TCase *tc = tn_case(suite, "long_sum");
    tcase_add_loop_test(tc, adds_columns, 0, 2);
    tcase_add_loop_test(tc, keeps_what_is_lost, 0, 2);
    tcase_add_loop_test(tc, adds_to_what_was_changed, 0, 2);
    return tn_run(suite);
}
