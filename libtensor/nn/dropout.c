/* dropout.c - elements put to 0 at random in training, nothing in evaluation. */
#include <tn/nn.h>

static tn_tensor *dropout_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    return tn_dropout(ctx, x, *(const double *)tn_module_state(self), tn_is_training(self));
}

static const tn_module_type dropout_type = {.name = "Dropout", .forward = dropout_forward};

tn_module *tn_nn_dropout(tn_ctx *ctx, double p)
{
    if (tn_ok(ctx) && !(p >= 0 && p <= 1))
        tn_fail(ctx, TN_ERR_ARGUMENT, "Dropout: p = %g is not between 0 and 1", p);
    tn_module *self = tn_module_new(ctx, &dropout_type, sizeof p);
    if (self)
        *(double *)tn_module_state(self) = p;
    return self;
}
