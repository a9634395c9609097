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
    double *y = array_at(&r->y, 4, o), dy = *array_at(&r->dy, 4, o);
    int64_t per_group = r->w.shape[0] / c->groups;
    *y = r->b.data[o[1]];
    r->db.data[o[1]] += dy;
    int64_t k[4] = {o[1], 0, 0, 0};
    if (r->w.numel == 0)
        return;
    do {
        int64_t x[4] = {o[0], o[1] / per_group * r->w.shape[1] + k[1],
                        met(o[2], k[2], c->stride_h, c->padding_h, c->dilation_h, r->x.shape[2]),
                        met(o[3], k[3], c->stride_w, c->padding_w, c->dilation_w, r->x.shape[3])};
        if (x[2] < 0 || x[3] < 0)
            continue;
        *y += *array_at(&r->x, 4, x) * *array_at(&r->w, 4, k);
        *array_at(&r->dx, 4, x) += dy * *array_at(&r->w, 4, k);
        *array_at(&r->dw, 4, k) += dy * *array_at(&r->x, 4, x);
    } while (next_index(3, r->w.shape + 1, k + 1));
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

/* Widths around those of vector registers. */
START_TEST(test_widths)
{
    char x[32], w[32];
    for (int width = 1; width <= 35; width++)
        for (int stride = 1; stride <= 3; stride++) {
            snprintf(x, sizeof x, "[2,2,3,%d]", width);
            snprintf(w, sizeof w, "[3,2,2,%d]", width % 4 + 1);
            conv c = {x, w, 1, stride, 1, width % 3 + 1, 1, 1, 1};
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
        {"[2,3,5,1]", "[2,3,2,2]", 2, 2, 1, 1, 1, 1, 1}, /* some of the kernel meets no column */
        {"[2,3,1,5]", "[2,3,2,2]", 2, 2, 1, 1, 1, 1, 1}, /* or no row */
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

/* Which one is taken for y, dx and dw: as much of their names as no other begins with. Each method
 * of the table is taken somewhere. */
START_TEST(test_choice)
{
    static const struct {
        conv c;
        const char *taken;
    } choices[] = {
        {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, "wi wi wi"},
        {{"[4,127,32,32]", "[128,127,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
        {{"[4,128,32,32]", "[127,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
        {{"[4,256,32,32]", "[256,128,3,3]", 1, 1, 1, 1, 1, 1, 2}, "di di ou"},
        {{"[4,128,32,32]", "[128,128,3,2]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
        {{"[4,128,32,32]", "[128,128,2,3]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
        {{"[4,128,64,64]", "[128,128,3,3]", 2, 1, 1, 1, 1, 1, 1}, "di di ou"},
        {{"[4,128,64,64]", "[128,128,3,3]", 1, 2, 1, 1, 1, 1, 1}, "di di ou"},
        {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 1, 1, 2, 1, 1}, "di di ou"},
        {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 1, 1, 1, 2, 1}, "di di ou"},
        {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 2, 2, 1, 1, 1}, "wi wi wi"},
        {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 3, 1, 1, 1, 1}, "di di ou"},
        {{"[4,128,32,32]", "[128,128,3,3]", 1, 1, 1, 3, 1, 1, 1}, "di di ou"},
        {{"[3,128,32,32]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di wi"},  /* 768 tiles */
        {{"[9,128,27,27]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, "wi wi wi"},  /* 784 for 729 */
        {{"[30,128,13,13]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di wi"}, /* 196 for 169 */
        {{"[1,128,18,254]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, "wi wi wi"},
        {{"[1,128,18,255]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di ou"},
        {{"[2,128,16,256]", "[128,128,3,3]", 1, 1, 1, 0, 1, 1, 1}, "wi di wi"},
        {{"[2,128,16,253]", "[128,128,3,3]", 1, 1, 1, 2, 1, 1, 1}, "di wi ou"},
        {{"[32,8192,1,1]", "[32,8192,3,3]", 1, 1, 1, 1, 1, 1, 1}, "im im im"},
        {{"[32,8193,1,1]", "[32,8193,3,3]", 1, 1, 1, 1, 1, 1, 1}, "im im im"},
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
        {{"[2,128,8,8]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1}, "di di wi"}, /* 32 tiles */
        {{"[1,128,2,62]", "[128,128,3,3]", 1, 1, 1, 1, 1, 1, 1},
         "im im im"}, /* 31 tiles, 124 points */
        {{"[2,1,9,9]", "[12,1,3,3]", 1, 1, 1, 1, 1, 1, 1}, "de im ou"},
        {{"[2,1,9,9]", "[4,1,3,3]", 1, 1, 1, 1, 1, 1, 1}, "de de de"},
        {{"[2,1,9,9]", "[5,1,3,3]", 1, 1, 1, 1, 1, 1, 1}, "de im de"},
        {{"[2,1,40,40]", "[16,1,23,23]", 1, 1, 0, 0, 1, 1, 1}, "di im ou"}, /* 529 terms */
    };
    bool taken[CONV2D_METHODS] = {false};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        tn_scope scope = tn_scope_begin(ctx);
        const conv *c = &choices[i].c;
        char names[3][16];
        ck_assert_int_eq(sscanf(choices[i].taken, "%15s%15s%15s", names[0], names[1], names[2]), 3);
        array x = array_random(c->x), w = array_random(c->w);
        tn_conv2d_opts opts = options(c);
        tn__conv2d_plan plan =
            conv2d_plan(tensor_of(&x, TN_F32, PLAIN), tensor_of(&w, TN_F32, PLAIN), &opts);
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

typedef struct step {
    tn_tensor *x, *w, *b;
    const tn_tensor *dy;
} step;

static step step_new(tn_dtype dtype)
{
    array x = array_random("[5,6,19,19]"), w = array_random("[8,6,3,3]"), b = array_random("[8]");
    array dy = array_random("[5,8,10,10]");
    return (step){leaf_of(&x, dtype, PLAIN), leaf_of(&w, dtype, PLAIN), leaf_of(&b, dtype, PLAIN),
                  tensor_of(&dy, dtype, PLAIN)};
}

static void run_step(const step *s)
{
    tn_clear_grad(s->x);
    tn_clear_grad(s->w);
    tn_clear_grad(s->b);
    tn_tensor *y = tn_conv2d(ctx, s->x, s->w, s->b, (tn_conv2d_opts){.stride = 2, .padding = 1});
    ck_assert_int_eq(tn_backward_with(ctx, y, s->dy), TN_OK);
}

START_TEST(test_same_bits)
{
    step s = step_new(TN_F32);
    run_step(&s);
    tn_tensor *dx = tn_clone(ctx, tn_grad(s.x)), *dw = tn_clone(ctx, tn_grad(s.w));
    for (int i = 0; i < 5; i++) {
        run_step(&s);
        check_same_bits(tn_grad(s.x), dx);
        check_same_bits(tn_grad(s.w), dw);
    }
}
END_TEST

START_TEST(test_steady_state_allocates_nothing)
{
    step s = step_new(TN_F32);
    int64_t calls = 0;
    for (int i = 0; i < 5; i++) {
        calls = memory.calls;
        tn_scope scope = tn_scope_begin(ctx);
        run_step(&s);
        tn_scope_end(ctx, scope);
    }
    ck_assert_int_eq(memory.calls, calls);
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

START_TEST(test_out_of_memory)
{
    step s = step_new(TN_F64);
    for (int64_t i = 1;; i++) {
        tn_empty_cache(ctx);
        memory.calls = memory.failed = 0;
        memory.fail_at = i;
        memory.for_good = true;
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *y = scope.depth < 0 ? NULL
                                       : tn_conv2d(ctx, s.x, s.w, s.b,
                                                   (tn_conv2d_opts){.stride = 2, .padding = 1});
        if (y)
            tn_backward_with(ctx, y, s.dy);
        bool failed = memory.failed > 0;
        memory.fail_at = 0;
        ck_assert_int_eq(tn_error_status(ctx), failed ? TN_ERR_MEMORY : TN_OK);
        tn_clear_error(ctx);
        if (scope.depth >= 0)
            tn_scope_end(ctx, scope);
        tn_clear_grad(s.x);
        tn_clear_grad(s.w);
        tn_clear_grad(s.b);
        if (!failed)
            break;
    }
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
        TN_ERR_MEMORY, "out of memory: no 18446744073709551615 bytes");
}
END_TEST

OP_TESTS("conv2d", cases, test_values, test_single_points, test_widths, test_threads,
         test_many_channels, test_methods, test_rows_end, test_choice, test_same_bits,
         test_steady_state_allocates_nothing, test_memory_is_bounded, test_out_of_memory,
         test_errors, test_no_channels, test_wrong_tensors)
