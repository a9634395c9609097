/* outside.c - a program that knows the installed headers and library alone: it trains a small net
 * on the question which column of an image is the brightest. outside.cpp is the same in C++. */
#include <stdio.h>
#include <tn/tn.h>

tn_tensor *swish(tn_ctx *ctx, const tn_tensor *x); /* swish.c */

static tn_tensor *swish_forward(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    (void)self;
    return swish(ctx, x);
}

static const tn_module_type swish_type = {"Swish", swish_forward, NULL};

/* Images [60, 1, 4, 4], of which the rows are random and the columns differ, and their columns. */
static tn_tensor *make_images(tn_ctx *ctx, tn_tensor **labels)
{
    tn_tensor *rows = tn_randn(ctx, TN_F32, TN_SHAPE(60, 1, 4, 1));
    tn_tensor *columns = tn_randn(ctx, TN_F32, TN_SHAPE(60, 1, 1, 4));
    tn_tensor *images = tn_add(ctx, rows, columns);
    *labels = tn_argmax(ctx, tn_mean(ctx, images, TN_DIMS(1, -2)), 1);
    return images;
}

static tn_module *make_net(tn_ctx *ctx)
{
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 8, 3, (tn_conv2d_opts){.padding = 1}),
                         tn_module_new(ctx, &swish_type, 0),
                         tn_nn_max_pool2d(ctx, 2, (tn_pool2d_opts){.stride = 1}),
                         tn_nn_flatten(ctx), tn_nn_linear(ctx, 72, 4));
}

static double step(tn_ctx *ctx, tn_module *net, tn_optim *opt, tn_batch batch)
{
    tn_scope scope = tn_scope_begin(ctx);
    tn_tensor *loss =
        tn_cross_entropy(ctx, tn_forward(ctx, net, batch.x), batch.y, (tn_cross_entropy_opts){0});
    tn_zero_grad(opt);
    tn_backward(ctx, loss);
    tn_step(opt);
    double value = tn_item(ctx, loss);
    tn_scope_end(ctx, scope);
    return value;
}

static double train_epoch(tn_ctx *ctx, tn_module *net, tn_optim *opt, tn_loader *loader)
{
    double total = 0;
    tn_batch batch;
    while (tn_loader_next(loader, &batch))
        total += step(ctx, net, opt, batch) / (double)tn_loader_batches(loader);
    return total;
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = 1});
    tn_module *net = make_net(ctx);
    tn_optim *opt = tn_sgd(ctx, net, (tn_sgd_opts){.lr = 0.1, .momentum = 0.9});
    tn_tensor *labels, *images = make_images(ctx, &labels);
    tn_loader *loader =
        tn_loader_new(ctx, images, labels, (tn_loader_opts){.batch_size = 20, .shuffle = true});
    double first = train_epoch(ctx, net, opt, loader), last = first;
    for (int i = 0; i < 60; i++)
        last = train_epoch(ctx, net, opt, loader);
    if (tn_error_status(ctx) != TN_OK || !(last < first / 10)) {
        fprintf(stderr, "loss %g, then %g: %s\n", first, last, tn_error(ctx));
        return 1;
    }
    printf("loss fell from %.9g to %.9g (%s)\n", first, last, tn_version());
    tn_ctx_free(ctx);
    return 0;
}
