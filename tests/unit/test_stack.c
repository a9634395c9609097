/* stack(tensors, dim). */
#include "common/ops.h"

OP(stack_first, tn_stack(ctx, TN_TENSORS(in[0], in[1]), 0))
OP(stack_middle, tn_stack(ctx, TN_TENSORS(in[0], in[1], in[0]), 1))
OP(stack_last, tn_stack(ctx, TN_TENSORS(in[0], in[1]), -1))

static const op_case cases[] = {{"stack dim=0", stack_first, "[] []", false},
                                {"stack dim=0", stack_first, "[3,4] [3,4]", false},
                                {"stack dim=0", stack_first, "[0,2] [0,2]", false},
                                {"stack dim=1", stack_middle, "[2,3] [2,3]", false},
                                {"stack dim=-1", stack_last, "[3,4] [3,4]", false}};

/* Part i along dim is tensor i. */
static void check_stack(const char *shape, int count, int dim, tn_dtype dtype, layout how)
{
    const tn_tensor *tensors[20];
    array parts[20];
    for (int i = 0; i < count; i++) {
        array x = array_random(shape);
        tensors[i] = tensor_of(&x, dtype, (layout)(((int)how + i) % 3));
        parts[i] = array_of(tensors[i]);
    }
    tn_tensor *y = tn_stack(ctx, count, tensors, dim);
    ck_assert_int_eq(tn_dtype_of(y), dtype);
    ck_assert_int_eq(tn_size(y, dim), count);
    for (int i = 0; i < count; i++)
        check_array(tn_select(ctx, y, dim, i), &parts[i], 0, "stack of %s along %d", shape, dim);
}

START_TEST(test_values)
{
    static const char *const shapes[] = {"[]", "[3]", "[2,3]", "[2,0,3]", "[2,1,2,1,2,1,3]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int run = 0; run < TN_DTYPES * 3; run++) {
            tn_scope scope = tn_scope_begin(ctx);
            int ndim = array_zeros(shapes[i]).ndim;
            for (int dim = -ndim - 1; dim <= ndim; dim++)
                check_stack(shapes[i], 1 + run, dim, (tn_dtype)(run / 3), (layout)(run % 3));
            tn_scope_end(ctx, scope);
        }
}
END_TEST

START_TEST(test_errors)
{
    tn_tensor *x = tn_ones(ctx, TN_F32, TN_SHAPE(2, 3)),
              *f64 = tn_ones(ctx, TN_F64, TN_SHAPE(2, 3));
    tn_tensor *none = NULL, *full = tn_ones(ctx, TN_F32, TN_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    check_fails(tn_stack(ctx, -1, (const tn_tensor *[]){x}, 0), TN_ERR_ARGUMENT,
                "stack: -1 tensors");
    check_fails(tn_stack(ctx, TN_TENSORS(none, x), 0), TN_ERR_ARGUMENT, "stack: tensor 0 is NULL");
    check_fails(tn_stack(ctx, TN_TENSORS(x, f64), 0), TN_ERR_DTYPE,
                "stack: tensor 0 is f32 but tensor 1 is f64; tn_cast converts");
    tn_tensor *column = tn_ones(ctx, TN_F32, TN_SHAPE(2, 1));
    check_fails(tn_stack(ctx, TN_TENSORS(x, column), 0), TN_ERR_SHAPE,
                "stack: tensor 1 has shape [2,1] but tensor 0 has [2,3]");
    check_fails(tn_stack(ctx, TN_TENSORS(x, x, column), 0), TN_ERR_SHAPE,
                "stack: tensor 2 has shape [2,1] but tensor 0 has [2,3]");
    check_fails(tn_stack(ctx, TN_TENSORS(x, x), 3), TN_ERR_ARGUMENT,
                "stack: dimension 3 is outside a tensor of 3 dimensions");
    check_fails(tn_stack(ctx, TN_TENSORS(full), 0), TN_ERR_SHAPE,
                "stack: [1,1,1,1,1,1,1,1] has 8 dimensions already");
    ck_assert_ptr_null(tn_stack(NULL, TN_TENSORS(x, x), 0));
}
END_TEST

OP_TESTS("stack", cases, test_values, test_errors)
