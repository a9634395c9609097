/* Sizes around the edges of every block, tile and run into which linear and conv2d cut their work,
 * against plain loops, with one thread and two. Elements are small integers, so that all sums are
 * exact, Winograd's halves and quarters too. */
#include <stdio.h>
#include "common/conv2d.h"
#include "common/ops.h"

/* Integers from -3 to 3, the same for the same seed. */
static array integers(int ndim, const int64_t *shape, uint32_t seed)
{
    array a = array_new(ndim, shape);
    for (int64_t i = 0; i < a.numel; i++) {
        seed = seed * 1664525 + 1013904223;
        a.data[i] = (double)((seed >> 16) % 7) - 3;
    }
    return a;
}

static void check_near(const tn_tensor *got, const array *want, double limit, const char *text)
{
    ck_assert_msg(got, "%s: %s", text, tn_error(ctx));
    ck_assert_int_eq(tn_numel(got), want->numel);
    int64_t size = (int64_t)tn_dtype_size(got->dtype);
    const tn_tensor *plain = tn__contiguous(ctx, got);
    for (int64_t i = 0; i < want->numel; i++) {
        double value = tn__load_f64(got->dtype, (char *)tn__ptr(plain) + i * size);
        if (!(fabs(value - want->data[i]) <= limit))
            ck_abort_msg("%s: element %lld is %.9g, not %g", text, (long long)i, value,
                         want->data[i]);
    }
}

static void check_same(const tn_tensor *got, const array *want, const char *text)
{
    check_near(got, want, 0, text);
}

/* ---- linear ---------------------------------------------------------------------------------- */

static void check_linear(int64_t m, int64_t out, int64_t in)
{
    array x = integers(2, (int64_t[]){m, in}, 1), w = integers(2, (int64_t[]){out, in}, 2);
    array b = integers(1, &out, 3), dy = integers(2, (int64_t[]){m, out}, 4);
    array y = array_new(2, dy.shape), dx = array_new(2, x.shape), dw = array_new(2, w.shape);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < out; j++) {
            y.data[i * out + j] = b.data[j];
            for (int64_t k = 0; k < in; k++) {
                y.data[i * out + j] += x.data[i * in + k] * w.data[j * in + k];
                dx.data[i * in + k] += dy.data[i * out + j] * w.data[j * in + k];
                dw.data[j * in + k] += dy.data[i * out + j] * x.data[i * in + k];
            }
        }
    for (int run = 0; run < 4; run++) {
        tn_dtype dtype = run % 2 ? TN_F32 : TN_F64;
        tn_scope scope = tn_scope_begin(ctx);
        tn_set_threads(ctx, run / 2 + 1);
        tn_tensor *tx = leaf_of(&x, dtype, PLAIN), *tw = leaf_of(&w, dtype, PLAIN);
        tn_tensor *ty = tn_linear(ctx, tx, tw, tensor_of(&b, dtype, PLAIN));
        char text[80];
        snprintf(text, sizeof text, "%d rows, %d x %d", (int)m, (int)out, (int)in);
        check_same(ty, &y, text);
        tn_backward_with(ctx, ty, tensor_of(&dy, dtype, PLAIN));
        check_same(tn_grad(tx), &dx, text);
        check_same(tn_grad(tw), &dw, text);
        tn_scope_end(ctx, scope);
    }
}

/* Rows and outputs around the registers of the thin kernels and the last size that they take,
 * columns around the vectors. */
START_TEST(test_linear_registers)
{
    for (int64_t out = 1; out <= 34; out++)
        for (int64_t m = 1; m <= 5; m++)
            check_linear(m, out, (m * 7 + out * 3) % 35 + 1);
    for (int64_t in = 1; in <= 70; in++)
        check_linear(in % 5 + 1, in % 12 + 1, in);
}
END_TEST

/* Rows around the runs of dw, columns around panels and the blocks that stay in the cache. */
START_TEST(test_linear_blocks)
{
    static const int64_t rows[] = {15, 16, 17, 95, 96, 97, 193, 511, 512, 513, 1024, 1025};
    static const int64_t ins[] = {1023, 1024, 1025, 1983, 1984, 1985, 2047, 2048, 2049, 4097};
    for (int i = 0; i < 12; i++) {
        check_linear(rows[i], 3, 33);
        check_linear(rows[i], 12, 17);
    }
    for (int i = 0; i < 10; i++) {
        check_linear(3, 2, ins[i]);
        check_linear(5, 11, ins[i]);
        check_linear(3, 32, ins[i]);
    }
    check_linear(3, 10, 5951);
    check_linear(3, 10, 5953);
    check_linear(2, 1, 32769);
}
END_TEST

/* ---- matmul: long rows of the left are cut --------------------------------------------------- */

START_TEST(test_matmul)
{
    for (int64_t k = 16383; k <= 16386; k++) {
        array a = integers(2, (int64_t[]){3, k}, 1), b = integers(2, (int64_t[]){k, 2}, 2);
        array y = array_zeros("[3,2]");
        for (int64_t i = 0; i < 6 * k; i++)
            y.data[i / k] += a.data[i / k / 2 * k + i % k] * b.data[i % k * 2 + i / k % 2];
        for (int how = PLAIN; how <= TRANSPOSED; how++)
            for (int dtype = TN_F32; dtype <= TN_F64; dtype++)
                check_same(tn_matmul(ctx, tensor_of(&a, (tn_dtype)dtype, (layout)how),
                                     tensor_of(&b, (tn_dtype)dtype, (layout)how)),
                           &y, "matmul");
    }
}
END_TEST

/* ---- convolution ----------------------------------------------------------------------------- */

typedef struct conv {
    int64_t n, c, o, h, w, kernel_h, kernel_w, padding, groups;
} conv;

typedef struct outcome {
    array x, w, dy, y, dx, dw;
} outcome;

/* One line of x under one element of a kernel. */
static void visit_line(const conv *c, outcome *r, const int64_t *at)
{
    int64_t image = at[0], o = at[1], row = at[2], k = at[3], i = at[4], j = at[5];
    int64_t per = c->c / c->groups, from = row + i - c->padding;
    if (from < 0 || from >= c->h)
        return;
    int64_t channel = o / (c->o / c->groups) * per + k, out_w = r->y.shape[3];
    int64_t weight = ((o * per + k) * c->kernel_h + i) * c->kernel_w + j;
    int64_t x = ((image * c->c + channel) * c->h + from) * c->w;
    int64_t y = ((image * c->o + o) * r->y.shape[2] + row) * out_w;
    for (int64_t p = 0; p < out_w; p++) {
        int64_t q = p + j - c->padding;
        if (q < 0 || q >= c->w)
            continue;
        r->y.data[y + p] += r->w.data[weight] * r->x.data[x + q];
        r->dx.data[x + q] += r->w.data[weight] * r->dy.data[y + p];
        r->dw.data[weight] += r->dy.data[y + p] * r->x.data[x + q];
    }
}

static outcome naive_conv2d(const conv *c)
{
    int64_t out_h = c->h + 2 * c->padding - c->kernel_h + 1;
    int64_t out_w = c->w + 2 * c->padding - c->kernel_w + 1;
    outcome r = {.x = integers(4, (int64_t[]){c->n, c->c, c->h, c->w}, 1),
                 .w = integers(4, (int64_t[]){c->o, c->c / c->groups, c->kernel_h, c->kernel_w}, 2),
                 .dy = integers(4, (int64_t[]){c->n, c->o, out_h, out_w}, 3),
                 .y = array_new(4, (int64_t[]){c->n, c->o, out_h, out_w})};
    r.dx = array_new(4, r.x.shape);
    r.dw = array_new(4, r.w.shape);
    int64_t shape[] = {c->n, c->o, out_h, r.w.shape[1], c->kernel_h, c->kernel_w}, at[6] = {0};
    do
        visit_line(c, &r, at);
    while (next_index(6, shape, at));
    return r;
}

/* By each method, also where another one is taken; no product is above 9. */
static void check_methods(const conv *c, const outcome *r, tn_dtype dtype, const char *text)
{
    tn_conv2d_opts opts = {.padding = c->padding, .groups = c->groups};
    const tn_tensor *x = tensor_of(&r->x, dtype, PLAIN), *w = tensor_of(&r->w, dtype, PLAIN);
    const tn_tensor *dy = tensor_of(&r->dy, dtype, PLAIN);
    double taps = (double)(c->kernel_h * c->kernel_w), points = (double)(r->y.numel / c->o);
    for (int i = 0; i < CONV2D_METHODS; i++) {
        double unit = conv2d_is_exact(conv2d_methods[i]) ? 0 : 9 * conv2d_rounding(dtype);
        conv2d_products got = conv2d_by(conv2d_methods[i], x, w, NULL, dy, &opts);
        if (got.y)
            check_near(got.y, &r->y, unit * taps * (double)c->c, text);
        if (got.dx)
            check_near(got.dx, &r->dx, unit * taps * (double)c->o, text);
        if (got.dw)
            check_near(got.dw, &r->dw, unit * points, text);
    }
}

/* Results of tn_conv2d are exact with direct_conv. */
static void check_conv2d(conv c)
{
    outcome r = naive_conv2d(&c);
    ctx->direct_conv = true;
    char text[96];
    snprintf(text, sizeof text, "conv2d [%d,%d,%d,%d], %d outputs, kernel %d,%d", (int)c.n,
             (int)c.c, (int)c.h, (int)c.w, (int)c.o, (int)c.kernel_h, (int)c.kernel_w);
    for (int run = 0; run < 4; run++) {
        tn_dtype dtype = run % 2 ? TN_F32 : TN_F64;
        tn_scope scope = tn_scope_begin(ctx);
        tn_set_threads(ctx, run / 2 + 1);
        tn_tensor *x = leaf_of(&r.x, dtype, PLAIN), *w = leaf_of(&r.w, dtype, PLAIN);
        tn_tensor *y =
            tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.padding = c.padding, .groups = c.groups});
        check_same(y, &r.y, text);
        tn_backward_with(ctx, y, tensor_of(&r.dy, dtype, PLAIN));
        check_same(tn_grad(x), &r.dx, text);
        check_same(tn_grad(w), &r.dw, text);
        check_methods(&c, &r, dtype, text);
        tn_scope_end(ctx, scope);
    }
}

/* Columns of a block: 256 of float64 and 512 of float32, of one row, several or several images. */
START_TEST(test_columns)
{
    for (int64_t width = 255; width <= 257; width++)
        for (int64_t h = 1; h <= 3; h++) {
            check_conv2d((conv){2, 2, 3, h, width, 1, 2, 1, 1});
            check_conv2d((conv){1, 2, 2, h, 2 * width, 1, 1, 0, 1});
        }
    for (int64_t n = 31; n <= 33; n++) {
        check_conv2d((conv){n, 3, 2, 4, 4, 2, 2, 1, 1});
        check_conv2d((conv){2 * n, 2, 4, 2, 4, 1, 1, 0, 2});
        check_conv2d((conv){8 * n, 2, 2, 1, 1, 1, 1, 0, 1});
    }
}
END_TEST

/* Rows of a tile: about 192, and the runs of tiles and blocks that are added one by one. */
START_TEST(test_rows_and_runs)
{
    for (int64_t c = 191; c <= 194; c++) {
        check_conv2d((conv){1, c, 2, 4, 128, 1, 1, 0, 1});
        check_conv2d((conv){1, c / 3, 3, 3, 171, 1, 3, 1, 1});
    }
    for (int64_t h = 15; h <= 18; h++)
        check_conv2d((conv){1, 1, 2, h, 512, 1, 2, 0, 1});
    for (int64_t h = 31; h <= 34; h++)
        check_conv2d((conv){1, 2, 1, h, 512, 1, 1, 0, 1});
    for (int64_t c = 3070; c <= 3074; c += 2)
        check_conv2d((conv){1, c, 1, 1, 513, 1, 1, 0, 1});
    check_conv2d((conv){1, 4100, 2, 2, 259, 1, 1, 0, 1});
}
END_TEST

/* Straight from the image: points around those of a tile, of a row of pieces and of a block, output
 * channels around those of one panel and several, channels around those of a tile of dw. */
START_TEST(test_direct)
{
    for (int64_t width = 5; width <= 7; width++)
        check_conv2d((conv){2, 2, 3, 3, width, 3, 3, 1, 1});
    for (int64_t width = 12; width <= 16; width++)
        check_conv2d((conv){1, 30, 17, 4, width, 3, 3, 1, 1});
    for (int64_t width = 251; width <= 257; width += 2)
        check_conv2d((conv){1, 1, 2, 3, width, 3, 2, 1, 1});
    for (int64_t o = 7; o <= 33; o++)
        check_conv2d((conv){1, o / 2, o, 3, 10, 2, 3, 1, 1});
    for (int64_t c = 56; c <= 58; c++) /* 504 to 522 terms */
        check_conv2d((conv){1, c, 2, 4, 17, 3, 3, 1, 1});
    for (int64_t width = 511; width <= 514; width++)
        check_conv2d((conv){1, 2, 2, 2, width, 1, 3, 0, 1});
    check_conv2d((conv){3, 3, 2, 31, 180, 2, 2, 0, 1});  /* runs of images */
    check_conv2d((conv){2, 2, 2, 130, 130, 2, 2, 0, 1}); /* parts of one */
}
END_TEST

/* One plane of x for each kernel: rows of one or two blocks of dw. */
START_TEST(test_depthwise)
{
    for (int64_t width = 4095; width <= 4097; width++)
        check_conv2d((conv){1, 1, 1, 2, width, 2, 1, 0, 1});
    check_conv2d((conv){1, 2, 2, 1, 8192, 1, 1, 0, 2});
    check_conv2d((conv){2, 2, 4, 100, 100, 3, 3, 1, 2}); /* planes for two threads */
    check_conv2d((conv){1, 1, 1, 5, 6, 2, 4, 2, 1});     /* rows of y that meet no x */
}
END_TEST

/* Winograd's method: sizes around those of tiles with every padding, for each kernel that it
 * takes. */
START_TEST(test_winograd_tiles)
{
    for (int64_t kernel = 3; kernel <= 5; kernel += 2)
        for (int64_t padding = 0; padding < kernel; padding++)
            for (int64_t out = 1; out <= 10; out++) {
                int64_t size = out + kernel - 1 - 2 * padding;
                if (size < 1)
                    continue;
                check_conv2d((conv){out % 3 + 1, 3, 2, size, size, kernel, kernel, padding, 1});
                check_conv2d((conv){1, 2, 3, size, size + 13, kernel, kernel, padding, 1});
                check_conv2d((conv){2, 2, 3, size + 5, size, kernel, kernel, padding, 1});
            }
}
END_TEST

/* Channels around those of a vector, of a panel and of a block of terms. */
START_TEST(test_winograd_channels)
{
    static const int64_t channels[] = {1,  2,  3,  4,  5,  7,  8,  9,   15,  16,  17,
                                       31, 32, 33, 47, 48, 49, 65, 255, 257, 511, 513};
    for (int i = 0; i < 22; i++)
        for (int64_t kernel = 3; kernel <= 5; kernel += 2) {
            check_conv2d((conv){1, channels[i], 3, 5, 6, kernel, kernel, kernel / 2, 1});
            check_conv2d((conv){2, 3, channels[i], 6, 5, kernel, kernel, kernel / 2, 1});
        }
    for (int64_t c = 31; c <= 33; c++)
        for (int64_t o = 31; o <= 33; o++)
            check_conv2d((conv){1, c, o, 6, 7, 3, 3, 1, 1});
}
END_TEST

/* Runs of rows of tiles: one and several, that workers share or have to themselves, and so many
 * that their dw are summed in parts. */
START_TEST(test_winograd_runs)
{
    for (int64_t n = 1; n <= 3; n++) {
        check_conv2d((conv){n, 32, 33, 15, 128, 3, 3, 1, 1});
        check_conv2d((conv){n, 33, 16, 9, 30, 5, 5, 2, 1});
        check_conv2d((conv){n, 17, 65, 4, 19, 3, 3, 1, 1});
    }
    for (int64_t width = 221; width <= 227; width++)
        check_conv2d((conv){1, 16, 16, 3, width, 3, 3, 1, 1});
    for (int64_t n = 127; n <= 130; n++)
        check_conv2d((conv){n, 2, 2, 14, 14, 3, 3, 0, 1});
}
END_TEST

OP_TESTS_NO_GRAD("block_edges", test_linear_registers, test_linear_blocks, test_matmul,
                 test_columns, test_rows_and_runs, test_direct, test_depthwise, test_winograd_tiles,
                 test_winograd_channels, test_winograd_runs)
