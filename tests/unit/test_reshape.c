/* reshape(x, shape), flatten(x, start, end), squeeze(x, dim) and unsqueeze(x, dim). */
#include <string.h>
#include "common/ops.h"

OP(reshape, tn_reshape(ctx, in[0], TN_SHAPE(6, 2)))
OP(reshape_inferred, tn_reshape(ctx, in[0], TN_SHAPE(-1, 1, 3)))
OP(reshape_scalar, tn_reshape(ctx, in[0], TN_SCALAR))
OP(flatten, tn_flatten(ctx, in[0], 0, -1))
OP(flatten_end, tn_flatten(ctx, in[0], 1, -1))
OP(squeeze, tn_squeeze(ctx, in[0], 1))
OP(unsqueeze, tn_unsqueeze(ctx, in[0], -1))

static const op_case cases[] = {{"reshape 6,2", reshape, "[3,4]", false},
                                {"reshape 6,2", reshape, "[2,3,2]", false},
                                {"reshape -1,1,3", reshape_inferred, "[3,4]", false},
                                {"reshape -1,1,3", reshape_inferred, "[0,3]", false},
                                {"reshape to []", reshape_scalar, "[1,1]", false},
                                {"flatten", flatten, "[]", false},
                                {"flatten", flatten, "[2,1,2,1,2,1,2,2]", false},
                                {"flatten 1,-1", flatten_end, "[2,3,2]", false},
                                {"squeeze 1", squeeze, "[2,1,3]", false},
                                {"squeeze 1", squeeze, "[2,3]", false},
                                {"unsqueeze -1", unsqueeze, "[2,3]", false},
                                {"unsqueeze -1", unsqueeze, "[]", false}};

/* The elements in the same order, from every layout and in every dtype. */
static void check_reshape(const char *from, const char *to)
{
    array x = array_zeros(from), y = array_zeros(to);
    for (int64_t i = 0; i < x.numel; i++)
        x.data[i] = y.data[i] = (double)(i % 200);
    for (int dtype = 0; dtype < TN_BOOL; dtype++)
        for (int how = PLAIN; how <= SLICED; how++) {
            tn_tensor *t = tensor_of(&x, (tn_dtype)dtype, (layout)how);
            check_array(tn_reshape(ctx, t, y.ndim, y.shape), &y, 0, "%s to %s %s", from, to,
                        layout_name((layout)how));
            for (int i = 0; i < y.ndim; i++) {
                int64_t inferred[TN_MAX_DIMS];
                memcpy(inferred, y.shape, sizeof inferred);
                inferred[i] = -1;
                if (y.numel > 0)
                    check_array(tn_reshape(ctx, t, y.ndim, inferred), &y, 0, "%s with -1", to);
            }
        }
}

START_TEST(test_values)
{
    static const char *const shapes[][2] = {{"[]", "[]"},
                                            {"[]", "[1,1,1]"},
                                            {"[1,1]", "[]"},
                                            {"[6]", "[2,3]"},
                                            {"[2,3]", "[6]"},
                                            {"[2,3]", "[3,2]"},
                                            {"[2,3,4]", "[6,4]"},
                                            {"[2,3,4]", "[2,12]"},
                                            {"[2,3,4]", "[4,3,2]"},
                                            {"[4,6]", "[2,2,3,2]"},
                                            {"[1,4,1,6,1]", "[2,1,2,6]"},
                                            {"[2,1,2,1,2,1,2,3]", "[3,2,2,2,1,1,2,1]"},
                                            {"[0,3]", "[3,0,5]"},
                                            {"[0]", "[0,1,1,1,1,1,1,7]"}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_reshape(shapes[i][0], shapes[i][1]);
}
END_TEST

/* Does y share the memory of x? */
static bool is_view(const tn_tensor *x, const tn_tensor *y)
{
    ck_assert_msg(y != NULL, "%s", tn_error(ctx));
    return tn_data(x) == tn_data(y);
}

/* A view where the strides allow one, as torch.Tensor.view has it, a copy elsewhere. */
START_TEST(test_views)
{
    tn_tensor *x = tn_arange(ctx, TN_F32, 0, 24, 1);
    x = tn_reshape(ctx, x, TN_SHAPE(2, 3, 4));
    tn_tensor *part = tn_slice(ctx, x, 2, 0, 2, 1), *turned = tn_transpose(ctx, x, 1, 2);
    tn_tensor *steps = tn_slice(ctx, x, 2, 0, 4, 2), *rows = tn_slice(ctx, x, 1, 0, 2, 1);
    tn_tensor *wide = tn_expand(ctx, tn_select(ctx, x, 2, 0), TN_SHAPE(5, 2, 3));
    ck_assert(is_view(x, tn_reshape(ctx, x, TN_SHAPE(24))));
    ck_assert(is_view(part, tn_reshape(ctx, part, TN_SHAPE(6, 2))));
    ck_assert(is_view(part, tn_reshape(ctx, part, TN_SHAPE(3, 1, 2, 2, 1))));
    ck_assert(!is_view(part, tn_reshape(ctx, part, TN_SHAPE(12))));
    ck_assert(is_view(steps, tn_reshape(ctx, steps, TN_SHAPE(12))));
    ck_assert(is_view(rows, tn_reshape(ctx, rows, TN_SHAPE(2, 8))));
    ck_assert(!is_view(rows, tn_reshape(ctx, rows, TN_SHAPE(4, 4))));
    ck_assert(!is_view(turned, tn_reshape(ctx, turned, TN_SHAPE(2, 12))));
    ck_assert(is_view(turned, tn_reshape(ctx, turned, TN_SHAPE(2, 2, 2, 3))));
    ck_assert(!is_view(wide, tn_reshape(ctx, wide, TN_SHAPE(30))));
    ck_assert(is_view(wide, tn_reshape(ctx, wide, TN_SHAPE(5, 6))));
    ck_tn_equal(tn_reshape(ctx, steps, TN_SHAPE(12)), 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22);
    ck_assert(is_view(turned, tn_unsqueeze(ctx, turned, 1)));
    ck_assert(is_view(turned, tn_squeeze(ctx, tn_unsqueeze(ctx, turned, 0), 0)));
}
END_TEST

START_TEST(test_flatten_and_squeeze)
{
    tn_tensor *x = tn_zeros(ctx, TN_U8, TN_SHAPE(2, 1, 3, 4)), *s = tn_scalar(ctx, TN_BOOL, 1);
    ck_tn_shape(tn_flatten(ctx, x, 0, -1), "[24]");
    ck_tn_shape(tn_flatten(ctx, x, 1, 2), "[2,3,4]");
    ck_tn_shape(tn_flatten(ctx, x, -2, -1), "[2,1,12]");
    ck_tn_shape(tn_flatten(ctx, x, 2, 2), "[2,1,3,4]");
    ck_tn_shape(tn_flatten(ctx, s, 0, -1), "[1]");
    ck_tn_shape(tn_flatten(ctx, tn_zeros(ctx, TN_U8, TN_SHAPE(6)), 0, -1), "[6]");
    ck_tn_shape(tn_flatten(ctx, tn_zeros(ctx, TN_F32, TN_SHAPE(2, 0, 3)), 1, 2), "[2,0]");
    ck_tn_shape(tn_squeeze(ctx, x, 1), "[2,3,4]");
    ck_tn_shape(tn_squeeze(ctx, x, -3), "[2,3,4]");
    ck_tn_shape(tn_squeeze(ctx, x, 0), "[2,1,3,4]");
    ck_tn_shape(tn_unsqueeze(ctx, x, 0), "[1,2,1,3,4]");
    ck_tn_shape(tn_unsqueeze(ctx, x, -1), "[2,1,3,4,1]");
    ck_tn_shape(tn_unsqueeze(ctx, x, -2), "[2,1,3,1,4]");
    ck_tn_shape(tn_unsqueeze(ctx, s, -1), "[1]");
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3)),
              *none = tn_zeros(ctx, TN_F32, TN_SHAPE(0));
    check_fails(tn_reshape(ctx, NULL, TN_SHAPE(6)), TN_ERR_ARGUMENT, "reshape: input is NULL");
    check_fails(tn_reshape(ctx, x, TN_SHAPE(4, 2)), TN_ERR_SHAPE,
                "reshape: shape [4,2] does not hold the 6 elements of [2,3]");
    check_fails(tn_reshape(ctx, x, TN_SHAPE(-1, 4)), TN_ERR_SHAPE,
                "reshape: shape [-1,4] does not hold the 6 elements of [2,3]");
    check_fails(tn_reshape(ctx, x, TN_SHAPE(-1, -1)), TN_ERR_SHAPE,
                "reshape: shape [-1,-1] does not hold the 6 elements of [2,3]");
    check_fails(tn_reshape(ctx, x, TN_SHAPE(-2, -3)), TN_ERR_SHAPE,
                "reshape: shape [-2,-3] does not hold the 6 elements of [2,3]");
    check_fails(tn_reshape(ctx, none, TN_SHAPE(-1, 0)), TN_ERR_SHAPE,
                "reshape: shape [-1,0] does not hold the 0 elements of [0]");
    check_fails(tn_reshape(ctx, x, 1, NULL), TN_ERR_ARGUMENT,
                "reshape: shape is NULL for 1 dimensions");
    check_fails(tn_reshape(ctx, x, TN_SHAPE(6, 1, 1, 1, 1, 1, 1, 1, 1)), TN_ERR_SHAPE,
                "reshape: 9 dimensions, but a tensor has 0 to 8");
    check_fails(tn_reshape(ctx, none, TN_SHAPE(0, INT64_MAX / 2, 4)), TN_ERR_SHAPE,
                "reshape: shape [0,4611686018427387903,4] does not hold the 0 elements of [0]");
    ck_assert_ptr_null(tn_reshape(NULL, x, TN_SHAPE(6)));
}
END_TEST

START_TEST(test_errors_of_dimensions)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_tensor *full = tn_zeros(ctx, TN_F32, TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    check_fails(tn_flatten(ctx, NULL, 0, 0), TN_ERR_ARGUMENT, "flatten: input is NULL");
    check_fails(tn_flatten(ctx, x, 2, -1), TN_ERR_ARGUMENT,
                "flatten: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_flatten(ctx, x, 0, -3), TN_ERR_ARGUMENT,
                "flatten: dimension -3 is outside a tensor of 2 dimensions");
    check_fails(tn_flatten(ctx, x, 1, 0), TN_ERR_ARGUMENT,
                "flatten: dimension 1 comes after dimension 0");
    check_fails(tn_squeeze(ctx, NULL, 0), TN_ERR_ARGUMENT, "squeeze: input is NULL");
    check_fails(tn_squeeze(ctx, x, 2), TN_ERR_ARGUMENT,
                "squeeze: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_unsqueeze(ctx, NULL, 0), TN_ERR_ARGUMENT, "unsqueeze: input is NULL");
    check_fails(tn_unsqueeze(ctx, x, 3), TN_ERR_ARGUMENT,
                "unsqueeze: dimension 3 is outside a tensor of 3 dimensions");
    check_fails(tn_unsqueeze(ctx, full, 0), TN_ERR_SHAPE,
                "unsqueeze: [1,1,1,1,1,1,1,1] has 8 dimensions already");
}
END_TEST

OP_TESTS("reshape", cases, test_values, test_views, test_flatten_and_squeeze, test_errors,
         test_errors_of_dimensions)
