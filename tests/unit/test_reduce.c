/* Reductions over any dimensions of any layout, as sums and means; what other reductions do is in
 * their tests, and repeated elements are in test_expanded.c. */
#include <stdio.h>
#include "common/ops.h"

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
    static const char *const shapes[] = {"[255,3]",   "[256,3]",    "[257,65]",    "[1031,2]",
                                         "[3,40013]", "[40013,3]",  "[130,5,130]", "[140000]",
                                         "[70,2111]", "[2,5000,35]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        array x = array_random(shapes[i]);
        for (unsigned dims = 1; dims < 1U << x.ndim; dims++)
            check_dims(&x, dims);
    }
}
END_TEST

/* Lines that lie apart, short ones and longer than a block; enough of them for threads. */
START_TEST(sums_of_lines)
{
    static const int64_t lengths[] = {1, 3, 16, 20, 33, 256, 257, 600};
    for (int i = 0; i < 16; i++) {
        const int64_t n = lengths[i / 2], lines = 3000;
        tn_scope scope = tn_scope_begin(ctx);
        tn_dtype dtype = i % 2 ? TN_F32 : TN_F64;
        tn_tensor *all = tn_arange(ctx, dtype, 0, (double)(lines * (n + 5)), 1);
        tn_tensor *x = tn_narrow(ctx, tn_reshape(ctx, all, TN_SHAPE(lines, n + 5)), 1, 2, n);
        tn_tensor *y = tn_sum(ctx, x, TN_DIMS(1));
        for (int64_t j = 0; j < lines; j++) {
            double first = (double)(j * (n + 5) + 2);
            double want = (double)n * first + (double)(n * (n - 1) / 2);
            ck_assert_double_le(fabs(element_of(y, j) - want), 1e-6 * want);
        }
        tn_scope_end(ctx, scope);
    }
}
END_TEST

/* dy is not divided, not by a number that rounding makes of 1 either. */
START_TEST(gradient_over_eight_dimensions)
{
    tn_tensor *x = leaf(tn_zeros(ctx, TN_F64, TN_SHAPE(1, 2, 1, 1, 1, 1, 1, 1)));
    tn_backward_with(ctx, tn_sum(ctx, x, (tn_reduce_opts){0}), tn_scalar(ctx, TN_F64, 3));
    ck_tn_equal(tn_grad(x), 3, 3);
}
END_TEST

START_TEST(sums_to_a_shape)
{
    tn_tensor *t = tn_reshape(ctx, tn_arange(ctx, TN_F64, 0, 6, 1), TN_SHAPE(1, 2, 3));
    ck_tn_equal(tn__sum_to(ctx, t, TN_SHAPE(3)), 3, 5, 7);
    ck_tn_equal(tn__sum_to(ctx, t, TN_SHAPE(2, 1)), 3, 12);
    ck_tn_equal(tn__sum_to(ctx, t, TN_SCALAR), 15);
    ck_tn_equal(tn__sum_to(ctx, tn_transpose(ctx, t, 1, 2), TN_SHAPE(2)), 3, 12);
    ck_tn_shape(tn__sum_to(ctx, t, TN_SHAPE(1, 1)), "[1,1]");
    ck_assert_ptr_eq(tn__sum_to(ctx, t, TN_SHAPE(1, 2, 3)), t);
    t = tn_zeros(ctx, TN_F32, TN_SHAPE(0, 3));
    ck_tn_equal(tn__sum_to(ctx, t, TN_SHAPE(3)), 0, 0, 0);
    ck_tn_shape(tn__sum_to(ctx, t, TN_SHAPE(0, 1)), "[0,1]");
}
END_TEST

OP_TESTS_NO_GRAD("reduce", test_every_set_of_dimensions, test_sizes, sums_of_lines,
                 gradient_over_eight_dimensions, sums_to_a_shape)
