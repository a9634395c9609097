/* The functions of <tn/op.h>, given what does not fit. */
#include <tn/formula.h>

/* Before the x and y of the rows, for which their own would stand in. */
TN_UNARY(cube, TN_SAVE_X, x * x * x, 3 * x * x * dy);
TN_BINARY(less, TN_SAVE_NOTHING, a - b, dy, -dy);

#include "rows/refusals.h"

#include <string.h>

static const tn_op same_op = {.name = "same", .backward = tn_unary_backward};

static tn_tensor *record(tn_tensor *result, const tn_op *op, size_t size)
{
    tn_record_args args = {.inputs = {p}, .size = size};
    return tn_record(ctx, op, result, args);
}

static void op_rows(void)
{
    REFUSES(tn_record, TN_ERR_ARGUMENT, "record: the operator has no name or no backward",
            record(x, NULL, 0));
    REFUSES(tn_record, TN_ERR_ARGUMENT, "record: the operator has no name or no backward",
            record(x, &(tn_op){0}, 0));
    REFUSES(tn_record, TN_ERR_ARGUMENT, "same: size without data", record(x, &same_op, 8));
    REFUSES(tn_record, TN_ERR_STATE, "same: the result of shape [2] requires a gradient already",
            record(y, &same_op, 0));
    HOLDS(tn_begin, (tn_begin(NULL, &same_op), tn_begin(own, NULL), tn_ok(own)));
    WORKS(tn_begin, (tn_begin(ctx, &same_op), tn_ok(ctx)));
    WORKS(tn_record, record(x, &same_op, 0));
    HOLDS(tn_record, record(NULL, &same_op, 0) == NULL);
    HOLDS(tn_will_record, !tn_will_record(NULL, 0, NULL));
    HOLDS(tn_will_record, !tn_will_record(own, 2, (const tn_tensor *[]){NULL, x}));
    HOLDS(tn_wants_grad, !tn_wants_grad(NULL, 0));
    HOLDS(tn_saved, !tn_saved(NULL, 0));
    HOLDS(tn_node_data, !tn_node_data(NULL));
    HOLDS(tn_input_ndim, tn_input_ndim(NULL, 0) == 0);
    HOLDS(tn_input_shape, !tn_input_shape(NULL, 0));
    HOLDS(tn_add_grad, (tn_add_grad(NULL, NULL, 0, NULL), true));
    REFUSES(tn_add_grad, TN_ERR_ARGUMENT, "backward: an operator has no input 0",
            (tn_add_grad(own, NULL, 0, x), tn_ok(own)));
}

static void formula_rows(void)
{
    REFUSES(tn_map, TN_ERR_ARGUMENT, "f: no formula, or one without loops or operands",
            tn_map(ctx, "f", NULL, NULL, NULL));
    REFUSES(tn_map, TN_ERR_ARGUMENT, "f: no formula, or one without loops or operands",
            tn_map(ctx, "f", &cube_op.y, NULL, NULL));
    REFUSES(tn_map, TN_ERR_ARGUMENT, "f: no formula, or one without loops or operands",
            tn_map(ctx, "f", NULL, NULL, (const tn_tensor *[]){T("f32[2]")}));
    REFUSES(tn_map, TN_ERR_ARGUMENT, "map: no formula, or one without loops or operands",
            tn_map(ctx, NULL, &cube_op.y, NULL, (const tn_tensor *[]){T("f32[2]")}));
    REFUSES(tn_map, TN_ERR_ARGUMENT, "f: input is NULL",
            tn_map(ctx, "f", &cube_op.y, NULL, (const tn_tensor *[]){NULL}));
    REFUSES(tn_map, TN_ERR_DTYPE, "f: input is u8 but must be f32 or f64; tn_cast converts",
            tn_map(ctx, "f", &cube_op.y, NULL, (const tn_tensor *[]){T("u8[2]")}));
    REFUSES(tn_map, TN_ERR_SHAPE, "f: shapes [2] and [3] do not broadcast",
            tn_map(ctx, "f", &less_op.y, NULL, (const tn_tensor *[]){T("f32[2]"), T("f32[3]")}));
    WORKS(tn_map, tn_map(ctx, "f", &cube_op.y, NULL, (const tn_tensor *[]){T("f32[0]")}));
    REFUSES(tn_unary, TN_ERR_ARGUMENT, "unary: the operator is NULL",
            tn_unary(ctx, NULL, T("f32[2]"), NULL));
    REFUSES(tn_unary, TN_ERR_ARGUMENT, "cube: input is NULL", tn_unary(ctx, &cube_op, NULL, NULL));
    REFUSES(tn_unary, TN_ERR_DTYPE, "cube: input is u8 but must be f32 or f64; tn_cast converts",
            tn_unary(ctx, &cube_op, T("u8[2]"), NULL));
    WORKS(tn_unary, tn_unary(ctx, &cube_op, T("f32[0]"), NULL));
    REFUSES(tn_binary, TN_ERR_ARGUMENT, "binary: the operator is NULL",
            tn_binary(ctx, NULL, T("f32[2]"), T("f32[2]")));
    REFUSES(tn_binary, TN_ERR_ARGUMENT, "less: other is NULL",
            tn_binary(ctx, &less_op, T("f32[2]"), NULL));
    REFUSES(tn_binary, TN_ERR_SHAPE, "less: shapes [2] and [3] do not broadcast",
            tn_binary(ctx, &less_op, T("f32[2]"), T("f32[3]")));
    WORKS(tn_binary, tn_binary(ctx, &less_op, T("f32[0]"), T("f32[])")));
    HOLDS(tn_unary_backward, (tn_unary_backward(own, NULL, NULL), true));
    HOLDS(tn_binary_backward, (tn_binary_backward(own, NULL, NULL), true));
}

static void all_rows(void)
{
    op_rows();
    formula_rows();
}

int main(void)
{
    return run_refusals("op.h", all_rows);
}
