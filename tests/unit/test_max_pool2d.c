/* max_pool2d(x): the largest element under each window. */
#include "common/ops.h"

#define POOL(id, size, ...) OP(id, tn_max_pool2d(ctx, in[0], size, (tn_pool2d_opts){__VA_ARGS__}))

POOL(two, 2, .ceil_mode = false)
POOL(overlapping, 3, .stride = 2)
POOL(padded, 3, .stride = 2, .padding = 1)
POOL(ceiling, 3, .ceil_mode = true)
POOL(apart, 2, .stride = 3)
POOL(mixed, 3, .kernel_w = 2, .stride_h = 1, .padding_w = 1, .dilation_h = 2)
OP(twice, tn_add(ctx, tn_max_pool2d(ctx, in[0], 2, (tn_pool2d_opts){.stride = 1}),
                 tn_max_pool2d(ctx, in[0], 2, (tn_pool2d_opts){.stride = 1})))

static const op_case cases[] = {{"max_pool2d", two, "[2,3,6,5]", false},
                                {"max_pool2d", two, "[3,4,4]", false},
                                {"max_pool2d", two, "[0,3,4,4]", false},
                                {"max_pool2d", two, "[2,0,4,4]", false},
                                {"max_pool2d stride=2", overlapping, "[2,2,7,9]", false},
                                {"max_pool2d padding=1", padded, "[1,2,6,7]", false},
                                {"max_pool2d ceil", ceiling, "[2,1,7,8]", false},
                                {"max_pool2d stride=3", apart, "[1,2,8,7]", false},
                                {"max_pool2d dilation=2", mixed, "[2,2,8,6]", false},
                                {"max_pool2d twice", twice, "[1,2,4,5]", false}};

typedef struct pool {
    const char *x;
    int64_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;
    int64_t out_h, out_w; /* as PyTorch has them */
    bool ceil_mode;
} pool;

/* The element that tap i of window p meets, or -1. */
static int64_t met(int64_t p, int64_t i, int64_t stride, int64_t padding, int64_t dilation,
                   int64_t size)
{
    int64_t at = p * stride + i * dilation - padding;
    return at >= 0 && at < size ? at : -1;
}

/* The place of the largest element under window [n, c, p, q]. */
static double *largest(const pool *c, const array *x, const int64_t *o)
{
    double *best = NULL;
    for (int64_t k = 0; k < c->kernel_h * c->kernel_w; k++) {
        int64_t i = k / c->kernel_w, j = k % c->kernel_w;
        int64_t at[4] = {o[0], o[1],
                         met(o[2], i, c->stride_h, c->padding_h, c->dilation_h, x->shape[2]),
                         met(o[3], j, c->stride_w, c->padding_w, c->dilation_w, x->shape[3])};
        if (at[2] < 0 || at[3] < 0)
            continue;
        double *element = array_at(x, 4, at);
        if (!best || *element > *best)
            best = element;
    }
    return best;
}

static tn_pool2d_opts options(const pool *c)
{
    return (tn_pool2d_opts){.kernel_h = c->kernel_h,
                            .kernel_w = c->kernel_w,
                            .stride_h = c->stride_h,
                            .stride_w = c->stride_w,
                            .padding_h = c->padding_h,
                            .padding_w = c->padding_w,
                            .dilation_h = c->dilation_h,
                            .dilation_w = c->dilation_w,
                            .ceil_mode = c->ceil_mode};
}

static void check_pool(const pool *c, const array *x, tn_dtype dtype, layout how)
{
    int64_t shape[] = {x->shape[0], x->shape[1], c->out_h, c->out_w};
    array y = array_new(4, shape), dx = array_new(4, x->shape);
    array dy = array_random(tn_shape_text(4, shape).s);
    int64_t o[4] = {0};
    for (int64_t i = 0; i < y.numel; i++, next_index(4, shape, o)) {
        const double *best = largest(c, x, o);
        y.data[i] = best ? *best : -INFINITY;
        if (best)
            dx.data[best - x->data] += dy.data[i];
    }
    tn_tensor *in = leaf_of(x, dtype, how), *got = tn_max_pool2d(ctx, in, 1, options(c));
    check_array(got, &y, tolerance(dtype), "%s %s", c->x, layout_name(how));
    tn_backward_with(ctx, got, tensor_of(&dy, dtype, PLAIN));
    check_array(tn_grad(in), &dx, tolerance(dtype), "%s %s: dx", c->x, layout_name(how));
}

START_TEST(test_values)
{
    static const pool pools[] = {
        {"[2,3,6,5]", 2, 2, 2, 2, 0, 0, 1, 1, 3, 2, false},
        {"[1,2,13,13]", 3, 3, 2, 2, 0, 0, 1, 1, 6, 6, false},
        {"[2,3,9,7]", 3, 3, 2, 2, 1, 1, 1, 1, 5, 4, false},
        {"[1,2,10,10]", 3, 3, 3, 3, 0, 0, 1, 1, 4, 4, true},
        {"[1,2,7,7]", 2, 2, 2, 2, 0, 0, 1, 1, 4, 4, true},
        {"[1,1,2,2]", 3, 3, 2, 2, 0, 0, 1, 1, 1, 1, true},
        {"[1,1,4,4]", 2, 2, 2, 2, 1, 1, 1, 1, 3, 3, true},
        {"[1,1,5,4]", 2, 2, 3, 5, 1, 1, 1, 1, 2, 1, true},
        {"[2,3,5,6]", 2, 4, 1, 2, 1, 2, 1, 1, 6, 4, false},
        {"[2,2,9,8]", 2, 1, 4, 3, 0, 0, 1, 1, 2, 3, false},
        {"[2,4,9,8]", 2, 1, 4, 3, 0, 0, 1, 1, 2, 3, false},
        {"[2,2,9,8]", 3, 2, 1, 2, 1, 0, 2, 3, 7, 3, false},
        {"[1,1,2,3]", 2, 1, 1, 1, 1, 0, 3, 1, 1, 3, false},
        {"[1,1,3,2]", 1, 2, 1, 1, 0, 1, 1, 3, 3, 1, false},
        {"[1,1,1,1]", 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, false},
        {"[3,50,13,13]", 3, 3, 2, 2, 0, 0, 1, 1, 6, 6, false},
    };
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++) {
        array x = array_random(pools[i].x);
        for (int how = PLAIN; how <= SLICED; how++) {
            check_pool(&pools[i], &x, TN_F64, (layout)how);
            check_pool(&pools[i], &x, TN_F32, (layout)how);
        }
    }
}
END_TEST

START_TEST(test_special_values)
{
    static const float values[] = {1, NAN, 2, INFINITY, -INFINITY, -INFINITY, 3, 3};
    tn_tensor *x = leaf(tn_from_data(ctx, TN_F32, TN_SHAPE(1, 1, 8), values));
    tn_tensor *y = tn_max_pool2d(ctx, x, 1, (tn_pool2d_opts){.kernel_w = 2});
    ck_tn_equal(y, NAN, INFINITY, -INFINITY, 3);
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), 0, 1, 0, 1, 1, 0, 1, 0);
}
END_TEST

/* Of planes up to 65535 numbers, where the maxima are is kept in two bytes. */
START_TEST(test_large_planes)
{
    static const int64_t sizes[][2] = {{255, 257}, {256, 256}, {1, 65535}, {1, 65536}, {3, 30000}};
    for (int i = 0; i < 10; i++) {
        int64_t h = sizes[i / 2][0], w = sizes[i / 2][1], last[] = {1, h - 1, w - 1};
        tn_tensor *x = tn_zeros(ctx, i % 2 ? TN_F64 : TN_F32, TN_SHAPE(2, h, w));
        tn_tensor *end = tn_narrow(ctx, tn_reshape(ctx, x, TN_SHAPE(2, h * w)), 1, h * w - 1, 1);
        ck_assert_int_eq(tn_fill_(ctx, end, 2), TN_OK);
        tn_pool2d_opts opts = {.kernel_w = 2, .stride = 1};
        tn_tensor *inferred = tn_max_pool2d(ctx, x, 1, opts);
        tn_tensor *y = tn_max_pool2d(ctx, leaf(x), 1, opts);
        check_same_bits(y, inferred);
        ck_assert_int_eq(tn_backward(ctx, sum_of(tn_square(ctx, y))), TN_OK);
        ck_assert_double_eq(tn_at(ctx, tn_grad(x), last), 4);
        ck_assert_double_eq(tn_item(ctx, sum_of(tn_grad(x))), 8);
    }
}
END_TEST

/* Windows that meet nothing but padding: their gradient goes nowhere. */
START_TEST(test_padding_alone)
{
    for (int64_t h = 4; h < 200000; h *= 30) {
        tn_tensor *x = leaf(tn_ones(ctx, TN_F32, TN_SHAPE(1, h, 1)));
        tn_pool2d_opts opts = {.kernel_h = 1, .padding_w = 1, .dilation_w = 2, .stride = 1};
        tn_tensor *y = tn_max_pool2d(ctx, x, 2, opts);
        ck_assert_double_eq(tn_item(ctx, tn_amax(ctx, y, (tn_reduce_opts){0})), -INFINITY);
        ck_assert_int_eq(tn_backward(ctx, sum_of(y)), TN_OK);
        ck_assert_double_eq(tn_item(ctx, sum_of(tn_grad(x))), 0);
    }
}
END_TEST

static void check_message(const char *shape, int64_t kernel, tn_pool2d_opts opts, tn_status status,
                          const char *message)
{
    array x = array_random(shape);
    check_fails(tn_max_pool2d(ctx, tensor_of(&x, TN_F32, PLAIN), kernel, opts), status, message);
}

/* Planes are limited to numbers that an index counts, not their sides. */
START_TEST(test_size_of_planes)
{
    tn_tensor *wide = tn_ones(ctx, TN_F32, TN_SHAPE(1, 1, 50000));
    ck_tn_shape(tn_max_pool2d(ctx, wide, 1, (tn_pool2d_opts){.stride = 50000}), "[1,1,1]");
    tn_tensor *high = tn_reshape(ctx, wide, TN_SHAPE(1, 1, 50000, 1));
    ck_tn_shape(tn_max_pool2d(ctx, high, 1, (tn_pool2d_opts){.stride = 50000}), "[1,1,1,1]");
    tn_tensor *large = tn_zeros(ctx, TN_F32, TN_SHAPE(0, 50000, 50000));
    check_fails(tn_max_pool2d(ctx, large, 1, (tn_pool2d_opts){0}), TN_ERR_SHAPE,
                "max_pool2d: input [0,50000,50000] has planes of more than 2147483647 elements");
}
END_TEST

START_TEST(test_errors)
{
    check_message("[4,4]", 2, (tn_pool2d_opts){0}, TN_ERR_SHAPE,
                  "max_pool2d: input [4,4]; expected [n,channels,h,w] or [channels,h,w]");
    check_message("[1,1,4,4]", 0, (tn_pool2d_opts){0}, TN_ERR_ARGUMENT,
                  "max_pool2d: kernel [0,0] is not between 1 and 2147483647");
    check_message("[1,1,4,4]", 3, (tn_pool2d_opts){.padding = 2}, TN_ERR_ARGUMENT,
                  "max_pool2d: padding [2,2] is more than half of kernel [3,3]");
    check_message("[1,1,4,4]", 3, (tn_pool2d_opts){.padding_w = 2}, TN_ERR_ARGUMENT,
                  "max_pool2d: padding [0,2] is more than half of kernel [3,3]");
    check_message("[1,1,4,4]", 3, (tn_pool2d_opts){.padding_h = 2}, TN_ERR_ARGUMENT,
                  "max_pool2d: padding [2,0] is more than half of kernel [3,3]");
    check_message("[1,1,4,4]", 3, (tn_pool2d_opts){.stride_w = -1}, TN_ERR_ARGUMENT,
                  "max_pool2d: stride [3,-1] is not between 1 and 2147483647");
    check_message("[1,1,2,2]", 3, (tn_pool2d_opts){.stride = 1, .ceil_mode = true}, TN_ERR_SHAPE,
                  "max_pool2d: kernel [3,3] with dilation [1,1] does not fit input [1,1,2,2] with "
                  "padding [0,0]");
    check_message("[1,1,0,2]", 2, (tn_pool2d_opts){.padding = 1}, TN_ERR_SHAPE,
                  "max_pool2d: kernel [2,2] with dilation [1,1] does not fit input [1,1,0,2] with "
                  "padding [1,1]");
    check_fails(tn_max_pool2d(ctx, NULL, 2, (tn_pool2d_opts){0}), TN_ERR_ARGUMENT,
                "max_pool2d: input is NULL");
    check_fails(tn_max_pool2d(ctx, tn_ones(ctx, TN_I64, TN_SHAPE(1, 4, 4)), 2, (tn_pool2d_opts){0}),
                TN_ERR_DTYPE, "max_pool2d: input is i64 but must be f32 or f64; tn_cast converts");
    ck_assert_ptr_null(tn_max_pool2d(NULL, NULL, 2, (tn_pool2d_opts){0}));
}
END_TEST

OP_TESTS("max_pool2d", cases, test_values, test_special_values, test_size_of_planes,
         test_large_planes, test_padding_alone, test_errors)
