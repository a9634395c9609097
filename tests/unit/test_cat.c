/* cat(tensors, dim). */
#include <string.h>
#include "common/ops.h"

OP(cat_first, tn_cat(ctx, TN_TENSORS(in[0], in[1]), 0))
OP(cat_middle, tn_cat(ctx, TN_TENSORS(in[0], in[1], in[2]), 1))
OP(cat_last, tn_cat(ctx, TN_TENSORS(in[0], in[1]), -1))
OP(cat_one, tn_cat(ctx, TN_TENSORS(in[0]), 0))
OP(cat_itself, tn_cat(ctx, TN_TENSORS(in[0], in[1], in[0]), 0))
OP(cat_many,
   tn_cat(ctx,
          TN_TENSORS(in[0], in[1], in[2], in[3], in[4], in[0], in[1], in[2], in[3], in[4], in[1]),
          1))

static const op_case cases[] = {
    {"cat dim=0", cat_first, "[3] [2]", false},
    {"cat dim=0", cat_first, "[3,4] [1,4]", false},
    {"cat dim=0", cat_first, "[0,4] [2,4]", false},
    {"cat dim=1", cat_middle, "[2,3,2] [2,1,2] [2,2,2]", false},
    {"cat dim=-1", cat_last, "[2,1,2,1,2,1,2,2] [2,1,2,1,2,1,2,1]", false},
    {"cat one", cat_one, "[3,4]", false},
    {"cat itself", cat_itself, "[2,3] [1,3]", false},
    {"cat many dim=1", cat_many, "[2,1] [2,3] [2,0] [2,2] [2,1]", false}};

/* Copies x to where its first element is `start` along dim. */
static void naive_part(array *y, int dim, int64_t start, const array *x)
{
    int64_t index[TN_MAX_DIMS] = {0}, to[TN_MAX_DIMS];
    for (int64_t i = 0; i < x->numel; i++, next_index(x->ndim, x->shape, index)) {
        memcpy(to, index, sizeof to);
        to[dim] += start;
        *array_at(y, y->ndim, to) = x->data[i];
    }
}

/* `count` tensors of sizes 0 .. 3 along dim and of `rows` along the first one, in layout `how` and
 * every `step`th after it. */
static void check_cat(int64_t rows, int count, int dim, tn_dtype dtype, layout how, int step)
{
    const tn_tensor *tensors[40];
    array parts[40];
    int64_t shape[] = {rows, 3, 2}, size = 0;
    for (int i = 0; i < count; i++) {
        shape[dim] = (int64_t)(random_bits() % 4);
        size += shape[dim];
        array x = array_new(3, shape);
        for (int64_t j = 0; j < x.numel; j++)
            x.data[j] = (double)(random_bits() % 2);
        parts[i] = x;
        tensors[i] = tensor_of(&x, dtype, (layout)(((int)how + i * step) % 3));
    }
    shape[dim] = size;
    array want = array_new(3, shape);
    size = 0;
    for (int i = 0; i < count; size += parts[i++].shape[dim])
        naive_part(&want, dim, size, &parts[i]);
    tn_tensor *y = tn_cat(ctx, count, tensors, dim - 3 * (count % 2));
    ck_assert_int_eq(tn_dtype_of(y), dtype);
    check_array(y, &want, 0, "cat of %d along %d", count, dim);
}

START_TEST(test_values)
{
    for (int count = 1; count <= 40; count++)
        for (int run = 0; run < TN_DTYPES * 3; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_cat(2, count, count % 3, (tn_dtype)(run / 3), (layout)(run % 3), 1);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* Enough rows for a result that is written row by row, if all lie contiguously. */
START_TEST(test_rows)
{
    for (int64_t rows = 20; rows <= 80; rows += 20)
        for (int run = 0; run < TN_DTYPES * 4; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            check_cat(rows, 1 + run % 5, 1 + run % 2, (tn_dtype)(run / 4), PLAIN, run / 2 % 2);
            tn_scope_end(ctx, scope);
        }
}
END_TEST

/* More than a node of the tape has inputs; only some of them require a gradient. */
START_TEST(test_many_tensors)
{
    tn_tensor *x[70];
    for (int i = 0; i < 70; i++) {
        x[i] = tn_full(ctx, TN_F64, TN_SHAPE(1 + i % 2), i);
        if (i % 3 == 0)
            leaf(x[i]);
    }
    tn_tensor *y = tn_cat(ctx, 70, (const tn_tensor *const *)x, 0);
    ck_tn_shape(y, "[105]");
    for (int i = 0; i < 105; i++)
        ck_assert_double_eq(element_of(y, i), i / 3 * 2 + (i % 3 > 0));
    tn_backward_with(ctx, y, tn_arange(ctx, TN_F64, 0, 105, 1));
    for (int i = 0; i < 70; i += 3)
        ck_assert_double_eq(element_of(tn_grad(x[i]), 0), i / 2 * 3 + i % 2);
}
END_TEST

START_TEST(test_gradients_add)
{
    tn_tensor *x[TN_MAX_INPUTS];
    for (int i = 0; i < TN_MAX_INPUTS; i++)
        x[i] = LEAF(i);
    for (int run = 1; run <= 2; run++) {
        tn_tensor *y = tn_cat(ctx, TN_MAX_INPUTS, (const tn_tensor *const *)x, 0);
        tn_backward_with(ctx, y, tn_arange(ctx, TN_F64, 1, TN_MAX_INPUTS + 1, 1));
        for (int i = 0; i < TN_MAX_INPUTS; i++)
            ck_assert_double_eq(element_of(tn_grad(x[i]), 0), run * (i + 1));
    }
}
END_TEST

START_TEST(test_threads)
{
    tn_tensor *x = tn_rand(ctx, TN_F32, TN_SHAPE(501, 203));
    tn_tensor *y = tn_cat(ctx, TN_TENSORS(x, x), 1);
    check_same_bits(tn_clone(ctx, tn_narrow(ctx, y, 1, 203, 203)), x);
}
END_TEST

START_TEST(test_result_has_its_own_memory)
{
    tn_tensor *x = F64(1, 2);
    tn_fill_(ctx, tn_cat(ctx, TN_TENSORS(x), 0), 5);
    ck_tn_equal(x, 1, 2);
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)),
              *f64 = tn_ones(ctx, TN_F64, TN_SHAPE(2, 3));
    tn_tensor *other = tn_ones(ctx, TN_F32, TN_SHAPE(3, 3)), *none = NULL;
    check_fails(tn_cat(ctx, 0, (const tn_tensor *[]){x}, 0), TN_ERR_ARGUMENT, "cat: 0 tensors");
    check_fails(tn_cat(ctx, 2, NULL, 0), TN_ERR_ARGUMENT, "cat: 2 tensors at NULL");
    check_fails(tn_cat(ctx, TN_TENSORS(none), 0), TN_ERR_ARGUMENT, "cat: tensor 0 is NULL");
    check_fails(tn_cat(ctx, TN_TENSORS(x, none), 0), TN_ERR_ARGUMENT, "cat: tensor 1 is NULL");
    check_fails(tn_cat(ctx, TN_TENSORS(x, x, f64), 0), TN_ERR_DTYPE,
                "cat: tensor 0 is f32 but tensor 2 is f64; tn_cast converts");
    check_fails(tn_cat(ctx, TN_TENSORS(x, x), 2), TN_ERR_ARGUMENT,
                "cat: dimension 2 is outside a tensor of 2 dimensions");
    check_fails(tn_cat(ctx, TN_TENSORS(x, other), 1), TN_ERR_SHAPE,
                "cat: tensor 1 of shape [3,3] does not fit tensor 0 of shape [2,3] along dimension "
                "1");
    check_fails(
        tn_cat(ctx, TN_TENSORS(x, tn_ones(ctx, TN_F32, TN_SHAPE(2))), -1), TN_ERR_SHAPE,
        "cat: tensor 1 of shape [2] does not fit tensor 0 of shape [2,3] along dimension 1");
    tn_tensor *scalar = tn_ones(ctx, TN_F32, TN_SCALAR);
    check_fails(tn_cat(ctx, TN_TENSORS(scalar, scalar), 0), TN_ERR_ARGUMENT,
                "cat: dimension 0 is outside a tensor of 0 dimensions");
    tn_tensor *huge = tn_zeros(ctx, TN_U8, TN_SHAPE(INT64_MAX / 2 + 2, 0));
    check_fails(tn_cat(ctx, TN_TENSORS(huge, huge), 0), TN_ERR_SHAPE,
                "cat: the sizes along dimension 0 do not fit 63 bits");
    ck_assert_ptr_null(tn_cat(NULL, TN_TENSORS(x, x), 0));
}
END_TEST

OP_TESTS("cat", cases, test_values, test_rows, test_many_tensors, test_gradients_add, test_threads,
         test_result_has_its_own_memory, test_errors)
