/* linear(x, w, b) = x w^T + b. */
#include <stdio.h>
#include "common/ops.h"

OP(with_bias, tn_linear(ctx, in[0], in[1], in[2]))
OP(without_bias, tn_linear(ctx, in[0], in[1], NULL))

static const op_case cases[] = {{"linear", with_bias, "[4,7] [3,7] [3]", false},
                                {"linear", with_bias, "[7] [3,7] [3]", false},
                                {"linear", with_bias, "[1,1] [1,1] [1]", false},
                                {"linear", with_bias, "[2,2,5] [6,5] [6]", false},
                                {"linear", with_bias, "[9,33] [10,33] [10]", false},
                                {"linear", with_bias, "[3,784] [10,784] [10]", false},
                                {"linear", with_bias, "[5,20] [19,20] [19]", false},
                                {"linear", with_bias, "[0,3] [2,3] [2]", false},
                                {"linear", with_bias, "[3,0] [2,0] [2]", false},
                                {"linear no bias", without_bias, "[5,6] [4,6]", false},
                                {"linear no bias", without_bias, "[5,6] [21,6]", false}};

typedef struct product {
    array x, w, b, dy, y, dx, dw, db;
} product;

static product naive_linear(int64_t m, int64_t out, int64_t in)
{
    char x[32], w[32], b[32], y[32];
    snprintf(x, sizeof x, "[%d,%d]", (int)m, (int)in);
    snprintf(w, sizeof w, "[%d,%d]", (int)out, (int)in);
    snprintf(b, sizeof b, "[%d]", (int)out);
    snprintf(y, sizeof y, "[%d,%d]", (int)m, (int)out);
    product p = {array_random(x), array_random(w), array_random(b), array_random(y),
                 array_zeros(y),  array_zeros(x),  array_zeros(w),  array_zeros(b)};
    for (int64_t i = 0; i < m * out; i++) {
        int64_t row = i / out, col = i % out;
        double dy = p.dy.data[i];
        p.y.data[i] = p.b.data[col];
        p.db.data[col] += dy;
        for (int64_t k = 0; k < in; k++) {
            p.y.data[i] += p.x.data[row * in + k] * p.w.data[col * in + k];
            p.dx.data[row * in + k] += dy * p.w.data[col * in + k];
            p.dw.data[col * in + k] += dy * p.x.data[row * in + k];
        }
    }
    return p;
}

static void check_linear(const product *p, tn_dtype dtype, layout how)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = leaf_of(&p->x, dtype, how), *w = leaf_of(&p->w, dtype, how);
    tn_tensor *b = leaf_of(&p->b, dtype, how), *y = tn_linear(ctx, x, w, b);
    const char *text = layout_name(how);
    char sizes[64];
    snprintf(sizes, sizeof sizes, "%d x %d, %d rows", (int)tn_size(w, 0), (int)tn_size(w, 1),
             (int)tn_size(x, 0));
    check_array(y, &p->y, tolerance(dtype), "%s %s", sizes, text);
    tn_backward_with(ctx, y, tensor_of(&p->dy, dtype, PLAIN));
    check_array(tn_grad(x), &p->dx, tolerance(dtype), "%s %s: dx", sizes, text);
    check_array(tn_grad(w), &p->dw, tolerance(dtype), "%s %s: dw", sizes, text);
    check_array(tn_grad(b), &p->db, tolerance(dtype), "%s %s: db", sizes, text);
    tn_scope_end(ctx, scope);
}

/* Sizes around those of vector registers and of the blocks of the thin kernels. */
START_TEST(test_values)
{
    static const int64_t rows[] = {0, 1, 3, 4, 5, 9};
    static const int64_t ins[] = {0, 1, 7, 15, 16, 17, 33, 65};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < sizeof ins / sizeof *ins; k++)
            for (int64_t out = 0; out <= 20; out++) {
                product p = naive_linear(rows[i], out, ins[k]);
                layout how = (layout)((i + k + (size_t)out) % 3);
                check_linear(&p, TN_F64, how);
                check_linear(&p, TN_F32, how);
            }
}
END_TEST

START_TEST(test_images)
{
    for (int64_t out = 1; out <= 20; out++)
        for (int how = PLAIN; how <= SLICED; how++) {
            product p = naive_linear(7 + out % 3, out, 784);
            check_linear(&p, TN_F64, (layout)how);
            check_linear(&p, TN_F32, (layout)how);
        }
}
END_TEST

/* Beyond the rows, columns and outputs that the thin kernels take at a time. */
START_TEST(test_blocks)
{
    static const int64_t sizes[][3] = {{97, 21, 1030}, {193, 32, 2100}, {33, 10, 6100},
                                       {5, 33, 40},    {100, 27, 65},   {17, 9, 2050}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        product p = naive_linear(sizes[i][0], sizes[i][1], sizes[i][2]);
        check_linear(&p, TN_F64, PLAIN);
        check_linear(&p, TN_F32, PLAIN);
    }
}
END_TEST

/* As many rows as the thin kernels are taken for, with columns behind the last vector and with rows
 * that a multiple of 4096 bytes lies between. */
START_TEST(test_thin)
{
    for (int64_t out = 3; out <= 25; out++)
        for (int wide = 0; wide < 2; wide++) {
            product p = naive_linear(65 + out % 9, out, wide ? 1024 : 790);
            check_linear(&p, TN_F64, PLAIN);
            check_linear(&p, TN_F32, PLAIN);
        }
}
END_TEST

/* Large enough for several threads. */
START_TEST(test_threads)
{
    static const int64_t sizes[][3] = {{1003, 10, 129}, {1003, 40, 129}, {40, 1003, 30}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        product p = naive_linear(sizes[i][0], sizes[i][1], sizes[i][2]);
        check_linear(&p, TN_F64, PLAIN);
        check_linear(&p, TN_F32, PLAIN);
    }
}
END_TEST

/* Rows and columns are limited, not what they come to. Without outputs, no row is read and
 * nothing done; without inputs, sums are 0. */
START_TEST(test_long_row)
{
    float number = 1;
    tn_tensor *rows = tn_from_blob(ctx, TN_F32, TN_SHAPE(INT32_MAX, 1), &number, NULL, NULL);
    tn_tensor *none = tn_zeros(ctx, TN_F32, TN_SHAPE(0, 1));
    clock_t since = clock();
    ck_tn_shape(tn_linear(ctx, rows, none, NULL), "[2147483647,0]");
    ck_assert_double_lt(effort(since), 100);
    ck_tn_equal(tn_linear(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(1, 0)),
                          tn_zeros(ctx, TN_F32, TN_SHAPE(2, 0)), NULL),
                0, 0);
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(1, 60000));
    ck_tn_equal(tn_linear(ctx, x, x, NULL), 60000);
}
END_TEST

START_TEST(test_special_values)
{
    static const float values[] = {NAN, 1, 0, INFINITY, 0, 0};
    for (int64_t out = 1; out <= 20; out += 19) {
        tn_tensor *x = tn_from_data(ctx, TN_F32, TN_SHAPE(3, 2), values);
        tn_tensor *w = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(out, 2)));
        tn_tensor *y = tn_linear(ctx, x, w, NULL);
        ck_tn_equal(tn_select(ctx, y, 1, out - 1), NAN, NAN, 0);
        tn_backward_with(ctx, y, tn_zeros(ctx, TN_F32, TN_SHAPE(3, out)));
        ck_tn_equal(tn_select(ctx, tn_grad(w), 0, out - 1), NAN, NAN);
    }
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(4, 3)), *w = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_tensor *b = tn_ones(ctx, TN_F32, TN_SHAPE(2)), *d = tn_ones(ctx, TN_F64, TN_SHAPE(2));
    tn_tensor *i = tn_ones(ctx, TN_U8, TN_SHAPE(2, 3)), *s = tn_scalar(ctx, TN_F32, 1);
    check_fails(tn_linear(ctx, NULL, w, b), TN_ERR_ARGUMENT, "linear: input is NULL");
    check_fails(tn_linear(ctx, x, NULL, b), TN_ERR_ARGUMENT, "linear: weight is NULL");
    check_fails(tn_linear(ctx, i, w, b), TN_ERR_DTYPE,
                "linear: input is u8 but must be f32 or f64; tn_cast converts");
    check_fails(tn_linear(ctx, x, i, b), TN_ERR_DTYPE,
                "linear: weight is u8 but must be f32 or f64; tn_cast converts");
    check_fails(tn_linear(ctx, x, tn_cast(ctx, w, TN_F64), b), TN_ERR_DTYPE,
                "linear: input is f32 but weight is f64; tn_cast converts");
    check_fails(tn_linear(ctx, x, w, d), TN_ERR_DTYPE,
                "linear: input is f32 but bias is f64; tn_cast converts");
    check_fails(tn_linear(ctx, b, w, b), TN_ERR_SHAPE,
                "linear: input [2] and weight [2,3]; expected [...,in] and [out,in]");
    check_fails(tn_linear(ctx, s, w, b), TN_ERR_SHAPE,
                "linear: input [] and weight [2,3]; expected [...,in] and [out,in]");
    check_fails(tn_linear(ctx, x, b, b), TN_ERR_SHAPE,
                "linear: input [4,3] and weight [2]; expected [...,in] and [out,in]");
    check_fails(tn_linear(ctx, x, w, s), TN_ERR_SHAPE,
                "linear: weight [2,3] has 2 outputs but bias is []");
    check_fails(tn_linear(ctx, x, w, tn_ones(ctx, TN_F32, TN_SHAPE(3))), TN_ERR_SHAPE,
                "linear: weight [2,3] has 2 outputs but bias is [3]");
    tn_tensor *wide = tn_expand(ctx, s, TN_SHAPE(1, INT64_C(1) << 31));
    tn_tensor *high = tn_expand(ctx, s, TN_SHAPE(INT64_C(1) << 31, 1));
    check_fails(tn_linear(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(0, 1)), high, NULL), TN_ERR_SHAPE,
                "linear: input [0,1] or weight [2147483648,1] has a size above 2147483647");
    check_fails(tn_linear(ctx, wide, wide, NULL), TN_ERR_SHAPE,
                "linear: input [1,2147483648] or weight [1,2147483648] has a size above "
                "2147483647");
    ck_assert_ptr_null(tn_linear(NULL, x, w, b));
}
END_TEST

OP_TESTS("linear", cases, test_values, test_images, test_blocks, test_thin, test_threads,
         test_long_row, test_special_values, test_errors)
