/* The functions of <tn/op.h> while memory runs out. */
#include <tn/formula.h>

/* Before the x and y of the rows, for which their own would stand in. */
TN_UNARY(cube, TN_SAVE_X, x * x * x, 3 * x * x * dy);
TN_BINARY(less, TN_SAVE_NOTHING, a - b, dy, -dy);

#include "rows/allocations.h"

static void same_backward(tn_ctx *unused, tn_node *node, const tn_tensor *dy)
{
    (void)unused;
    const double *scale = tn_node_data(node);
    if (tn_wants_grad(node, 0) && tn_saved(node, 0) && tn_input_ndim(node, 0) == 1 &&
        tn_input_shape(node, 0)[0] == 3)
        tn_add_grad(ctx, node, 0, tn_mul_scalar(ctx, dy, *scale));
}

static const tn_op same_op = {.name = "same", .backward = same_backward};

static tn_tensor *recorded(void)
{
    const double scale = 2;
    tn_begin(ctx, &same_op);
    return tn_record(
        ctx, &same_op, tn_clone(ctx, tn_detach(ctx, in[0])),
        (tn_record_args){
            .inputs = {in[0]}, .saved = {in[0]}, .data = &scale, .size = sizeof scale});
}

static void op_rows(void)
{
    const tn_tensor *const *inputs = (const tn_tensor *const *)in;
    DIFFERENTIABLE(tn_begin, "f32[3]", recorded());
    DIFFERENTIABLE(tn_record, "f32[3]", recorded());
    ASKS(tn_will_record, "f32[3]", tn_will_record(ctx, 1, inputs));
    GRADIENTS(tn_wants_grad, "f32[3]", recorded());
    GRADIENTS(tn_saved, "f32[3]", recorded());
    GRADIENTS(tn_node_data, "f32[3]", recorded());
    GRADIENTS(tn_input_ndim, "f32[3]", recorded());
    GRADIENTS(tn_input_shape, "f32[3]", recorded());
    GRADIENTS(tn_add_grad, "f32[3]", recorded());
    CALLS(tn_map, "f32[3]", tn_map(ctx, "f", &cube_op.y, NULL, inputs));
    DIFFERENTIABLE(tn_unary, "f32[3]", tn_unary(ctx, &cube_op, in[0], NULL));
    DIFFERENTIABLE(tn_binary, "f32[3] f32[1]", tn_binary(ctx, &less_op, in[0], in[1]));
    GRADIENTS(tn_unary_backward, "f32[3]", tn_unary(ctx, &cube_op, in[0], NULL));
    GRADIENTS(tn_binary_backward, "f32[3] f32[1]", tn_binary(ctx, &less_op, in[0], in[1]));
}

int main(void)
{
    return run_allocations("op.h", op_rows);
}
