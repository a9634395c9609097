/* 09_threads.c - introduces serving: many threads that ask one network.
 *
 * A context belongs to one thread at a time, and weights that nobody writes may be read by all. So
 * each thread has a context of its own, for its memory and its errors, and runs the network that
 * another context made. Here four threads share the 10,000 test images of MNIST, 50 at a time.
 *
 * Run it in the root of the repository:  make lessons && build/bin/09_threads
 *
 * It prints:
 *
 *     4 threads: 89 % are recognised
 *     one thread gives the same answers: yes */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <tn/tn.h>

#define MNIST "examples/data/mnist/"

enum { THREADS = 4, IMAGES = 10000, REQUEST = 50 };

/* What the threads share: they read the first two, and take turns by the counter. */
typedef struct service {
    tn_module *net;
    const tn_tensor *images; /* [IMAGES, 784] of bytes */
    atomic_int next;         /* the first image that no thread has taken */
    atomic_int failures;     /* threads that ended with an error */
    int64_t answers[IMAGES];
} service;

/* Writes the digits of REQUEST images to `answers`. */
static void answer(tn_ctx *ctx, const service *s, int first, int64_t *answers)
{
    tn_scope scope = tn_scope_begin(ctx); /* of this thread's context: it frees nothing of others */
    tn_tensor *bytes = tn_narrow(ctx, s->images, 0, first, REQUEST);
    tn_tensor *x = tn_mul_scalar(ctx, tn_cast(ctx, bytes, TN_F32), 1 / 255.0);
    tn_tensor *digits = tn_argmax(ctx, tn_forward(ctx, s->net, x), 1);
    if (digits)
        memcpy(answers, tn_data_i64(digits), REQUEST * sizeof *answers);
    tn_scope_end(ctx, scope);
}

static void *work(void *argument)
{
    service *s = argument;
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.threads = 1}); /* four of these are enough */
    tn_set_grad_enabled(ctx, false);
    for (int first; (first = atomic_fetch_add(&s->next, REQUEST)) < IMAGES;)
        answer(ctx, s, first, &s->answers[first]);
    if (tn_error_status(ctx) != TN_OK) {
        fprintf(stderr, "%s\n", tn_error(ctx));
        s->failures++;
    }
    tn_ctx_free(ctx);
    return NULL;
}

/* One epoch of training, in the context of the main thread. */
static tn_module *train(tn_ctx *ctx)
{
    tn_tensor *x = tn_load_idx(ctx, MNIST "train-images-idx3-ubyte.gz");
    tn_tensor *y = tn_load_idx(ctx, MNIST "train-labels-idx1-ubyte.gz");
    tn_loader *loader =
        tn_loader_new(ctx, tn_flatten(ctx, x, 1, -1), y,
                      (tn_loader_opts){.batch_size = 50, .shuffle = true, .scale = 1 / 255.0});
    tn_module *net =
        tn_sequential(ctx, tn_nn_linear(ctx, 784, 50), tn_nn_relu(ctx), tn_nn_linear(ctx, 50, 10));
    tn_optim *opt = tn_adam(ctx, net, (tn_adam_opts){0});
    tn_batch batch;
    while (tn_loader_next(loader, &batch)) {
        tn_scope step = tn_scope_begin(ctx);
        tn_tensor *loss = tn_cross_entropy(ctx, tn_forward(ctx, net, batch.x), batch.y,
                                           (tn_cross_entropy_opts){0});
        tn_zero_grad(opt);
        tn_backward(ctx, loss);
        tn_step(opt);
        tn_scope_end(ctx, step);
    }
    tn_train(net, false);
    return net;
}

int main(void)
{
    static service many, one;
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1});
    many.net = train(ctx);
    many.images = tn_flatten(ctx, tn_load_idx(ctx, MNIST "t10k-images-idx3-ubyte.gz"), 1, -1);
    one.net = many.net;
    one.images = many.images;

    pthread_t threads[THREADS];
    int started = 0;
    while (tn_ok(ctx) && started < THREADS &&
           pthread_create(&threads[started], NULL, work, &many) == 0)
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (tn_ok(ctx))
        work(&one); /* in this thread, all by itself */
    tn_tensor *answers = tn_from_blob(ctx, TN_I64, TN_SHAPE(IMAGES), many.answers, NULL, NULL);
    tn_tensor *labels = tn_load_idx(ctx, MNIST "t10k-labels-idx1-ubyte.gz");
    int64_t right = tn_count_equal(ctx, answers, labels);
    if (tn_ok(ctx)) {
        bool same = memcmp(many.answers, one.answers, sizeof one.answers) == 0;
        printf("%d threads: %.0f %% are recognised\n", started, 100.0 * (double)right / IMAGES);
        printf("one thread gives the same answers: %s\n", same ? "yes" : "no");
    }

    int failed = tn_error_status(ctx) != TN_OK || many.failures || one.failures;
    if (tn_error_status(ctx) != TN_OK)
        fprintf(stderr, "%s\n", tn_error(ctx));
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("standard output");
        failed = 1;
    }
    tn_ctx_free(ctx);
    return failed;
}
