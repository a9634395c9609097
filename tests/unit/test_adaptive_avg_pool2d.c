/* adaptive_avg_pool2d(x): averages over windows that cover the plane. */
#include "common/ops.h"

#define POOL(id, h, w) OP(id, tn_adaptive_avg_pool2d(ctx, in[0], h, w))

POOL(one, 1, 1)
POOL(six, 6, 6)
POOL(mixed, 3, 2)
POOL(same, 4, 5)
POOL(none, 0, 2)
OP(twice,
   tn_add(ctx, tn_adaptive_avg_pool2d(ctx, in[0], 2, 3), tn_adaptive_avg_pool2d(ctx, in[0], 2, 3)))

static const op_case cases[] = {{"adaptive_avg_pool2d", one, "[2,3,4,5]", false},
                                {"adaptive_avg_pool2d", six, "[1,2,13,7]", false},
                                {"adaptive_avg_pool2d", mixed, "[2,2,5,9]", false},
                                {"adaptive_avg_pool2d", mixed, "[2,4,3]", false},
                                {"adaptive_avg_pool2d", mixed, "[0,2,4,3]", false},
                                {"adaptive_avg_pool2d", same, "[1,2,4,5]", false},
                                {"adaptive_avg_pool2d", none, "[1,2,4,5]", false},
                                {"adaptive_avg_pool2d larger", six, "[1,2,2,4]", false},
                                {"adaptive_avg_pool2d twice", twice, "[1,2,4,5]", false}};

/* Is row i of `size` in window p of `out`? */
static bool is_under(int64_t i, int64_t p, int64_t size, int64_t out)
{
    return i >= p * size / out && i * out < (p + 1) * size;
}

/* y and dx for one window; x is visited element by element. */
static void visit(const array *x, const int64_t *o, const array *y_shape, double *y, double dy,
                  array *dx)
{
    const int64_t *out = y_shape->shape;
    double n = 0, sum = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < x->shape[2] * x->shape[3]; i++) {
            int64_t at[4] = {o[0], o[1], i / x->shape[3], i % x->shape[3]};
            if (!is_under(at[2], o[2], x->shape[2], out[2]) ||
                !is_under(at[3], o[3], x->shape[3], out[3]))
                continue;
            if (pass)
                *array_at(dx, 4, at) += dy / n;
            sum += pass ? 0 : *array_at(x, 4, at);
            n += pass ? 0 : 1;
        }
    *y = sum / n;
}

static void check_pool(const char *text, int64_t out_h, int64_t out_w)
{
    array x = array_random(text);
    int64_t shape[] = {x.shape[0], x.shape[1], out_h, out_w}, o[4] = {0};
    array y = array_new(4, shape), dx = array_new(4, x.shape);
    array dy = array_random(tn_shape_text(4, shape).s);
    for (int64_t i = 0; i < y.numel; i++, next_index(4, shape, o))
        visit(&x, o, &y, &y.data[i], dy.data[i], &dx);
    for (int run = 0; run < 6; run++) {
        tn_dtype dtype = run % 2 ? TN_F32 : TN_F64;
        layout how = (layout)(run / 2);
        tn_tensor *in = leaf_of(&x, dtype, how);
        tn_tensor *got = tn_adaptive_avg_pool2d(ctx, in, out_h, out_w);
        check_array(got, &y, tolerance(dtype), "%s %s", text, layout_name(how));
        tn_backward_with(ctx, got, tensor_of(&dy, dtype, PLAIN));
        check_array(tn_grad(in), &dx, tolerance(dtype), "%s %s: dx", text, layout_name(how));
    }
}

START_TEST(test_values)
{
    for (int64_t out_h = 1; out_h <= 8; out_h++)
        for (int64_t out_w = 1; out_w <= 8; out_w += 3) {
            check_pool("[1,2,5,7]", out_h, out_w);
            check_pool("[2,1,1,3]", out_h, out_w);
            check_pool("[1,2,3,1]", out_h, out_w);
        }
    check_pool("[3,60,13,13]", 6, 6);
}
END_TEST

/* The sum of a plane is beyond the largest float, its mean is not. */
START_TEST(test_large_numbers)
{
    tn_tensor *x = tn_full(ctx, TN_F32, TN_SHAPE(3, 13, 13), 3e38);
    tn_tensor *y = tn_adaptive_avg_pool2d(ctx, x, 1, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_float_eq(tn_data_f32(y)[i], 3e38f);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *full = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3, 4, 4));
    ck_tn_shape(tn_adaptive_avg_pool2d(ctx, full, 0, 2), "[2,3,0,2]");
    ck_tn_shape(tn_adaptive_avg_pool2d(ctx, full, 2, 0), "[2,3,2,0]");
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3, 0, 4)), *i = tn_cast(ctx, x, TN_I64);
    check_fails(tn_adaptive_avg_pool2d(ctx, x, 2, 2), TN_ERR_SHAPE,
                "adaptive_avg_pool2d: input [2,3,0,4] has planes without elements");
    check_fails(tn_adaptive_avg_pool2d(ctx, tn_transpose(ctx, x, 2, 3), 2, 2), TN_ERR_SHAPE,
                "adaptive_avg_pool2d: input [2,3,4,0] has planes without elements");
    check_fails(tn_adaptive_avg_pool2d(ctx, x, -1, 2), TN_ERR_ARGUMENT,
                "adaptive_avg_pool2d: output size [-1,2] is not between 0 and 2147483647");
    check_fails(tn_adaptive_avg_pool2d(ctx, x, 2, -1), TN_ERR_ARGUMENT,
                "adaptive_avg_pool2d: output size [2,-1] is not between 0 and 2147483647");
    check_fails(tn_adaptive_avg_pool2d(ctx, x, INT32_MAX + INT64_C(1), 2), TN_ERR_ARGUMENT,
                "adaptive_avg_pool2d: output size [2147483648,2] is not between 0 and 2147483647");
    check_fails(tn_adaptive_avg_pool2d(ctx, x, 2, INT32_MAX + INT64_C(1)), TN_ERR_ARGUMENT,
                "adaptive_avg_pool2d: output size [2,2147483648] is not between 0 and 2147483647");
    check_fails(tn_adaptive_avg_pool2d(ctx, tn_ones(ctx, TN_F32, TN_SHAPE(4)), 1, 1), TN_ERR_SHAPE,
                "adaptive_avg_pool2d: input [4]; expected [n,channels,h,w] or [channels,h,w]");
    check_fails(tn_adaptive_avg_pool2d(ctx, NULL, 1, 1), TN_ERR_ARGUMENT,
                "adaptive_avg_pool2d: input is NULL");
    check_fails(tn_adaptive_avg_pool2d(ctx, i, 1, 1), TN_ERR_DTYPE,
                "adaptive_avg_pool2d: input is i64 but must be f32 or f64; tn_cast converts");
    ck_assert_ptr_null(tn_adaptive_avg_pool2d(NULL, NULL, 1, 1));
}
END_TEST

OP_TESTS("adaptive_avg_pool2d", cases, test_values, test_large_numbers, test_errors)
