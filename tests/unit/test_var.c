/* var(x), over any dimensions, with any correction. */
#include <float.h>
#include "common/ops.h"

OP(var_all, tn_var(ctx, in[0], (tn_var_opts){0}))
OP(var_biased, tn_var(ctx, in[0], (tn_var_opts){.correction = TN_ZERO}))
OP(var_first, tn_var(ctx, in[0], (tn_var_opts){.dims = (int[]){0}, .ndims = 1}))
OP(var_last_kept,
   tn_var(ctx, in[0], (tn_var_opts){.dims = (int[]){-1}, .ndims = 1, .keepdim = true}))
OP(var_two, tn_var(ctx, in[0], (tn_var_opts){.dims = (int[]){0, 2}, .ndims = 2, .correction = 2}))

static const op_case cases[] = {{"var", var_all, "[2]", false},
                                {"var", var_all, "[3,4]", false},
                                {"var", var_all, "[2,1,2,1,2,1,2,2]", false},
                                {"var biased", var_biased, "[]", false},
                                {"var biased", var_biased, "[3,4]", false},
                                {"var dim=0", var_first, "[3,4]", false},
                                {"var dim=-1 keepdim", var_last_kept, "[3,4]", false},
                                {"var dims=0,2 correction=2", var_two, "[3,4,2]", false}};

/* Over the dimensions whose bits are set, kept with size 1. */
static array naive_var(const array *x, unsigned dims, double correction)
{
    int64_t shape[TN_MAX_DIMS], index[TN_MAX_DIMS] = {0};
    double n = 1;
    for (int i = 0; i < x->ndim; i++) {
        n *= dims >> i & 1 ? (double)x->shape[i] : 1;
        shape[i] = dims >> i & 1 ? 1 : x->shape[i];
    }
    array mean = array_new(x->ndim, shape), y = array_new(x->ndim, shape);
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index))
        *array_at(&mean, x->ndim, index) += x->data[i] / n;
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index)) {
        double d = x->data[i] - *array_at(&mean, x->ndim, index);
        *array_at(&y, x->ndim, index) += d * d;
    }
    for (int64_t i = 0; i < y.numel; i++)
        y.data[i] /= n > correction ? n - correction : 0;
    return y;
}

static void check_dims(const array *x, unsigned dims, int64_t correction)
{
    int list[TN_MAX_DIMS], n = 0;
    for (int i = x->ndim - 1; i >= 0; i--)
        if (dims >> i & 1)
            list[n++] = i;
    array kept = naive_var(x, dims, (double)correction), dropped = {.data = kept.data};
    for (int i = 0; i < x->ndim; i++)
        if (!(dims >> i & 1))
            dropped.shape[dropped.ndim++] = x->shape[i];
    dropped.numel = kept.numel;
    for (int run = 0; run < 6; run++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_dtype dtype = run % 2 ? TN_F32 : TN_F64;
        tn_tensor *t = tensor_of(x, dtype, (layout)(run / 2));
        tn_var_opts opts = {
            .dims = list, .ndims = n, .correction = correction ? correction : TN_ZERO};
        check_array(tn_var(ctx, t, opts), &dropped, tolerance(dtype), "var of %s over bits %u",
                    TN_SHAPE_TEXT(t), dims);
        opts.keepdim = true;
        check_array(tn_var(ctx, t, opts), &kept, tolerance(dtype), "var of %s over bits %u kept",
                    TN_SHAPE_TEXT(t), dims);
        tn_scope_end(ctx, scope);
    }
}

START_TEST(test_every_set_of_dimensions)
{
    static const char *const shapes[] = {
        "[5]",   "[1]",       "[0]",     "[3,4]",   "[2,3,1,4]",
        "[0,3]", "[3,2,4,2]", "[3,401]", "[401,3]", "[2,1,2,1,2,1,2,2]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        array x = array_random(shapes[i]);
        for (unsigned dims = 1; dims < 1U << x.ndim; dims++)
            for (int64_t correction = 0; correction < 3; correction++)
                check_dims(&x, dims, correction);
    }
}
END_TEST

START_TEST(test_default_is_1)
{
    ck_tn_close(tn_var(ctx, F64(1, 2, 3, 6), (tn_var_opts){0}), 1e-15, 14 / 3.0);
    ck_tn_equal(tn_var(ctx, F64(1, 2, 3, 6), (tn_var_opts){.correction = TN_ZERO}), 3.5);
}
END_TEST

/* The squares of these numbers have no digits left for the variance. */
START_TEST(test_far_from_zero)
{
    tn_tensor *x = tn_add_scalar(ctx, tn_arange(ctx, TN_F64, 0, 1000, 1), 1e9);
    ck_tn_close(tn_var(ctx, x, (tn_var_opts){0}), 1e-12, 1000.0 * 1001 / 12);
}
END_TEST

/* `count` numbers, low and high in turn, of a shape as [count / cols, cols]: cols even. */
static tn_tensor *in_turn(tn_dtype dtype, int64_t count, int64_t cols, double low, double high)
{
    tn_tensor *x = tn_empty(ctx, dtype, TN_SHAPE(count / cols, cols));
    for (int64_t i = 0; i < count; i++)
        tn__store_f64(dtype, (char *)tn__ptr(x) + (size_t)i * tn_dtype_size(dtype),
                      i % 2 ? high : low);
    return leaf(x);
}

/* Over all of them, in one row, in a column of pairs, and of their transpose. */
static void check_in_turn(tn_dtype dtype, double low, double high, double expected)
{
    double d = (high - low) / 2, rtol = dtype == TN_F32 ? 1e-6 : 1e-14;
    for (int64_t cols = 2; cols <= 1000; cols = cols == 2 ? 40 : cols * 25) {
        tn_tensor *x = in_turn(dtype, 1000, cols, low, high);
        tn_tensor *y = tn_var(ctx, cols == 40 ? tn_transpose(ctx, x, 0, 1) : x, (tn_var_opts){0});
        ck_tn_ok();
        ck_assert_double_le(fabs(tn_item(ctx, y) / expected - 1), rtol);
        tn_backward(ctx, y);
        for (int64_t i = 0; i < 1000; i++)
            ck_assert_double_le(fabs(element_of(tn_grad(x), i) / ((i % 2 ? d : -d) * 2 / 999) - 1),
                                rtol);
    }
}

/* The mean of the first lies between two floats; the squares of the others, their sum, or that of
 * the numbers themselves lie outside of the range. */
START_TEST(test_ends_of_the_range)
{
    check_in_turn(TN_F32, 16777216, 16777218, 1000 / 999.0);
    check_in_turn(TN_F32, 9e19F, 11e19F, 1e38 * (1000 / 999.0));
    check_in_turn(TN_F32, -16e18, 16e18, 256e36 * (1000 / 999.0));
    check_in_turn(TN_F32, 0, 1e-19F, 2.5e-39 * (1000 / 999.0));
    check_in_turn(TN_F64, -1e154, 1e154, 1e308 * (1000 / 999.0));
    check_in_turn(TN_F64, 2e154, 3e154, 2.5e307 * (1000 / 999.0));
    check_in_turn(TN_F64, -1e-154, 1e-154, 1e-308 * (1000 / 999.0));
    check_in_turn(TN_F64, -1e10, 1e10, 1e20 * (1000 / 999.0));
}
END_TEST

/* Rounding the mean makes no negative variance, and the sum of the largest numbers no NaN. */
START_TEST(test_of_equal_numbers)
{
    static const double values[] = {0, 0.1, 1e20, 1.7e308, -1.7e308, 5e-324};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int64_t n = 1; n < 2000; n = n * 3 + 1) {
            tn_tensor *x = tn_full(ctx, TN_F64, TN_SHAPE(n, 2), values[i]);
            double y = tn_item(ctx, tn_var(ctx, x, (tn_var_opts){0}));
            ck_assert_double_ge(y, 0);
            ck_assert_double_le(y, 1e-31 * values[i] * values[i]);
        }
}
END_TEST

/* A column that holds an infinity is not a number, as in PyTorch; its neighbours do not mind. */
START_TEST(test_infinities)
{
    tn_tensor *x = tn_reshape(ctx, F64(1, INFINITY, -1e200, 3, 3, 1e200), TN_SHAPE(2, 3));
    ck_tn_equal(tn_var(ctx, x, (tn_var_opts){.dims = (int[]){0}, .ndims = 1}), 2, NAN, INFINITY);
    ck_tn_equal(tn_var(ctx, x, (tn_var_opts){0}), NAN);
}
END_TEST

/* Elements near the mean have gradients that are small beside the others'. */
static void check_floats(const tn_tensor *t, const tn_tensor *want)
{
    const float *x = tn_data(t);
    const double *w = tn_data(want);
    double largest = 0;
    for (int64_t i = 0; i < tn_numel(t); i++)
        largest = fabs(w[i]) > largest ? fabs(w[i]) : largest;
    for (int64_t i = 0; i < tn_numel(t); i++)
        if (fabs(w[i]) <= FLT_MAX)
            ck_assert_double_le(fabs((double)x[i] - w[i]), 1e-6 * largest + 0x1p-149);
        else
            ck_assert_double_eq((double)x[i], w[i] > 0 ? INFINITY : -INFINITY);
}

/* x and dy of a [40,40] tensor of floats about which size, over dimension 0, 1 or both, beside
 * doubles: squares, and the products of the gradient, leave the range of floats on the way. */
static void check_range(double size, double size_of_dy, tn_var_opts opts)
{
    tn_tensor *x = tn_mul_scalar(ctx, tn_randn(ctx, TN_F32, TN_SHAPE(40, 40)), size);
    tn_set_requires_grad(ctx, x, true);
    tn_tensor *wide = tn_cast(ctx, tn_detach(ctx, x), TN_F64);
    tn_set_requires_grad(ctx, wide, true);
    tn_tensor *y = tn_var(ctx, x, opts), *want = tn_var(ctx, wide, opts);
    tn_tensor *dy = tn_full(ctx, TN_F32, tn_ndim(y), tn_shape(y), size_of_dy);
    tn_backward_with(ctx, y, dy);
    tn_backward_with(ctx, want, tn_cast(ctx, dy, TN_F64));
    check_floats(y, want);
    check_floats(tn_grad(x), tn_grad(wide));
}

START_TEST(test_squares_outside_floats)
{
    static const double sizes[] = {1e-22, 1e-18, 1, 1e18, 1e19};
    tn_var_opts down = {.dims = (int[]){0}, .ndims = 1}, across = {.dims = (int[]){1}, .ndims = 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (double dy = 1e-25; dy < 1e25; dy *= 1e15) {
            tn_scope scope = tn_scope_begin(ctx);
            check_range(sizes[i], dy, down);
            check_range(sizes[i], dy, across);
            check_range(sizes[i], dy, (tn_var_opts){0});
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* One number so far from the others that floats do not hold the difference, at every place. */
START_TEST(test_far_from_the_others)
{
    enum { N = 70 };
    const double far = 3e38;
    for (int64_t at = 0; at < N; at++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_tensor *x = tn_full(ctx, TN_F32, TN_SHAPE(N), -far);
        tn_fill_(ctx, tn_select(ctx, x, 0, at), far);
        tn_backward(ctx, tn_var(ctx, leaf(x), (tn_var_opts){0}));
        for (int64_t i = 0; i < N; i++) {
            double want = far / N * (i == at ? 4 : -4.0 / (N - 1));
            ck_assert_double_le(fabs(element_of(tn_grad(x), i) / want - 1), 1e-5);
        }
        tn_scope_end(ctx, scope);
    }
}
END_TEST

/* Gradients of columns that do not lie side by side. */
START_TEST(test_gradients_with_gaps)
{
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(3, 70)), *z = leaf(tn_clone(ctx, x));
    tn_tensor *gaps = tn_select(ctx, tn_randn(ctx, TN_F32, TN_SHAPE(70, 2)), 1, 0);
    tn_var_opts down = {.dims = (int[]){0}, .ndims = 1};
    tn_backward_with(ctx, tn_var(ctx, leaf(x), down), gaps);
    tn_backward_with(ctx, tn_var(ctx, z, down), tn_clone(ctx, gaps));
    for (int64_t i = 0; i < tn_numel(x); i++)
        ck_assert_double_eq(element_of(tn_grad(x), i), element_of(tn_grad(z), i));
}
END_TEST

/* As PyTorch. */
/* Columns that share their elements, and get gradients of their own. */
START_TEST(test_expanded_columns)
{
    tn_tensor *x = leaf(tn_reshape(ctx, F64(1, 2, 6), TN_SHAPE(3, 1)));
    tn_tensor *columns = tn_expand(ctx, x, TN_SHAPE(3, 4));
    tn_tensor *y = tn_var(ctx, columns, (tn_var_opts){.dims = (int[]){0}, .ndims = 1});
    ck_tn_equal(y, 7, 7, 7, 7);
    ck_assert_int_eq(tn_backward_with(ctx, y, F64(1, 2, 3, 4)), TN_OK);
    ck_tn_close(tn_grad(x), 1e-12, -20, -10, 30);
}
END_TEST

/* A number that is not finite changes nothing beside its row, whatever number of threads there is:
 * the gradient of the others has the bits that it has without it. */
START_TEST(test_rows_are_apart)
{
    tn_var_opts along = {.dims = (int[]){1}, .ndims = 1};
    for (int64_t cols = 2; cols < 60; cols += 19) {
        int64_t rows = 40000 / cols, middle = rows / 2 * cols;
        tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(rows, cols)), *z = tn_clone(ctx, x);
        tn_tensor *dy = tn_randn(ctx, TN_F32, TN_SHAPE(rows));
        ((float *)tn_data(z))[middle] = NAN;
        tn_set_threads(ctx, 1);
        tn_backward_with(ctx, tn_var(ctx, leaf(x), along), dy);
        const float *dx = tn_data(tn_grad(x));
        for (int threads = 1; threads <= 5; threads += 2) {
            tn_set_threads(ctx, threads);
            tn_clear_grad(z);
            tn_backward_with(ctx, tn_var(ctx, leaf(z), along), dy);
            const float *dz = tn_data(tn_grad(z));
            for (int64_t i = 0; i < rows * cols; i++)
                if (i < middle || i >= middle + cols)
                    ck_assert_msg(dx[i] == dz[i], "[%d,%d], %d threads: %d: %.9g and %.9g",
                                  (int)rows, (int)cols, threads, (int)i, dx[i], dz[i]);
        }
    }
}
END_TEST

START_TEST(test_too_few_elements)
{
    ck_tn_equal(tn_var(ctx, F64(3), (tn_var_opts){0}), NAN);
    ck_tn_equal(tn_var(ctx, F64(3, 4), (tn_var_opts){.correction = 2}), INFINITY);
    ck_tn_equal(tn_var(ctx, F64(3, 4), (tn_var_opts){.correction = 3}), INFINITY);
    tn_tensor *x = LEAF(3, 4);
    tn_backward(ctx, tn_var(ctx, x, (tn_var_opts){.correction = 2}));
    ck_tn_equal(tn_grad(x), -INFINITY, INFINITY);
}
END_TEST

START_TEST(test_errors)
{
    tn_var_opts all = {0};
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    check_fails(tn_var(ctx, NULL, all), TN_ERR_ARGUMENT, "var: input is NULL");
    check_fails(tn_var(ctx, tn_ones(ctx, TN_I64, TN_SHAPE(2)), all), TN_ERR_DTYPE,
                "var: input is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_var(ctx, x, (tn_var_opts){.dims = (int[]){2}, .ndims = 1}), TN_ERR_ARGUMENT,
                "var: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_var(ctx, x, (tn_var_opts){.dims = (int[]){1, -1}, .ndims = 2}), TN_ERR_ARGUMENT,
                "var: dimension 1 is listed twice");
    check_fails(tn_var(ctx, x, (tn_var_opts){.ndims = 1}), TN_ERR_ARGUMENT,
                "var: 1 dimensions to reduce, but dims is NULL");
    ck_assert_ptr_null(tn_var(NULL, x, all));
}
END_TEST

OP_TESTS("var", cases, test_every_set_of_dimensions, test_default_is_1, test_far_from_zero,
         test_expanded_columns, test_far_from_the_others, test_gradients_with_gaps,
         test_ends_of_the_range, test_of_equal_numbers, test_squares_outside_floats,
         test_infinities, test_rows_are_apart, test_too_few_elements, test_errors)
