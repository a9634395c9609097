/* expand(x, shape). */
#include "common/ops.h"

OP(expand_scalar, tn_expand(ctx, in[0], TN_SHAPE(2, 3)))
OP(expand_rows, tn_expand(ctx, in[0], TN_SHAPE(2, 3, -1)))
OP(expand_columns, tn_expand(ctx, in[0], TN_SHAPE(-1, 4)))
OP(expand_8, tn_expand(ctx, in[0], TN_SHAPE(2, 1, 2, 1, 3, 2, 2, 2)))
OP(expand_to_nothing, tn_expand(ctx, in[0], TN_SHAPE(0, 3)))

static const op_case cases[] = {{"expand 2,3", expand_scalar, "[]", false},
                                {"expand 2,3", expand_scalar, "[1,1]", false},
                                {"expand 2,3", expand_scalar, "[2,3]", false},
                                {"expand 2,3,-1", expand_rows, "[4]", false},
                                {"expand 2,3,-1", expand_rows, "[3,2]", false},
                                {"expand 2,3,-1", expand_rows, "[2,1,2]", false},
                                {"expand -1,4", expand_columns, "[3,1]", false},
                                {"expand 2,1,2,1,3,2,2,2", expand_8, "[1,2,1]", false},
                                {"expand 0,3", expand_to_nothing, "[1,3]", false}};

static void check_expand(const char *from, const char *to)
{
    array x = array_random(from), y = array_zeros(to);
    int64_t index[TN_MAX_DIMS] = {0};
    for (int64_t i = 0; i < y.numel; i++, next_index(y.ndim, y.shape, index))
        y.data[i] = *array_at(&x, y.ndim, index);
    for (int how = PLAIN; how <= SLICED; how++) {
        tn_tensor *t = tensor_of(&x, TN_F64, (layout)how);
        tn_tensor *z = tn_expand(ctx, t, y.ndim, y.shape);
        check_array(z, &y, 0, "%s to %s %s", from, to, layout_name((layout)how));
        ck_assert_ptr_eq(tn_data(z), tn_data(t));
    }
}

START_TEST(test_values)
{
    check_expand("[]", "[]");
    check_expand("[]", "[2,3]");
    check_expand("[1]", "[0]");
    check_expand("[3]", "[3]");
    check_expand("[3]", "[2,3]");
    check_expand("[3,1]", "[3,4]");
    check_expand("[3,1]", "[2,3,4]");
    check_expand("[0,1]", "[2,0,3]");
    check_expand("[1,2,1]", "[2,1,2,1,3,2,2,2]");
    check_expand("[1,1,1,1,1,1,1,1]", "[1,2,1,2,1,2,1,2]");
}
END_TEST

START_TEST(test_minus_one_keeps_a_size)
{
    tn_tensor *x = tn_arange(ctx, TN_U8, 0, 3, 1);
    ck_tn_equal(tn_expand(ctx, x, TN_SHAPE(2, -1)), 0, 1, 2, 0, 1, 2);
    ck_tn_shape(tn_expand(ctx, tn_zeros(ctx, TN_BOOL, TN_SHAPE(1, 0)), TN_SHAPE(4, -1)), "[4,0]");
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3));
    check_fails(tn_expand(ctx, NULL, TN_SHAPE(1)), TN_ERR_ARGUMENT, "expand: input is NULL");
    check_fails(tn_expand(ctx, x, TN_SHAPE(3)), TN_ERR_SHAPE,
                "expand: [2,3] does not broadcast to [3]");
    check_fails(tn_expand(ctx, x, TN_SHAPE(4, 3)), TN_ERR_SHAPE,
                "expand: [2,3] does not broadcast to [4,3]");
    check_fails(tn_expand(ctx, x, TN_SHAPE(2, 3, 1)), TN_ERR_SHAPE,
                "expand: [2,3] does not broadcast to [2,3,1]");
    check_fails(tn_expand(ctx, x, TN_SHAPE(-1, 2, 3)), TN_ERR_SHAPE,
                "expand: [2,3] does not broadcast to [-1,2,3]");
    check_fails(tn_expand(ctx, x, TN_SHAPE(2, -2)), TN_ERR_SHAPE,
                "expand: [2,3] does not broadcast to [2,-2]");
    check_fails(tn_expand(ctx, x, 2, NULL), TN_ERR_ARGUMENT,
                "expand: shape is NULL for 2 dimensions");
    check_fails(tn_expand(ctx, x, TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 2, 3)), TN_ERR_SHAPE,
                "expand: 9 dimensions, but a tensor has 0 to 8");
    check_fails(tn_expand(ctx, x, TN_SHAPE(INT64_MAX, 2, 3)), TN_ERR_MEMORY,
                "expand: [9223372036854775807,2,3] of f32 does not fit 63 bits");
    ck_assert_ptr_null(tn_expand(NULL, x, TN_SHAPE(2, 3)));
}
END_TEST

OP_TESTS("expand", cases, test_values, test_minus_one_keeps_a_size, test_errors)
