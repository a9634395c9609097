/* The kernels of thin products, called as they are: rows, outputs and columns around what they take
 * at a time, against plain loops on small integers, whose sums are exact. */
#include "common/check_tn.h"

#include <stdio.h>
#include "kernels/args.h"

RUNS_WITH_EACH_ISA;

enum { MOST = 40000 };

static double a[MOST], b[MOST], c[MOST];

static void put(tn_dtype dtype, void *x, int64_t i, double value)
{
    if (dtype == TN_F32)
        ((float *)x)[i] = (float)value;
    else
        ((double *)x)[i] = value;
}

static double get(tn_dtype dtype, const void *x, int64_t i)
{
    return dtype == TN_F32 ? ((const float *)x)[i] : ((const double *)x)[i];
}

/* Integers from -3 to 3, as they are and in memory that ends with them. */
static void *integers(tn_dtype dtype, int64_t count, uint32_t seed, double *copy)
{
    void *x = malloc((size_t)count * tn_dtype_size(dtype));
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525 + 1013904223;
        copy[i] = (double)((seed >> 16) % 7) - 3;
        put(dtype, x, i, copy[i]);
    }
    return x;
}

static void check_same(tn_dtype dtype, const void *got, int64_t count, const char *what)
{
    for (int64_t i = 0; i < count; i++)
        if (get(dtype, got, i) != c[i])
            ck_abort_msg("%s: [%d] is %g, not %g", what, (int)i, get(dtype, got, i), c[i]);
}

/* y [m, n] = x [m, k] w^T + bias, with a bias where k is odd. */
static void check_linear(tn_dtype dtype, int64_t m, int64_t n, int64_t k)
{
    static double start[TN__THIN];
    char what[80];
    void *x = integers(dtype, m * k, 1, a), *w = integers(dtype, n * k, 2, b);
    void *bias = integers(dtype, n, 3, start), *y = malloc((size_t)(m * n) * 8);
    snprintf(what, sizeof what, "f%d, %d rows, %d outputs of %d", dtype == TN_F32 ? 32 : 64, (int)m,
             (int)n, (int)k);
    for (int64_t i = 0; i < m * n; i++) {
        c[i] = k % 2 ? start[i % n] : 0;
        for (int64_t p = 0; p < k; p++)
            c[i] += a[i / n * k + p] * b[i % n * k + p];
    }
    tn__kernels_of(ctx, dtype)->thin_linear(m, n, k, x, w, k % 2 ? bias : NULL, y);
    check_same(dtype, y, m * n, what);
    free(x), free(w), free(bias), free(y);
}

/* Columns begin .. end of w [n, k] = dy^T x, dy [m, n], x [m, k]; the others stay. */
static void check_outer(tn_dtype dtype, int64_t m, int64_t n, int64_t k, int64_t begin, int64_t end)
{
    char what[80];
    void *dy = integers(dtype, m * n, 1, a), *x = integers(dtype, m * k, 2, b);
    void *w = integers(dtype, n * k, 3, c);
    snprintf(what, sizeof what, "f%d, %d rows, %d outputs, columns %d .. %d of %d",
             dtype == TN_F32 ? 32 : 64, (int)m, (int)n, (int)begin, (int)end, (int)k);
    for (int64_t j = 0; j < n; j++)
        for (int64_t p = begin; p < end; p++) {
            c[j * k + p] = 0;
            for (int64_t i = 0; i < m; i++)
                c[j * k + p] += a[i * n + j] * b[i * k + p];
        }
    tn__kernels_of(ctx, dtype)->thin_outer(m, n, k, dy, x, begin, end, w);
    check_same(dtype, w, n * k, what);
    free(dy), free(x), free(w);
}

START_TEST(linear)
{
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++)
        for (int64_t n = 1; n <= TN__THIN; n++)
            for (int64_t m = 1; m <= 9; m++)
                for (int64_t k = 1; k <= 67; k += m % 3 + 1)
                    check_linear((tn_dtype)dtype, m, n, k);
}
END_TEST

/* Columns around a panel. */
START_TEST(outer)
{
    for (int dtype = TN_F32; dtype <= TN_F64; dtype++)
        for (int64_t n = 1; n <= TN__THIN; n++) {
            for (int64_t m = 1; m <= 50; m += 1 + m / 20)
                check_outer((tn_dtype)dtype, m, n, 70, (m * 3) % 40, 40 + m % 31);
            for (int64_t k = 1022; k <= 1026; k++)
                check_outer((tn_dtype)dtype, 18, n, k, 0, k);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thin");
    TCase *tc = tn_case(suite, "thin");
    tcase_add_test(tc, linear);
    tcase_add_test(tc, outer);
    return tn_run(suite);
}
