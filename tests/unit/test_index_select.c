/* index_select(x, dim, index). */
#include <string.h>
#include "common/ops.h"

OP(select_first, tn_index_select(ctx, in[0], 0, in[1]))
OP(select_middle, tn_index_select(ctx, in[0], 1, in[1]))
OP(select_last, tn_index_select(ctx, in[0], -1, in[1]))

static const op_case cases[] = {
    {"index_select dim=0", select_first, "[5] [3]<5", false},
    {"index_select dim=0", select_first, "[3,4] [7]<3", false},
    {"index_select dim=0", select_first, "[3,4] [0]<3", false},
    {"index_select dim=0", select_first, "[3,0] [2]<3", false},
    {"index_select dim=1", select_middle, "[2,3,4] [5]<3", false},
    {"index_select dim=1", select_middle, "[2,3,4] []<3", false},
    {"index_select dim=-1", select_last, "[3,4] [6]<4", false},
    {"index_select dim=-1", select_last, "[2,1,2,1,2,1,2,3] [2]<3", false}};

static void check_select(const char *shape, int dim, int64_t n, tn_dtype dtype, layout how)
{
    int64_t index[TN_MAX_DIMS] = {0}, from[TN_MAX_DIMS], to_shape[TN_MAX_DIMS];
    array x = array_random(shape), indices = array_new(1, &n);
    for (int64_t i = 0; i < n; i++)
        indices.data[i] = (double)(random_bits() % (uint64_t)x.shape[dim]);
    tn_tensor *t = tensor_of(&x, dtype, how);
    memcpy(to_shape, x.shape, sizeof to_shape);
    to_shape[dim] = n;
    array y = array_new(x.ndim, to_shape), rounded = array_of(t);
    for (int64_t i = 0; i < y.numel; i++, next_index(y.ndim, y.shape, index)) {
        memcpy(from, index, sizeof from);
        from[dim] = (int64_t)indices.data[index[dim]];
        y.data[i] = *array_at(&rounded, x.ndim, from);
    }
    static const tn_dtype index_types[] = {TN_I64, TN_I32, TN_U8};
    for (int i = 0; i < 3; i++) {
        tn_tensor *at = tensor_of(&indices, index_types[i], (layout)(((int)how + i) % 3));
        tn_tensor *got = tn_index_select(ctx, t, dim - x.ndim * (i % 2), at);
        ck_assert_int_eq(tn_dtype_of(got), dtype);
        check_array(got, &y, 0, "index_select of %s along %d", shape, dim);
    }
}

START_TEST(test_values)
{
    static const char *const shapes[] = {"[1]",     "[7]",     "[3,4]",   "[2,3,4]",
                                         "[5,1,6]", "[30,40]", "[3,0,2]", "[2,1,2,1,2,1,2,3]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int run = 0; run < TN_DTYPES * 3; run++)
            for (int dim = 0; dim < array_zeros(shapes[i]).ndim; dim++) {
                tn_scope scope = tn_scope_begin(ctx);
                if (array_zeros(shapes[i]).shape[dim] > 0)
                    check_select(shapes[i], dim, run, (tn_dtype)(run / 3), (layout)(run % 3));
                tn_scope_end(ctx, scope);
            }
}
END_TEST

START_TEST(test_threads)
{
    check_select("[40,3001]", 0, 200, TN_F32, PLAIN);
    check_select("[401,30]", 1, 200, TN_F64, TRANSPOSED);
}
END_TEST

/* A row that is taken twice gets both gradients, one that is not gets none. */
START_TEST(test_repeated_indices)
{
    tn_tensor *x = leaf(tn_reshape(ctx, F64(1, 2, 3, 4, 5, 6), TN_SHAPE(3, 2)));
    tn_tensor *at = tn_from_data(ctx, TN_I64, TN_SHAPE(3), (int64_t[]){2, 0, 2});
    tn_tensor *y = tn_index_select(ctx, x, 0, at);
    ck_tn_equal(y, 5, 6, 1, 2, 5, 6);
    tn_backward_with(ctx, y, tn_reshape(ctx, F64(1, 10, 100, 1000, 1e4, 1e5), TN_SHAPE(3, 2)));
    ck_tn_equal(tn_grad(x), 100, 1000, 0, 0, 10001, 100010);
}
END_TEST

/* The memory of an index that is expanded holds it once, and others after it. */
START_TEST(test_expanded_index)
{
    tn_tensor *x = LEAF(1, 2, 3);
    tn_tensor *two = tn_from_data(ctx, TN_I64, TN_SHAPE(4), (int64_t[]){2, 0, 1, 1000000});
    tn_tensor *at = tn_expand(ctx, tn_narrow(ctx, two, 0, 0, 1), TN_SHAPE(4));
    tn_tensor *y = tn_index_select(ctx, x, 0, at);
    ck_tn_equal(y, 3, 3, 3, 3);
    tn_backward_with(ctx, y, F64(1, 2, 3, 4));
    ck_tn_equal(tn_grad(x), 0, 0, 10);
}
END_TEST

START_TEST(test_indices_changed_in_place)
{
    tn_tensor *x = LEAF(1, 2, 3), *at = tn_zeros(ctx, TN_I64, TN_SHAPE(2));
    tn_tensor *y = tn_index_select(ctx, x, 0, at);
    tn_fill_(ctx, at, 7);
    tn_backward_with(ctx, y, F64(1, 1));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_STATE);
    tn_clear_error(ctx);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)), *at = tn_full(ctx, TN_I64, TN_SHAPE(2), 2);
    check_fails(tn_index_select(ctx, NULL, 0, at), TN_ERR_ARGUMENT, "index_select: input is NULL");
    check_fails(tn_index_select(ctx, x, 0, NULL), TN_ERR_ARGUMENT, "index_select: index is NULL");
    check_fails(tn_index_select(ctx, x, 0, x), TN_ERR_SHAPE,
                "index_select: index [2,3] has more than one dimension");
    check_fails(tn_index_select(ctx, x, 0, tn_ones(ctx, TN_F32, TN_SHAPE(2))), TN_ERR_DTYPE,
                "index_select: index is f32 but must be i64, i32 or u8");
    check_fails(tn_index_select(ctx, x, -3, at), TN_ERR_ARGUMENT,
                "index_select: dimension -3 is outside a tensor of 2 dimensions");
    check_fails(tn_index_select(ctx, x, 0, at), TN_ERR_ARGUMENT,
                "index_select: index 2 is outside dimension 0 of [2,3]");
    check_fails(tn_index_select(ctx, x, 1, tn_full(ctx, TN_I32, TN_SHAPE(1), -1)), TN_ERR_ARGUMENT,
                "index_select: index -1 is outside dimension 1 of [2,3]");
    check_fails(tn_index_select(ctx, x, 1, tn_arange(ctx, TN_I64, 1, 5, 1)), TN_ERR_ARGUMENT,
                "index_select: index 3 is outside dimension 1 of [2,3]");
    ck_assert_ptr_null(tn_index_select(NULL, x, 1, at));
}
END_TEST

OP_TESTS("index_select", cases, test_values, test_threads, test_repeated_indices,
         test_expanded_index, test_indices_changed_in_place, test_errors)
