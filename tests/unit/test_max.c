/* max(x, dim) and min(x, dim), with indices; argmin(x, dim). */
#include <string.h>
#include "common/ops.h"

OP(max_first, tn_max(ctx, in[0], 0, false, NULL))
OP(max_middle, tn_max(ctx, in[0], 1, false, NULL))
OP(max_last_kept, tn_max(ctx, in[0], -1, true, NULL))
OP(min_first, tn_min(ctx, in[0], 0, false, NULL))
OP(min_middle, tn_min(ctx, in[0], 1, false, NULL))
OP(min_last_kept, tn_min(ctx, in[0], -1, true, NULL))

static const op_case cases[] = {{"max dim=0", max_first, "[5]", false},
                                {"max dim=0", max_first, "[3,4]", false},
                                {"max dim=0", max_first, "[2,0]", false},
                                {"max dim=1", max_middle, "[2,3,4]", false},
                                {"max dim=1", max_middle, "[2,1,2,1,2,1,2,2]", false},
                                {"max dim=-1 keepdim", max_last_kept, "[3,4]", false},
                                {"min dim=0", min_first, "[5]", false},
                                {"min dim=0", min_first, "[3,4]", false},
                                {"min dim=1", min_middle, "[2,3,4]", false},
                                {"min dim=-1 keepdim", min_last_kept, "[3,4]", false}};

/* The indices of the first largest or smallest elements, NaN before all others. */
static array naive_indices(const array *x, int dim, bool smallest)
{
    int64_t index[TN_MAX_DIMS] = {0}, best[TN_MAX_DIMS];
    array y = *x;
    y.shape[dim] = 1;
    y = array_new(y.ndim, y.shape);
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index)) {
        double *at = array_at(&y, x->ndim, index), value = x->data[i];
        memcpy(best, index, sizeof best);
        best[dim] = (int64_t)*at;
        double found = *array_at(x, x->ndim, best);
        if ((smallest ? value < found : value > found) || (isnan(value) && !isnan(found)))
            *at = (double)index[dim];
    }
    return y;
}

static array naive_values(const array *x, int dim, const array *indices)
{
    int64_t index[TN_MAX_DIMS] = {0}, from[TN_MAX_DIMS];
    array y = array_new(indices->ndim, indices->shape);
    for (int64_t i = 0; i < y.numel; i++, next_index(y.ndim, y.shape, index)) {
        memcpy(from, index, sizeof from);
        from[dim] = (int64_t)indices->data[i];
        y.data[i] = *array_at(x, x->ndim, from);
    }
    return y;
}

static void check_extreme(const array *x, int dim, bool smallest, tn_dtype dtype, layout how)
{
    tn_tensor *t = tensor_of(x, dtype, how), *at, *at_kept;
    array rounded = array_of(t), indices = naive_indices(&rounded, dim, smallest);
    array values = naive_values(&rounded, dim, &indices);
    tn_tensor *y = (smallest ? tn_min : tn_max)(ctx, t, dim - x->ndim, false, &at);
    tn_tensor *kept = (smallest ? tn_min : tn_max)(ctx, t, dim, true, &at_kept);
    const char *name = smallest ? "min" : "max";
    ck_assert_int_eq(tn_dtype_of(y), dtype);
    ck_assert_int_eq(tn_dtype_of(at), TN_I64);
    check_array(kept, &values, 0, "%s of %s along %d", name, TN_SHAPE_TEXT(t), dim);
    check_array(at_kept, &indices, 0, "indices of %s of %s along %d", name, TN_SHAPE_TEXT(t), dim);
    check_array(tn_unsqueeze(ctx, y, dim), &values, 0, "%s, not kept", name);
    check_array(tn_unsqueeze(ctx, at, dim), &indices, 0, "indices of %s, not kept", name);
    if (smallest)
        check_array(tn_unsqueeze(ctx, tn_argmin(ctx, t, dim), dim), &indices, 0, "argmin");
}

/* Few different values, so that there are ties. */
START_TEST(test_values)
{
    static const char *const shapes[] = {
        "[1]", "[7]", "[3,4]", "[0,3]", "[2,3,4]", "[5,1,6]", "[2,1,2,1,2,1,2,3]", "[3,40013]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        array x = array_zeros(shapes[i]);
        for (int64_t j = 0; j < x.numel; j++)
            x.data[j] = (double)(random_bits() % 5) - 1.5;
        for (int dim = 0; dim < x.ndim; dim++)
            for (int run = 0; x.shape[dim] > 0 && run < TN_DTYPES * 6; run++) {
                tn_scope scope = tn_scope_begin(ctx);
                check_extreme(&x, dim, run % 2, (tn_dtype)(run / 6), (layout)(run / 2 % 3));
                tn_scope_end(ctx, scope);
            }
    }
}
END_TEST

/* Rows and columns around vectors, strips of them, and the blocks of a long row, with ties, zeros
 * of both signs and now and then a NaN. */
static void check_size(int64_t n, int64_t beside, bool with_nan)
{
    for (int dim = 0; dim < 2; dim++) {
        array x = array_new(2, (const int64_t[]){dim ? beside : n, dim ? n : beside});
        for (int64_t i = 0; i < x.numel; i++)
            x.data[i] = random_bits() % 2 ? -0.0 : (double)(random_bits() % 7) - 3;
        for (int64_t i = (int64_t)(random_bits() % 3); with_nan && i < x.numel; i += 1 + 2 * n / 3)
            x.data[i] = NAN;
        for (int run = 0; run < 16; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_extreme(&x, run / 8, run % 2, run / 2 % 2 ? TN_F32 : TN_F64,
                          run / 4 % 2 ? SLICED : PLAIN);
            tn_scope_end(ctx, scope);
        }
    }
}

START_TEST(test_sizes)
{
    for (int64_t n = 1; n <= 140; n++) {
        check_size(n, 3, false);
        check_size(n, 3, true);
    }
    static const int64_t sizes[] = {2047, 2048, 2049, 2080, 4095, 4096, 4097};
    for (int i = 0; i < 7; i++)
        check_size(sizes[i], 3, i % 2);
}
END_TEST

/* Columns fewer than a vector has numbers, several rows of which are taken as one. */
START_TEST(test_few_columns)
{
    static const int64_t sizes[] = {63, 64, 65, 127, 128, 129, 255, 256, 257, 319};
    for (int64_t cols = 1; cols <= 17; cols++)
        for (int i = 0; i < 10; i++)
            check_size(sizes[i], cols, i % 2);
}
END_TEST

/* Each row in turn is the only one that is larger than others. */
START_TEST(test_rows_of_few_columns)
{
    enum { ROWS = 4 * 64 + 3 };
    for (int64_t cols = 1; cols < 16; cols += 2)
        for (int64_t row = 0; row < ROWS; row++) {
            tn_scope scope = tn_scope_begin(ctx);
            tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(ROWS, cols));
            tn_fill_(ctx, tn_select(ctx, x, 0, row), 1);
            const int64_t *at = tn_data_i64(tn_argmax(ctx, x, 0));
            for (int64_t j = 0; j < cols; j++)
                ck_assert_int_eq(at[j], row);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* The best one of 150000 numbers is in each of their parts in turn, and after or before equals. */
START_TEST(test_parts)
{
    enum { MANY = 150000 };
    array x = array_zeros("[150000]");
    for (int64_t at = 0; at < MANY; at += 9973)
        for (int run = 0; run < 4; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            bool is_last = run % 2;
            double best = run / 2 ? NAN : 5;
            for (int64_t i = 0; i < MANY; i++)
                x.data[i] =
                    i == at || (!is_last && i > at && i % 1000 == 0) ? best : (double)(i % 3);
            tn_tensor *t = tensor_of(&x, TN_F32, PLAIN);
            ck_tn_equal(tn_argmax(ctx, t, 0), (double)at);
            ck_tn_equal(tn_argmin(ctx, tn_neg(ctx, t), 0), (double)at);
            tn_tensor *rows = tn_reshape(ctx, t, TN_SHAPE(MANY / 2, 2)), *indices;
            tn_tensor *columns = tn_max(ctx, rows, 0, false, &indices);
            ck_assert_int_eq(tn_data_i64(indices)[at % 2], at / 2);
            ck_assert(isnan(tn_data_f32(columns)[at % 2]) == (run / 2 == 1));
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* Few rows of many columns are cut between columns. */
START_TEST(test_pieces)
{
    array x = array_random("[41,4001]");
    check_extreme(&x, 0, false, TN_F32, PLAIN);
    check_extreme(&x, 0, true, TN_F64, PLAIN);
    check_extreme(&x, 0, true, TN_I32, PLAIN);
}
END_TEST

START_TEST(test_special_values)
{
    static double values[] = {1,         NAN,       2,        NAN,      1, NAN,
                              -INFINITY, -INFINITY, INFINITY, INFINITY, 0, -0.0};
    array x = {.ndim = 2, .shape = {4, 3}, .numel = 12, .data = values};
    for (int run = 0; run < 4; run++) {
        check_extreme(&x, 1, run % 2, run / 2 ? TN_F32 : TN_F64, PLAIN);
        check_extreme(&x, 0, run % 2, run / 2 ? TN_F32 : TN_F64, TRANSPOSED);
    }
    tn_tensor *at;
    ck_tn_equal(tn_max(ctx, tn_scalar(ctx, TN_F32, 3), -1, true, &at), 3);
    ck_tn_shape(at, "[]");
}
END_TEST

/* The first of equal elements gets all of the gradient. */
START_TEST(test_gradient_of_ties)
{
    tn_tensor *x = LEAF(1, 3, 3, 1), *at;
    tn_backward(ctx, tn_max(ctx, x, 0, false, &at));
    ck_tn_equal(at, 1);
    ck_tn_equal(tn_grad(x), 0, 1, 0, 0);
    tn_backward(ctx, tn_min(ctx, x, 0, false, NULL));
    ck_tn_equal(tn_grad(x), 1, 1, 0, 0);
}
END_TEST

START_TEST(test_indices_have_no_gradient)
{
    tn_tensor *at;
    ck_assert(tn_requires_grad(tn_max(ctx, LEAF(1, 2), 0, true, &at)));
    ck_assert(!tn_requires_grad(at));
    ck_assert(!tn_requires_grad(tn_argmin(ctx, LEAF(1, 2), 0)));
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_zeros(ctx, TN_F32, TN_SHAPE(2, 0)), *at = x;
    check_fails(tn_max(ctx, NULL, 0, false, &at), TN_ERR_ARGUMENT, "max: input is NULL");
    ck_assert_ptr_null(at);
    check_fails(tn_min(ctx, NULL, 0, false, NULL), TN_ERR_ARGUMENT, "min: input is NULL");
    check_fails(tn_argmin(ctx, NULL, 0), TN_ERR_ARGUMENT, "argmin: input is NULL");
    check_fails(tn_max(ctx, x, 2, false, NULL), TN_ERR_ARGUMENT,
                "max: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_min(ctx, x, -1, false, &at), TN_ERR_SHAPE,
                "min: dimension 1 of [2,0] has no elements");
    check_fails(tn_argmin(ctx, x, 1), TN_ERR_SHAPE, "argmin: dimension 1 of [2,0] has no elements");
    ck_tn_shape(tn_max(ctx, x, 0, true, &at), "[1,0]");
    ck_tn_shape(at, "[1,0]");
    ck_assert_ptr_null(tn_max(NULL, x, 0, false, NULL));
}
END_TEST

OP_TESTS("max", cases, test_values, test_sizes, test_few_columns, test_rows_of_few_columns,
         test_parts, test_pieces, test_special_values, test_gradient_of_ties,
         test_indices_have_no_gradient, test_errors)
