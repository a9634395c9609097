/* sum(x) and mean(x), over any dimensions. */
#include <stdio.h>
#include "common/ops.h"

OP(sum_all, tn_sum(ctx, in[0], (tn_reduce_opts){0}))
OP(sum_first, tn_sum(ctx, in[0], TN_DIMS(0)))
OP(sum_last_kept, tn_sum(ctx, in[0], TN_KEEPDIMS(-1)))
OP(sum_two, tn_sum(ctx, in[0], TN_DIMS(0, 2)))
OP(mean_all, tn_mean(ctx, in[0], (tn_reduce_opts){0}))
OP(mean_first, tn_mean(ctx, in[0], TN_DIMS(0)))
OP(mean_last_kept, tn_mean(ctx, in[0], TN_KEEPDIMS(-1)))
OP(mean_two, tn_mean(ctx, in[0], TN_DIMS(0, 2)))

static const op_case cases[] = {{"sum", sum_all, "[]", false},
                                {"sum", sum_all, "[3,4]", false},
                                {"sum", sum_all, "[2,1,2,1,2,1,2,2]", false},
                                {"sum dim=0", sum_first, "[3,4]", false},
                                {"sum dim=-1 keepdim", sum_last_kept, "[3,4]", false},
                                {"sum dims=0,2", sum_two, "[3,4,2]", false},
                                {"sum dims=0,2", sum_two, "[2,0,3]", false},
                                {"mean", mean_all, "[]", false},
                                {"mean", mean_all, "[3,4]", false},
                                {"mean dim=0", mean_first, "[3,4]", false},
                                {"mean dim=-1 keepdim", mean_last_kept, "[3,4]", false},
                                {"mean dims=0,2", mean_two, "[3,4,2]", false}};

/* The sum over the dimensions whose bits are set, kept with size 1; `count` gets the number of
 * elements in each. */
static array naive_sum(const array *x, unsigned dims, double *count)
{
    int64_t shape[TN_MAX_DIMS], index[TN_MAX_DIMS] = {0};
    *count = 1;
    for (int i = 0; i < x->ndim; i++) {
        bool reduce = dims >> i & 1;
        *count *= reduce ? (double)x->shape[i] : 1;
        shape[i] = reduce ? 1 : x->shape[i];
    }
    array y = array_new(x->ndim, shape);
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index))
        *array_at(&y, x->ndim, index) += x->data[i];
    return y;
}

static array without_dims(array y, unsigned dims)
{
    array z = {.numel = y.numel, .data = y.data};
    for (int i = 0; i < y.ndim; i++)
        if (!(dims >> i & 1))
            z.shape[z.ndim++] = y.shape[i];
    return z;
}

/* Over one set of dimensions, in every layout and type, sum and mean. */
static void check_dims(const array *x, unsigned dims)
{
    double count;
    int list[TN_MAX_DIMS], n = 0;
    for (int i = x->ndim - 1; i >= 0; i--)
        if (dims >> i & 1) {
            list[n] = n % 2 ? i : i - x->ndim;
            n++;
        }
    array kept = naive_sum(x, dims, &count), dropped = without_dims(kept, dims);
    array mean = array_new(kept.ndim, kept.shape);
    for (int64_t i = 0; i < kept.numel; i++)
        mean.data[i] = kept.data[i] / count;
    for (int run = 0; run < 6; run++) {
        tn_scope scope = tn_scope_begin(ctx);
        tn_dtype dtype = run % 2 ? TN_F32 : TN_F64;
        tn_tensor *t = tensor_of(x, dtype, (layout)(run / 2));
        tn_reduce_opts opts = {.dims = list, .ndims = n};
        check_array(tn_sum(ctx, t, opts), &dropped, tolerance(dtype), "sum of %s over bits %u",
                    TN_SHAPE_TEXT(t), dims);
        opts.keepdim = true;
        check_array(tn_sum(ctx, t, opts), &kept, tolerance(dtype), "sum of %s over bits %u kept",
                    TN_SHAPE_TEXT(t), dims);
        check_array(tn_mean(ctx, t, opts), &mean, tolerance(dtype), "mean of %s over bits %u",
                    TN_SHAPE_TEXT(t), dims);
        tn_scope_end(ctx, scope);
    }
}

START_TEST(test_every_set_of_dimensions)
{
    static const char *const shapes[] = {
        "[5]",     "[1]",   "[0]",     "[3,4]",     "[2,3,1,4]",
        "[2,0,3]", "[0,0]", "[1,1,1]", "[3,2,4,2]", "[2,1,2,1,2,1,2,2]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        array x = array_random(shapes[i]);
        for (unsigned dims = 1; dims < 1U << x.ndim; dims++)
            check_dims(&x, dims);
    }
}
END_TEST

/* Vector registers, tiles of columns, blocks of the pairwise sum, threads. */
START_TEST(test_sizes)
{
    char text[32];
    for (int n = 1; n <= 67; n++) {
        snprintf(text, sizeof text, "[%d,%d]", 68 - n, n);
        array x = array_random(text);
        for (unsigned dims = 1; dims < 4; dims++)
            check_dims(&x, dims);
    }
    static const char *const shapes[] = {"[255,3]",   "[256,3]",   "[257,65]",   "[1031,2]",
                                         "[3,40013]", "[40013,3]", "[130,5,130]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        array x = array_random(shapes[i]);
        for (unsigned dims = 1; dims < 1U << x.ndim; dims++)
            check_dims(&x, dims);
    }
}
END_TEST

/* One after another, a million times 0.1 in float is off by a percent. */
START_TEST(test_rounding)
{
    tn_tensor *x = tn_full(ctx, TN_F32, TN_SHAPE(1000, 1000), 0.1);
    double exact = 1e6 * (double)0.1F;
    ck_assert_double_le(fabs(tn_item(ctx, tn_sum(ctx, x, (tn_reduce_opts){0})) / exact - 1), 1e-6);
    ck_assert_double_le(fabs(tn_item(ctx, tn_mean(ctx, x, (tn_reduce_opts){0})) / 0.1 - 1), 1e-6);
    tn_tensor *columns = tn_reshape(ctx, x, TN_SHAPE(500000, 2));
    double column = element_of(tn_sum(ctx, columns, TN_DIMS(0)), 1);
    ck_assert_double_le(fabs(column / (exact / 2) - 1), 1e-5);
}
END_TEST

START_TEST(test_of_nothing)
{
    tn_tensor *none = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(0, 3)));
    ck_tn_equal(tn_sum(ctx, none, (tn_reduce_opts){0}), 0);
    ck_tn_equal(tn_sum(ctx, none, TN_DIMS(0)), 0, 0, 0);
    ck_tn_equal(tn_mean(ctx, none, (tn_reduce_opts){0}), NAN);
    tn_tensor *mean = tn_mean(ctx, none, TN_DIMS(0));
    ck_tn_equal(mean, NAN, NAN, NAN);
    tn_backward_with(ctx, mean, tn_ones(ctx, TN_F32, TN_SHAPE(3)));
    ck_tn_shape(tn_grad(none), "[0,3]");
}
END_TEST

/* Many rows without columns. */
START_TEST(test_to_nothing)
{
    tn_tensor *rows = leaf(tn_zeros(ctx, TN_F64, TN_SHAPE(2, 1000, 0)));
    ck_tn_shape(tn_sum(ctx, rows, TN_DIMS(1)), "[2,0]");
    ck_tn_shape(tn_var(ctx, rows, (tn_var_opts){.dims = (int[]){0, 1}, .ndims = 2}), "[0]");
    tn_tensor *mean = tn_mean(ctx, rows, TN_KEEPDIMS(1));
    ck_tn_shape(mean, "[2,1,0]");
    tn_backward_with(ctx, mean, tn_ones(ctx, TN_F64, TN_SHAPE(2, 1, 0)));
    ck_tn_shape(tn_grad(rows), "[2,1000,0]");
}
END_TEST

/* The result is never a view of the input. */
START_TEST(test_result_has_its_own_memory)
{
    tn_tensor *scalar = tn_scalar(ctx, TN_F64, 3), *one = F64(3);
    tn_fill_(ctx, tn_sum(ctx, scalar, (tn_reduce_opts){0}), 5);
    ck_tn_equal(scalar, 3);
    tn_fill_(ctx, tn_sum(ctx, one, TN_KEEPDIMS(0)), 5);
    tn_fill_(ctx, tn_mean(ctx, one, TN_KEEPDIMS(0)), 5);
    ck_tn_equal(one, 3);
}
END_TEST

START_TEST(test_errors)
{
    tn_reduce_opts all = {0};
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    check_fails(tn_sum(ctx, NULL, all), TN_ERR_ARGUMENT, "sum: input is NULL");
    check_fails(tn_mean(ctx, NULL, all), TN_ERR_ARGUMENT, "mean: input is NULL");
    check_fails(tn_sum(ctx, tn_ones(ctx, TN_I64, TN_SHAPE(2)), all), TN_ERR_DTYPE,
                "sum: input is i64 but must be f32 or f64; tn_cast converts");
    check_fails(tn_sum(ctx, x, TN_DIMS(2)), TN_ERR_ARGUMENT,
                "sum: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_mean(ctx, x, TN_DIMS(0, -3)), TN_ERR_ARGUMENT,
                "mean: dimension -3 is outside a tensor of 2 dimensions");
    check_fails(tn_sum(ctx, x, TN_DIMS(1, -1)), TN_ERR_ARGUMENT,
                "sum: dimension 1 is listed twice");
    check_fails(tn_sum(ctx, x, (tn_reduce_opts){.ndims = 2}), TN_ERR_ARGUMENT,
                "sum: 2 dimensions to reduce, but dims is NULL");
    ck_assert_ptr_null(tn_sum(NULL, x, all));
}
END_TEST

OP_TESTS("sum", cases, test_every_set_of_dimensions, test_sizes, test_rounding, test_of_nothing,
         test_to_nothing, test_result_has_its_own_memory, test_errors)
