/* bench.c - times whole training steps: "name<TAB>threads<TAB>milliseconds" for each, the median of
 * several. tests/bench/bench_torch.py prints the same for PyTorch. The pixels are made up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tn/tn.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_size);
    return values[n / 2];
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
    if (tn_step(s->opt) != TN_OK) {
        fprintf(stderr, "bench: %s\n", tn_error(s->ctx));
        exit(EXIT_FAILURE);
    }
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

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    setup s = make_setup(threads, 60000);
    if (!s.loader) {
        fprintf(stderr, "bench: %s\n", s.ctx ? tn_error(s.ctx) : "out of memory");
        return EXIT_FAILURE;
    }
    printf("softmax regression, full batch of 60000\t%d\t%.4f\n", threads, 1e3 * full_batch(&s));
    printf("softmax regression, mini-batch of 64\t%d\t%.4f\n", threads, 1e3 * mini_batch(&s));
    tn_ctx_free(s.ctx);
    return EXIT_SUCCESS;
}
