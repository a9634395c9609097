/* conv2d(x, w, b): cross-correlation of images with kernels. */
#include <stdio.h>
#include "common/conv2d.h"
#include "common/ops.h"

#define CONV(id, bias, ...) \
    OP(id, tn_conv2d(ctx, in[0], in[1], bias, (tn_conv2d_opts){__VA_ARGS__}))

CONV(plain, in[2], .stride = 0)
CONV(no_bias, NULL, .stride = 0)
CONV(padded, in[2], .padding = 1)
CONV(strided, in[2], .stride = 2, .padding = 1)
CONV(mixed, in[2], .stride_h = 3, .stride_w = 2, .padding_h = 3, .padding_w = 1, .dilation_w = 2)
CONV(dilated, in[2], .padding = 2, .dilation = 2)
CONV(apart, NULL, .stride = 3)
CONV(grouped, in[2], .padding = 1, .groups = 2)
CONV(depthwise, in[2], .stride = 2, .padding = 1, .groups = 3)
OP(once_more, tn_conv2d(ctx, in[0], in[1], in[2], (tn_conv2d_opts){.padding = 1}))
OP(twice,
   tn_add(ctx,
          tn_conv2d(ctx, once_more(ctx, in, NULL), in[1], in[2], (tn_conv2d_opts){.stride = 2}),
          tn_conv2d(ctx, in[0], in[1], in[2], (tn_conv2d_opts){.stride = 2})))

static const op_case cases[] = {{"conv2d", plain, "[2,3,5,6] [4,3,3,2] [4]", false},
                                {"conv2d", plain, "[3,4,5] [2,3,2,2] [2]", false},
                                {"conv2d", plain, "[1,1,1,1] [1,1,1,1] [1]", false},
                                {"conv2d", plain, "[0,2,4,4] [3,2,3,3] [3]", false},
                                {"conv2d 1x1", plain, "[1,5,7,3] [4,5,1,1] [4]", false},
                                {"conv2d 1x1", plain, "[5,3,2,2] [4,3,1,1] [4]", false},
                                {"conv2d 1x1 large", plain, "[2,3,17,31] [2,3,1,1] [2]", false},
                                {"conv2d no bias", no_bias, "[2,2,4,5] [3,2,4,5]", false},
                                {"conv2d no channels", plain, "[2,0,4,5] [3,0,2,2] [3]", false},
                                {"conv2d padding=1", padded, "[2,2,4,4] [3,2,3,3] [3]", false},
                                {"conv2d stride=2", strided, "[2,2,7,8] [3,2,3,3] [3]", false},
                                {"conv2d stride=2 1x1", strided, "[1,2,5,4] [3,2,1,1] [3]", false},
                                {"conv2d stride=3,2", mixed, "[2,2,6,9] [3,2,4,4] [3]", false},
                                {"conv2d dilation=2", dilated, "[1,2,6,5] [2,2,3,3] [2]", false},
                                {"conv2d stride=3 over 2x2", apart, "[1,2,8,9] [3,2,2,2]", false},
                                {"conv2d groups=2", grouped, "[2,4,4,5] [6,2,3,3] [6]", false},
                                {"conv2d groups=3", depthwise, "[2,3,6,5] [6,1,3,3] [6]", false},
                                {"conv2d twice", twice, "[2,3,5,5] [3,3,3,3] [3]", false}};

/* ---- a naive convolution --------------------------------------------------------------------- */

typedef struct conv {
    const char *x, *w;
    int64_t stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w, groups;
} conv;

typedef struct outcome {
    array x, w, b, dy, y, dx, dw, db;
} outcome;

static int64_t count(int64_t size, int64_t kernel, int64_t stride, int64_t padding,
                     int64_t dilation)
{
    return (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
}

/* The element of the plane that the kernel's element i meets at p; -1 in the padding. */
static int64_t met(int64_t p, int64_t i, int64_t stride, int64_t padding, int64_t dilation,
                   int64_t size)
{
    int64_t at = p * stride + i * dilation - padding;
    return at >= 0 && at < size ? at : -1;
}

/* What the element at `o` = [n, channel, row, column] of y is made of. */
static void visit(const conv *c, outcome *r, const int64_t *o)
{
    const int64_t *x = r->x.shape, *w = r->w.shape;
    int64_t first = o[0] * x[1] + o[1] / (w[0] / c->groups) * w[1]; /* channel of x */
    double *y = array_at(&r->y, 4, o), dy = *array_at(&r->dy, 4, o);
    *y = r->b.data[o[1]];
    r->db.data[o[1]] += dy;
    for (int64_t k = 0; k < w[1] * w[2] * w[3]; k++) {
        int64_t row = met(o[2], k / w[3] % w[2], c->stride_h, c->padding_h, c->dilation_h, x[2]);
        int64_t column = met(o[3], k % w[3], c->stride_w, c->padding_w, c->dilation_w, x[3]);
        if (row < 0 || column < 0)
            continue;
        int64_t i = ((first + k / w[3] / w[2]) * x[2] + row) * x[3] + column;
        int64_t j = o[1] * w[1] * w[2] * w[3] + k;
        *y += r->x.data[i] * r->w.data[j];
        r->dx.data[i] += dy * r->w.data[j];
        r->dw.data[j] += dy * r->x.data[i];
    }
}

static outcome naive_conv2d(const conv *c)
{
    outcome r = {.x = array_random(c->x), .w = array_random(c->w)};
    const int64_t *x = r.x.shape, *w = r.w.shape;
    int64_t shape[] = {x[0], w[0], count(x[2], w[2], c->stride_h, c->padding_h, c->dilation_h),
                       count(x[3], w[3], c->stride_w, c->padding_w, c->dilation_w)};
    r.b = array_random(tn_shape_text(1, w).s);
    r.dy = array_random(tn_shape_text(4, shape).s);
    r.y = array_new(4, shape);
    r.dx = array_zeros(c->x);
    r.dw = array_zeros(c->w);
    r.db = array_new(1, w);
    int64_t o[4] = {0};
    for (int64_t i = 0; i < r.y.numel; i++, next_index(4, shape, o))
        visit(c, &r, o);
    return r;
}

static tn_conv2d_opts options(const conv *c)
{
    return (tn_conv2d_opts){.stride_h = c->stride_h,
                            .stride_w = c->stride_w,
                            .padding_h = c->padding_h,
                            .padding_w = c->padding_w,
                            .dilation_h = c->dilation_h,
                            .dilation_w = c->dilation_w,
                            .groups = c->groups};
}

static void check_conv2d(const conv *c, const outcome *r, tn_dtype dtype, layout how)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *x = leaf_of(&r->x, dtype, how), *w = leaf_of(&r->w, dtype, how);
    tn_tensor *b = leaf_of(&r->b, dtype, how), *y = tn_conv2d(ctx, x, w, b, options(c));
    const char *text = layout_name(how);
    check_array(y, &r->y, tolerance(dtype), "%s %s %s", c->x, c->w, text);
    tn_backward_with(ctx, y, tensor_of(&r->dy, dtype, PLAIN));
    check_array(tn_grad(x), &r->dx, tolerance(dtype), "%s %s %s: dx", c->x, c->w, text);
    check_array(tn_grad(w), &r->dw, tolerance(dtype), "%s %s %s: dw", c->x, c->w, text);
    check_array(tn_grad(b), &r->db, tolerance(dtype), "%s %s %s: db", c->x, c->w, text);
    tn_scope_end(ctx, scope);
}

static void check_all(const conv *c)
{
    outcome r = naive_conv2d(c);
    for (int how = PLAIN; how <= SLICED; how++) {
        check_conv2d(c, &r, TN_F64, (layout)how);
        check_conv2d(c, &r, TN_F32, (layout)how);
    }
}

START_TEST(test_values)
{
    static const conv convs[] = {
        {"[2,3,7,6]", "[4,3,3,2]", 1, 1, 0, 0, 1, 1, 1},
        {"[1,3,23,23]", "[5,3,11,11]", 4, 4, 2, 2, 1, 1, 1},
        {"[3,2,9,9]", "[3,2,5,5]", 1, 1, 2, 2, 1, 1, 1},
        {"[2,2,9,9]", "[3,2,5,5]", 2, 3, 4, 1, 1, 1, 1},
        {"[2,3,6,10]", "[4,3,4,4]", 3, 2, 3, 1, 1, 2, 1},
        {"[1,2,11,9]", "[3,2,3,2]", 1, 2, 2, 3, 3, 4, 1},
        {"[2,2,9,9]", "[3,2,2,2]", 5, 4, 0, 0, 1, 1, 1},
        {"[1,2,3,3]", "[2,2,3,3]", 7, 9, 0, 0, 1, 1, 1},
        {"[1,2,3,3]", "[2,2,2,2]", 100, 1000000000, 0, 0, 1, 1, 1},
        {"[1,1,1,1]", "[1,1,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[2,1,1,9]", "[3,1,1,4]", 1, 1, 0, 5, 1, 1, 1},
        {"[2,6,5,5]", "[9,2,3,3]", 1, 1, 1, 1, 1, 1, 3},
        {"[2,4,6,7]", "[8,1,3,3]", 2, 1, 1, 1, 1, 2, 4},
        {"[3,8,4,4]", "[6,4,1,1]", 1, 1, 0, 0, 1, 1, 2},
        {"[2,3,4,4]", "[2,3,1,1]", 2, 2, 0, 0, 1, 1, 1},
        {"[1,3,2,2]", "[2,3,1,1]", 2, 2, 0, 0, 1, 1, 1},
        {"[1,3,1,7]", "[2,3,1,1]", 3, 2, 0, 0, 1, 1, 1},
        {"[1,3,7,2]", "[2,3,1,1]", 1, 4, 0, 0, 1, 1, 1},
        {"[1,3,2,3]", "[2,3,1,1]", 1, 1000000000, 0, 0, 1, 1, 1},
        {"[2,3,4,4]", "[2,3,1,1]", 1, 1, 1, 2, 1, 1, 1},
        {"[0,3,4,4]", "[2,3,3,3]", 1, 1, 0, 0, 1, 1, 1},
        {"[2,0,4,4]", "[2,0,3,3]", 1, 1, 0, 0, 1, 1, 1},
        {"[2,3,4,4]", "[0,3,3,3]", 1, 1, 0, 0, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++)
        check_all(&convs[i]);
}
END_TEST

/* One line of a result takes no step, but the elements beside it belong to no window. */
START_TEST(test_single_points)
{
    tn_tensor *x = leaf(tn_reshape(ctx, tn_arange(ctx, TN_F64, 1, 9, 1), TN_SHAPE(1, 2, 2, 2)));
    tn_tensor *w = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(1, 2, 1, 1)));
    tn_tensor *y = tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.stride = 2});
    ck_tn_equal(y, 6);
    tn_backward(ctx, y);
    ck_tn_equal(tn_grad(w), 1, 5);
    ck_tn_equal(tn_grad(x), 1, 0, 0, 0, 1, 0, 0, 0);
}
END_TEST

/* Widths around those of vector registers, of two planes or of eleven results of each plane. */
START_TEST(test_widths)
{
    char x[32], w[32], each[32];
    for (int width = 1; width <= 35; width++)
        for (int stride = 1; stride <= 3; stride++) {
            snprintf(x, sizeof x, "[2,2,3,%d]", width);
            snprintf(w, sizeof w, "[3,2,2,%d]", width % 4 + 1);
            snprintf(each, sizeof each, "[22,1,2,%d]", width % 4 + 1);
            conv c = {x, w, 1, stride, 1, width % 3 + 1, 1, 1, 1};
            check_all(&c);
            c = (conv){x, each, 1, stride, 1, width % 3 + 1, 1, 1, 2};
            check_all(&c);
        }
}
END_TEST

/* Large enough for several threads, which share images, rows, channels and parts of dw. */
START_TEST(test_threads)
{
    static const conv convs[] = {
        {"[1,7,40,41]", "[9,7,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[1,3,90,90]", "[16,3,5,5]", 2, 2, 2, 2, 1, 1, 1},
        {"[7,24,7,7]", "[33,24,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[4,8,20,20]", "[12,4,3,3]", 1, 1, 1, 1, 1, 1, 2},
        {"[40,20,3,3]", "[16,20,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[2,40,20,20]", "[40,40,1,1]", 1, 1, 0, 0, 1, 1, 1},
        {"[1,90,13,13]", "[20,90,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[2,40,20,20]", "[40,1,3,3]", 1, 1, 1, 1, 1, 1, 40},
        {"[1,1,70,71]", "[37,1,3,3]", 1, 1, 1, 1, 1, 1, 1},    /* several share one plane of x, */
        {"[1,3,50,51]", "[33,1,3,3]", 1, 1, 1, 1, 1, 1, 3},    /* or of three, */
        {"[2,1,50,51]", "[2,1,3,3]", 1, 1, 1, 1, 1, 1, 1},     /* with fewer results than threads */
        {"[1,20,1,3000]", "[30,20,1,1]", 1, 1, 0, 0, 1, 1, 1}, /* fewer blocks than threads */
    };
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++) {
        outcome r = naive_conv2d(&convs[i]);
        for (int threads = 1; threads <= 9; threads += 2) {
            tn_set_threads(ctx, threads);
            check_conv2d(&convs[i], &r, TN_F64, PLAIN);
        }
    }
}
END_TEST

/* Rows are padded on the stack: what lies there from before must be no part of them. */
static void spoil_stack(void)
{
    volatile double numbers[8192];
    for (int i = 0; i < 8192; i++)
        numbers[i] = NAN;
    (void)numbers[0];
}

/* Kernels of 3 x 3 between many channels, for which there is Winograd's method: odd sizes, every
 * padding, several groups of images, one of them smaller, and the widest rows. */
START_TEST(test_many_channels)
{
    static const conv convs[] = {
        {"[1,32,16,17]", "[33,32,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[3,2,13,40]", "[10,1,3,4]", 2, 1, 1, 3, 1, 2, 2},
        {"[2,3,9,31]", "[3,1,5,2]", 1, 3, 2, 1, 2, 1, 3},
        {"[2,1,20,21]", "[7,1,5,5]", 1, 2, 2, 2, 1, 1, 1},
        {"[3,33,11,9]", "[32,33,3,3]", 1, 1, 0, 0, 1, 1, 1},
        {"[2,32,9,10]", "[34,32,3,3]", 1, 1, 2, 2, 1, 1, 1},
        {"[2,35,8,11]", "[32,35,3,3]", 1, 1, 1, 2, 1, 1, 1},
        {"[40,32,3,3]", "[32,32,3,3]", 1, 1, 0, 1, 1, 1, 1},
        {"[33,32,3,1]", "[32,32,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[5,32,19,25]", "[32,32,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[1,32,3,254]", "[32,32,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[1,32,3,257]", "[32,32,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[1,32,12,12]", "[32,32,3,3]", 1, 1, 3, 1, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++) {
        outcome r = naive_conv2d(&convs[i]);
        for (int threads = 1; threads <= 3; threads++) {
            tn_set_threads(ctx, threads);
            spoil_stack();
            check_conv2d(&convs[i], &r, TN_F64, PLAIN);
            spoil_stack();
            check_conv2d(&convs[i], &r, TN_F32, (layout)(threads - 1));
        }
    }
}
END_TEST

/* ---- the methods ----------------------------------------------------------------------------- */

/* The products that it applies to. */
static void check_method(const tn__conv2d_method *m, const conv *c, const outcome *r,
                         tn_dtype dtype)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_conv2d_opts opts = options(c);
    conv2d_products got =
        conv2d_by(m, tensor_of(&r->x, dtype, PLAIN), tensor_of(&r->w, dtype, PLAIN),
                  tensor_of(&r->b, dtype, PLAIN), tensor_of(&r->dy, dtype, PLAIN), &opts);
    if (got.y)
        check_array(got.y, &r->y, tolerance(dtype), "%s: %s %s", m->name, c->x, c->w);
    if (got.dx)
        check_array(got.dx, &r->dx, tolerance(dtype), "%s: %s %s: dx", m->name, c->x, c->w);
    if (got.dw)
        check_array(got.dw, &r->dw, tolerance(dtype), "%s: %s %s: dw", m->name, c->x, c->w);
    tn_scope_end(ctx, scope);
}

/* Every method of the table, also where one before it applies. */
START_TEST(test_methods)
{
    static const conv convs[] = {
        {"[2,3,7,6]", "[4,3,3,2]", 1, 1, 0, 0, 1, 1, 1},
        {"[3,2,9,9]", "[3,2,5,5]", 2, 3, 4, 1, 1, 2, 1},
        {"[2,6,5,5]", "[9,2,3,3]", 1, 1, 1, 1, 1, 1, 3},
        {"[2,8,12,9]", "[8,1,3,3]", 1, 1, 1, 1, 1, 1, 8},
        {"[2,40,9,8]", "[33,40,1,1]", 1, 1, 0, 0, 1, 1, 1},
        {"[3,33,11,9]", "[32,33,3,3]", 1, 1, 0, 1, 1, 1, 1},
        {"[40,32,3,3]", "[32,32,3,3]", 1, 1, 2, 1, 1, 1, 1},
        {"[1,32,16,17]", "[33,32,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[3,2,13,40]", "[10,1,3,4]", 2, 1, 1, 3, 1, 2, 2},
        {"[2,3,9,31]", "[3,1,5,2]", 1, 3, 2, 1, 2, 1, 3},
        {"[2,1,20,21]", "[7,1,5,5]", 1, 2, 2, 2, 1, 1, 1},
        {"[2,3,20,21]", "[32,3,11,11]", 4, 4, 2, 2, 1, 1, 1},
        {"[2,16,14,13]", "[33,16,5,5]", 1, 1, 2, 2, 1, 1, 1},
        {"[3,40,7,7]", "[16,40,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[1,120,6,15]", "[7,120,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[1,2,3,300]", "[18,2,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[2,3,17,40]", "[34,3,2,3]", 1, 1, 0, 0, 1, 1, 1},
        {"[2,18,12,12]", "[34,9,3,3]", 2, 3, 1, 2, 2, 1, 2},
        {"[2,34,9,11]", "[17,34,1,1]", 2, 2, 0, 0, 1, 1, 1},
        {"[1,3,5,4]", "[2,3,2,2]", 3, 4, 1, 1, 1, 2, 1},
        {"[1,17,3,3]", "[5,17,3,3]", 1, 1, 3, 3, 1, 1, 1},
        {"[1,3,4,4]", "[5,3,3,3]", 1, 1, 7, 6, 2, 3, 1},
        {"[40,64,2,2]", "[16,64,3,3]", 1, 1, 1, 1, 1, 1, 1},
        {"[115,2,32,32]", "[3,2,3,3]", 1, 1, 1, 1, 1, 1, 1}, /* dw is a sum of sums of runs */
        {"[2,3,5,1]", "[2,3,2,2]", 2, 2, 1, 1, 1, 1, 1}, /* some of the kernel meets no column */
        {"[2,3,1,5]", "[2,3,2,2]", 2, 2, 1, 1, 1, 1, 1}, /* or no row */
        {"[2,3,31,38]", "[16,3,9,5]", 4, 2, 3, 0, 1, 1, 1},
        {"[1,5,17,40]", "[7,5,3,7]", 1, 3, 1, 3, 1, 1, 1},
        {"[3,2,19,22]", "[9,2,6,9]", 2, 3, 3, 4, 1, 1, 1},
        {"[2,1,43,44]", "[3,1,13,15]", 5, 5, 0, 2, 1, 1, 1},
        {"[1,2,6,12]", "[4,2,10,5]", 4, 2, 5, 1, 1, 1, 1},
        {"[8,2,200,199]", "[3,2,5,5]", 2, 2, 2, 2, 1, 1, 1}, /* two runs of phases in f64 */
    };
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++) {
        outcome r = naive_conv2d(&convs[i]);
        for (int j = 0; j < CONV2D_METHODS; j++) {
            tn_set_threads(ctx, 1 + (int)i % 3);
            check_method(conv2d_methods[j], &convs[i], &r, TN_F64);
            check_method(conv2d_methods[j], &convs[i], &r, TN_F32);
        }
    }
}
END_TEST

/* An infinity in the first column of x, which the second element of the kernel never meets: rows
 * are read in whole vectors, but what lies past the end of one counts for nothing. */
START_TEST(test_rows_end)
{
    for (int64_t width = 2; width < 40; width++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *x = tn_full(ctx, TN_F32, 4, (int64_t[]){1, 1, 3, width}, 1);
        tn_tensor *w = tn_full(ctx, TN_F32, 4, (int64_t[]){2, 1, 1, 2}, 1);
        float *first = tn__ptr(x);
        first[0] = first[width] = first[2 * width] = INFINITY;
        tn_set_requires_grad(ctx, w, true);
        tn_tensor *y = tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){0});
        tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
        ck_assert(tn_ok(ctx));
        const float *dw = tn_data_f32(tn_grad(w));
        for (int64_t o = 0; o < 2; o++) {
            ck_assert(isinf(dw[2 * o]));
            ck_assert_float_eq(dw[2 * o + 1], 3.0F * (float)(width - 1));
        }
        tn_scope_end(ctx, scope);
    }
}
END_TEST

/* The one method whose name begins so. */
static const tn__conv2d_method *method_called(const char *beginning)
{
    const tn__conv2d_method *found = NULL;
    for (int i = 0; i < CONV2D_METHODS; i++)
        if (strncmp(conv2d_methods[i]->name, beginning, strlen(beginning)) == 0) {
            ck_assert_msg(!found, "\"%s\" is %s or %s", beginning, found ? found->name : "",
                          conv2d_methods[i]->name);
            found = conv2d_methods[i];
        }
    ck_assert_msg(found, "no method is called %s", beginning);
    return found;
}

/* The plan of a convolution of zeros. */
static tn__conv2d_plan plan_of(const conv *c)
{
    array x = array_zeros(c->x), w = array_zeros(c->w);
    tn_conv2d_opts opts = options(c);
    return conv2d_plan(tensor_of(&x, TN_F32, PLAIN), tensor_of(&w, TN_F32, PLAIN), &opts);
}

#define W4 "winograd_4 "
#define WP "winograd_p "
#define W2 "winograd_2_3 "
#define W5 "winograd_2_5 "

/* Which one is taken for y, dx and dw: as much of their names as no other begins with. */
static const struct {
    conv c;
    const char *taken;
} choices[] = {
    {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, W4 W4 W4},
    {{"[4,127,32,32]", "[128,127,3,3]", 1, 1, 1, 1, 1, 1, 1}, W4 W4 W4},
    {{"[4,256,32,32]", "[256,128,3,3]", 1, 1, 1, 1, 1, 1, 2}, "di di ou"},
    {{"[4,128,32,32]", "[128,128,3,2]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
    {{"[4,128,32,32]", "[128,128,2,3]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
    {{"[4,128,64,64]", "[128,128,3,3]", 2, 1, 1, 1, 1, 1, 1}, "di di ou"},
    {{"[4,128,64,64]", "[128,128,3,3]", 1, 2, 1, 1, 1, 1, 1}, "di di ou"},
    {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 1, 1, 2, 1, 1}, "di di ou"},
    {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 1, 1, 1, 2, 1}, "di di ou"},
    {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 2, 2, 1, 1, 1}, W4 W4 W4},
    {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 3, 1, 1, 1, 1}, "di di ou"},
    {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 1, 3, 1, 1, 1}, "di di ou"},
    {{"[4,128,32,32]", "[128,128,5,5]", 1, 1, 4, 4, 1, 1, 1}, W5 W5 W5},
    {{"[4,128,32,32]", "[128,128,5,5]", 1, 1, 5, 4, 1, 1, 1}, "di di ou"},
    {{"[4,128,32,32]", "[128,128,5,5]", 1, 1, 4, 5, 1, 1, 1}, "di di ou"},
    {{"[4,128,32,32]", "[128,128,5,3]", 1, 1, 2, 1, 1, 1, 1}, "di di ou"},
    {{"[1,64,56,56]", "[64,64,3,3]", 1, 1, 1, 1, 1, 1, 1}, W4 W4 W4},
    {{"[1,128,28,28]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, W4 W4 W4},
    {{"[1,256,14,14]", "[256,256,3,3]", 1, 1, 1, 1, 1, 1, 1}, W2 W2 W2},
    {{"[8,256,14,14]", "[256,256,3,3]", 1, 1, 1, 1, 1, 1, 1}, W4 W4 W4},
    {{"[1,512,7,7]", "[512,512,3,3]", 1, 1, 1, 1, 1, 1, 1}, "im im im"},
    {{"[8,512,7,7]", "[512,512,3,3]", 1, 1, 1, 1, 1, 1, 1}, W2 W2 W2},
    {{"[4,192,13,13]", "[384,192,3,3]", 1, 1, 1, 1, 1, 1, 1}, W2 W2 W2},
    {{"[8,192,13,13]", "[384,192,3,3]", 1, 1, 1, 1, 1, 1, 1}, W4 W4 W4},
    {{"[1,64,27,27]", "[192,64,5,5]", 1, 1, 2, 2, 1, 1, 1}, W5 W5 W5},
    {{"[8,32,14,14]", "[64,32,5,5]", 1, 1, 2, 2, 1, 1, 1}, W5 W5 W5},
    {{"[8,16,28,28]", "[32,16,3,3]", 1, 1, 1, 1, 1, 1, 1}, W4 W4 W4},
    {{"[8,16,28,28]", "[16,16,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
    {{"[32,64,2,2]", "[64,64,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
    {{"[64,64,2,2]", "[64,64,3,3]", 1, 1, 1, 1, 1, 1, 1}, W2 W2 W2},
    {{"[64,64,3,3]", "[64,64,3,3]", 1, 1, 1, 1, 1, 1, 1}, W4 W4 W4},
    {{"[4,3,227,227]", "[64,3,11,11]", 4, 4, 2, 2, 1, 1, 1}, WP "im ou"},
    {{"[4,3,227,227]", "[64,3,11,8]", 4, 4, 2, 2, 1, 1, 1}, "di im ou"},
    {{"[4,3,227,227]", "[64,3,13,11]", 4, 4, 2, 2, 1, 1, 1}, "di im ou"},
    {{"[4,3,227,227]", "[64,3,11,11]", 4, 4, 2, 2, 2, 1, 1}, "di im ou"},
    {{"[4,3,227,227]", "[64,3,11,11]", 4, 4, 2, 2, 1, 2, 1}, "di im ou"},
    {{"[4,6,227,227]", "[64,3,11,11]", 4, 4, 2, 2, 1, 1, 2}, "di im ou"},
    {{"[4,3,227,227]", "[64,3,11,11]", 4, 4, 5, 5, 1, 1, 1}, WP "im ou"},
    {{"[4,3,227,227]", "[64,3,11,11]", 4, 4, 6, 5, 1, 1, 1}, "di im ou"},
    {{"[4,3,227,227]", "[64,3,11,11]", 4, 4, 5, 6, 1, 1, 1}, "di im ou"},
    {{"[4,3,227,227]", "[16,3,11,11]", 4, 4, 2, 2, 1, 1, 1}, "di im ou"},
    {{"[4,32,56,56]", "[64,32,5,5]", 2, 2, 2, 2, 1, 1, 1}, WP "di ou"},
    {{"[4,32,56,56]", "[64,32,5,3]", 2, 1, 2, 1, 1, 1, 1}, WP "di ou"},
    {{"[4,32,56,56]", "[64,32,3,6]", 1, 2, 1, 2, 1, 1, 1}, WP "di ou"},
    {{"[4,32,5,5]", "[64,32,5,5]", 2, 2, 1, 1, 1, 1, 1}, "im im im"},
    {{"[1,3,224,224]", "[64,3,7,7]", 2, 2, 3, 3, 1, 1, 1}, "di im ou"},
    {{"[1,12,16,16]", "[12,12,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
    {{"[1,11,16,16]", "[12,11,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di im ou"},
    {{"[1,12,16,16]", "[11,12,3,3]", 1, 1, 1, 1, 1, 1, 1}, "im di im"},
    {{"[1,16,16,16]", "[23,16,3,3]", 1, 1, 1, 1, 1, 1, 1}, "im di im"},
    {{"[1,16,16,16]", "[24,16,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
    {{"[1,16,8,16]", "[16,16,3,2]", 1, 1, 1, 0, 1, 1, 1}, "im im im"}, /* 120 points */
    {{"[1,16,8,17]", "[16,16,3,2]", 1, 1, 1, 0, 1, 1, 1}, "di di ou"}, /* 128 */
    {{"[2,16,9,16]", "[16,16,1,1]", 1, 1, 0, 0, 1, 1, 1}, "im im im"},
    {{"[2,16,9,16]", "[16,16,1,1]", 1, 1, 1, 0, 1, 1, 1}, "di di ou"},
    {{"[2,16,18,16]", "[16,16,1,1]", 2, 1, 0, 0, 1, 1, 1}, "di di ou"},
    {{"[1,1024,16,16]", "[32,1024,4,4]", 1, 1, 0, 0, 1, 1, 1}, "di di ou"},
    {{"[1,1025,16,16]", "[32,1025,4,4]", 1, 1, 0, 0, 1, 1, 1}, "im di ou"}, /* 16400 terms */
    {{"[1,16,8,8]", "[16,16,2,2]", 1, 1, 28, 28, 1, 1, 1}, "di di ou"},
    {{"[1,16,8,8]", "[16,16,2,2]", 1, 1, 29, 29, 1, 1, 1}, "im di im"}, /* 66^2 for 8^2 */
    {{"[1,3,9,9]", "[6,1,3,3]", 2, 1, 1, 1, 1, 1, 3}, "de de de"},
    {{"[1,3,9,9]", "[3,3,3,3]", 2, 1, 1, 1, 1, 1, 1}, "im im im"},
    {{"[1,4,9,9]", "[4,2,3,3]", 1, 1, 1, 1, 1, 1, 2}, "im im im"},
    {{"[1,1,40,40]", "[1,1,16,32]", 1, 1, 0, 0, 1, 1, 1}, "de de de"},
    {{"[1,1,40,40]", "[1,1,19,27]", 1, 1, 0, 0, 1, 1, 1}, "im im im"}, /* 513 terms */
    {{"[1,1,40,40]", "[2,1,16,17]", 1, 1, 0, 0, 1, 1, 1}, "de im de"},
    {{"[2,1,9,9]", "[12,1,3,3]", 1, 1, 1, 1, 1, 1, 1}, "de im ou"},
    {{"[2,1,9,9]", "[4,1,3,3]", 1, 1, 1, 1, 1, 1, 1}, "de de de"},
    {{"[2,1,9,9]", "[5,1,3,3]", 1, 1, 1, 1, 1, 1, 1}, "de im de"},
    {{"[2,1,40,40]", "[16,1,23,23]", 1, 1, 0, 0, 1, 1, 1}, "di im ou"}, /* 529 terms */
};
#define CHOICES (sizeof choices / sizeof *choices)

/* Each method of the table is taken somewhere. */
START_TEST(test_choice)
{
    bool taken[CONV2D_METHODS] = {false};
    for (size_t i = 0; i < CHOICES; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        const conv *c = &choices[i].c;
        char names[3][16];
        ck_assert_int_eq(sscanf(choices[i].taken, "%15s%15s%15s", names[0], names[1], names[2]), 3);
        tn__conv2d_plan plan = plan_of(c);
        for (int product = TN__CONV2D_FORWARD; product <= TN__CONV2D_GRAD_WEIGHT; product++) {
            const tn__conv2d_method *wanted = method_called(names[product]);
            const tn__conv2d_method *m = tn__conv2d_method_of(&plan, (tn__conv2d_product)product);
            ck_assert_msg(m == wanted, "%s %s, product %d: %s, not %s", c->x, c->w, product,
                          m->name, wanted->name);
            for (int j = 0; j < CONV2D_METHODS; j++)
                taken[j] = taken[j] || conv2d_methods[j] == m;
        }
        tn_scope_end(ctx, scope);
    }
    for (int i = 0; i < CONV2D_METHODS; i++)
        ck_assert_msg(taken[i], "no case takes %s", conv2d_methods[i]->name);
}
END_TEST

/* direct_conv excludes Winograd's method, and changes nothing where that is not taken. */
START_TEST(test_choice_of_direct_conv)
{
    for (size_t i = 0; i < CHOICES; i++)
        for (int product = TN__CONV2D_FORWARD; product <= TN__CONV2D_GRAD_WEIGHT; product++) {
            tn_scope scope = tn_scope_begin(ctx);
            tn__conv2d_plan plan = plan_of(&choices[i].c);
            ctx->direct_conv = false;
            const tn__conv2d_method *fast =
                tn__conv2d_method_of(&plan, (tn__conv2d_product)product);
            ctx->direct_conv = true;
            const tn__conv2d_method *m = tn__conv2d_method_of(&plan, (tn__conv2d_product)product);
            bool is_winograd = strncmp(fast->name, "winograd", 8) == 0;
            ck_assert_int_eq(fast->mixes, is_winograd);
            ck_assert_msg(is_winograd ? !m->mixes : m == fast, "%s %s, product %d: %s",
                          choices[i].c.x, choices[i].c.w, product, m->name);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

static bool applies(const tn__conv2d_method *m, const char *x, const char *w)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn__conv2d_plan plan = plan_of(&(conv){x, w, 1, 1, 1, 1, 1, 1, 1});
    bool forward = m->applies(&plan, TN__CONV2D_FORWARD);
    ck_assert_int_eq(m->applies(&plan, TN__CONV2D_GRAD_INPUT), forward);
    ck_assert_int_eq(m->applies(&plan, TN__CONV2D_GRAD_WEIGHT), forward);
    tn_scope_end(ctx, scope);
    return forward;
}

/* As many channels as one product adds up well, of either side; tiles of 4 x 4 elements have more
 * than two rows and columns. */
START_TEST(test_winograd_applies)
{
    ck_assert(applies(&tn__conv2d_winograd_2_3, "[1,8192,1,1]", "[1,8192,3,3]"));
    ck_assert(!applies(&tn__conv2d_winograd_2_3, "[1,8193,1,1]", "[1,8193,3,3]"));
    ck_assert(applies(&tn__conv2d_winograd_2_3, "[1,1,1,1]", "[8192,1,3,3]"));
    ck_assert(!applies(&tn__conv2d_winograd_2_3, "[1,1,1,1]", "[8193,1,3,3]"));
    ck_assert(applies(&tn__conv2d_winograd_4_3, "[1,2,3,3]", "[2,2,3,3]"));
    ck_assert(!applies(&tn__conv2d_winograd_4_3, "[1,2,2,3]", "[2,2,3,3]"));
    ck_assert(!applies(&tn__conv2d_winograd_4_3, "[1,2,3,2]", "[2,2,3,3]"));
}
END_TEST

/* ---- accuracy -------------------------------------------------------------------------------- */

static tn_tensor *normal(tn_dtype dtype, const char *shape)
{
    array a = array_zeros(shape);
    return tn_cast(ctx, tn_randn(ctx, TN_F32, a.ndim, a.shape), dtype);
}

/* The largest error and its root mean square, relative to the largest sum of absolute products. */
typedef struct accuracy {
    double most, rms;
} accuracy;

static accuracy accuracy_of(const tn_tensor *got, const tn_tensor *want, const tn_tensor *sums)
{
    accuracy a = {0, 0};
    array g = array_of(got), w = array_of(want), s = array_of(sums);
    double largest = 0;
    for (int64_t i = 0; i < s.numel; i++)
        largest = fmax(largest, s.data[i]);
    for (int64_t i = 0; i < g.numel; i++) {
        double error = fabs(g.data[i] - w.data[i]) / largest;
        a.most = fmax(a.most, error);
        a.rms += error * error / (double)g.numel;
    }
    a.rms = sqrt(a.rms);
    return a;
}

/* Each method beside float64, with normal numbers: the bounds of <tn/ops.h>, a quarter of them for
 * direct sums. The sums of absolute products are those of absolute numbers. */
static void check_accuracy(const char *x, const char *w, const char *dy, int stride)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_conv2d_opts opts = {.stride = stride};
    tn_tensor *in[] = {normal(TN_F32, x), normal(TN_F32, w), normal(TN_F32, dy)}, *exact[3],
              *sums[3];
    for (int i = 0; i < 3; i++) {
        exact[i] = tn_cast(ctx, in[i], TN_F64);
        sums[i] = tn_abs(ctx, exact[i]);
    }
    const tn__conv2d_method *best = &tn__conv2d_im2col;
    conv2d_products want = conv2d_by(best, exact[0], exact[1], NULL, exact[2], &opts);
    conv2d_products of = conv2d_by(best, sums[0], sums[1], NULL, sums[2], &opts);
    for (int i = 0; i < CONV2D_METHODS; i++) {
        const tn__conv2d_method *m = conv2d_methods[i];
        conv2d_products got = conv2d_by(m, in[0], in[1], NULL, in[2], &opts);
        double most = m->mixes ? 1.2e-6 : 4e-7, rms = m->mixes ? 1e-7 : 3e-8;
        const tn_tensor *all[3][3] = {
            {got.y, want.y, of.y}, {got.dx, want.dx, of.dx}, {got.dw, want.dw, of.dw}};
        for (int j = 0; j < 3; j++)
            if (all[j][0]) {
                accuracy a = accuracy_of(all[j][0], all[j][1], all[j][2]);
                ck_assert_msg(a.most <= most && a.rms <= rms, "%s: %s %s, product %d: %g, rms %g",
                              m->name, x, w, j, a.most, a.rms);
            }
    }
    tn_scope_end(ctx, scope);
}

START_TEST(test_accuracy)
{
    check_accuracy("[2,64,14,14]", "[64,64,3,3]", "[2,64,12,12]", 1);
    check_accuracy("[1,512,10,10]", "[32,512,3,3]", "[1,32,8,8]", 1);
    check_accuracy("[1,32,10,10]", "[512,32,3,3]", "[1,512,8,8]", 1);
    check_accuracy("[1,64,31,29]", "[32,64,5,5]", "[1,32,27,25]", 1);
    check_accuracy("[1,512,12,12]", "[32,512,5,5]", "[1,32,8,8]", 1);
    check_accuracy("[1,3,107,107]", "[64,3,11,11]", "[1,64,25,25]", 4);
    check_accuracy("[1,128,29,29]", "[32,128,5,5]", "[1,32,13,13]", 2);
}
END_TEST

/* The largest error of rows row0 .. row1 and columns column0 .. column1, of every plane. */
static double error_within(const tn_tensor *got, const tn_tensor *want, int64_t row0, int64_t row1,
                           int64_t column0, int64_t column1)
{
    array g = array_of(got), w = array_of(want);
    int64_t height = g.shape[2], width = g.shape[3];
    double most = 0;
    for (int64_t i = 0; i < g.numel; i++) {
        int64_t row = i / width % height, column = i % width;
        bool inside = row >= row0 && row < row1 && column >= column0 && column < column1;
        double error = fabs(g.data[i] - w.data[i]);
        if (inside && !(error <= most))
            most = error;
    }
    return most;
}

/* One number of x is much larger than the others, or none. Elements of y that it is no part of have
 * errors as if it were not there with direct_conv; without, others of its tile do not. */
START_TEST(test_direct_conv_is_accurate)
{
    static const float larges[] = {1e6F, INFINITY, NAN};
    for (int i = 0; i < 6; i++) {
        bool direct = i % 2;
        tn_ctx *usual = ctx;
        ctx = tn_ctx_new(&(tn_ctx_opts){.threads = 1, .direct_conv = direct});
        tn_tensor *x = normal(TN_F32, "[1,64,18,18]"), *w = normal(TN_F32, "[64,64,3,3]");
        tn_tensor *exact = tn_cast(ctx, w, TN_F64);
        tn_tensor *want = tn_conv2d(ctx, tn_cast(ctx, x, TN_F64), exact, NULL, (tn_conv2d_opts){0});
        ((float *)tn__ptr(x))[6 * 18 + 6] = larges[i / 2];
        tn_tensor *y = tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){0});
        ck_assert_msg(y && want, "%s", tn_error(ctx));
        double limit = 576 * (direct ? 1e-7 : 4e-7);
        ck_assert_double_le(error_within(y, want, 0, 4, 0, 16), limit);  /* another tile */
        ck_assert_double_le(error_within(y, want, 8, 16, 0, 16), limit); /* and others */
        ck_assert(!(error_within(y, want, 4, 7, 4, 7) <= 1000));         /* it is a part of these */
        ck_assert_int_eq(error_within(y, want, 7, 8, 4, 8) <= limit, direct);
        ck_assert_int_eq(error_within(y, want, 4, 7, 7, 8) <= limit, direct);
        tn_ctx_free(ctx);
        ctx = usual;
    }
}
END_TEST

typedef struct step {
    tn_tensor *x, *w, *b;
    const tn_tensor *dy;
    int64_t stride;
} step;

static step step_of(tn_dtype dtype, const char *of_x, const char *of_w, const char *of_dy,
                    int64_t stride)
{
    array x = array_random(of_x), w = array_random(of_w), dy = array_random(of_dy);
    array b = array_random(tn_shape_text(1, w.shape).s);
    return (step){leaf_of(&x, dtype, PLAIN), leaf_of(&w, dtype, PLAIN), leaf_of(&b, dtype, PLAIN),
                  tensor_of(&dy, dtype, PLAIN), stride};
}

static step step_new(tn_dtype dtype)
{
    return step_of(dtype, "[5,6,19,19]", "[8,6,3,3]", "[5,8,10,10]", 2);
}

/* By Winograd's method. */
static step winograd_step(tn_dtype dtype)
{
    return step_of(dtype, "[5,34,17,18]", "[33,34,3,3]", "[5,33,17,18]", 1);
}

static tn_tensor *run_forward(const step *s)
{
    return tn_conv2d(ctx, s->x, s->w, s->b, (tn_conv2d_opts){.stride = s->stride, .padding = 1});
}

static void run_step(const step *s)
{
    tn_clear_grad(s->x);
    tn_clear_grad(s->w);
    tn_clear_grad(s->b);
    ck_assert_int_eq(tn_backward_with(ctx, run_forward(s), s->dy), TN_OK);
}

static void check_bits(const step *s)
{
    run_step(s);
    tn_tensor *dx = tn_clone(ctx, tn_grad(s->x)), *dw = tn_clone(ctx, tn_grad(s->w));
    for (int i = 0; i < 5; i++) {
        run_step(s);
        check_same_bits(tn_grad(s->x), dx);
        check_same_bits(tn_grad(s->w), dw);
    }
}

START_TEST(test_same_bits)
{
    step s = step_new(TN_F32);
    check_bits(&s);
}
END_TEST

/* Winograd's method has the same bits for every number of threads: where each has rows of tiles to
 * itself, and where they share a few. */
START_TEST(test_same_bits_of_winograd)
{
    static const struct {
        const char *x, *w, *dy;
        int64_t stride;
    } shapes[] = {{"[5,34,17,18]", "[33,34,3,3]", "[5,33,17,18]", 1},
                  {"[1,256,14,14]", "[70,256,3,3]", "[1,70,14,14]", 1},
                  {"[1,40,27,27]", "[64,40,5,5]", "[1,64,25,25]", 1},
                  {"[3,32,49,51]", "[40,32,5,5]", "[3,40,24,25]", 2}};
    for (int i = 0; i < 4; i++) {
        step s = step_of(TN_F32, shapes[i].x, shapes[i].w, shapes[i].dy, shapes[i].stride);
        tn_set_threads(ctx, 1);
        run_step(&s);
        tn_tensor *y = run_forward(&s);
        tn_tensor *dx = tn_clone(ctx, tn_grad(s.x)), *dw = tn_clone(ctx, tn_grad(s.w));
        for (int threads = 2; threads <= 7; threads++) {
            tn_set_threads(ctx, threads);
            run_step(&s);
            check_same_bits(run_forward(&s), y);
            check_same_bits(tn_grad(s.x), dx);
            check_same_bits(tn_grad(s.w), dw);
        }
    }
}
END_TEST

static void check_steady_state(const step *s)
{
    int64_t calls = 0;
    for (int i = 0; i < 5; i++) {
        calls = memory.calls;
        tn_scope scope = tn_scope_begin(ctx);
        run_step(s);
        tn_scope_end(ctx, scope);
    }
    ck_assert_int_eq(memory.calls, calls);
}

START_TEST(test_steady_state_allocates_nothing)
{
    step s = step_new(TN_F32), w = winograd_step(TN_F32);
    check_steady_state(&s);
    check_steady_state(&w);
}
END_TEST

/* The matrix of windows of this batch would take 64 times as much as what is allowed here. */
START_TEST(test_memory_is_bounded)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(64, 16, 32, 32));
    tn_tensor *w = tn_ones(ctx, TN_F32, TN_SHAPE(8, 16, 5, 5));
    tn_memory_reset_peak(ctx);
    int64_t before = tn_memory(ctx).peak_bytes;
    tn_tensor *y = tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.padding = 2});
    int64_t result = tn_numel(y) * 4, matrix = 64 * 16 * 25 * 32 * 32 * 4;
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - before - result * 9 / 8, matrix / 64);
}
END_TEST

static void check_out_of_memory(const step *s)
{
    for (int64_t i = 1;; i++) {
        tn_empty_cache(ctx);
        memory.calls = memory.failed = 0;
        memory.fail_at = i;
        memory.for_good = true;
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *y = scope.depth < 0 ? NULL : run_forward(s);
        if (y)
            tn_backward_with(ctx, y, s->dy);
        bool failed = memory.failed > 0;
        memory.fail_at = 0;
        ck_assert_int_eq(tn_error_status(ctx), failed ? TN_ERR_MEMORY : TN_OK);
        tn_clear_error(ctx);
        if (scope.depth >= 0)
            tn_scope_end(ctx, scope);
        tn_clear_grad(s->x);
        tn_clear_grad(s->w);
        tn_clear_grad(s->b);
        if (!failed)
            break;
    }
}

START_TEST(test_out_of_memory)
{
    step s = step_new(TN_F64), w = winograd_step(TN_F64);
    check_out_of_memory(&s);
    check_out_of_memory(&w);
}
END_TEST

static void check_message(const char *x, const char *w, const char *b, tn_conv2d_opts opts,
                          tn_status status, const char *message)
{
    array ax = array_random(x), aw = array_random(w);
    tn_tensor *bias = NULL;
    if (b) {
        array ab = array_random(b);
        bias = tensor_of(&ab, TN_F32, PLAIN);
    }
    check_fails(
        tn_conv2d(ctx, tensor_of(&ax, TN_F32, PLAIN), tensor_of(&aw, TN_F32, PLAIN), bias, opts),
        status, message);
}

START_TEST(test_errors)
{
    tn_conv2d_opts none = {0};
    check_message("[8,3,32,32]", "[16,4,5,5]", NULL, none, TN_ERR_SHAPE,
                  "conv2d: input [8,3,32,32] has 3 channels but weight [16,4,5,5] expects 4");
    check_message("[2,4,5,5]", "[4,4,3,3]", NULL, (tn_conv2d_opts){.groups = 2}, TN_ERR_SHAPE,
                  "conv2d: input [2,4,5,5] has 4 channels but weight [4,4,3,3] expects 8");
    check_message("[2,4,5,5]", "[3,2,3,3]", NULL, (tn_conv2d_opts){.groups = 2}, TN_ERR_SHAPE,
                  "conv2d: 2 groups do not divide the 4 channels of input [2,4,5,5] and the 3 of "
                  "weight [3,2,3,3]");
    check_message("[2,4,5,5]", "[3,2,3,3]", NULL, (tn_conv2d_opts){.groups = -1}, TN_ERR_ARGUMENT,
                  "conv2d: -1 groups do not divide the 4 channels of input [2,4,5,5] and the 3 of "
                  "weight [3,2,3,3]");
    check_message("[2,4,5,5]", "[3,4,3,3]", "[4]", none, TN_ERR_SHAPE,
                  "conv2d: weight [3,4,3,3] has 3 outputs but bias is [4]");
    check_message("[2,4]", "[3,4,3,3]", NULL, none, TN_ERR_SHAPE,
                  "conv2d: input [2,4]; expected [n,channels,h,w] or [channels,h,w]");
    check_message("[2,4,5,5]", "[3,4,3]", NULL, none, TN_ERR_SHAPE,
                  "conv2d: weight [3,4,3]; expected [out,channels/groups,h,w]");
    check_message("[1,2,4,9]", "[3,2,5,5]", NULL, none, TN_ERR_SHAPE,
                  "conv2d: kernel [5,5] with dilation [1,1] does not fit input [1,2,4,9] with "
                  "padding [0,0]");
    check_message("[1,2,4,9]", "[3,2,3,3]", NULL, (tn_conv2d_opts){.padding_w = 1, .dilation_h = 2},
                  TN_ERR_SHAPE,
                  "conv2d: kernel [3,3] with dilation [2,1] does not fit input [1,2,4,9] with "
                  "padding [0,1]");
    check_message("[1,2,0,9]", "[3,2,1,1]", NULL, (tn_conv2d_opts){.padding = 1}, TN_ERR_SHAPE,
                  "conv2d: kernel [1,1] with dilation [1,1] does not fit input [1,2,0,9] with "
                  "padding [1,1]");
    check_message("[1,2,4,4]", "[3,2,0,3]", NULL, none, TN_ERR_ARGUMENT,
                  "conv2d: kernel [0,3] is not between 1 and 2147483647");
    check_message("[1,2,4,4]", "[3,2,3,3]", NULL, (tn_conv2d_opts){.stride = -1}, TN_ERR_ARGUMENT,
                  "conv2d: stride [-1,-1] is not between 1 and 2147483647");
    check_message("[1,2,4,4]", "[3,2,3,3]", NULL, (tn_conv2d_opts){.padding_h = -2},
                  TN_ERR_ARGUMENT, "conv2d: padding [-2,0] is not between 0 and 2147483647");
    check_message("[1,2,4,4]", "[3,2,3,3]", NULL, (tn_conv2d_opts){.dilation_w = INT64_MAX},
                  TN_ERR_ARGUMENT,
                  "conv2d: dilation [1,9223372036854775807] is not between 1 and 2147483647");
    check_message("[1,2,4,4]", "[3,2,3,3]", NULL, (tn_conv2d_opts){.padding = 50000}, TN_ERR_SHAPE,
                  "conv2d: weight [3,2,3,3] or the result's planes [100002,100002] have a size "
                  "above 2147483647");
}
END_TEST

/* y is the bias, also where another convolution would be made straight from the image. */
START_TEST(test_no_channels)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 0, 9, 9));
    tn_tensor *w = tn_zeros(ctx, TN_F32, TN_SHAPE(16, 0, 2, 2));
    tn_tensor *y = tn_conv2d(ctx, x, w, tn_full(ctx, TN_F32, TN_SHAPE(16), 3), (tn_conv2d_opts){0});
    for (int64_t i = 0; i < 2 * 16 * 8 * 8; i++)
        ck_assert_double_eq(element_of(y, i), 3);
}
END_TEST

START_TEST(test_wrong_tensors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(1, 2, 4, 4));
    tn_tensor *w = tn_ones(ctx, TN_F32, TN_SHAPE(3, 2, 3, 3));
    tn_tensor *d = tn_cast(ctx, w, TN_F64), *i = tn_cast(ctx, x, TN_I64);
    tn_conv2d_opts none = {0};
    check_fails(tn_conv2d(ctx, NULL, w, NULL, none), TN_ERR_ARGUMENT, "conv2d: input is NULL");
    check_fails(tn_conv2d(ctx, x, NULL, NULL, none), TN_ERR_ARGUMENT, "conv2d: weight is NULL");
    check_fails(tn_conv2d(ctx, i, w, NULL, none), TN_ERR_DTYPE,
                "conv2d: input is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_conv2d(ctx, x, d, NULL, none), TN_ERR_DTYPE,
                "conv2d: input is f32 but weight is f64; tn_cast converts");
    check_fails(tn_conv2d(ctx, x, w, tn_ones(ctx, TN_F64, TN_SHAPE(3)), none), TN_ERR_DTYPE,
                "conv2d: input is f32 but bias is f64; tn_cast converts");
    ck_assert_ptr_null(tn_conv2d(NULL, x, w, NULL, none));
    tn_tensor *all =
        tn_from_blob(ctx, TN_F32, TN_SHAPE(INT32_MAX, 1, 1, 1), tn__ptr(x), NULL, NULL);
    tn_tensor *no_images = tn_zeros(ctx, TN_F32, TN_SHAPE(0, 1, 1, 1));
    ck_tn_shape(tn_conv2d(ctx, no_images, all, NULL, none), "[0,2147483647,1,1]");
    /* Padded rows for which there is no memory, though the result is small. */
    check_fails(
        tn_conv2d(ctx, x, w, NULL, (tn_conv2d_opts){.padding = INT32_MAX, .dilation = INT32_MAX}),
        TN_ERR_MEMORY, "out of memory: no " TOO_MANY " bytes");
}
END_TEST

OP_TESTS("conv2d", cases, test_values, test_single_points, test_widths, test_threads,
         test_many_channels, test_methods, test_rows_end, test_choice, test_choice_of_direct_conv,
         test_winograd_applies, test_accuracy, test_direct_conv_is_accurate, test_same_bits,
         test_same_bits_of_winograd, test_steady_state_allocates_nothing, test_memory_is_bounded,
         test_out_of_memory, test_errors, test_no_channels, test_wrong_tensors)
