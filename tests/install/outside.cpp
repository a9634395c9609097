// outside.cpp - the same from C++: the headers are plain C that C++ can read.
#include <cstdio>
#include <tn/tn.h>

static double step(tn_ctx *ctx, tn_module *net, tn_optim *opt, const tn_tensor *x,
                   const tn_tensor *y)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *loss = tn_cross_entropy(ctx, tn_forward(ctx, net, x), y, tn_cross_entropy_opts());
    tn_zero_grad(opt);
    tn_backward(ctx, loss);
    tn_step(opt);
    double value = tn_item(ctx, loss);
    tn_scope_end(ctx, scope);
    return value;
}

int main()
{
    tn_ctx_opts opts = tn_ctx_opts();
    opts.seed = 1;
    tn_ctx *ctx = tn_ctx_new(&opts);
    tn_module *layers[] = {tn_nn_linear(ctx, 20, 32), tn_nn_relu(ctx), tn_nn_linear(ctx, 32, 3)};
    tn_module *net = tn_sequential_of(ctx, 3, layers);
    tn_sgd_opts sgd = tn_sgd_opts();
    sgd.lr = 0.1;
    sgd.momentum = 0.9;
    sgd.dampening = TN_ZERO;
    tn_optim *opt = tn_sgd(ctx, net, sgd);
    const int64_t shape[] = {60, 20};
    tn_tensor *x = tn_randn(ctx, TN_F32, 2, shape);
    tn_tensor *y = tn_argmax(ctx, tn_slice(ctx, x, 1, 0, 3, 1), 1);
    double first = step(ctx, net, opt, x, y), last = first;
    for (int i = 0; i < 100; i++)
        last = step(ctx, net, opt, x, y);
    if (tn_error_status(ctx) != TN_OK || !(last < first / 10)) {
        std::fprintf(stderr, "loss %g, then %g: %s\n", first, last, tn_error(ctx));
        return 1;
    }
    std::printf("loss fell from %.3f to %.3f (%s)\n", first, last, tn_version());
    tn_ctx_free(ctx);
    return 0;
}
