/* slice(x, dim, start, end, step), narrow(x, dim, start, length) and select(x, dim, index). */
#include <string.h>
#include "common/ops.h"

OP(slice, tn_slice(ctx, in[0], 1, 1, 6, 2))
OP(slice_first, tn_slice(ctx, in[0], 0, -2, INT64_MAX, 1))
OP(slice_nothing, tn_slice(ctx, in[0], 0, 2, 1, 1))
OP(narrow, tn_narrow(ctx, in[0], -1, 1, 2))
OP(select_first, tn_select(ctx, in[0], 0, -1))
OP(select_middle, tn_select(ctx, in[0], 1, 1))

static const op_case cases[] = {{"slice 1,1:6:2", slice, "[2,7,3]", false},
                                {"slice 1,1:6:2", slice, "[3,4]", false},
                                {"slice 0,-2:", slice_first, "[5]", false},
                                {"slice 0,-2:", slice_first, "[1,2,1,2,1,2,1,2]", false},
                                {"slice 0,2:1", slice_nothing, "[3,2]", false},
                                {"narrow -1,1,2", narrow, "[3,4]", false},
                                {"narrow -1,1,2", narrow, "[0,4]", false},
                                {"select 0,-1", select_first, "[3]", false},
                                {"select 0,-1", select_first, "[3,4]", false},
                                {"select 1,1", select_middle, "[2,3,4]", false}};

/* `length` elements along dim from `start`, `step` apart. */
static array naive_part(const array *x, int dim, int64_t start, int64_t length, int64_t step)
{
    int64_t shape[TN_MAX_DIMS], index[TN_MAX_DIMS] = {0}, from[TN_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[dim] = length;
    array y = array_new(x->ndim, shape);
    for (int64_t i = 0; i < y.numel; i++, next_index(y.ndim, y.shape, index)) {
        memcpy(from, index, sizeof from);
        from[dim] = start + index[dim] * step;
        y.data[i] = *array_at(x, x->ndim, from);
    }
    return y;
}

/* Python's rule, one index after another. */
static int64_t naive_length(int64_t size, int64_t *start, int64_t end, int64_t step)
{
    int64_t n = 0;
    *start = *start < 0 ? *start + size : *start;
    *start = *start < 0 ? 0 : *start;
    end = end < 0 ? end + size : end;
    for (int64_t i = *start; i < end && i < size; i += step)
        n++;
    return n;
}

START_TEST(test_slices)
{
    array x = array_random("[3,5,2]");
    for (int run = 0; run < 3 * 3 * 15 * 15 * 4; run++) {
        int how = run % 3, dim = run / 3 % 3;
        int64_t start = run / 9 % 15 - 7, end = run / 135 % 15 - 7, step = run / 2025 + 1;
        int64_t first = start, length = naive_length(x.shape[dim], &first, end, step);
        tn_scope scope = tn_scope_begin(ctx);
        array want = naive_part(&x, dim, first, length, step);
        tn_tensor *t = tensor_of(&x, TN_F64, (layout)how);
        check_array(tn_slice(ctx, t, dim - 3 * (run % 2), start, end, step), &want, 0,
                    "dimension %d %d:%d:%d", dim, (int)start, (int)end, (int)step);
        tn_scope_end(ctx, scope);
    }
}
END_TEST

START_TEST(test_far_bounds)
{
    tn_tensor *x = F64(0, 1, 2, 3, 4);
    ck_tn_equal(tn_slice(ctx, x, 0, INT64_MIN, INT64_MAX, 2), 0, 2, 4);
    ck_tn_equal(tn_slice(ctx, x, 0, 1, INT64_MAX, INT64_MAX), 1);
    ck_tn_shape(tn_slice(ctx, x, 0, INT64_MAX, INT64_MIN, 1), "[0]");
    tn_tensor *none = tn_zeros(ctx, TN_U8, TN_SHAPE(0, 3));
    ck_tn_shape(tn_slice(ctx, none, 0, -1, 5, 1), "[0,3]");
    ck_tn_shape(tn_slice(ctx, none, 1, 1, 3, 1), "[0,2]");
}
END_TEST

START_TEST(test_narrow_and_select)
{
    array x = array_random("[2,3,4]");
    for (int how = PLAIN; how <= SLICED; how++)
        for (int dim = 0; dim < 3; dim++)
            for (int64_t i = 0; i < x.shape[dim]; i++) {
                tn_tensor *t = tensor_of(&x, TN_F64, (layout)how);
                array one = naive_part(&x, dim, i, 1, 1);
                array rest = naive_part(&x, dim, i, x.shape[dim] - i, 1);
                check_array(tn_narrow(ctx, t, dim, i, 1), &one, 0, "narrow");
                check_array(tn_narrow(ctx, t, dim - 3, i, x.shape[dim] - i), &rest, 0, "narrow");
                check_array(tn_unsqueeze(ctx, tn_select(ctx, t, dim, i), dim), &one, 0, "select");
                check_array(tn_unsqueeze(ctx, tn_select(ctx, t, dim, i - x.shape[dim]), dim), &one,
                            0, "select");
                ck_assert_ptr_eq(tn_data(tn_select(ctx, t, dim, 0)), tn_data(t));
            }
}
END_TEST

/* Parts that overlap add their gradients up. */
START_TEST(test_overlapping_parts)
{
    tn_tensor *x = LEAF(1, 2, 3, 4);
    tn_tensor *y = tn_mul(ctx, tn_narrow(ctx, x, 0, 0, 3), tn_narrow(ctx, x, 0, 1, 3));
    tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    ck_tn_equal(tn_grad(x), 2, 4, 6, 3);
}
END_TEST

/* Sum number k of parts of x, times k + 1. */
static tn_tensor *weighted_part(const tn_tensor *x, int dim, int64_t k, int64_t step)
{
    tn_tensor *part = step == 0 ? tn_select(ctx, x, dim, k % tn_size(x, dim))
                                : tn_slice(ctx, x, dim, k % step, INT64_MAX, step);
    return sum_of(tn_mul_scalar(ctx, part, (double)(k + 1)));
}

/* dx of a sum of many parts, of a leaf or of what an operator made, which a search for numbers that
 * are not finite is shown whole. */
static tn_tensor *gradient_of_parts(tn_dtype dtype, const int *c, bool whole)
{
    tn_tensor *x = leaf(tn_ones(ctx, dtype, TN_SHAPE(4, 5, 3)));
    const tn_tensor *used = c[0] ? tn_mul_scalar(ctx, x, 1) : x;
    tn_tensor *loss = tn_zeros(ctx, dtype, 0, NULL);
    for (int64_t k = 0; k < c[3]; k++)
        loss = tn_add(ctx, loss, weighted_part(used, c[1], k, c[2]));
    tn_detect_anomaly(ctx, whole);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    tn_detect_anomaly(ctx, false);
    return tn_grad(x);
}

/* Parts are added where they lie in the sum, and the sum is the same. Beyond 64 of them what
 * rounding takes is kept, too. */
START_TEST(test_parts_add_up)
{
    for (int run = 0; run < 2 * 3 * 3 * 2 * 2; run++) {
        int count[] = {9, 150}, c[] = {run % 2, run / 2 % 3, run / 6 % 3, count[run / 18 % 2]};
        tn_dtype dtype = run / 36 ? TN_F64 : TN_F32;
        tn_tensor *got = gradient_of_parts(dtype, c, false);
        check_same_bits(got, gradient_of_parts(dtype, c, true));
    }
}
END_TEST

/* Many parts that are one, with gaps: sums of floats as exact as those of other gradients. */
START_TEST(test_many_parts_are_exact)
{
    enum { MANY = 20000 };
    static const float weights[] = {0.1F, 0.7F, 0.3F};
    tn_tensor *x = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(2, 5)));
    tn_tensor *w = tn_from_data(ctx, TN_F32, TN_SHAPE(3), weights);
    tn_tensor *loss = tn_scalar(ctx, TN_F32, 0);
    for (int i = 0; i < MANY; i++)
        loss = tn_add(ctx, loss, sum_of(tn_mul(ctx, tn_slice(ctx, x, 1, 0, 5, 2), w)));
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    const float *dx = tn_data_f32(tn_grad(x));
    for (int64_t i = 0; i < 10; i++) {
        double want = i % 5 % 2 ? 0 : MANY * (double)weights[i % 5 / 2];
        ck_assert_double_le(fabs(dx[i] - want), 1e-7 * want);
    }
}
END_TEST

/* A gradient that another tensor has, too, stays as it is. */
START_TEST(test_parts_of_shared_gradients)
{
    tn_tensor *x = LEAF(1, 2, 3), *z = LEAF(4, 5, 6);
    tn_tensor *used = tn_mul_scalar(ctx, x, 1), *other = tn_mul_scalar(ctx, z, 1);
    tn_tensor *part = sum_of(tn_mul_scalar(ctx, tn_narrow(ctx, used, 0, 1, 1), 5));
    tn_tensor *both = tn_add(ctx, used, other);
    tn_tensor *loss = tn_add(ctx, sum_of(tn_mul(ctx, both, F64(1, 1, 1))), part);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_tn_equal(tn_grad(x), 1, 6, 1);
    ck_tn_equal(tn_grad(z), 1, 1, 1);
}
END_TEST

/* All parts of a tensor take its memory once, as long as what is lost is not kept. */
START_TEST(test_parts_take_no_memory)
{
    enum { BYTES = 1 << 20, PARTS = 16 };
    tn_tensor *x = leaf(tn_ones(ctx, TN_F64, TN_SHAPE(PARTS, BYTES / 8 / PARTS)));
    tn_tensor *loss = tn_scalar(ctx, TN_F64, 0);
    for (int i = 0; i < PARTS; i++)
        loss = tn_add(ctx, loss, sum_of(tn_select(ctx, x, 0, i)));
    int64_t before = tn_memory(ctx).live_bytes;
    tn_memory_reset_peak(ctx);
    ck_assert_int_eq(tn_backward(ctx, loss), TN_OK);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - before, BYTES + BYTES / 4);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3));
    check_fails(tn_slice(ctx, NULL, 0, 0, 1, 1), TN_ERR_ARGUMENT, "slice: input is NULL");
    check_fails(tn_slice(ctx, x, 2, 0, 1, 1), TN_ERR_ARGUMENT,
                "slice: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_slice(ctx, x, 0, 0, 1, 0), TN_ERR_ARGUMENT, "slice: step 0 is not positive");
    check_fails(tn_slice(ctx, x, 0, 0, 1, -1), TN_ERR_ARGUMENT, "slice: step -1 is not positive");
    check_fails(tn_narrow(ctx, NULL, 0, 0, 1), TN_ERR_ARGUMENT, "narrow: input is NULL");
    check_fails(tn_narrow(ctx, x, 1, 1, 3), TN_ERR_ARGUMENT,
                "narrow: 3 elements from 1 of dimension 1 of [2,3]");
    check_fails(tn_narrow(ctx, x, -1, -1, 1), TN_ERR_ARGUMENT,
                "narrow: 1 elements from -1 of dimension 1 of [2,3]");
    check_fails(tn_narrow(ctx, x, 0, 0, -1), TN_ERR_ARGUMENT,
                "narrow: -1 elements from 0 of dimension 0 of [2,3]");
    check_fails(tn_select(ctx, NULL, 0, 0), TN_ERR_ARGUMENT, "select: input is NULL");
    check_fails(tn_select(ctx, x, 1, 3), TN_ERR_ARGUMENT,
                "select: index 3 is outside dimension 1 of [2,3]");
    check_fails(tn_select(ctx, x, 0, -3), TN_ERR_ARGUMENT,
                "select: index -3 is outside dimension 0 of [2,3]");
    check_fails(tn_select(ctx, x, -3, 0), TN_ERR_ARGUMENT,
                "select: dimension -3 is outside a tensor of 2 dimensions");
    ck_assert_ptr_null(tn_slice(NULL, x, 0, 0, 1, 1));
}
END_TEST

OP_TESTS("slice", cases, test_slices, test_far_bounds, test_narrow_and_select,
         test_overlapping_parts, test_parts_add_up, test_many_parts_are_exact,
         test_parts_of_shared_gradients, test_parts_take_no_memory, test_errors)
