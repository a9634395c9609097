/* bench.c - times whole training steps: "name<TAB>threads<TAB>milliseconds" for each, the median of
 * several. tests/bench/bench_torch.py prints the same for PyTorch. The pixels are made up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <tn/tn.h>
#include "bench/timing.h"

static void print(const char *name, int threads, double seconds)
{
    printf("%s\t%d\t%.4f\n", name, threads, 1e3 * seconds);
    fflush(stdout);
}

static void fail(const tn_ctx *ctx)
{
    fprintf(stderr, "bench: %s\n", ctx ? tn_error(ctx) : "out of memory");
    exit(EXIT_FAILURE);
}

typedef struct setup {
    tn_ctx *ctx;
    tn_tensor *bytes, *pixels, *labels;
    tn_module *net;
    tn_optim *opt;
    tn_loader *loader;
} setup;

static setup make_setup(int threads, int64_t n)
{
    setup s = {.ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = threads})};
    tn_ctx *ctx = s.ctx;
    tn_tensor *random = tn_rand(ctx, TN_F32, TN_SHAPE(n, 784));
    s.bytes = tn_cast(ctx, tn_mul_scalar(ctx, random, 255), TN_U8);
    tn_free(random);
    s.pixels = tn_mul_scalar(ctx, tn_cast(ctx, s.bytes, TN_F32), 1 / 255.0);
    s.labels = tn_cast(ctx, tn_mul_scalar(ctx, tn_rand(ctx, TN_F32, TN_SHAPE(n)), 9.99), TN_I64);
    s.net = tn_sequential(ctx, tn_nn_linear(ctx, 784, 10));
    s.opt = tn_sgd(ctx, s.net, (tn_sgd_opts){.lr = 1e-5, .momentum = 0.9});
    s.loader =
        tn_loader_new(ctx, s.bytes, s.labels,
                      (tn_loader_opts){.batch_size = 64, .shuffle = true, .scale = 1 / 255.0});
    return s;
}

static void step(setup *s, const tn_tensor *x, const tn_tensor *y, tn_reduction reduction)
{
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_tensor *out = tn_forward(s->ctx, s->net, x);
    tn_tensor *loss =
        tn_cross_entropy(s->ctx, out, y, (tn_cross_entropy_opts){.reduction = reduction});
    tn_zero_grad(s->opt);
    tn_backward(s->ctx, loss);
    if (tn_step(s->opt) != TN_OK)
        fail(s->ctx);
    tn_scope_end(s->ctx, scope);
}

/* Forward, loss, backward and step on 60,000 images at once. */
static double full_batch(setup *s)
{
    enum { RUNS = 15 };
    double times[RUNS];
    step(s, s->pixels, s->labels, TN_REDUCE_SUM);
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        step(s, s->pixels, s->labels, TN_REDUCE_SUM);
        times[i] = now() - start;
    }
    return median(times, RUNS);
}

/* One epoch of shuffled batches of 64, the loader's work included, divided by their number. */
static double mini_batch(setup *s)
{
    enum { EPOCHS = 5 };
    double times[EPOCHS];
    tn_batch batch;
    for (int i = 0; i < EPOCHS; i++) {
        double start = now();
        while (tn_loader_next(s->loader, &batch))
            step(s, batch.x, batch.y, TN_REDUCE_MEAN);
        times[i] = (now() - start) / (double)tn_loader_batches(s->loader);
    }
    return median(times, EPOCHS);
}

static void bench_softmax(int threads)
{
    setup s = make_setup(threads, 60000);
    if (!s.loader)
        fail(s.ctx);
    print("softmax regression, full batch of 60000", threads, full_batch(&s));
    print("softmax regression, mini-batch of 64", threads, mini_batch(&s));
    tn_ctx_free(s.ctx);
}

/* ---- larger networks: a batch of random inputs, labels of six persons ------------------------ */

enum { PERSONS = 6, MOST_STEPS = 2000 };

/* The face net of the study, 3072-20-6. */
static tn_module *make_face_net(tn_ctx *ctx)
{
    return tn_sequential(ctx, tn_nn_linear(ctx, 3072, 20), tn_nn_relu(ctx),
                         tn_nn_linear(ctx, 20, PERSONS));
}

/* What learns from the features behind AlexNet's fifth convolution. */
static tn_module *make_head(tn_ctx *ctx)
{
    return tn_sequential(ctx, tn_nn_linear(ctx, 256 * 13 * 13, 20), tn_nn_relu(ctx),
                         tn_nn_linear(ctx, 20, PERSONS));
}

/* The convolutions of AlexNet with what lies between them, up to the ReLU of the fifth. */
static tn_module *make_features(tn_ctx *ctx)
{
    tn_conv2d_opts first = {.stride = 4, .padding = 2}, second = {.padding = 2},
                   other = {.padding = 1};
    tn_pool2d_opts two = {.stride = 2};
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 3, 64, 11, first), tn_nn_relu(ctx),
                         tn_nn_max_pool2d(ctx, 3, two), tn_nn_conv2d(ctx, 64, 192, 5, second),
                         tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, 3, two),
                         tn_nn_conv2d(ctx, 192, 384, 3, other), tn_nn_relu(ctx),
                         tn_nn_conv2d(ctx, 384, 256, 3, other), tn_nn_relu(ctx),
                         tn_nn_conv2d(ctx, 256, 256, 3, other), tn_nn_relu(ctx));
}

/* All of AlexNet's features, pooled to 6 x 6, and one linear layer. */
static tn_module *make_alexnet(tn_ctx *ctx)
{
    return tn_sequential(ctx, make_features(ctx),
                         tn_nn_max_pool2d(ctx, 3, (tn_pool2d_opts){.stride = 2}),
                         tn_nn_adaptive_avg_pool2d(ctx, 6, 6), tn_nn_flatten(ctx),
                         tn_nn_linear(ctx, 256 * 6 * 6, PERSONS));
}

typedef struct workload {
    const char *name;
    tn_module *(*make)(tn_ctx *ctx);
    int ndim;
    int64_t shape[4];
    enum { FORWARD, SGD, ADAM } kind;
    int steps;
} workload;

static const workload WORKLOADS[] = {
    {"faces, 3072-20-6, batch of 200, Adam", make_face_net, 2, {200, 3072}, ADAM, 2000},
    {"head, 43264-20-6, batch of 449, Adam", make_head, 2, {449, 43264}, ADAM, 15},
    {"AlexNet to conv5, batch of 32, forward", make_features, 4, {32, 3, 227, 227}, FORWARD, 5},
    {"AlexNet, batch of 32, trained by SGD", make_alexnet, 4, {32, 3, 227, 227}, SGD, 3},
};

static void forward(setup *s, const tn_tensor *x)
{
    tn_scope scope = tn_scope_begin(s->ctx);
    if (!tn_forward(s->ctx, s->net, x))
        fail(s->ctx);
    tn_scope_end(s->ctx, scope);
}

static void bench_workload(const workload *w, int threads)
{
    double times[MOST_STEPS];
    setup s = {.ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = threads})};
    tn_tensor *x = tn_randn(s.ctx, TN_F32, w->ndim, w->shape);
    tn_tensor *y = tn_rand(s.ctx, TN_F32, 1, w->shape);
    y = tn_cast(s.ctx, tn_mul_scalar(s.ctx, y, PERSONS - 0.01), TN_I64);
    s.net = w->make(s.ctx);
    if (w->kind == ADAM)
        s.opt = tn_adam(s.ctx, s.net, (tn_adam_opts){.lr = 1e-4});
    else
        s.opt = tn_sgd(s.ctx, s.net, (tn_sgd_opts){.lr = 1e-4, .momentum = 0.9});
    if (!s.opt || !y)
        fail(s.ctx);
    tn_set_grad_enabled(s.ctx, w->kind != FORWARD);
    for (int i = -1; i < w->steps; i++) {
        double start = now();
        if (w->kind == FORWARD)
            forward(&s, x);
        else
            step(&s, x, y, TN_REDUCE_MEAN);
        times[i < 0 ? 0 : i] = now() - start;
    }
    print(w->name, threads, median(times, w->steps));
    tn_ctx_free(s.ctx);
}

/* The most memory, in MB, that a process takes for 682 photographs through AlexNet's convolutions
 * in batches of 32. */
static void bench_memory(int threads)
{
    enum { PHOTOGRAPHS = 682, BATCH = 32 };
    struct rusage usage;
    setup s = {.ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = threads})};
    s.net = make_features(s.ctx);
    tn_set_grad_enabled(s.ctx, false);
    for (int done = 0; done < PHOTOGRAPHS; done += BATCH) {
        int64_t count = PHOTOGRAPHS - done < BATCH ? PHOTOGRAPHS - done : BATCH;
        tn_scope scope = tn_scope_begin(s.ctx);
        forward(&s, tn_randn(s.ctx, TN_F32, TN_SHAPE(count, 3, 227, 227)));
        tn_scope_end(s.ctx, scope);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("memory of 682 photographs to conv5 (MB)\t%d\t%.1f\n", threads,
           (double)usage.ru_maxrss / 1024);
    tn_ctx_free(s.ctx);
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (argc > 2 && strcmp(argv[2], "memory") == 0) {
        bench_memory(threads);
        return EXIT_SUCCESS;
    }
    bench_softmax(threads);
    for (size_t i = 0; i < sizeof WORKLOADS / sizeof *WORKLOADS; i++)
        bench_workload(&WORKLOADS[i], threads);
    return EXIT_SUCCESS;
}
