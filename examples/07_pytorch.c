/* 07_pytorch.c - introduces files of PyTorch: a checkpoint in, fine-tuned, and saved.
 *
 * The checkpoint holds a convolutional network that learnt the digits 0 to 4 in PyTorch, by
 * examples/data/pytorch/make_checkpoint.py. Here its features serve to tell all ten digits apart,
 * learnt from 1,000 images: a new last layer first, then the features along with it. The result is
 * in ten_digits.safetensors.
 *
 * Run it in the root of the repository:  make lessons && build/bin/07_pytorch
 *
 * It prints:
 *
 *     model.features.0.weight [8,1,5,5]
 *     model.features.0.bias [8]
 *     model.features.2.weight [16,8,3,3]
 *     model.features.2.bias [16]
 *     model.classifier.weight [5,784]
 *     model.classifier.bias [5]
 *     a new last layer: 91 % are recognised
 *     and features that learn: 92 % */
#include <stdio.h>
#include <tn/tn.h>

#define MNIST "examples/data/mnist/"
#define CHECKPOINT "examples/data/pytorch/zero_to_four.pth"

/* The same layers as in PyTorch, so that weights have the same names and shapes. */
static tn_module *make_features(tn_ctx *ctx)
{
    tn_conv2d_opts five = {.stride = 2, .padding = 2}, three = {.stride = 2, .padding = 1};
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 8, 5, five), tn_nn_relu(ctx),
                         tn_nn_conv2d(ctx, 8, 16, 3, three), tn_nn_relu(ctx), tn_nn_flatten(ctx));
}

/* Batches of the first `count` images, as [size, 1, 28, 28]. */
static tn_loader *load(tn_ctx *ctx, const char *part, int64_t count)
{
    char images[64], labels[64];
    snprintf(images, sizeof images, MNIST "%s-images-idx3-ubyte.gz", part);
    snprintf(labels, sizeof labels, MNIST "%s-labels-idx1-ubyte.gz", part);
    tn_tensor *x = tn_unsqueeze(ctx, tn_load_idx(ctx, images), 1);
    tn_tensor *y = tn_load_idx(ctx, labels);
    return tn_loader_new(ctx, tn_narrow(ctx, x, 0, 0, count), tn_narrow(ctx, y, 0, 0, count),
                         (tn_loader_opts){.batch_size = 50, .shuffle = true, .scale = 1 / 255.0});
}

static void train(tn_ctx *ctx, tn_module *net, tn_optim *opt, tn_loader *loader, int epochs)
{
    tn_batch batch;
    for (int epoch = 0; epoch < epochs; epoch++)
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

static double accuracy(tn_ctx *ctx, tn_module *net, tn_loader *loader)
{
    double right = 0, all = 0;
    tn_batch batch;
    bool before = tn_set_grad_enabled(ctx, false);
    while (tn_loader_next(loader, &batch)) {
        tn_scope step = tn_scope_begin(ctx);
        tn_tensor *digits = tn_argmax(ctx, tn_forward(ctx, net, batch.x), 1);
        right += (double)tn_count_equal(ctx, digits, batch.y);
        all += (double)batch.size;
        tn_scope_end(ctx, step);
    }
    tn_set_grad_enabled(ctx, before);
    return 100 * right / all;
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
    tn_loader *training = load(ctx, "train", 1000), *test = load(ctx, "t10k", 10000);

    /* A checkpoint is a dictionary of tensors, whose names tell where they were. */
    tn_dict *checkpoint = tn_load_pth(ctx, CHECKPOINT);
    for (int64_t i = 0; i < tn_dict_count(checkpoint); i++)
        printf("%s %s\n", tn_dict_name(checkpoint, i), TN_SHAPE_TEXT(tn_dict_at(checkpoint, i)));

    /* The features get the weights whose names begin with the prefix, or an error lists what is
     * missing, too much, or of another shape. The last layer, for ten digits, is a new one. */
    tn_module *features = make_features(ctx);
    tn_load_state_dict(ctx, features, checkpoint, (tn_load_opts){.prefix = "model.features."});
    tn_module *net = tn_sequential(ctx, features, tn_nn_linear(ctx, 784, 10));

    tn_freeze(ctx, features, true);
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 3e-3});
    train(ctx, net, opt, training, 6);
    if (tn_ok(ctx))
        printf("a new last layer: %.0f %% are recognised\n", accuracy(ctx, net, test));

    /* The features go on in small steps: a group of parameters has a learning rate of its own. */
    tn_freeze(ctx, features, false);
    tn_add_group(opt, features, (tn_group_opts){.lr = 3e-4});
    train(ctx, net, opt, training, 6);
    if (tn_ok(ctx))
        printf("and features that learn: %.0f %%\n", accuracy(ctx, net, test));

    /* What is saved is read by tn_load again, and in Python by safetensors.torch.load_file. */
    tn_save(ctx, net, "ten_digits.safetensors");

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
