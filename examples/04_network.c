/* 04_network.c - introduces networks, validation, early stopping, and keeping the best weights.
 *
 * A network goes on fitting its training images when they can teach it no more about other ones.
 * So 1,000 images are held back for validation. Training stops when the loss on them has not
 * fallen for PATIENCE epochs, and the network goes back to the weights of its best epoch. How good
 * it is, is measured with images that had no part in that choice.
 *
 * Run it in the root of the repository:  make lessons && build/bin/04_network
 *
 * It prints:
 *
 *     epoch 1: validation loss 0.35, the best so far
 *     epoch 2: validation loss 0.30, the best so far
 *     epoch 3: validation loss 0.25, the best so far
 *     epoch 4: validation loss 0.24, the best so far
 *     epoch 5: validation loss 0.20, the best so far
 *     epoch 6: validation loss 0.21
 *     epoch 7: validation loss 0.21
 *     epoch 8: validation loss 0.22
 *     at its best the network recognises 93.9 % of the test images */
#include <stdio.h>
#include <tn/tn.h>

#define MNIST "examples/data/mnist/"

enum { VALIDATION = 1000, EPOCHS = 50, PATIENCE = 3 };

/* Batches of images and labels from `start` to `end`, where INT64_MAX means up to the last. */
static tn_loader *batches(tn_ctx *ctx, const char *part, int64_t start, int64_t end, bool shuffle)
{
    char images[64], labels[64];
    snprintf(images, sizeof images, MNIST "%s-images-idx3-ubyte.gz", part);
    snprintf(labels, sizeof labels, MNIST "%s-labels-idx1-ubyte.gz", part);
    tn_tensor *x = tn_flatten(ctx, tn_load_idx(ctx, images), 1, -1);
    tn_tensor *y = tn_load_idx(ctx, labels);
    return tn_loader_new(
        ctx, tn_slice(ctx, x, 0, start, end, 1), tn_slice(ctx, y, 0, start, end, 1),
        (tn_loader_opts){.batch_size = 100, .shuffle = shuffle, .scale = 1 / 255.0});
}

/* One epoch. Dropout is active while the network is training, and only then. */
static void train(tn_ctx *ctx, tn_module *net, tn_optim *opt, tn_loader *loader)
{
    tn_batch batch;
    tn_train(net, true);
    while (tn_loader_next(loader, &batch)) {
        tn_scope step = tn_scope_begin(ctx);
        tn_tensor *scores = tn_forward(ctx, net, batch.x);
        tn_tensor *loss = tn_cross_entropy(ctx, scores, batch.y, (tn_cross_entropy_opts){0});
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        tn_step(opt);
        tn_scope_end(ctx, step);
    }
}

/* The mean loss; the percentage of images that are recognised goes to *accuracy. A batch counts by
 * its size, since the last one may be smaller. */
static double evaluate(tn_ctx *ctx, tn_module *net, tn_loader *loader, double *accuracy)
{
    tn_running_mean loss = {0}, right = {0};
    tn_batch batch;
    tn_train(net, false);
    bool before = tn_set_grad_enabled(ctx, false);
    while (tn_loader_next(loader, &batch)) {
        tn_scope step = tn_scope_begin(ctx);
        double size = (double)batch.size;
        tn_tensor *scores = tn_forward(ctx, net, batch.x);
        tn_tensor *mean = tn_cross_entropy(ctx, scores, batch.y, (tn_cross_entropy_opts){0});
        int64_t hits = tn_count_equal(ctx, tn_argmax(ctx, scores, 1), batch.y);
        tn_running_mean_add(&loss, tn_item(ctx, mean), size);
        tn_running_mean_add(&right, (double)hits / size, size);
        tn_scope_end(ctx, step);
    }
    tn_set_grad_enabled(ctx, before);
    *accuracy = 100 * tn_running_mean_value(&right);
    return tn_running_mean_value(&loss);
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 5});
    tn_loader *validation = batches(ctx, "train", 0, VALIDATION, false);
    tn_loader *training = batches(ctx, "train", VALIDATION, INT64_MAX, true);
    tn_loader *test = batches(ctx, "t10k", 0, INT64_MAX, false);
    tn_module *net = tn_sequential(ctx, tn_nn_linear(ctx, 784, 64), tn_nn_relu(ctx),
                                   tn_nn_dropout(ctx, 0.2), tn_nn_linear(ctx, 64, 10));
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 4e-3});

    /* Early stopping knows which epoch was the best, and the snapshot its weights. */
    tn_early_stopping stopping = {.patience = PATIENCE};
    tn_snapshot *best = tn_snapshot_new(ctx, net);
    double accuracy;
    for (int epoch = 1; epoch <= EPOCHS && tn_ok(ctx) && !tn_early_stopping_over(&stopping);
         epoch++) {
        train(ctx, net, opt, training);
        double loss = evaluate(ctx, net, validation, &accuracy);
        bool better = tn_early_stopping_step(&stopping, loss);
        if (tn_ok(ctx))
            printf("epoch %d: validation loss %.2f%s\n", epoch, loss,
                   better ? ", the best so far" : "");
        if (better)
            tn_snapshot_take(best);
    }
    tn_snapshot_restore(best);
    evaluate(ctx, net, test, &accuracy);
    if (tn_ok(ctx))
        printf("at its best the network recognises %.1f %% of the test images\n", accuracy);

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
