/* matmul(a, b), by torch.matmul's rules. */
#include <stdio.h>
#include "common/ops.h"
#include <string.h>

OP(product, tn_matmul(ctx, in[0], in[1]))

static const op_case cases[] = {{"matmul", product, "[3,4] [4,5]", false},
                                {"matmul", product, "[1,7] [7,1]", false},
                                {"matmul", product, "[4] [4]", false},
                                {"matmul", product, "[4] [4,3]", false},
                                {"matmul", product, "[3,4] [4]", false},
                                {"matmul", product, "[2,3,4] [4]", false},
                                {"matmul", product, "[4] [2,4,3]", false},
                                {"matmul", product, "[2,3,4] [2,4,2]", false},
                                {"matmul", product, "[2,3,4] [4,2]", false},
                                {"matmul", product, "[3,4] [2,4,2]", false},
                                {"matmul", product, "[2,1,3,4] [3,4,2]", false},
                                {"matmul", product, "[3,0] [0,2]", false},
                                {"matmul", product, "[0,3] [3,2]", false},
                                {"matmul", product, "[0,2,3] [3,2]", false},
                                {"matmul", product, "[2,3,4] [4,0]", false},
                                {"matmul", product, "[2,3,4] [1,1,4,2]", false},
                                {"matmul", product, "[1,2,1,2,1,2,2,3] [2,1,2,1,1,1,3,2]", false}};

/* The product of two arrays of two dimensions or more. */
static array naive_product(const array *a, const array *b)
{
    array la = {.ndim = a->ndim - 2}, lb = {.ndim = b->ndim - 2};
    memcpy(la.shape, a->shape, sizeof la.shape);
    memcpy(lb.shape, b->shape, sizeof lb.shape);
    array y = array_broadcast(&la, &lb);
    y.shape[y.ndim] = a->shape[a->ndim - 2];
    y.shape[y.ndim + 1] = b->shape[b->ndim - 1];
    y = array_new(y.ndim + 2, y.shape);
    int64_t k = a->shape[a->ndim - 1], index[TN_MAX_DIMS] = {0}, ia[TN_MAX_DIMS], ib[TN_MAX_DIMS];
    for (int64_t i = 0; i < y.numel; i++, next_index(y.ndim, y.shape, index)) {
        memcpy(ia, index, sizeof ia);
        memcpy(ib, index, sizeof ib);
        for (int64_t p = 0; p < k; p++) {
            ia[y.ndim - 1] = ib[y.ndim - 2] = p;
            y.data[i] += *array_at(a, y.ndim, ia) * *array_at(b, y.ndim, ib);
        }
    }
    return y;
}

static void check_product(const char *shape_a, const char *shape_b)
{
    array a = array_random(shape_a), b = array_random(shape_b), y = naive_product(&a, &b);
    for (int run = 0; run < 18; run++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_dtype dtype = run % 2 ? TN_F32 : TN_F64;
        tn_tensor *ta = tensor_of(&a, dtype, (layout)(run / 2 % 3));
        tn_tensor *tb = tensor_of(&b, dtype, (layout)(run / 6));
        check_array(tn_matmul(ctx, ta, tb), &y, tolerance(dtype), "%s x %s, %s and %s", shape_a,
                    shape_b, layout_name((layout)(run / 2 % 3)), layout_name((layout)(run / 6)));
        tn_scope_end(ctx, scope);
    }
}

START_TEST(test_values)
{
    static const char *const shapes[][2] = {
        {"[1,1]", "[1,1]"},          {"[3,4]", "[4,5]"},
        {"[3,0]", "[0,4]"},          {"[0,3]", "[3,4]"},
        {"[3,4]", "[4,0]"},          {"[0,0]", "[0,0]"},
        {"[2,3,4]", "[2,4,5]"},      {"[2,3,4]", "[4,5]"},
        {"[3,4]", "[2,4,5]"},        {"[2,1,3,4]", "[5,4,2]"},
        {"[0,3,4]", "[4,5]"},        {"[0,3,4]", "[1,4,5]"},
        {"[2,3,0]", "[2,0,3]"},      {"[7,1]", "[1,9]"},
        {"[1,9]", "[9,1]"},          {"[5,1,1]", "[1,3]"},
        {"[130,70]", "[70,65]"},     {"[301,257]", "[257,3]"},
        {"[3,257]", "[257,301]"},    {"[2,2,2,2,2,2,2,3]", "[1,2,1,2,1,2,3,2]"},
        {"[41,33,64]", "[64,35]"},   {"[6,1,33,64]", "[7,64,35]"},
        {"[83,40,65]", "[83,65,17]"}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_product(shapes[i][0], shapes[i][1]);
}
END_TEST

START_TEST(test_sizes)
{
    char a[32], b[32];
    for (int n = 1; n <= 20; n++) {
        snprintf(a, sizeof a, "[%d,%d]", 1 + n * 7 % 20, n);
        snprintf(b, sizeof b, "[%d,%d]", n, 1 + n * 3 % 20);
        check_product(a, b);
    }
}
END_TEST

/* A tensor of one dimension is a row on the left and a column on the right. */
START_TEST(test_vectors)
{
    tn_tensor *v = F64(1, 2, 3), *m = tn_reshape(ctx, F64(1, 2, 3, 4, 5, 6), TN_SHAPE(3, 2));
    tn_tensor *batch = tn_expand(ctx, m, TN_SHAPE(2, 3, 2));
    ck_tn_equal(tn_matmul(ctx, v, v), 14);
    ck_tn_shape(tn_matmul(ctx, v, v), "[]");
    ck_tn_equal(tn_matmul(ctx, v, m), 22, 28);
    ck_tn_shape(tn_matmul(ctx, v, m), "[2]");
    ck_tn_equal(tn_matmul(ctx, tn_transpose(ctx, m, 0, 1), v), 22, 28);
    ck_tn_shape(tn_matmul(ctx, v, batch), "[2,2]");
    ck_tn_equal(tn_matmul(ctx, v, batch), 22, 28, 22, 28);
    ck_tn_equal(tn_matmul(ctx, tn_transpose(ctx, batch, 1, 2), v), 22, 28, 22, 28);
}
END_TEST

/* A row whose numbers are far apart, 1, 3, 5 ...: the column of a matrix. */
START_TEST(test_column_as_row)
{
    for (int n = 1; n <= 40; n += 13) {
        tn_tensor *m = tn_reshape(ctx, tn_arange(ctx, TN_F64, 0, 2 * n, 1), TN_SHAPE(n, 2));
        tn_tensor *row = tn_transpose(ctx, tn_narrow(ctx, m, 1, 1, 1), 0, 1);
        tn_tensor *w = tn_transpose(ctx, tn_ones(ctx, TN_F64, TN_SHAPE(3, n)), 0, 1);
        ck_tn_equal(tn_matmul(ctx, row, w), n * n, n * n, n * n);
    }
}
END_TEST

/* Views with one stride of 1 are multiplied as they are: besides the result, no more is allocated
 * than a block takes that is packed, however large the views are. */
START_TEST(test_transposed_views_are_not_copied)
{
    tn_tensor *a = tn_ones(ctx, TN_F64, TN_SHAPE(16000, 200));
    tn_tensor *at = tn_transpose(ctx, a, 0, 1), *part = tn_narrow(ctx, a, 1, 100, 100);
    tn_tensor *y = tn_matmul(ctx, at, part);
    tn_free(y);
    tn_empty_cache(ctx);
    tn_memory_reset_peak(ctx);
    int64_t before = tn_memory(ctx).live_bytes;
    y = tn_matmul(ctx, at, part);
    ck_tn_shape(y, "[200,100]");
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - before, 16000 * 100 * 8 / 4);
}
END_TEST

START_TEST(test_special_values)
{
    tn_tensor *zero = tn_zeros(ctx, TN_F32, TN_SHAPE(1, 2));
    tn_tensor *x = tn_from_data(ctx, TN_F32, TN_SHAPE(2, 2), (float[]){NAN, 1, 0, INFINITY});
    ck_tn_equal(tn_matmul(ctx, zero, x), NAN, NAN);
    tn_tensor *one = tn_ones(ctx, TN_F32, TN_SHAPE(1, 2));
    ck_tn_equal(tn_matmul(ctx, one, x), NAN, INFINITY);
}
END_TEST

START_TEST(test_one_tensor_twice)
{
    tn_tensor *x = leaf(tn_reshape(ctx, F64(1, 2, 3, 4), TN_SHAPE(2, 2)));
    ck_assert_int_eq(tn_backward(ctx, tn_sum(ctx, tn_matmul(ctx, x, x), (tn_reduce_opts){0})),
                     TN_OK);
    ck_tn_equal(tn_grad(x), 7, 11, 9, 13);
}
END_TEST

static void check_shared(int64_t m, int64_t k, int64_t n)
{
    tn_tensor *a = tn_empty(ctx, TN_F64, TN_SHAPE(m, k)),
              *b = tn_empty(ctx, TN_F64, TN_SHAPE(k, n));
    for (int64_t i = 0; i < m * k; i++)
        ((double *)tn__ptr(a))[i] = (double)(i % 7 - 3);
    for (int64_t i = 0; i < k * n; i++)
        ((double *)tn__ptr(b))[i] = (double)(i % 11 - 5);
    tn_set_threads(ctx, 1);
    tn_tensor *expected = tn_matmul(ctx, a, b);
    for (int threads = 2; threads <= 5; threads++) {
        tn_set_threads(ctx, threads);
        check_same_bits(tn_matmul(ctx, a, b), expected);
    }
}

/* The longer side of a product is shared out: whole numbers show each element exactly. */
START_TEST(test_shared_sides)
{
    check_shared(40, 300, 301);
    check_shared(301, 300, 40);
    check_shared(130, 300, 130);
}
END_TEST

/* A part of a matrix whose rows are further apart than an int holds: one row has none behind it. */
START_TEST(test_distant_rows)
{
    float numbers[] = {1, 2, 3};
    int64_t far = INT64_C(1) << 32;
    tn_tensor *all = tn_from_blob(ctx, TN_F32, TN_SHAPE(2, far), numbers, NULL, NULL);
    tn_tensor *row = tn_narrow(ctx, tn_narrow(ctx, all, 0, 0, 1), 1, 0, 3);
    tn_tensor *w = tn_ones(ctx, TN_F32, TN_SHAPE(3, 2)), *column = tn_transpose(ctx, row, 0, 1);
    ck_tn_equal(tn_matmul(ctx, row, w), 6, 6);
    ck_tn_equal(tn_matmul(ctx, tn_transpose(ctx, w, 0, 1), column), 6, 6);
    ck_tn_equal(tn_matmul(ctx, row, column), 14);
}
END_TEST

/* Small products of so many terms that they are added up in parts. */
START_TEST(test_many_long_products)
{
    tn_tensor *a = tn_ones(ctx, TN_F32, TN_SHAPE(3, 1, 9000));
    tn_tensor *b = tn_full(ctx, TN_F32, TN_SHAPE(3, 9000, 1), 2);
    ck_tn_equal(tn_matmul(ctx, a, b), 18000, 18000, 18000);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *a = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)), *s = tn_scalar(ctx, TN_F32, 1);
    tn_tensor *d = tn_ones(ctx, TN_F64, TN_SHAPE(3, 2)), *i = tn_ones(ctx, TN_I64, TN_SHAPE(3, 2));
    check_fails(tn_matmul(ctx, NULL, a), TN_ERR_ARGUMENT, "matmul: input is NULL");
    check_fails(tn_matmul(ctx, a, NULL), TN_ERR_ARGUMENT, "matmul: other is NULL");
    check_fails(tn_matmul(ctx, i, a), TN_ERR_DTYPE,
                "matmul: input is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_matmul(ctx, a, i), TN_ERR_DTYPE,
                "matmul: other is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_matmul(ctx, a, d), TN_ERR_DTYPE,
                "matmul: input is f32 but other is f64; tn_cast converts");
    check_fails(tn_matmul(ctx, a, s), TN_ERR_SHAPE,
                "matmul: shapes [2,3] and [] need at least one dimension each");
    check_fails(tn_matmul(ctx, a, a), TN_ERR_SHAPE,
                "matmul: input [2,3] has 3 columns but other [2,3] has 2 rows");
    check_fails(tn_matmul(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(2, 1, 3)),
                          tn_ones(ctx, TN_F32, TN_SHAPE(3, 3, 1))),
                TN_ERR_SHAPE,
                "matmul: input [2,1,3] and other [3,3,1] do not broadcast before their last two "
                "dimensions");
    check_fails(
        tn_matmul(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(5, 2, 3)), tn_ones(ctx, TN_F32, TN_SHAPE(2))),
        TN_ERR_SHAPE, "matmul: input [5,2,3] has 3 columns but other [2] has 2 rows");
    check_fails(tn_matmul(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(3)), a), TN_ERR_SHAPE,
                "matmul: input [3] has 3 columns but other [2,3] has 2 rows");
    tn_tensor *wide = tn_expand(ctx, s, TN_SHAPE(1, INT64_C(1) << 31));
    check_fails(tn_matmul(ctx, wide, tn_transpose(ctx, wide, 0, 1)), TN_ERR_SHAPE,
                "matmul: matrix [1,2147483648] has a size or stride above 2147483647");
    check_fails(tn_matmul(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(0, 0)),
                          tn_zeros(ctx, TN_F32, TN_SHAPE(0, 2147483648))),
                TN_ERR_SHAPE,
                "matmul: matrix [0,2147483648] has a size or stride above 2147483647");
    float numbers[] = {1, 2, 3};
    tn_tensor *far = tn_from_blob(ctx, TN_F32, TN_SHAPE(2, INT64_C(1) << 32), numbers, NULL, NULL);
    check_fails(tn_matmul(ctx, tn_narrow(ctx, far, 1, 0, 3), tn_cast(ctx, d, TN_F32)), TN_ERR_SHAPE,
                "matmul: matrix [2,3] has a size or stride above 2147483647");
    ck_assert_ptr_null(tn_matmul(NULL, a, a));
}
END_TEST

OP_TESTS("matmul", cases, test_values, test_sizes, test_vectors, test_column_as_row,
         test_transposed_views_are_not_copied, test_special_values, test_one_tensor_twice,
         test_shared_sides, test_distant_rows, test_many_long_products, test_errors)
