/* Long sums in products and windows: of n equal terms, whose rounding errors all have one sign, so
 * that a sum of one after another in float32 is off by 1e-3 and more. */
#include "common/ops.h"
#include "tensor/gemm.h"

#define A 0.7f
#define B 0.3f

static tn_tensor *full(const int64_t *shape, int ndim, double value)
{
    return tn_full(ctx, TN_F32, ndim, shape, value);
}

static void check_elements_near(const tn_tensor *t, double expected, const char *what)
{
    ck_assert_msg(t, "%s: %s", what, tn_error(ctx));
    const float *values = tn_data_f32(tn_contiguous(ctx, t));
    ck_assert_msg(values, "%s: %s", what, tn_error(ctx));
    for (int64_t i = 0, count = tn_numel(t); i < count; i++) {
        double error = fabs(values[i] / expected - 1);
        if (!(error < 4e-6))
            ck_abort_msg("%s: element %lld is %.9g, not %.9g: off by %.1e", what, (long long)i,
                         values[i], expected, error);
    }
}

/* Products with k = 1000003, few rows and columns and many. */
START_TEST(test_matmul)
{
    static const int64_t sizes[][2] = {{1, 1}, {3, 2}, {1, 40}, {17, 1}};
    const int64_t k = 1000003;
    for (int i = 0; i < 3; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *a = full((int64_t[]){sizes[i][0], k}, 2, A);
        tn_tensor *b = full((int64_t[]){k, sizes[i][1]}, 2, B);
        check_elements_near(tn_matmul(ctx, a, b), (double)A * B * (double)k, "matmul");
        tn_scope_end(ctx, scope);
    }
}
END_TEST

/* Products that are small, around where BLAS takes other kernels for them. */
START_TEST(test_small_products)
{
    static const int64_t lines[] = {1, 3, 16, 61, 123}, ks[] = {255, 257, 1000, 8192, 16385};
    for (int i = 0; i < 5 * 5 * 5; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        int64_t m = lines[i / 25], n = lines[i / 5 % 5], k = ks[i % 5];
        double sum = (double)A * B * (double)k;
        tn_tensor *a = full((int64_t[]){m, k}, 2, A), *b = full((int64_t[]){k, n}, 2, B);
        check_elements_near(tn_matmul(ctx, a, b), sum, "matmul");
        tn_tensor *bt = tn_transpose(ctx, full((int64_t[]){n, k}, 2, B), 0, 1);
        check_elements_near(tn_matmul(ctx, a, bt), sum, "matmul with B's transpose");
        tn_scope_end(ctx, scope);
    }
}
END_TEST

/* A matrix [lines, k], or its transpose, whose later half of k is twice the number. */
static tn_tensor *halves(int64_t lines, int64_t k, bool turned, double number)
{
    tn_tensor *t = full((int64_t[]){turned ? k : lines, turned ? lines : k}, 2, number);
    tn_fill_(ctx, tn_narrow(ctx, t, turned ? 0 : 1, k / 2, k - k / 2), 2 * number);
    return t;
}

/* Products that add to what is there, and some that begin with a bias. */
START_TEST(test_gemm)
{
    enum { M = 3, K = 20011 };
    double sum = (double)A * B * (K / 2 + 4 * (K - K / 2));
    for (int i = 0; i < 8; i++) {
        bool trans_a = i & 1, trans_b = i & 2;
        const int64_t n = i < 4 ? 40 : 1;
        tn_tensor *a = halves(M, K, trans_a, A), *b = halves(n, K, !trans_b, B);
        tn_tensor *c = full((int64_t[]){M, n}, 2, 100), *bias = full((int64_t[]){n}, 1, 1000);
        tn__gemm_args g = {.dtype = TN_F32, .trans_a = trans_a, .trans_b = trans_b};
        g.m = M, g.n = n, g.k = K;
        g.a = tn__ptr(a), g.lda = trans_a ? M : K;
        g.b = tn__ptr(b), g.ldb = trans_b ? K : n;
        g.c = tn__ptr(c), g.ldc = n;
        g.adds = true;
        tn__gemm(ctx, &g);
        check_elements_near(c, 100 + sum, "gemm");
        g.adds = false;
        g.bias = tn__ptr(bias);
        tn__gemm(ctx, &g);
        check_elements_near(c, 1000 + sum, "gemm");
    }
}
END_TEST

/* Row i is 0.21 k (i + 2), 0.21 k (i + 1) of which is its bias. */
static void check_rows(int64_t m, int64_t n, int64_t k, bool trans_a, bool trans_b)
{
    tn_scope scope = tn_scope_begin(ctx);
    double sum = (double)A * B * (double)k;
    tn_tensor *a = full((int64_t[]){m * k}, 1, A), *b = full((int64_t[]){n * k}, 1, B);
    tn_tensor *c = full((int64_t[]){m, n}, 2, 1e30), *bias = full((int64_t[]){m}, 1, 0);
    for (int64_t i = 0; i < m; i++)
        ((float *)tn_data_mut(bias))[i] = (float)(sum * (double)(i + 1));
    tn__gemm(ctx, &(tn__gemm_args){.dtype = TN_F32,
                                   .trans_a = trans_a,
                                   .trans_b = trans_b,
                                   .m = m,
                                   .n = n,
                                   .k = k,
                                   .a = tn__ptr(a),
                                   .lda = trans_a ? m : k,
                                   .b = tn__ptr(b),
                                   .ldb = trans_b ? k : n,
                                   .c = tn__ptr(c),
                                   .ldc = n,
                                   .row_bias = tn__ptr(bias)});
    for (int64_t i = 0; i < m; i++)
        check_elements_near(tn_select(ctx, c, 0, i), sum * (double)(i + 2), "a row");
    tn_scope_end(ctx, scope);
}

/* Products whose rows begin with a number each: vectors, thin ones, and cut for threads. */
START_TEST(test_gemm_of_rows)
{
    static const int64_t sizes[][2] = {{1, 40}, {40, 1}, {3, 2}, {17, 33}, {300, 70}, {70, 300}};
    static const int64_t ks[] = {7, 300, 20011};
    for (int i = 0; i < 6 * 3 * 4 * 2; i++) {
        tn_set_threads(ctx, i % 2 + 1);
        const int64_t *size = sizes[i / 24];
        check_rows(size[0], size[1], ks[i / 8 % 3], i / 2 % 2, i / 4 % 2);
    }
}
END_TEST

/* All but the last one have a dw from an x that no cache holds, and share all but the first among
 * threads. */
START_TEST(test_linear)
{
    static const int64_t outs[] = {1, 3, 8, 33};
    tn_set_threads(ctx, 2);
    for (int i = 0; i < 4; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        int64_t n = i > 0 ? 200003 : 1000003, out = outs[i];
        tn_tensor *x = full((int64_t[]){2, n}, 2, A), *w = full((int64_t[]){out, n}, 2, B);
        check_elements_near(tn_linear(ctx, x, w, NULL), (double)A * B * (double)n, "linear");
        int64_t in = i > 0 ? 65 : 9;
        tn_tensor *rows = full((int64_t[]){n, in}, 2, A);
        tn_tensor *v = leaf(full((int64_t[]){out, in}, 2, B));
        tn_tensor *b = leaf(full((int64_t[]){out}, 1, B));
        tn_backward_with(ctx, tn_linear(ctx, rows, v, b), full((int64_t[]){n, out}, 2, B));
        check_elements_near(tn_grad(v), (double)A * B * (double)n, "linear's dw");
        check_elements_near(tn_grad(b), (double)B * (double)n, "linear's db");
        tn_scope_end(ctx, scope);
    }
}
END_TEST

/* x of A, w of B, as much again by the bias, dy of B, without padding. */
static void check_conv2d(const int64_t *x, const int64_t *w)
{
    tn_scope scope = tn_scope_begin(ctx);
    int64_t out_h = x[2] - w[2] + 1, out_w = x[3] - w[3] + 1, taps = w[1] * w[2] * w[3];
    double sum = (double)A * B * (double)taps;
    tn_tensor *tw = leaf(full(w, 4, B)), *tb = leaf(full(w, 1, sum));
    tn_tensor *y = tn_conv2d(ctx, full(x, 4, A), tw, tb, (tn_conv2d_opts){0});
    check_elements_near(y, 2 * sum, "conv2d");
    tn_backward_with(ctx, y, full((int64_t[]){x[0], w[0], out_h, out_w}, 4, B));
    double points = (double)(x[0] * out_h * out_w);
    check_elements_near(tn_grad(tw), (double)A * B * points, "conv2d's dw");
    check_elements_near(tn_grad(tb), (double)B * points, "conv2d's db");
    tn_scope_end(ctx, scope);
}

/* Many points of large images, many small images, many channels, Winograd's method, and straight
 * from the image: many images, and a long kernel. */
START_TEST(test_conv2d)
{
    static const int64_t sizes[][2][4] = {
        {{2, 1, 513, 512}, {1, 1, 2, 2}},    {{4099, 1, 9, 9}, {2, 1, 3, 3}},
        {{20003, 2, 5, 5}, {3, 2, 1, 1}},    {{1, 40007, 3, 3}, {1, 40007, 3, 3}},
        {{41, 32, 44, 46}, {32, 32, 3, 3}},  {{2003, 3, 12, 12}, {16, 3, 2, 2}},
        {{40, 3, 1, 5003}, {12, 3, 1, 5000}}};
    for (int i = 0; i < 7; i++)
        for (int threads = 1; threads <= 2; threads++) {
            tn_set_threads(ctx, threads);
            check_conv2d(sizes[i][0], sizes[i][1]);
        }
}
END_TEST

/* Many channels and one point, a kernel as large as x, and one long row. */
START_TEST(test_deep_and_wide)
{
    static const int64_t sizes[][2][4] = {{{1, 400009, 1, 1}, {1, 400009, 1, 1}},
                                          {{1, 131072, 1, 1}, {1, 131072, 1, 1}},
                                          {{1, 100003, 2, 2}, {2, 100003, 2, 2}},
                                          {{1, 1, 1500, 1500}, {1, 1, 1500, 1500}},
                                          {{1, 1, 1, 400009}, {1, 1, 1, 1}}};
    for (int i = 0; i < 5; i++)
        check_conv2d(sizes[i][0], sizes[i][1]);
}
END_TEST

/* More channels than Winograd's method adds up well, with 36 of its tiles. */
START_TEST(test_many_channels_of_3x3)
{
    tn_tensor *x = full((int64_t[]){1, 60013, 14, 14}, 4, A);
    tn_tensor *w = full((int64_t[]){32, 60013, 3, 3}, 4, B);
    check_elements_near(tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){0}), (double)A * B * 60013 * 9,
                        "conv2d");
}
END_TEST

/* Each element of dx is a sum over as many channels of y as there are. */
static void check_dx_of_channels(int64_t out_channels, int64_t kernel, int64_t out)
{
    tn_scope scope = tn_scope_begin(ctx);
    int64_t size = kernel + out - 1;
    tn_tensor *x = leaf(full((int64_t[]){1, 1, size, size}, 4, A));
    tn_tensor *w = full((int64_t[]){out_channels, 1, kernel, kernel}, 4, A);
    tn_tensor *dy = full((int64_t[]){1, out_channels, out, out}, 4, B);
    tn_backward_with(ctx, tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){0}), dy);
    tn_tensor *corner = tn_narrow(ctx, tn_narrow(ctx, tn_grad(x), 2, 0, 1), 3, 0, 1);
    check_elements_near(corner, (double)A * B * (double)out_channels, "conv2d's dx");
    tn_tensor *middle =
        tn_narrow(ctx, tn_narrow(ctx, tn_grad(x), 2, kernel - 1, 1), 3, kernel - 1, 1);
    check_elements_near(middle, (double)A * B * (double)(out * out * out_channels), "conv2d's dx");
    tn_scope_end(ctx, scope);
}

/* dx as a product alone, from four windows, and from so many that they are a long sum too. */
START_TEST(test_many_channels_of_y)
{
    static const int64_t sizes[][3] = {{1000003, 1, 1}, {200003, 2, 2}, {20011, 17, 17}};
    for (int i = 0; i < 3; i++)
        check_dx_of_channels(sizes[i][0], sizes[i][1], sizes[i][2]);
}
END_TEST

/* The middle of x meets as many taps as y has elements; images and channels have factors of their
 * own. */
static void check_dx(int64_t kernel, int64_t out)
{
    tn_scope scope = tn_scope_begin(ctx);
    int64_t size = kernel + out - 1, at = kernel - 1;
    tn_tensor *x = leaf(full((int64_t[]){3, 2, size, size}, 4, A));
    tn_tensor *w = full((int64_t[]){1, 2, kernel, kernel}, 4, B);
    tn_tensor *dy = full((int64_t[]){3, 1, out, out}, 4, B);
    tn_fill_(ctx, tn_select(ctx, w, 1, 1), 2 * B);
    tn_fill_(ctx, tn_select(ctx, dy, 0, 2), 4 * B);
    tn_backward_with(ctx, tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){0}), dy);
    tn_tensor *middle = tn_narrow(ctx, tn_narrow(ctx, tn_grad(x), 2, at, 1), 3, at, 1);
    for (int64_t image = 0; image < 3; image++)
        for (int64_t channel = 0; channel < 2; channel++) {
            double factor = (image == 2 ? 4 : 1) * (channel == 1 ? 2 : 1);
            const tn_tensor *one = tn_select(ctx, tn_select(ctx, middle, 0, image), 0, channel);
            check_elements_near(one, factor * B * B * (double)(out * out), "conv2d's dx");
        }
    tn_scope_end(ctx, scope);
}

START_TEST(test_large_kernels)
{
    static const int64_t sizes[][2] = {{17, 2}, {17, 17}, {64, 64}};
    for (int i = 0; i < 3; i++)
        for (int threads = 1; threads <= 2; threads++) {
            tn_set_threads(ctx, threads);
            check_dx(sizes[i][0], sizes[i][1]);
        }
}
END_TEST

START_TEST(test_averages)
{
    tn_tensor *x = full((int64_t[]){1, 1, 1024, 1024}, 4, A);
    ck_tn_close(tn_adaptive_avg_pool2d(ctx, x, 1, 1), 6e-8, A);
    ck_tn_close(tn_avg_pool2d(ctx, x, 1024, (tn_pool2d_opts){0}), 6e-8, A);
    tn_tensor *row = full((int64_t[]){1, 1, 1, 1000003}, 4, A);
    ck_tn_close(tn_adaptive_avg_pool2d(ctx, row, 1, 1), 6e-8, A);
    tn_tensor *d = tn_full(ctx, TN_F64, TN_SHAPE(1, 1, 1024, 1024), 0.7);
    ck_tn_close(tn_adaptive_avg_pool2d(ctx, d, 1, 1), 1e-14, 0.7);
    tn_tensor *each = tn_avg_pool2d(ctx, d, 256, (tn_pool2d_opts){.stride = 32});
    for (int64_t i = 0; i < tn_numel(each); i++)
        ck_assert_double_le(fabs(element_of(each, i) / 0.7 - 1), 1e-15);
}
END_TEST

/* One element that all windows hold: of adaptive pooling that spreads it, where what is lost of one
 * plane is more than all of the other, of averages, and the largest. */
START_TEST(test_gradients_of_pools)
{
    tn_set_threads(ctx, 2);
    tn_tensor *one = leaf(full((int64_t[]){2, 1, 1, 1}, 4, 1));
    tn_tensor *y = tn_adaptive_avg_pool2d(ctx, one, 1000, 1000);
    tn_tensor *dy = full((int64_t[]){2, 1, 1000, 1000}, 4, A);
    tn_fill_(ctx, tn_select(ctx, dy, 0, 1), 0x1p-40 * A);
    tn_backward_with(ctx, y, dy);
    check_elements_near(tn_select(ctx, tn_grad(one), 0, 0), 1e6 * A, "adaptive_avg_pool2d's dx");
    check_elements_near(tn_select(ctx, tn_grad(one), 0, 1), 0x1p-40 * 1e6 * A, "another dx");
    tn_pool2d_opts opts = {.stride = 1, .padding = 32};
    dy = full((int64_t[]){1, 2, 65, 65}, 4, A);
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(1, 2, 64, 64));
    tn_tensor *middle = tn_select(ctx, tn_select(ctx, x, 3, 32), 2, 32);
    tn_fill_(ctx, middle, 2);
    leaf(x);
    tn_backward_with(ctx, tn_avg_pool2d(ctx, x, 64, opts), dy);
    middle = tn_select(ctx, tn_select(ctx, tn_grad(x), 3, 32), 2, 32);
    check_elements_near(middle, A, "avg_pool2d's dx");
    tn_clear_grad(x);
    tn_backward_with(ctx, tn_max_pool2d(ctx, x, 64, opts), dy);
    middle = tn_select(ctx, tn_select(ctx, tn_grad(x), 3, 32), 2, 32);
    check_elements_near(middle, 4096 * A, "max_pool2d's dx");
}
END_TEST

OP_TESTS_NO_GRAD("long_products", test_matmul, test_small_products, test_gemm, test_gemm_of_rows,
                 test_linear, test_conv2d, test_deep_and_wide, test_many_channels_of_3x3,
                 test_many_channels_of_y, test_large_kernels, test_averages,
                 test_gradients_of_pools)
