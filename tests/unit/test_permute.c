/* permute(x, dims) and transpose(x, dim0, dim1). */
#include "common/ops.h"

OP(permute, tn_permute(ctx, in[0], (int[]){2, 0, -2}))
OP(permute_8, tn_permute(ctx, in[0], (int[]){7, 0, 6, 1, 5, 2, 4, 3}))
OP(permute_0, tn_permute(ctx, in[0], NULL))
OP(transpose, tn_transpose(ctx, in[0], 0, -1))

static const op_case cases[] = {{"permute 2,0,-2", permute, "[2,3,4]", false},
                                {"permute 2,0,-2", permute, "[2,0,4]", false},
                                {"permute 7,0,6,1,5,2,4,3", permute_8, "[2,1,2,3,1,2,1,2]", false},
                                {"permute", permute_0, "[]", false},
                                {"transpose 0,-1", transpose, "[3,4]", false},
                                {"transpose 0,-1", transpose, "[5]", false},
                                {"transpose 0,-1", transpose, "[2,3,4]", false}};

static array naive_permutation(const array *x, const int *dims)
{
    int64_t shape[TN_MAX_DIMS], index[TN_MAX_DIMS] = {0}, from[TN_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++)
        shape[i] = x->shape[dims[i]];
    array y = array_new(x->ndim, shape);
    for (int64_t i = 0; i < y.numel; i++, next_index(y.ndim, y.shape, index)) {
        for (int j = 0; j < y.ndim; j++)
            from[dims[j]] = index[j];
        y.data[i] = *array_at(x, x->ndim, from);
    }
    return y;
}

static void check_permutation(const array *x, const int *dims)
{
    array want = naive_permutation(x, dims);
    for (int how = PLAIN; how <= SLICED; how++) {
        tn_tensor *t = tensor_of(x, TN_F64, (layout)how), *y = tn_permute(ctx, t, dims);
        check_array(y, &want, 0, "permute of %s %s", TN_SHAPE_TEXT(t), layout_name((layout)how));
        ck_assert_ptr_eq(tn_data(y), tn_data(t));
    }
}

START_TEST(test_every_permutation)
{
    static const char *const shapes[] = {"[2,3,4,5]", "[2,0,3,1]"};
    for (int s = 0; s < 2; s++) {
        array x = array_random(shapes[s]);
        for (int i = 0; i < 256; i++) {
            int dims[4] = {i % 4, i / 4 % 4, i / 16 % 4, i / 64};
            unsigned seen = 0;
            for (int j = 0; j < 4; j++)
                seen |= 1U << dims[j];
            if (seen == 15)
                check_permutation(&x, dims);
        }
    }
}
END_TEST

START_TEST(test_eight_dimensions)
{
    array x = array_random("[2,1,3,1,2,2,1,2]");
    check_permutation(&x, (int[]){7, 6, 5, 4, 3, 2, 1, 0});
    check_permutation(&x, (int[]){3, 0, 4, 1, 7, 2, 5, 6});
    ck_tn_shape(tn_transpose(ctx, tensor_of(&x, TN_F32, PLAIN), 2, -1), "[2,1,2,1,2,2,1,3]");
}
END_TEST

START_TEST(test_transpose)
{
    array x = array_random("[2,3,4]");
    for (int i = 0; i < 36; i++) {
        int a = i / 6 - 3, b = i % 6 - 3, dims[] = {0, 1, 2};
        dims[(a + 3) % 3] = (b + 3) % 3;
        dims[(b + 3) % 3] = (a + 3) % 3;
        array want = naive_permutation(&x, dims);
        tn_tensor *t = tensor_of(&x, TN_I64, PLAIN);
        for (int64_t j = 0; j < want.numel; j++)
            want.data[j] = trunc(want.data[j]);
        check_array(tn_transpose(ctx, t, a, b), &want, 0, "transpose %d, %d", a, b);
    }
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 3)), *s = tn_scalar(ctx, TN_F32, 1);
    check_fails(tn_permute(ctx, NULL, (int[]){0}), TN_ERR_ARGUMENT, "permute: input is NULL");
    check_fails(tn_permute(ctx, x, NULL), TN_ERR_ARGUMENT, "permute: dims is NULL");
    check_fails(tn_permute(ctx, x, (int[]){0, 2}), TN_ERR_ARGUMENT,
                "permute: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_permute(ctx, x, (int[]){1, -1}), TN_ERR_ARGUMENT,
                "permute: dimension 1 of [2,3] is listed twice");
    check_fails(tn_transpose(ctx, NULL, 0, 1), TN_ERR_ARGUMENT, "transpose: input is NULL");
    check_fails(tn_transpose(ctx, x, 2, 0), TN_ERR_ARGUMENT,
                "transpose: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_transpose(ctx, x, 0, -3), TN_ERR_ARGUMENT,
                "transpose: dimension -3 is outside a tensor of 2 dimensions");
    check_fails(tn_transpose(ctx, s, 0, 1), TN_ERR_ARGUMENT,
                "transpose: dimension 1 is outside a tensor of 0 dimensions");
    ck_assert_ptr_null(tn_permute(NULL, x, (int[]){0, 1}));
}
END_TEST

OP_TESTS("permute", cases, test_every_permutation, test_eight_dimensions, test_transpose,
         test_errors)
