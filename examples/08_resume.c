/* 08_resume.c - introduces checkpoints: a training that is stopped and gone on with.
 *
 * A checkpoint holds all that the rest of a training depends on: the weights, the state of the
 * optimiser, of the schedule and of the order of the images, and the stream of random numbers. So
 * a training that stopped and went on ends with the same weights, bit for bit, as one that did not.
 *
 * Run it in the root of the repository:  make lessons && build/bin/08_resume
 *
 * It prints:
 *
 *     whole.safetensors: epoch 1 is done
 *     whole.safetensors: epoch 2 is done
 *     whole.safetensors: epoch 3 is done
 *     whole.safetensors: epoch 4 is done
 *     halves.safetensors: epoch 1 is done
 *     halves.safetensors: epoch 2 is done
 *     halves.safetensors: epoch 3 is done
 *     halves.safetensors: epoch 4 is done
 *     the two files are the same: yes */
#include <stdio.h>
#include <tn/tn.h>

#define MNIST "examples/data/mnist/"
#define WHOLE "whole.safetensors"
#define HALVES "halves.safetensors"

enum { IMAGES = 2000, EPOCHS = 4 };

static void train(tn_ctx *ctx, tn_module *net, tn_optim *opt, tn_loader *loader)
{
    tn_batch batch;
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

/* Trains until `last` epochs are done, from where the checkpoint at `path` is, if there is one. A
 * program that is killed and started again does the same. Returns 0, or 1 after an error. */
static int run(const char *path, int last)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
    tn_tensor *x = tn_load_idx(ctx, MNIST "train-images-idx3-ubyte.gz");
    tn_tensor *y = tn_load_idx(ctx, MNIST "train-labels-idx1-ubyte.gz");
    tn_loader *loader =
        tn_loader_new(ctx, tn_narrow(ctx, x, 0, 0, IMAGES), tn_narrow(ctx, y, 0, 0, IMAGES),
                      (tn_loader_opts){.batch_size = 100, .shuffle = true, .scale = 1 / 255.0});
    tn_module *net =
        tn_sequential(ctx, tn_nn_flatten(ctx), tn_nn_linear(ctx, 784, 50), tn_nn_relu(ctx),
                      tn_nn_dropout(ctx, 0.2), tn_nn_linear(ctx, 50, 10));
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){0});
    tn_schedule *schedule = tn_cosine_annealing_lr(ctx, opt, EPOCHS, 0);

    /* What the library does not know of, such as the epochs done, goes into a dictionary. */
    tn_dict *extra = tn_dict_new(ctx);
    tn_dict_set(extra, "epochs", tn_scalar(ctx, TN_I64, 0));
    tn_checkpoint parts = {
        .module = net, .optim = opt, .schedules = {schedule}, .loader = loader, .extra = extra};
    FILE *file = fopen(path, "rb");
    if (file) {
        fclose(file);
        tn_load_checkpoint(ctx, parts, path);
    }
    /* tn_item is NaN after an error, and then nothing is left to do. */
    for (double done = tn_item(ctx, tn_dict_get(extra, "epochs")); done < last; done++) {
        train(ctx, net, opt, loader);
        tn_schedule_step(schedule);
        tn_fill_(ctx, tn_dict_get(extra, "epochs"), done + 1);
        /* The file is replaced as a whole: a power failure leaves the old one or the new one. */
        if (tn_save_checkpoint(ctx, parts, path) == TN_OK)
            printf("%s: epoch %g is done\n", path, done + 1);
    }

    int failed = tn_error_status(ctx) != TN_OK;
    if (failed)
        fprintf(stderr, "%s\n", tn_error(ctx));
    tn_ctx_free(ctx);
    return failed;
}

/* Are two files the same, byte for byte? */
static bool same(const char *path_a, const char *path_b)
{
    FILE *a = fopen(path_a, "rb"), *b = fopen(path_b, "rb");
    int c = a && b ? 0 : -1, d = 0;
    while (c == d && c != EOF)
        c = fgetc(a), d = fgetc(b);
    if (a)
        fclose(a);
    if (b)
        fclose(b);
    return c == d;
}

int main(void)
{
    remove(WHOLE); /* of an earlier run of this lesson */
    remove(HALVES);
    int failed = run(WHOLE, EPOCHS) || run(HALVES, EPOCHS / 2) || run(HALVES, EPOCHS);
    if (!failed)
        printf("the two files are the same: %s\n", same(WHOLE, HALVES) ? "yes" : "no");
    remove(WHOLE);
    remove(HALVES);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("standard output");
        failed = 1;
    }
    return failed;
}
