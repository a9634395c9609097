/* An operator of one's own: 2 x, and its gradient 2 dy. */
#include <stdio.h>
#include <tn/tn.h>

static void twice_backward(tn_ctx *ctx, tn_node *node,
                           const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0, tn_mul_scalar(ctx, dy, 2));
}

static const tn_op twice_op = {.name = "twice",
                               .backward = twice_backward};

static tn_tensor *twice(tn_ctx *ctx, const tn_tensor *x)
{
    tn_begin(ctx, &twice_op);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *y = tn_mul_scalar(ctx, x, 2);
    tn_set_grad_enabled(ctx, before);
    return tn_record(ctx, &twice_op, y,
                     (tn_record_args){.inputs = {x}});
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_tensor *x = tn_scalar(ctx, TN_F32, 3);
    tn_set_requires_grad(ctx, x, true);
    tn_tensor *y = twice(ctx, x);
    tn_backward(ctx, y);
    printf("%.0f %.0f\n", tn_item(ctx, y), tn_item(ctx, tn_grad(x)));
    tn_ctx_free(ctx);
    return 0;
}
/* 6 2 */
