/* 03_softmax_regression.c - introduces training: data, a layer, a loss, an optimiser and batches.
 *
 * Softmax regression gives each of the ten digits a score, a weighted sum of the 784 pixels. The
 * softmax turns the scores into probabilities, and cross-entropy, the loss, is how surprised they
 * are by the true digit. The weights are learnt from 10,000 images of MNIST and tested on others.
 *
 * Run it in the root of the repository:  make lessons && build/bin/03_softmax_regression
 *
 * It prints:
 *
 *     epoch 1: 86.6 % of the test images are recognised
 *     epoch 2: 88.1 % of the test images are recognised
 *     epoch 3: 88.9 % of the test images are recognised
 *     epoch 4: 89.2 % of the test images are recognised
 *     epoch 5: 89.6 % of the test images are recognised */
#include <stdio.h>
#include <tn/tn.h>

#define MNIST "examples/data/mnist/"

/* Batches of 28 x 28 images as rows of 784 numbers. The files hold bytes, which `scale` turns into
 * floats from 0 to 1. */
static tn_loader *load(tn_ctx *ctx, const char *images, const char *labels, bool shuffle)
{
    tn_tensor *x = tn_flatten(ctx, tn_load_idx(ctx, images), 1, -1);
    tn_tensor *y = tn_load_idx(ctx, labels);
    return tn_loader_new(
        ctx, x, y, (tn_loader_opts){.batch_size = 100, .shuffle = shuffle, .scale = 1 / 255.0});
}

/* Goes through the images once, a step of the optimiser for each batch. */
static void train(tn_ctx *ctx, tn_module *net, tn_optim *opt, tn_loader *loader)
{
    tn_batch batch;
    while (tn_loader_next(loader, &batch)) {
        tn_scope step = tn_scope_begin(ctx); /* to free the tensors of this step at its end */
        tn_tensor *scores = tn_forward(ctx, net, batch.x);
        tn_tensor *loss = tn_cross_entropy(ctx, scores, batch.y, (tn_cross_entropy_opts){0});
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        tn_step(opt);
        tn_scope_end(ctx, step);
    }
}

/* The share of the images that are recognised: their own digit has the highest score. In
 * percent. */
static double accuracy(tn_ctx *ctx, tn_module *net, tn_loader *loader)
{
    int64_t right = 0, all = 0;
    tn_batch batch;
    bool before = tn_set_grad_enabled(ctx, false); /* records nothing: there is no backward */
    while (tn_loader_next(loader, &batch)) {
        tn_scope step = tn_scope_begin(ctx);
        tn_tensor *digits = tn_argmax(ctx, tn_forward(ctx, net, batch.x), 1);
        right += tn_count_equal(ctx, digits, batch.y);
        all += batch.size;
        tn_scope_end(ctx, step);
    }
    tn_set_grad_enabled(ctx, before);
    return 100.0 * (double)right / (double)all;
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
    tn_loader *training =
        load(ctx, MNIST "train-images-idx3-ubyte.gz", MNIST "train-labels-idx1-ubyte.gz", true);
    tn_loader *test =
        load(ctx, MNIST "t10k-images-idx3-ubyte.gz", MNIST "t10k-labels-idx1-ubyte.gz", false);
    tn_module *net = tn_nn_linear(ctx, 784, 10);
    tn_optim *opt = tn_sgd(ctx, net, (tn_sgd_opts){.lr = 0.1});

    for (int epoch = 1; epoch <= 5 && tn_ok(ctx); epoch++) {
        train(ctx, net, opt, training);
        double percent = accuracy(ctx, net, test);
        if (tn_ok(ctx))
            printf("epoch %d: %.1f %% of the test images are recognised\n", epoch, percent);
    }

    /* If a file is missing, or anything else went wrong, everything after it did nothing. */
    int failed = tn_error_status(ctx) != TN_OK;
    if (failed)
        fprintf(stderr, "%s\n", tn_error(ctx));
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("standard output");
        failed = 1;
    }
    tn_ctx_free(ctx);
    return failed;
}
