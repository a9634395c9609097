/* avg_pool2d(x): the average of the elements under each window. */
#include "common/ops.h"

#define POOL(id, size, ...) OP(id, tn_avg_pool2d(ctx, in[0], size, (tn_pool2d_opts){__VA_ARGS__}))

POOL(two, 2, .ceil_mode = false)
POOL(overlapping, 3, .stride = 2)
POOL(padded, 3, .stride = 2, .padding = 1)
POOL(excluding, 3, .stride = 2, .padding = 1, .exclude_padding = true)
POOL(ceiling, 3, .ceil_mode = true)
POOL(divided, 2, .stride = 1, .divisor = 3)
OP(twice, tn_add(ctx, tn_avg_pool2d(ctx, in[0], 2, (tn_pool2d_opts){.stride = 1}),
                 tn_avg_pool2d(ctx, in[0], 2, (tn_pool2d_opts){.stride = 1})))

static const op_case cases[] = {{"avg_pool2d", two, "[2,3,6,5]", false},
                                {"avg_pool2d", two, "[3,4,4]", false},
                                {"avg_pool2d", two, "[0,3,4,4]", false},
                                {"avg_pool2d", two, "[2,0,4,4]", false},
                                {"avg_pool2d stride=2", overlapping, "[2,2,7,9]", false},
                                {"avg_pool2d padding=1", padded, "[1,2,6,7]", false},
                                {"avg_pool2d excluded", excluding, "[1,2,6,7]", false},
                                {"avg_pool2d ceil", ceiling, "[2,1,7,8]", false},
                                {"avg_pool2d divisor=3", divided, "[2,1,3,4]", false},
                                {"avg_pool2d twice", twice, "[1,2,4,5]", false}};

typedef struct pool {
    const char *x;
    int64_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
    int64_t out_h, out_w; /* as PyTorch has them */
    bool ceil_mode, exclude_padding;
    int64_t divisor;
} pool;

/* How many of `kernel` elements from `begin` are in [low, high). */
static int64_t inside(int64_t begin, int64_t kernel, int64_t low, int64_t high)
{
    int64_t n = 0;
    for (int64_t i = begin; i < begin + kernel; i++)
        n += i >= low && i < high;
    return n;
}

static double divisor(const pool *c, const array *x, int64_t h, int64_t w)
{
    int64_t ph = c->exclude_padding ? 0 : c->padding_h, pw = c->exclude_padding ? 0 : c->padding_w;
    if (c->divisor)
        return (double)c->divisor;
    return (double)(inside(h, c->kernel_h, -ph, x->shape[2] + ph) *
                    inside(w, c->kernel_w, -pw, x->shape[3] + pw));
}

static void visit(const pool *c, const array *x, const int64_t *o, double *y, double dy, array *dx)
{
    int64_t h = o[2] * c->stride_h - c->padding_h, w = o[3] * c->stride_w - c->padding_w;
    double n = divisor(c, x, h, w);
    for (int64_t k = 0; k < c->kernel_h * c->kernel_w; k++) {
        int64_t at[4] = {o[0], o[1], h + k / c->kernel_w, w + k % c->kernel_w};
        if (at[2] < 0 || at[2] >= x->shape[2] || at[3] < 0 || at[3] >= x->shape[3])
            continue;
        *y += *array_at(x, 4, at) / n;
        *array_at(dx, 4, at) += dy / n;
    }
}

static tn_pool2d_opts options(const pool *c)
{
    return (tn_pool2d_opts){.kernel_h = c->kernel_h,
                            .kernel_w = c->kernel_w,
                            .stride_h = c->stride_h,
                            .stride_w = c->stride_w,
                            .padding_h = c->padding_h,
                            .padding_w = c->padding_w,
                            .ceil_mode = c->ceil_mode,
                            .exclude_padding = c->exclude_padding,
                            .divisor = c->divisor};
}

static void check_pool(const pool *c, const array *x, tn_dtype dtype, layout how)
{
    int64_t shape[] = {x->shape[0], x->shape[1], c->out_h, c->out_w}, o[4] = {0};
    array y = array_new(4, shape), dx = array_new(4, x->shape);
    array dy = array_random(tn_shape_text(4, shape).s);
    for (int64_t i = 0; i < y.numel; i++, next_index(4, shape, o))
        visit(c, x, o, &y.data[i], dy.data[i], &dx);
    tn_tensor *in = leaf_of(x, dtype, how), *got = tn_avg_pool2d(ctx, in, 1, options(c));
    check_array(got, &y, tolerance(dtype), "%s %s", c->x, layout_name(how));
    tn_backward_with(ctx, got, tensor_of(&dy, dtype, PLAIN));
    check_array(tn_grad(in), &dx, tolerance(dtype), "%s %s: dx", c->x, layout_name(how));
}

START_TEST(test_values)
{
    static const pool pools[] = {
        {"[2,3,6,5]", 2, 2, 2, 2, 0, 0, 3, 2, false, false, 0},
        {"[1,2,13,13]", 3, 3, 2, 2, 0, 0, 6, 6, false, false, 0},
        {"[2,3,9,7]", 3, 3, 2, 2, 1, 1, 5, 4, false, false, 0},
        {"[2,3,9,7]", 3, 3, 2, 2, 1, 1, 5, 4, false, true, 0},
        {"[2,3,9,7]", 3, 3, 2, 2, 1, 1, 5, 4, false, true, 7},
        {"[1,2,10,10]", 3, 3, 3, 3, 0, 0, 4, 4, true, false, 0},
        {"[1,2,10,10]", 3, 3, 3, 3, 1, 1, 4, 4, true, false, 0},
        {"[1,2,8,8]", 3, 3, 3, 3, 1, 1, 3, 3, true, true, 0},
        {"[1,2,8,8]", 4, 4, 3, 3, 2, 2, 4, 4, true, false, 0},
        {"[1,1,2,2]", 4, 4, 3, 3, 0, 0, 1, 1, true, false, 0},
        {"[1,1,5,4]", 2, 2, 3, 5, 1, 1, 2, 1, true, false, 0},
        {"[2,3,5,6]", 2, 4, 1, 2, 1, 2, 6, 4, false, false, 0},
        {"[2,2,9,8]", 2, 1, 4, 3, 0, 0, 2, 3, false, false, 0},
        {"[1,1,1,1]", 1, 1, 1, 1, 0, 0, 1, 1, false, false, 0},
        {"[3,50,13,13]", 3, 3, 2, 2, 0, 0, 6, 6, false, false, 0},
        /* rows of more windows than are taken side by side */
        {"[1,2,5,1301]", 2, 2, 2, 2, 0, 0, 2, 650, false, false, 0},
        {"[1,1,3,1100]", 3, 3, 1, 1, 1, 1, 3, 1100, false, false, 0},
        {"[1,1,2,1500]", 1, 64, 1, 1, 0, 0, 2, 1437, false, false, 0},
        {"[1,1,3,1600]", 2, 5, 1, 3, 0, 2, 2, 534, false, true, 0},
        {"[1,1,2,5000]", 2, 3, 1, 600, 0, 0, 1, 9, false, false, 0},
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

static void check_message(const char *shape, int64_t kernel, tn_pool2d_opts opts, tn_status status,
                          const char *message)
{
    array x = array_random(shape);
    check_fails(tn_avg_pool2d(ctx, tensor_of(&x, TN_F32, PLAIN), kernel, opts), status, message);
}

START_TEST(test_errors)
{
    check_message("[4,4]", 2, (tn_pool2d_opts){0}, TN_ERR_SHAPE,
                  "avg_pool2d: input [4,4]; expected [n,channels,h,w] or [channels,h,w]");
    check_message("[1,1,4,4]", -2, (tn_pool2d_opts){0}, TN_ERR_ARGUMENT,
                  "avg_pool2d: kernel [-2,-2] is not between 1 and 2147483647");
    check_message("[1,1,4,4]", 3, (tn_pool2d_opts){.padding_h = 2}, TN_ERR_ARGUMENT,
                  "avg_pool2d: padding [2,0] is more than half of kernel [3,3]");
    check_message("[1,1,2,2]", 3, (tn_pool2d_opts){0}, TN_ERR_SHAPE,
                  "avg_pool2d: kernel [3,3] with dilation [1,1] does not fit input [1,1,2,2] with "
                  "padding [0,0]");
    check_message("[1,1,4,0]", 2, (tn_pool2d_opts){.padding = 1}, TN_ERR_SHAPE,
                  "avg_pool2d: kernel [2,2] with dilation [1,1] does not fit input [1,1,4,0] with "
                  "padding [1,1]");
    check_message("[1,1,0,4]", 2, (tn_pool2d_opts){.padding = 1}, TN_ERR_SHAPE,
                  "avg_pool2d: kernel [2,2] with dilation [1,1] does not fit input [1,1,0,4] with "
                  "padding [1,1]");
    check_message("[1,1,2,2]", 2, (tn_pool2d_opts){.divisor = -1}, TN_ERR_ARGUMENT,
                  "avg_pool2d: the divisor -1 is not positive");
    check_message("[1,1,9,9]", 2, (tn_pool2d_opts){.dilation_w = 2}, TN_ERR_ARGUMENT,
                  "avg_pool2d: dilation is for max_pool2d alone");
    check_message("[1,1,9,9]", 2, (tn_pool2d_opts){.dilation_h = 2}, TN_ERR_ARGUMENT,
                  "avg_pool2d: dilation is for max_pool2d alone");
    check_message("[1,1,9,9]", 2, (tn_pool2d_opts){.dilation = 2}, TN_ERR_ARGUMENT,
                  "avg_pool2d: dilation is for max_pool2d alone");
    ck_tn_shape(tn_avg_pool2d(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(1, 1, 9, 9)), 2,
                              (tn_pool2d_opts){.dilation = 1, .dilation_h = 1, .dilation_w = 1}),
                "[1,1,4,4]");
    check_fails(tn_avg_pool2d(ctx, NULL, 2, (tn_pool2d_opts){0}), TN_ERR_ARGUMENT,
                "avg_pool2d: input is NULL");
    check_fails(tn_avg_pool2d(ctx, tn_ones(ctx, TN_I64, TN_SHAPE(1, 4, 4)), 2, (tn_pool2d_opts){0}),
                TN_ERR_DTYPE, "avg_pool2d: input is i64 but must be f32 or f64; tn_cast converts");
    ck_assert_ptr_null(tn_avg_pool2d(NULL, NULL, 2, (tn_pool2d_opts){0}));
}
END_TEST

OP_TESTS("avg_pool2d", cases, test_values, test_errors)
