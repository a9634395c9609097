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
         test_overlapping_parts, test_errors)
