/* topk(x, k, dim, largest), with indices. */
#include <float.h>
#include <stdlib.h>
#include <string.h>
#include "common/ops.h"

OP(largest_first, tn_topk(ctx, in[0], 2, 0, true, NULL))
OP(smallest_last, tn_topk(ctx, in[0], 3, -1, false, NULL))
OP(all_middle, tn_topk(ctx, in[0], tn_size(in[0], 1), 1, true, NULL))

static const op_case cases[] = {
    {"topk 2 dim=0", largest_first, "[5]", false},
    {"topk 2 dim=0", largest_first, "[3,4]", false},
    {"topk 2 dim=0", largest_first, "[2,0]", false},
    {"topk 3 dim=-1 smallest", smallest_last, "[3,4]", false},
    {"topk 3 dim=-1 smallest", smallest_last, "[2,1,2,1,2,1,2,3]", false},
    {"topk all dim=1", all_middle, "[2,3,4]", false}};

static bool is_before(double a, double b, bool largest)
{
    return largest ? (isnan(a) ? !isnan(b) : a > b) : (isnan(b) ? !isnan(a) : a < b);
}

/* How many elements come before element `index` along dim is the place of that element. */
static void naive_topk(const array *x, int64_t k, int dim, bool largest, array *values,
                       array *indices)
{
    int64_t shape[TN_MAX_DIMS], index[TN_MAX_DIMS] = {0}, other[TN_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[dim] = k;
    *values = array_new(x->ndim, shape);
    *indices = array_new(x->ndim, shape);
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index)) {
        int64_t place = 0;
        memcpy(other, index, sizeof other);
        for (other[dim] = 0; other[dim] < x->shape[dim]; other[dim]++) {
            double value = *array_at(x, x->ndim, other);
            place += is_before(value, x->data[i], largest) ||
                     (other[dim] < index[dim] && !is_before(x->data[i], value, largest));
        }
        other[dim] = place;
        if (place < k) {
            *array_at(values, x->ndim, other) = x->data[i];
            *array_at(indices, x->ndim, other) = (double)index[dim];
        }
    }
}

static void check_topk(const array *x, int64_t k, int dim, bool largest)
{
    array values, indices;
    naive_topk(x, k, dim, largest, &values, &indices);
    for (int run = 0; run < 6; run++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *at, *t = tensor_of(x, run % 2 ? TN_F32 : TN_F64, (layout)(run / 2));
        tn_tensor *y = tn_topk(ctx, t, k, dim - x->ndim * (run % 2), largest, &at);
        check_array(y, &values, 0, "topk %d of %s along %d", (int)k, TN_SHAPE_TEXT(t), dim);
        check_array(at, &indices, 0, "indices %d of %s along %d", (int)k, TN_SHAPE_TEXT(t), dim);
        ck_assert_int_eq(tn_dtype_of(at), TN_I64);
        tn_scope_end(ctx, scope);
    }
}

/* Some of few different values, so that there are ties. */
START_TEST(test_values)
{
    static const char *const shapes[] = {
        "[1]", "[7]", "[40]", "[3,9]", "[0,3]", "[2,3,4]", "[5,1,6]", "[3,0]", "[2,1,2,1,2,1,2,3]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int ties = 0; ties < 2; ties++) {
            array x = array_random(shapes[i]);
            for (int64_t j = 0; ties && j < x.numel; j++)
                x.data[j] = (double)(random_bits() % 5);
            for (int dim = 0; dim < x.ndim; dim++)
                for (int64_t k = 0; k <= x.shape[dim]; k++) {
                    check_topk(&x, k, dim, true);
                    check_topk(&x, k, dim, false);
                }
        }
}
END_TEST

/* Lengths around the groups that are compared at once: with ties and NaN, and in orders in which
 * every number, or none, comes before those that were there. */
START_TEST(test_groups)
{
    static const int64_t sizes[] = {31, 32, 33, 34, 63, 64, 65, 97, 130}, ks[] = {1, 2, 5, 31};
    for (int i = 0; i < 9 * 4 * 4; i++) {
        int64_t n = sizes[i / 16], k = ks[i / 4 % 4];
        array x = array_new(1, &n);
        for (int64_t j = 0; j < n; j++)
            x.data[j] = i % 4 == 0   ? (double)j
                        : i % 4 == 1 ? (double)-j
                                     : (double)(random_bits() % 40);
        for (int64_t j = (int64_t)(random_bits() % 7); i % 4 == 3 && j < n; j += n / 3)
            x.data[j] = NAN;
        check_topk(&x, k, 0, true);
        check_topk(&x, k, 0, false);
    }
}
END_TEST

static double sortable(int kind, int64_t i)
{
    static const double special[] = {0,    -0.0,    NAN,      INFINITY,  -INFINITY, 1,
                                     -NAN, FLT_MAX, 0x1p-149, -0x1p-149, -1,        -FLT_MAX,
                                     2,    -2.5,    0x1p-130, -0x1p-130};
    uint32_t bits = (uint32_t)random_bits();
    float any;
    memcpy(&any, &bits, sizeof any);
    return kind == 0 ? special[bits % 16] : kind == 1 ? any : kind == 2 ? (double)(i / 3) / 256 : 1;
}

/* So many that all are put in order: lengths around the one from which they are sorted, with
 * numbers of all bits, special ones, such that have digits in common, and only one. */
START_TEST(test_sorted)
{
    static const int64_t sizes[] = {120, 127, 128, 129, 130, 257, 400};
    for (int i = 0; i < 7 * 4; i++) {
        int64_t n = sizes[i / 4];
        array x = array_new(1, &n);
        for (int64_t j = 0; j < n; j++)
            x.data[j] = sortable(i % 4, j);
        check_topk(&x, n, 0, true);
        check_topk(&x, n - 1, 0, false);
        check_topk(&x, n / 3, 0, i % 8 < 4);
    }
}
END_TEST

typedef struct placed {
    double value;
    int64_t place;
} placed;

static bool descending;

static int by_order(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (is_before(x->value, y->value, descending))
        return -1;
    return is_before(y->value, x->value, descending) || x->place > y->place ? 1 : -1;
}

/* Of every other number of a row, as f32 and f64. */
static void check_long(const double *values, int64_t n, int64_t k, bool largest)
{
    placed *all = malloc((size_t)n * sizeof *all);
    ck_assert_ptr_nonnull(all);
    for (int64_t i = 0; i < n; i++)
        all[i] = (placed){values[2 * i], i};
    descending = largest;
    qsort(all, (size_t)n, sizeof *all, by_order);
    for (int run = 0; run < 2; run++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *x = tn_from_data(ctx, TN_F64, TN_SHAPE(n, 2), values), *at;
        x = tn_select(ctx, tn_cast(ctx, x, run ? TN_F32 : TN_F64), 1, 0);
        ck_assert_ptr_nonnull(tn_topk(ctx, x, k, 0, largest, &at));
        for (int64_t i = 0; i < k; i++)
            ck_assert_msg(tn_data_i64(at)[i] == all[i].place, "%d of %d, number %d: %d, not %d",
                          (int)k, (int)n, (int)i, (int)tn_data_i64(at)[i], (int)all[i].place);
        tn_scope_end(ctx, scope);
    }
    free(all);
}

/* So many that those to be sorted are chosen first. */
START_TEST(test_chosen)
{
    static const int64_t sizes[] = {2047, 2048, 2049, 32767, 32768, 40001};
    double *values = malloc(2 * 40001 * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (int i = 0; i < 6 * 4; i++) {
        int64_t n = sizes[i / 4];
        for (int64_t j = 0; j < 2 * n; j++)
            values[j] = sortable(i % 4, j);
        check_long(values, n, n / 256 + 2, i % 8 < 4);
        check_long(values, n, n / 2, i % 8 >= 4);
        check_long(values, n, n, i % 8 < 4);
    }
    free(values);
}
END_TEST

/* One number of each column comes before all others, at every place. */
START_TEST(test_places)
{
    enum { ROWS = 70 };
    for (int64_t at = 0; at < ROWS; at++)
        for (int64_t cols = 1; cols <= 2; cols++) {
            array x = array_new(2, (const int64_t[]){ROWS, cols});
            x.data[at * cols] = 1;
            check_topk(&x, 1, 0, true);
            x.data[at * cols] = -1;
            check_topk(&x, 2, 0, false);
        }
}
END_TEST

START_TEST(test_threads)
{
    array x = array_random("[20001,3]"), rows = array_random("[3,100,140]");
    check_topk(&x, 2, 1, true);
    check_topk(&rows, 70, 2, false);
    check_topk(&rows, 90, 1, true);
}
END_TEST

/* As PyTorch: NaN is larger than everything. */
START_TEST(test_special_values)
{
    tn_tensor *x = F64(3, NAN, INFINITY, 1, -INFINITY, NAN), *at;
    ck_tn_equal(tn_topk(ctx, x, 4, 0, true, &at), NAN, NAN, INFINITY, 3);
    ck_tn_equal(at, 1, 5, 2, 0);
    ck_tn_equal(tn_topk(ctx, x, 5, 0, false, &at), -INFINITY, 1, 3, INFINITY, NAN);
    ck_tn_equal(at, 4, 3, 0, 2, 1);
    ck_tn_equal(tn_topk(ctx, tn_scalar(ctx, TN_F64, 3), 1, 0, true, &at), 3);
    ck_tn_equal(at, 0);
    ck_tn_shape(at, "[]");
}
END_TEST

/* One number that is repeated without end is its own maximum, the first places being the best. */
START_TEST(test_repeated_numbers)
{
    tn_tensor *x = tn_expand(ctx, F64(7), TN_SHAPE(INT64_C(1) << 40)), *at;
    ck_tn_equal(tn_topk(ctx, x, 3, 0, true, &at), 7, 7, 7);
    ck_tn_equal(at, 0, 1, 2);
}
END_TEST

/* Indices, too, have no gaps where the dimension is not the last. */
START_TEST(test_contiguous_indices)
{
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(5, 4, 3)), *at;
    for (int dim = 0; dim < 3; dim++) {
        ck_assert(tn_is_contiguous(tn_topk(ctx, x, 2, dim, true, &at)));
        ck_assert(tn_is_contiguous(at));
        ck_assert(tn_is_contiguous(tn_max(ctx, x, dim, false, &at)));
        ck_assert(tn_is_contiguous(at));
    }
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3)), *at = x;
    check_fails(tn_topk(ctx, NULL, 1, 0, true, &at), TN_ERR_ARGUMENT, "topk: input is NULL");
    ck_assert_ptr_null(at);
    check_fails(tn_topk(ctx, tn_ones(ctx, TN_I64, TN_SHAPE(2)), 1, 0, true, NULL), TN_ERR_DTYPE,
                "topk: input is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_topk(ctx, x, 1, 2, true, NULL), TN_ERR_ARGUMENT,
                "topk: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_topk(ctx, x, 4, -1, true, NULL), TN_ERR_ARGUMENT,
                "topk: 4 elements of dimension 1 of [2,3]");
    check_fails(tn_topk(ctx, x, -1, 0, false, NULL), TN_ERR_ARGUMENT,
                "topk: -1 elements of dimension 0 of [2,3]");
    ck_assert_ptr_null(tn_topk(NULL, x, 1, 0, true, NULL));
}
END_TEST

OP_TESTS("topk", cases, test_values, test_groups, test_sorted, test_chosen, test_places,
         test_threads, test_special_values, test_repeated_numbers, test_contiguous_indices,
         test_errors)
