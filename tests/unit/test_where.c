/* where(condition, a, b). */
#include "common/ops.h"

OP(where_of, tn_where(ctx, tn_cast(ctx, in[0], TN_BOOL), in[1], in[2]))
OP(where_one, tn_where(ctx, tn_cast(ctx, in[0], TN_BOOL), in[1], in[1]))

static const op_case cases[] = {{"where", where_of, "[]<2 [] []", false},
                                {"where", where_of, "[3,4]<2 [3,4] [3,4]", false},
                                {"where", where_of, "[3,1]<2 [4] [3,4]", false},
                                {"where", where_of, "[2,3]<2 [] []", false},
                                {"where", where_of, "[]<2 [2,3] [3]", false},
                                {"where", where_of, "[2,1,3]<2 [4,1] []", false},
                                {"where", where_of, "[1,3]<2 [0,1] [3]", false},
                                {"where one", where_one, "[3,4]<2 [3,4]", false}};

static void check_where(const char *condition, const char *a, const char *b, tn_dtype dtype,
                        layout how)
{
    array c = array_zeros(condition), x = array_random(a), y = array_random(b);
    for (int64_t i = 0; i < c.numel; i++)
        c.data[i] = (double)(random_bits() & 1);
    tn_tensor *tx = tensor_of(&x, dtype, how), *ty = tensor_of(&y, dtype, how);
    array xy = array_broadcast(&x, &y), want = array_broadcast(&c, &xy);
    x = array_of(tx), y = array_of(ty);
    int64_t index[TN_MAX_DIMS] = {0};
    for (int64_t i = 0; i < want.numel; i++, next_index(want.ndim, want.shape, index))
        want.data[i] = *array_at(&c, want.ndim, index) != 0 ? *array_at(&x, want.ndim, index)
                                                            : *array_at(&y, want.ndim, index);
    check_array(tn_where(ctx, tensor_of(&c, TN_BOOL, how), tx, ty), &want, 0, "where %s %s %s: %s",
                condition, a, b, tn_dtype_name(dtype));
}

START_TEST(test_values)
{
    static const char *const shapes[][3] = {{"[]", "[]", "[]"},
                                            {"[5]", "[]", "[5]"},
                                            {"[67]", "[]", "[67]"},
                                            {"[67]", "[]", "[]"},
                                            {"[3,4]", "[3,4]", "[3,4]"},
                                            {"[3,1]", "[4]", "[2,1,1]"},
                                            {"[]", "[2,0]", "[1]"},
                                            {"[7,9]", "[9]", "[7,1]"},
                                            {"[2,1,2,1,2,1,2,3]", "[1,2,1,2,1,2,1,3]", "[3]"},
                                            {"[3,16411]", "[3,16411]", "[]"},
                                            {"[40013]", "[40013]", "[40013]"}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int run = 0; run < TN_DTYPES * 3; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_where(shapes[i][0], shapes[i][1], shapes[i][2], (tn_dtype)(run / 3),
                        (layout)(run % 3));
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* What was not chosen does not count, NaN and infinities included. */
START_TEST(test_special_values)
{
    tn_tensor *a = LEAF(NAN, 1, INFINITY), *b = LEAF(2, NAN, -INFINITY);
    tn_tensor *y = tn_where(ctx, tn_gt(ctx, b, F64(0, 0, 0)), b, a);
    ck_tn_equal(y, 2, 1, INFINITY);
    tn_backward_with(ctx, y, F64(3, 4, NAN));
    ck_tn_equal(tn_grad(a), 0, 4, NAN);
    ck_tn_equal(tn_grad(b), 3, 0, 0);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *c = tn_ones(ctx, TN_BOOL, TN_SHAPE(3)), *x = F64(1, 2, 3), *two = F64(1, 2);
    tn_tensor *i64 = tn_ones(ctx, TN_I64, TN_SHAPE(3));
    check_fails(tn_where(ctx, NULL, x, x), TN_ERR_ARGUMENT, "where: condition is NULL");
    check_fails(tn_where(ctx, c, NULL, x), TN_ERR_ARGUMENT, "where: input is NULL");
    check_fails(tn_where(ctx, c, x, NULL), TN_ERR_ARGUMENT, "where: other is NULL");
    check_fails(tn_where(ctx, i64, x, x), TN_ERR_DTYPE, "where: condition is i64 but must be bool");
    check_fails(tn_where(ctx, c, x, i64), TN_ERR_DTYPE,
                "where: input is f64 but other is i64; tn_cast converts");
    check_fails(tn_where(ctx, c, x, two), TN_ERR_SHAPE,
                "where: shapes [3] and [2] do not broadcast");
    check_fails(tn_where(ctx, c, two, two), TN_ERR_SHAPE,
                "where: shapes [3] and [2] do not broadcast");
    ck_assert_ptr_null(tn_where(NULL, c, x, x));
}
END_TEST

OP_TESTS("where", cases, test_values, test_special_values, test_errors)
