/* Products and windows with sizes of 0, and with sizes, strides, paddings and dilations as large as
 * they can be: the result is right or an error says what is wrong, and nothing wraps, reads beyond
 * or works for ever. */
#include <limits.h>
#include <stdio.h>
#include "common/ops.h"

#define HUGE_SIZE (INT64_C(1) << 40) /* of a dimension beside one of 0 */

/* ---- products -------------------------------------------------------------------------------- */

static tn_tensor *leaf_ones(tn_dtype dtype, int ndim, const int64_t *shape)
{
    return leaf(tn_ones(ctx, dtype, ndim, shape));
}

static void check_all_are(const tn_tensor *t, double value, int64_t numel)
{
    ck_assert_msg(t, "%s", tn_error(ctx));
    ck_assert_int_eq(tn_numel(t), numel);
    for (int64_t i = 0; i < numel; i++)
        if (element_of(t, i) != value)
            ck_abort_msg("element %lld of %s is %g, not %g", (long long)i, TN_SHAPE_TEXT(t),
                         element_of(t, i), value);
}

/* Ones: every element of y is in + 1, of dx out, of dw rows, of db rows. */
static void check_linear(tn_dtype dtype, int64_t rows, int64_t in, int64_t out, bool with_bias)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = leaf_ones(dtype, TN_SHAPE(rows, in)), *w = leaf_ones(dtype, TN_SHAPE(out, in));
    tn_tensor *b = with_bias ? leaf_ones(dtype, TN_SHAPE(out)) : NULL;
    tn_tensor *y = tn_linear(ctx, x, w, b);
    check_all_are(y, (double)(in + with_bias), rows * out);
    tn_backward_with(ctx, y, tn_ones(ctx, dtype, TN_SHAPE(rows, out)));
    check_all_are(tn_grad(x), (double)out, rows * in);
    check_all_are(tn_grad(w), (double)rows, out * in);
    if (b)
        check_all_are(tn_grad(b), (double)rows, out);
    tn_scope_end(ctx, scope);
}

/* Few outputs and many take different ways; so do few rows and many. */
START_TEST(test_linear)
{
    static const int64_t rows[] = {0, 1, 3, 70}, ins[] = {0, 1, 5, 70};
    static const int64_t outs[] = {0, 1, 31, 32, 33, 64, 1022, 1023, 1024, 20000};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 10; k++)
                if (rows[i] * ins[j] * outs[k] < 20000)
                    for (int which = 0; which < 4; which++)
                        check_linear(which & 1 ? TN_F32 : TN_F64, rows[i], ins[j], outs[k],
                                     which & 2);
}
END_TEST

/* Ones [batch, m, k] and [batch, k, n], or [k, n]: every element of y is k; da n; db m. */
static void check_matmul(int64_t batch, int64_t m, int64_t k, int64_t n, bool shared)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_dtype dtype = (batch + m + k + n) % 2 ? TN_F32 : TN_F64;
    tn_tensor *a = leaf_ones(dtype, TN_SHAPE(batch, m, k));
    tn_tensor *b =
        shared ? leaf_ones(dtype, TN_SHAPE(k, n)) : leaf_ones(dtype, TN_SHAPE(batch, k, n));
    tn_tensor *y = tn_matmul(ctx, a, b);
    check_all_are(y, (double)k, batch * m * n);
    tn_backward_with(ctx, y, tn_ones(ctx, dtype, TN_SHAPE(batch, m, n)));
    check_all_are(tn_grad(a), (double)n, batch * m * k);
    check_all_are(tn_grad(b), (double)(shared ? batch * m : m), (shared ? 1 : batch) * k * n);
    tn_scope_end(ctx, scope);
}

START_TEST(test_matmul)
{
    for (int64_t i = 0; i < 3 * 4 * 4 * 4; i++)
        for (int shared = 0; shared < 2; shared++)
            check_matmul(i % 3, i / 3 % 4, i / 12 % 4, i / 48, shared);
    check_matmul(1, 40, 0, 50, false);
    check_matmul(2, 300, 0, 1, true);
}
END_TEST

/* Huge sizes beside 0 cost nothing. */
START_TEST(test_huge_and_empty_products)
{
    tn_tensor *x = leaf_ones(TN_F32, TN_SHAPE(HUGE_SIZE, 0));
    tn_tensor *w = leaf_ones(TN_F32, TN_SHAPE(0, 0)), *b = leaf_ones(TN_F32, TN_SHAPE(0));
    tn_tensor *y = tn_linear(ctx, x, w, b);
    tn_backward_with(ctx, y, tn_ones(ctx, TN_F32, TN_SHAPE(HUGE_SIZE, 0)));
    ck_tn_shape(y, "[1099511627776,0]");
    ck_tn_shape(tn_grad(x), "[1099511627776,0]");
    tn_tensor *p = leaf_ones(TN_F64, TN_SHAPE(HUGE_SIZE, 0, 2));
    tn_tensor *q = leaf_ones(TN_F64, TN_SHAPE(HUGE_SIZE, 2, 0));
    tn_tensor *s = tn_matmul(ctx, p, q);
    tn_backward_with(ctx, s, tn_ones(ctx, TN_F64, TN_SHAPE(HUGE_SIZE, 0, 0)));
    ck_tn_shape(s, "[1099511627776,0,0]");
    ck_tn_shape(tn_grad(q), "[1099511627776,2,0]");
}
END_TEST

/* ---- convolution ----------------------------------------------------------------------------- */

START_TEST(test_huge_and_empty_convolutions)
{
    tn_tensor *x = leaf_ones(TN_F32, TN_SHAPE(HUGE_SIZE, 0, 4, 4));
    tn_tensor *w = leaf_ones(TN_F32, TN_SHAPE(0, 0, 3, 3)), *b = leaf_ones(TN_F32, TN_SHAPE(0));
    for (int power = 0; power < 63; power += 20) {
        int64_t groups = INT64_C(1) << power;
        tn_tensor *y = tn_conv2d(ctx, x, w, b, (tn_conv2d_opts){.groups = groups});
        ck_tn_ok();
        ck_tn_shape(y, "[1099511627776,0,2,2]");
        tn_backward_with(ctx, y, tn_ones(ctx, TN_F32, TN_SHAPE(HUGE_SIZE, 0, 2, 2)));
        ck_tn_shape(tn_grad(x), "[1099511627776,0,4,4]");
    }
    tn_tensor *many = leaf_ones(TN_F32, TN_SHAPE(0, HUGE_SIZE, 4, 4));
    tn_tensor *to = leaf_ones(TN_F32, TN_SHAPE(0, 1, 3, 3));
    check_fails(tn_conv2d(ctx, many, to, NULL, (tn_conv2d_opts){.groups = 1}), TN_ERR_SHAPE,
                "conv2d: input [0,1099511627776,4,4] has 1099511627776 channels but weight "
                "[0,1,3,3] expects 1");
    tn_tensor *y = tn_conv2d(ctx, many, to, NULL, (tn_conv2d_opts){.groups = HUGE_SIZE});
    ck_tn_shape(y, "[0,0,2,2]");
    tn_backward_with(ctx, y, tn_ones(ctx, TN_F32, TN_SHAPE(0, 0, 2, 2)));
    ck_tn_shape(tn_grad(many), "[0,1099511627776,4,4]");
}
END_TEST

/* The only window of a kernel [1, 2] that has both elements in reach of [1, 1, 1, 3] = 1 2 3. */
START_TEST(test_large_options_of_conv2d)
{
    static const int64_t large[] = {1000, 1000000, INT_MAX - 1, INT_MAX};
    for (int i = 0; i < 4; i++) {
        tn_tensor *x = leaf(tn_reshape(ctx, tn_arange(ctx, TN_F32, 1, 4, 1), TN_SHAPE(1, 1, 1, 3)));
        tn_tensor *w = leaf_ones(TN_F32, TN_SHAPE(1, 1, 1, 2));
        tn_tensor *y = tn_conv2d(ctx, x, w, NULL,
                                 (tn_conv2d_opts){.stride = large[i], .dilation_h = large[i]});
        ck_tn_equal(y, 3);
        tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
        ck_tn_equal(tn_grad(x), 1, 1, 0);
        ck_tn_equal(tn_grad(w), 1, 2);
    }
}
END_TEST

static void *alloc_little(void *payload, size_t size, size_t alignment)
{
    (void)payload;
    return size < 1 << 24 ? aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
                          : NULL;
}

static void free_little(void *payload, void *memory_of, size_t size)
{
    (void)payload, (void)size;
    free(memory_of);
}

/* A context in which there are 16 MB for a block; the one of the test to go back to. */
static tn_ctx *begin_with_little_memory(void)
{
    tn_ctx *outer = ctx;
    tn_allocator allocator = {.alloc = alloc_little, .free = free_little};
    ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = 2, .allocator = allocator});
    ck_assert_ptr_nonnull(ctx);
    return outer;
}

static void end_with_little_memory(tn_ctx *outer)
{
    tn_ctx_free(ctx);
    ctx = outer;
}

/* All combinations of large options end at once, with a result or with an error. */
START_TEST(test_wild_options_of_conv2d)
{
    tn_ctx *outer = begin_with_little_memory();
    static const int64_t values[] = {1, 2, INT_MAX, (int64_t)INT_MAX + 1, INT64_MAX, INT64_MIN + 1};
    tn_tensor *x = leaf_ones(TN_F32, TN_SHAPE(1, 2, 3, 3));
    tn_tensor *w = leaf_ones(TN_F32, TN_SHAPE(2, 1, 2, 2));
    for (int i = 0; i < 6 * 6 * 6 * 6; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_conv2d_opts opts = {.stride_h = values[i % 6],
                               .stride_w = values[i / 6 % 6],
                               .padding_h = values[i / 36 % 6] - (i % 5 != 0),
                               .padding_w = values[i / 216] - (i % 7 != 0),
                               .dilation_h = values[i / 36 % 6],
                               .dilation_w = values[i / 6 % 6],
                               .groups = 2};
        tn_tensor *y = tn_conv2d(ctx, x, w, NULL, opts);
        if (y)
            tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
        ck_assert(tn_error_status(ctx) == TN_OK || !y);
        tn_clear_error(ctx);
        tn_scope_end(ctx, scope);
    }
    end_with_little_memory(outer);
}
END_TEST

/* ---- pooling --------------------------------------------------------------------------------- */

/* A kernel that covers the plane from everywhere: with half of it for padding, every window holds
 * all elements; `out` of them fit beside each other. */
static void check_covering(int64_t kernel, int64_t out, bool maximum)
{
    int64_t size = out - 1 + kernel % 2;
    tn_tensor *x = leaf(tn_arange(ctx, TN_F32, 1, (double)(size * size) + 1, 1));
    tn_tensor *plane = tn_reshape(ctx, x, TN_SHAPE(1, 1, size, size));
    tn_pool2d_opts opts = {.stride = 1, .padding = kernel / 2, .exclude_padding = true};
    double n = (double)(size * size), points = (double)(out * out);
    tn_tensor *y =
        maximum ? tn_max_pool2d(ctx, plane, kernel, opts) : tn_avg_pool2d(ctx, plane, kernel, opts);
    check_all_are(y, maximum ? n : (n + 1) / 2, out * out);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    for (int64_t i = 0; i < size * size; i++) {
        double expected = maximum ? points * (i == size * size - 1) : points / n;
        ck_assert_double_eq_tol(element_of(tn_grad(x), i), expected, 1e-6 * points);
    }
}

START_TEST(test_kernels_that_cover_all)
{
    static const int64_t kernels[] = {1 << 16, 1 << 20, 1 << 30, INT_MAX - 1, INT_MAX};
    for (int i = 0; i < 5; i++)
        for (int64_t out = 2; out <= 5; out++) {
            check_covering(kernels[i], out, false);
            check_covering(kernels[i], out, true);
        }
}
END_TEST

/* All combinations of large options end at once, with a result or with an error. */
START_TEST(test_wild_options_of_pools)
{
    tn_ctx *outer = begin_with_little_memory();
    static const int64_t values[] = {1, 2, 1 << 30, INT_MAX, INT64_MAX, INT64_MIN};
    tn_tensor *x = leaf_ones(TN_F32, TN_SHAPE(1, 2, 3, 3));
    for (int i = 0; i < 6 * 6 * 6 * 6 * 4; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        int64_t k = values[i / 6 % 6];
        tn_pool2d_opts opts = {.kernel_w = k,
                               .stride_h = values[i / 36 % 6],
                               .stride_w = values[i / 216 % 6],
                               .padding_h = i % 5 ? values[i % 6] / 2 : values[i / 36 % 6],
                               .padding_w = i % 3 ? k / 2 : 0,
                               .dilation_h = i % 4 ? 0 : values[i / 7 % 6],
                               .ceil_mode = i / 1296 % 2,
                               .divisor = i % 11 ? 0 : INT64_MAX};
        tn_tensor *y = i / 2592 ? tn_max_pool2d(ctx, x, values[i % 6], opts)
                                : tn_avg_pool2d(ctx, x, values[i % 6], opts);
        if (y)
            tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
        ck_assert(tn_error_status(ctx) == TN_OK || !y);
        tn_clear_error(ctx);
        tn_scope_end(ctx, scope);
    }
    end_with_little_memory(outer);
}
END_TEST

START_TEST(test_huge_and_empty_pools)
{
    tn_tensor *x = leaf_ones(TN_F32, TN_SHAPE(HUGE_SIZE, 0, 4, 4));
    tn_tensor *y = tn_max_pool2d(ctx, x, 2, (tn_pool2d_opts){0});
    y = tn_add(ctx, y, tn_avg_pool2d(ctx, x, 2, (tn_pool2d_opts){0}));
    y = tn_add(ctx, y, tn_adaptive_avg_pool2d(ctx, x, 2, 2));
    ck_tn_shape(y, "[1099511627776,0,2,2]");
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_shape(tn_grad(x), "[1099511627776,0,4,4]");
    tn_tensor *small = leaf_ones(TN_F32, TN_SHAPE(2, 3, 2, 2));
    y = tn_adaptive_avg_pool2d(ctx, small, 0, INT_MAX);
    ck_tn_shape(y, "[2,3,0,2147483647]");
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    check_all_are(tn_grad(small), 0, 24);
    check_fails(tn_adaptive_avg_pool2d(ctx, small, INT_MAX, INT_MAX), TN_ERR_MEMORY,
                "adaptive_avg_pool2d: [2,3,2147483647,2147483647] of f32 does not fit 63 bits");
}
END_TEST

/* A plane that an int counts is accepted, one of an element more is not. */
START_TEST(test_huge_planes)
{
    static const int64_t planes[][2] = {{1, INT_MAX + INT64_C(1)},
                                        {INT_MAX + INT64_C(1), 1},
                                        {0, INT_MAX + INT64_C(1)},
                                        {INT_MAX + INT64_C(1), 0},
                                        {1 << 16, 1 << 15}};
    for (int i = 0; i < 5; i++) {
        tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(0, 1, planes[i][0], planes[i][1]));
        char message[256];
        snprintf(message, sizeof message,
                 "max_pool2d: input %s has planes of more than 2147483647 elements",
                 TN_SHAPE_TEXT(x));
        check_fails(tn_max_pool2d(ctx, x, 1, (tn_pool2d_opts){0}), TN_ERR_SHAPE, message);
    }
    for (int i = 0; i < 2; i++) {
        tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(0, 1, i ? INT_MAX : 1, i ? 1 : INT_MAX));
        tn_tensor *y = tn_max_pool2d(ctx, x, 1, (tn_pool2d_opts){0});
        ck_tn_shape(y, i ? "[0,1,2147483647,1]" : "[0,1,1,2147483647]");
    }
}
END_TEST

/* ---- padding and the largest ----------------------------------------------------------------- */

START_TEST(test_pad_and_topk)
{
    static const int64_t values[] = {0, 1, -3, INT64_MAX, INT64_MIN, INT64_MAX / 2, INT64_MIN / 2};
    tn_tensor *x = leaf_ones(TN_F32, TN_SHAPE(2, 3)), *none = leaf_ones(TN_F32, TN_SHAPE(3, 0));
    for (int i = 0; i < 7 * 7 * 7; i++) {
        int64_t pad[] = {values[i % 7], values[i / 7 % 7], values[i / 49], 0};
        tn_tensor *y = tn_pad(ctx, i % 2 ? x : none, 4, pad, 0);
        if (y)
            tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
        ck_assert(tn_error_status(ctx) == TN_OK || !y);
        tn_clear_error(ctx);
    }
    tn_tensor *huge = leaf_ones(TN_F32, TN_SHAPE(HUGE_SIZE, 0)), *indices;
    ck_tn_shape(tn_topk(ctx, huge, HUGE_SIZE, 0, true, &indices), "[1099511627776,0]");
    ck_tn_shape(tn_topk(ctx, huge, 0, 1, true, &indices), "[1099511627776,0]");
}
END_TEST

/* ---- sharing the work ------------------------------------------------------------------------ */

START_TEST(test_shares)
{
    ck_assert_int_eq(tn__grain(16384, 0), 16385);
    ck_assert_int_eq(tn__grain(16384, 1), 8193);
    ck_assert_int_eq(tn__grain(16384, 16384), 1);
    ck_assert_int_eq(tn__grain(16384, 0x1p64), 1);
    ck_assert_int_eq(tn__grain(16384, 0x1p300), 1);
    for (int64_t n = 0; n < 40; n++)
        for (int64_t parts = 1; parts < 9; parts++)
            for (int64_t i = 0; i <= parts; i++)
                ck_assert_int_eq(tn__cut(n, parts, i), n * i / parts);
    ck_assert_int_eq(tn__cut(INT64_MAX, 1024, 1024), INT64_MAX);
    ck_assert_int_eq(tn__cut(INT64_MAX, 2, 1), INT64_MAX / 2);
}
END_TEST

OP_TESTS_NO_GRAD("extreme_sizes", test_linear, test_matmul, test_huge_and_empty_products,
                 test_huge_and_empty_convolutions, test_large_options_of_conv2d,
                 test_wild_options_of_conv2d, test_kernels_that_cover_all,
                 test_wild_options_of_pools, test_huge_and_empty_pools, test_huge_planes,
                 test_pad_and_topk, test_shares)
