/* Learns y = 2 x + 1 from samples with noise. */
#include <stdio.h>
#include <tn/tn.h>

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
    tn_module *net = tn_nn_linear(ctx, 1, 1);
    tn_optim *opt = tn_sgd(ctx, net, (tn_sgd_opts){.lr = 0.1});
    tn_tensor *x = tn_randn(ctx, TN_F32, TN_SHAPE(64, 1));
    tn_tensor *noise = tn_mul_scalar(
        ctx, tn_randn(ctx, TN_F32, TN_SHAPE(64, 1)), 0.01);
    tn_tensor *y = tn_add(
        ctx, tn_add_scalar(ctx, tn_mul_scalar(ctx, x, 2), 1), noise);
    for (int i = 0; i < 100; i++) {
        tn_scope step = tn_scope_begin(ctx);
        tn_tensor *out = tn_forward(ctx, net, x);
        tn_tensor *loss =
            tn_mse_loss(ctx, out, y, (tn_mse_loss_opts){0});
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        tn_step(opt);
        tn_scope_end(ctx, step);
    }
    double weight = tn_item(ctx, tn_parameter_named(net, "weight"));
    double bias = tn_item(ctx, tn_parameter_named(net, "bias"));
    if (tn_error_status(ctx) != TN_OK)
        fprintf(stderr, "%s\n", tn_error(ctx));
    else
        printf("y = %.1f x + %.1f\n", weight, bias);
    tn_ctx_free(ctx);
    return 0;
}
/* y = 2.0 x + 1.0 */
