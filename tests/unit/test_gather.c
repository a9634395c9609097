/* gather(x, dim, index). */
#include <string.h>
#include "common/ops.h"

OP(gather_first, tn_gather(ctx, in[0], 0, in[1]))
OP(gather_middle, tn_gather(ctx, in[0], 1, in[1]))
OP(gather_last, tn_gather(ctx, in[0], -1, in[1]))

static const op_case cases[] = {
    {"gather dim=0", gather_first, "[5] [3]<5", false},
    {"gather dim=0", gather_first, "[3,4] [7,4]<3", false},
    {"gather dim=0", gather_first, "[3,4] [2,1]<3", false},
    {"gather dim=0", gather_first, "[3,4] [0,4]<3", false},
    {"gather dim=0", gather_first, "[3,4] [200,0]<3", false},
    {"gather dim=1", gather_middle, "[2,3,4] [2,5,4]<3", false},
    {"gather dim=1", gather_middle, "[2,3,4] [1,3,2]<3", false},
    {"gather dim=-1", gather_last, "[3,4] [3,6]<4", false},
    {"gather dim=-1", gather_last, "[2,1,2,1,2,1,2,3] [2,1,1,1,2,1,2,2]<3", false}};

static void check_gather(const char *shape, const char *index_shape, int dim, tn_dtype dtype,
                         layout how)
{
    int64_t index[TN_MAX_DIMS] = {0}, from[TN_MAX_DIMS];
    array x = array_random(shape), indices = array_zeros(index_shape);
    for (int64_t i = 0; i < indices.numel; i++)
        indices.data[i] = (double)(random_bits() % (uint64_t)x.shape[dim]);
    tn_tensor *t = tensor_of(&x, dtype, how);
    array y = array_new(indices.ndim, indices.shape), rounded = array_of(t);
    for (int64_t i = 0; i < y.numel; i++, next_index(y.ndim, y.shape, index)) {
        memcpy(from, index, sizeof from);
        from[dim] = (int64_t)indices.data[i];
        y.data[i] = *array_at(&rounded, x.ndim, from);
    }
    static const tn_dtype index_types[] = {TN_I64, TN_I32, TN_U8};
    for (int i = 0; i < 3; i++) {
        tn_tensor *at = tensor_of(&indices, index_types[i], (layout)(((int)how + i) % 3));
        tn_tensor *got = tn_gather(ctx, t, dim - x.ndim * (i % 2), at);
        ck_assert_int_eq(tn_dtype_of(got), dtype);
        check_array(got, &y, 0, "gather of %s along %d", shape, dim);
    }
}

START_TEST(test_values)
{
    static const struct {
        const char *x, *index;
        int dim;
    } runs[] = {{"[1]", "[4]", 0},
                {"[7]", "[3]", 0},
                {"[3,4]", "[9,4]", 0},
                {"[3,4]", "[2,2]", 1},
                {"[2,3,4]", "[2,1,3]", 0},
                {"[2,3,4]", "[2,8,3]", 1},
                {"[2,3,4]", "[2,2,9]", 2},
                {"[3,0,2]", "[4,0,2]", 0},
                {"[3,5]", "[0,5]", 1},
                {"[30,41]", "[30,7]", 1},
                {"[2,1,2,1,2,1,2,3]", "[1,1,2,1,2,1,2,5]", 7}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        for (int run = 0; run < TN_DTYPES * 3; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_gather(runs[i].x, runs[i].index, runs[i].dim, (tn_dtype)(run / 3),
                         (layout)(run % 3));
            tn_scope_end(ctx, scope);
        }
}
END_TEST

START_TEST(test_threads)
{
    check_gather("[40,3001]", "[100,3001]", 0, TN_F32, PLAIN);
    check_gather("[40013,3]", "[40013,2]", 1, TN_F64, SLICED);
}
END_TEST

/* The gradient of [rows, cols] from whole numbers dy, or from ones if it is expanded, with several
 * threads. Indices are repeated; those of one column may be those of all. */
static void check_gradient(int64_t rows, int64_t cols, int64_t count, int dim, bool lines,
                           bool expanded)
{
    tn_scope scope = tn_scope_begin(ctx);
    const int64_t shape[] = {dim ? rows : count, dim ? count : cols}, last = dim ? cols : rows;
    tn_tensor *x = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(rows, cols)));
    tn_tensor *index = tn_zeros(ctx, TN_I64, 2, shape);
    array want = array_new(2, tn_shape(x)), dy = array_new(2, shape);
    for (int64_t i = 0; i < dy.numel; i++) {
        int64_t row = i / shape[1], col = i % shape[1], line = dim ? col : row;
        int64_t at = (lines ? line * 7 : i * 31 + line) % last;
        ((int64_t *)tn_data(index))[i] = at;
        dy.data[i] = expanded ? 1 : (double)(random_bits() % 9);
        want.data[dim ? row * cols + at : at * cols + col] += dy.data[i];
    }
    if (lines)
        index = tn_select(ctx, tn_clone(ctx, index), !dim, 0);
    tn_tensor *y = lines ? tn_index_select(ctx, x, dim, index) : tn_gather(ctx, x, dim, index);
    if (expanded)
        tn_backward(ctx, tn_sum(ctx, y, (tn_reduce_opts){0}));
    else
        tn_backward_with(ctx, y, tensor_of(&dy, TN_F32, PLAIN));
    check_array(tn_grad(x), &want, 0, "[%d,%d], %d along %d", (int)rows, (int)cols, (int)count,
                dim);
    tn_scope_end(ctx, scope);
}

/* Rows are long enough for threads, few or many numbers go to an element, and rows are around the
 * copies of one number that are added. */
START_TEST(test_gradients_of_many)
{
    for (int run = 0; run < 8; run++) {
        bool lines = run & 1, expanded = run & 2;
        int dim = run / 4;
        check_gradient(301, 207, 100, dim, lines, expanded);
        check_gradient(30, 21, 2500, dim, lines, expanded);
        check_gradient(20, 3001, 18, dim, lines, expanded);
    }
    for (int64_t cols = 254; cols < 259; cols++)
        check_gradient(3, cols, 5, 0, true, true);
    check_gradient(3, 1025, 5, 0, true, true);
}
END_TEST

START_TEST(test_repeated_indices)
{
    tn_tensor *x = leaf(tn_reshape(ctx, F64(1, 2, 3, 4), TN_SHAPE(2, 2)));
    tn_tensor *at = tn_from_data(ctx, TN_I64, TN_SHAPE(2, 3), (int64_t[]){1, 1, 0, 0, 0, 0});
    tn_tensor *y = tn_gather(ctx, x, 1, at);
    ck_tn_equal(y, 2, 2, 1, 3, 3, 3);
    tn_backward_with(ctx, y, tn_reshape(ctx, F64(1, 10, 100, 1e3, 1e4, 1e5), TN_SHAPE(2, 3)));
    ck_tn_equal(tn_grad(x), 100, 11, 111000, 0);
}
END_TEST

/* Many small terms after a large one are not lost, for indices that differ from column to column,
 * also if the first column has none twice; and in as many dimensions as there may be. */
START_TEST(test_crowded_indices)
{
    tn_tensor *x = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(2, 2)));
    tn_tensor *at = tn_zeros(ctx, TN_I64, TN_SHAPE(401, 2));
    tn_fill_(ctx, tn_select(ctx, at, 1, 1), 1);
    tn_tensor *dy = tn_ones(ctx, TN_F32, TN_SHAPE(401, 2));
    tn_fill_(ctx, tn_select(ctx, dy, 0, 0), 0x1p24);
    tn_backward_with(ctx, tn_gather(ctx, x, 0, at), dy);
    ck_tn_equal(tn_grad(x), 0x1p24 + 400, 0, 0, 0x1p24 + 400);
    x = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(401, 2)));
    for (int64_t i = 0; i < 401; i++)
        tn_fill_(ctx, tn_select(ctx, tn_select(ctx, at, 0, i), 0, 0), (double)i);
    tn_backward_with(ctx, tn_gather(ctx, x, 0, at), dy);
    ck_assert_double_eq(element_of(tn_grad(x), 3), 0x1p24 + 400);
    tn_tensor *many = tn_zeros(ctx, TN_I64, TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 401));
    x = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)));
    dy = tn_reshape(ctx, tn_select(ctx, dy, 1, 0), TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 401));
    tn_backward_with(ctx, tn_gather(ctx, x, 7, many), dy);
    ck_tn_equal(tn_grad(x), 0x1p24 + 400);
}
END_TEST

/* One index for each column, repeated along the dimension, of an x that is much longer. */
START_TEST(test_crowded_by_one_index)
{
    tn_tensor *x = leaf(tn_zeros(ctx, TN_F32, TN_SHAPE(4000000, 2)));
    tn_tensor *at = tn_from_data(ctx, TN_I64, TN_SHAPE(1, 2), (int64_t[]){7, 3999999});
    tn_tensor *dy = tn_ones(ctx, TN_F32, TN_SHAPE(401, 2));
    tn_fill_(ctx, tn_select(ctx, dy, 0, 0), 0x1p24);
    tn_backward_with(ctx, tn_gather(ctx, x, 0, tn_expand(ctx, at, TN_SHAPE(401, 2))), dy);
    ck_assert_double_eq(element_of(tn_grad(x), 14), 0x1p24 + 400);
    ck_assert_double_eq(element_of(tn_grad(x), 7999999), 0x1p24 + 400);
    tn_clear_grad(x);
    at = tn_zeros(ctx, TN_I64, TN_SHAPE(401, 2));
    tn_fill_(ctx, tn_select(ctx, at, 1, 1), 3999999);
    tn_backward_with(ctx, tn_gather(ctx, x, 0, at), dy);
    ck_assert_double_eq(element_of(tn_grad(x), 0), 0x1p24 + 400);
    ck_assert_double_eq(element_of(tn_grad(x), 7999999), 0x1p24 + 400);
}
END_TEST

/* x [301, 3, n] along its first dimension, or [3, n, 301] along its last. The indices of one line
 * are all the same, those of the others differ; of expanded ones that line is n lines. */
static void check_crowded_line(int64_t n, int dim, bool expanded, int64_t line)
{
    enum { COUNT = 301, OUTER = 3 };
    tn_scope scope = tn_scope_begin(ctx);
    int64_t lines = OUTER * n, of_index = expanded ? OUTER : lines, step = dim ? COUNT : 1;
    const int64_t first[] = {COUNT, OUTER, n}, last[] = {OUTER, n, COUNT};
    const int64_t narrow[] = {COUNT, OUTER, 1}, *shape = dim ? last : first;
    tn_tensor *x = leaf(tn_zeros(ctx, TN_F32, 3, shape)), *dy = tn_ones(ctx, TN_F32, 3, shape);
    tn_tensor *index = tn_zeros(ctx, TN_I64, 3, expanded ? narrow : shape);
    for (int64_t i = 0; i < COUNT * of_index; i++) {
        int64_t of = dim ? i / COUNT : i % of_index, at = dim ? i % COUNT : i / of_index;
        ((int64_t *)tn_data(index))[i] = of == line ? 0 : at;
    }
    for (int64_t i = 0; i < lines; i++)
        ((float *)tn_data(dy))[i * step] = 0x1p24f;
    tn_backward_with(ctx, tn_gather(ctx, x, dim, tn_expand(ctx, index, 3, shape)), dy);
    int64_t wide = expanded ? n : 1;
    for (int64_t i = 0; i < lines; i++)
        ck_assert_double_eq(element_of(tn_grad(x), i * step),
                            0x1p24 + (i / wide == line ? COUNT - 1 : 0));
    tn_scope_end(ctx, scope);
}

/* Rows of few numbers, and of more than go together. */
START_TEST(test_each_crowded_line)
{
    for (int64_t n = 2; n < 40; n += 31)
        for (int64_t line = 0; line < 3 * n; line++) {
            check_crowded_line(n, 0, false, line);
            check_crowded_line(n, 2, false, line);
            if (line < 3)
                check_crowded_line(n, 0, true, line);
        }
}
END_TEST

/* Indices are looked at several at a time: one that is outside is found at every place. */
START_TEST(test_one_wrong_index)
{
    enum { N = 37 };
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(N));
    for (int i = 0; i < 2 * N; i++) {
        tn_tensor *at = tn_zeros(ctx, TN_I64, TN_SHAPE(N));
        ((int64_t *)tn_data_mut(at))[i / 2] = i % 2 ? -1 : N;
        check_fails(tn_gather(ctx, x, 0, at), TN_ERR_ARGUMENT,
                    i % 2 ? "gather: index -1 is outside dimension 0 of [37]"
                          : "gather: index 37 is outside dimension 0 of [37]");
    }
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3));
    tn_tensor *at = tn_full(ctx, TN_I64, TN_SHAPE(2, 3), 2);
    check_fails(tn_gather(ctx, NULL, 0, at), TN_ERR_ARGUMENT, "gather: input is NULL");
    check_fails(tn_gather(ctx, x, 0, NULL), TN_ERR_ARGUMENT, "gather: index is NULL");
    check_fails(tn_gather(ctx, x, 0, x), TN_ERR_DTYPE,
                "gather: index is f32 but must be i64, i32 or u8");
    check_fails(tn_gather(ctx, x, 2, at), TN_ERR_ARGUMENT,
                "gather: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_gather(ctx, x, 0, tn_zeros(ctx, TN_I64, TN_SHAPE(2))), TN_ERR_SHAPE,
                "gather: index [2] does not fit input [2,3]; sizes other than that of dimension 0 "
                "must not be larger");
    check_fails(tn_gather(ctx, x, -1, tn_zeros(ctx, TN_I64, TN_SHAPE(3, 3))), TN_ERR_SHAPE,
                "gather: index [3,3] does not fit input [2,3]; sizes other than that of dimension "
                "1 must not be larger");
    check_fails(tn_gather(ctx, x, 0, at), TN_ERR_ARGUMENT,
                "gather: index 2 is outside dimension 0 of [2,3]");
    check_fails(tn_gather(ctx, x, 1, tn_full(ctx, TN_I64, TN_SHAPE(1, 1), -1)), TN_ERR_ARGUMENT,
                "gather: index -1 is outside dimension 1 of [2,3]");
    ck_assert_ptr_null(tn_gather(NULL, x, 1, at));
}
END_TEST

OP_TESTS("gather", cases, test_values, test_threads, test_gradients_of_many, test_repeated_indices,
         test_crowded_indices, test_crowded_by_one_index, test_each_crowded_line,
         test_one_wrong_index, test_errors)
