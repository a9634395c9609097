/* 11_own_samples.c - introduces samples made when they are asked for, and measures of a classifier.
 *
 * A dataset need not be in memory: a function makes the sample of a number. Here it draws a shape
 * in an image of 16 x 16 pixels; others read a file. A thread makes the next batches while the
 * network learns from this one, with noise that differs each time. The losses go to shapes.csv.
 *
 * Run it in the root of the repository:  make lessons && build/bin/11_own_samples
 *
 * It prints:
 *
 *     98 % of 320 are recognised, 100 % are among the two likeliest
 *     disc: precision 0.92, recall 0.99
 *     square: precision 0.99, recall 0.95
 *     cross: precision 1.00, recall 0.96
 *     ring: precision 1.00, recall 1.00 */
#include <math.h>
#include <stdio.h>
#include <tn/tn.h>

enum { SIDE = 16, SHAPES = 4, SAMPLES = 1280, TEST = 320, EPOCHS = 8 };

static const char *const shapes[SHAPES] = {"disc", "square", "cross", "ring"};

/* Is the point (x, y), seen from the middle of a shape of radius 1, in it? */
static bool is_inside(int64_t shape, double x, double y)
{
    double far = fmax(fabs(x), fabs(y)), near = fmin(fabs(x), fabs(y)), distance = hypot(x, y);
    return shape == 0   ? distance <= 1
           : shape == 1 ? far <= 0.9
           : shape == 2 ? far <= 1 && near <= 0.3
                        : distance <= 1 && distance >= 0.55;
}

/* Writes the image and the shape of a sample, whose place and size follow from its number alone.
 * The payload is the number of the first sample. */
static tn_status get(int64_t sample, void *const *out, tn_text *error, void *payload)
{
    double number = (double)(sample + *(const int64_t *)payload);
    double x = 6 + 3 * fmod(number * 0.6180, 1), y = 6 + 3 * fmod(number * 0.7549, 1);
    double radius = 3 + 3 * fmod(number * 0.5698, 1);
    float *pixels = out[0];
    int64_t *shape = out[1];
    *shape = sample % SHAPES;
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = is_inside(*shape, (i % SIDE - x) / radius, (i / SIDE - y) / radius);
    (void)error; /* takes a line of text where a sample cannot be made */
    return TN_OK;
}

/* The random numbers of this context follow from those of the program and the batch's number. */
static tn_status add_noise(tn_ctx *ctx, int64_t count, tn_tensor **tensors, void *payload)
{
    (void)count, (void)payload;
    tn_tensor *noise = tn_randn(ctx, TN_F32, tn_ndim(tensors[0]), tn_shape(tensors[0]));
    tensors[0] = tn_add(ctx, tensors[0], tn_mul_scalar(ctx, noise, 0.3));
    return tn_error_status(ctx);
}

/* One epoch; its mean loss. */
static double train(tn_ctx *ctx, tn_module *net, tn_optim *opt, tn_loader *loader)
{
    tn_running_mean mean = {0};
    tn_batch batch;
    while (tn_loader_next(loader, &batch)) {
        tn_scope step = tn_scope_begin(ctx);
        tn_tensor *scores = tn_forward(ctx, net, batch.x);
        tn_tensor *loss = tn_cross_entropy(ctx, scores, batch.y, (tn_cross_entropy_opts){0});
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        tn_step(opt);
        tn_running_mean_add(&mean, tn_item(ctx, loss), (double)batch.size);
        tn_scope_end(ctx, step);
    }
    return tn_running_mean_value(&mean);
}

int main(void)
{
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
    tn_module *net = tn_sequential(ctx, tn_nn_flatten(ctx), tn_nn_linear(ctx, SIDE * SIDE, 32),
                                   tn_nn_relu(ctx), tn_nn_linear(ctx, 32, SHAPES));
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){.lr = 3e-3});
    int64_t first = 0, behind = SAMPLES;
    tn_dataset data = {.size = SAMPLES, .count = 2, .get = get, .payload = &first};
    data.fields[0] = (tn_field){TN_F32, TN_SHAPE(1, SIDE, SIDE)};
    data.fields[1] = (tn_field){TN_I64, TN_SCALAR};
    tn_loader *training = tn_loader_from(
        ctx, data,
        (tn_loader_opts){.batch_size = 32, .shuffle = true, .transform = add_noise, .prefetch = 2});
    tn_history *history = tn_history_new(ctx, TN_NAMES("epoch", "loss"));
    for (int epoch = 1; epoch <= EPOCHS; epoch++)
        tn_history_add(history, TN_VALUES(epoch, train(ctx, net, opt, training)));
    tn_history_save(history, "shapes.csv");

    /* Samples that it has not seen, all at once. */
    data.size = TEST;
    data.payload = &behind;
    tn_batch test = {0};
    tn_confusion *confusion = tn_confusion_new(ctx, SHAPES);
    tn_loader_next(tn_loader_from(ctx, data, (tn_loader_opts){0}), &test);
    tn_tensor *scores = tn_forward(ctx, net, test.x);
    tn_confusion_add(confusion, tn_argmax(ctx, scores, 1), test.y);
    int64_t among_two = tn_count_topk(ctx, scores, test.y, 2);
    int failed = !tn_ok(ctx);
    if (failed)
        fprintf(stderr, "%s\n", tn_error(ctx));
    else
        printf("%.0f %% of %d are recognised, %.0f %% are among the two likeliest\n",
               100 * tn_confusion_accuracy(confusion), TEST, 100 * (double)among_two / TEST);
    for (int i = 0; i < SHAPES && !failed; i++) {
        tn_class_scores of = tn_confusion_class(confusion, i);
        printf("%s: precision %.2f, recall %.2f\n", shapes[i], of.precision, of.recall);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("standard output");
        failed = 1;
    }
    tn_ctx_free(ctx);
    return failed;
}
