/* A module with a parameter of its own, by which it multiplies. */
#include <stdio.h>
#include <tn/tn.h>

static tn_tensor *scale_forward(tn_ctx *ctx, tn_module *self,
                                const tn_tensor *x)
{
    return tn_mul(ctx, x, tn_parameter_named(self, "factor"));
}

static const tn_module_type scale_type = {.name = "Scale",
                                          .forward = scale_forward};

static tn_module *scale(tn_ctx *ctx, double factor)
{
    tn_module *module = tn_module_new(ctx, &scale_type, 0);
    tn_add_parameter(ctx, module, "factor",
                     tn_scalar(ctx, TN_F32, factor));
    return module;
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_module *net = tn_sequential(ctx, scale(ctx, 2), scale(ctx, 3));
    tn_print(ctx,
             tn_forward(ctx, net, tn_ones(ctx, TN_F32, TN_SHAPE(2))));
    tn_ctx_free(ctx);
    return 0;
}
/* tensor([6., 6.], f32) */
