/* networks.c - times networks: networks THREADS. Each line of standard input asks for one
 * measurement: what, the milliseconds that it may take, a network of models.c, and its sizes, as in
 * tests/bench/networks.tsv. What is
 *
 *     forward  inference without gradients
 *     step     forward, loss, backward and the optimiser's step
 *     epoch    hundred such steps, on batches that the loader makes of bytes in a new order
 *     rate     of the machine, in place of a network: sgemm, reading, copying (rates.h)
 *     size     the floating-point operations and the bytes of a forward pass, and of a step
 *     shape    the numbers in the parameters, and in what a forward pass gives: each side builds
 *              the same network
 *     memory   the most memory, in MB, that the process has taken until after two steps; it is the
 *              same for ever, so the question needs a process of its own
 *     memory_forward   the same of two forward passes
 *
 * The answer is the median and the least time of a call in microseconds; of the last ones, these
 * numbers. The images are made up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "bench/models.h"
#include "bench/questions.h"
#include "bench/timing.h"

enum { MOST_CALLS = 4096, EPOCH_BATCHES = 100 };

/* A network that is ready to be timed. */
typedef struct subject {
    tn_ctx *ctx;
    const model *model;
    model_sizes sizes;
    tn_module *net;
    tn_optim *opt;
    tn_tensor *x, *y;
    tn_loader *loader;
} subject;

/* ---- inputs ---------------------------------------------------------------------------------- */

static int64_t known(int64_t number, const model_sizes *sizes)
{
    return number == WIDTH ? sizes->width : number;
}

/* The shape of n samples; returns how many dimensions it has. */
static int input_shape(const subject *s, int64_t n, int64_t *shape)
{
    const model *m = s->model;
    shape[0] = n;
    shape[1] = known(m->channels ? m->channels : m->inputs, &s->sizes);
    shape[2] = shape[3] = s->sizes.side;
    return m->channels ? 4 : 2;
}

static tn_tensor *input(const subject *s, int64_t n)
{
    int64_t shape[4];
    int ndim = input_shape(s, n, shape);
    return tn_rand(s->ctx, TN_F32, ndim, shape);
}

static tn_tensor *labels(tn_ctx *ctx, int64_t n)
{
    return tn_cast(ctx, tn_mul_scalar(ctx, tn_rand(ctx, TN_F32, TN_SHAPE(n)), 1.999), TN_I64);
}

/* ---- what is timed --------------------------------------------------------------------------- */

static void forward(const subject *s)
{
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_forward(s->ctx, s->net, s->x);
    tn_scope_end(s->ctx, scope);
}

static void step_on(const subject *s, const tn_tensor *x, const tn_tensor *y)
{
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_tensor *out = tn_forward(s->ctx, s->net, x);
    tn_tensor *loss = tn_cross_entropy(s->ctx, out, y, (tn_cross_entropy_opts){0});
    tn_zero_grad(s->opt);
    tn_backward(s->ctx, loss);
    tn_step(s->opt);
    tn_scope_end(s->ctx, scope);
}

static void step(const subject *s)
{
    step_on(s, s->x, s->y);
}

static void epoch(const subject *s)
{
    tn_batch batch;
    while (tn_loader_next(s->loader, &batch))
        step_on(s, batch.x, batch.y);
}

/* ---- making one ready ------------------------------------------------------------------------ */

static void read_sizes(model_sizes *sizes, char *text)
{
    const struct {
        const char *key;
        int64_t *to;
    } keys[] = {{"batch", &sizes->batch},
                {"side", &sizes->side},
                {"width", &sizes->width},
                {"depth", &sizes->depth}};
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        if (value)
            *value = '\0';
        int i = 0;
        while (i < 4 && strcmp(word, keys[i].key) != 0)
            i++;
        if (!value || i == 4)
            fail(word, "not batch, side, width or depth with its number");
        *keys[i].to = strtoll(value + 1, NULL, 10);
    }
}

/* The number in what the network gives, and its rows, of which each gets a label. */
static int64_t numel_out(const subject *s, int64_t *rows)
{
    tn_scope scope = tn_scope_begin(s->ctx);
    const tn_tensor *y = tn_forward(s->ctx, s->net, s->x);
    int64_t numel = tn_numel(y);
    *rows = tn_size(y, 0);
    tn_scope_end(s->ctx, scope);
    return numel;
}

static tn_loader *bytes_loader(const subject *s)
{
    int64_t n = EPOCH_BATCHES * s->sizes.batch;
    tn_tensor *bytes = tn_cast(s->ctx, tn_mul_scalar(s->ctx, input(s, n), 255), TN_U8);
    return tn_loader_new(
        s->ctx, bytes, labels(s->ctx, n),
        (tn_loader_opts){.batch_size = s->sizes.batch, .shuffle = true, .scale = 1 / 255.0});
}

static subject subject_new(tn_ctx *ctx, const char *name, char *text, bool training)
{
    subject s = {.ctx = ctx, .model = model_named(name), .sizes = {1, 224, 64, 1}};
    if (!s.model)
        fail(name, "no such network");
    read_sizes(&s.sizes, text);
    s.net = s.model->make(ctx, &s.sizes);
    tn_train(s.net, training);
    tn_set_grad_enabled(ctx, false);
    s.x = input(&s, s.sizes.batch);
    tn_set_grad_enabled(ctx, training);
    if (training) {
        int64_t rows;
        numel_out(&s, &rows);
        s.y = labels(ctx, rows);
        s.opt = s.model->optimiser(ctx, s.net);
    }
    return s;
}

static void subject_free(subject *s)
{
    tn_loader_free(s->loader);
    tn_optim_free(s->opt);
    tn_module_free(s->net);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void check(const subject *s)
{
    if (tn_error_status(s->ctx) != TN_OK)
        fail(s->model->name, tn_error(s->ctx));
}

static void measure(const subject *s, void (*run)(const subject *), double seconds)
{
    static double times[MOST_CALLS];
    int n = 0;
    run(s);
    for (double end = now() + seconds; n < MOST_CALLS && (n == 0 || now() < end); n++) {
        moment start = start_timing();
        run(s);
        times[n] = seconds_since(start, tn_threads(s->ctx));
    }
    check(s);
    print_times(times, n);
}

/* The multiply-adds of all layers and of the first that has any, from the table of the summary. */
static void multiply_adds(const subject *s, double *all, double *first)
{
    static char text[1 << 16];
    int64_t shape[4];
    int ndim = input_shape(s, s->sizes.batch, shape);
    tn_summary(s->ctx, s->net, ndim, shape, text, sizeof text);
    *all = *first = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        const char *number = strrchr(line, ' ');
        *all = number ? strtod(number, NULL) : 0;
        *first = *first > 0 ? *first : *all;
    }
}

/* A step has a forward pass and two products as large for the gradients, but for the input's.
 * Memory must at least be read and written so: inference reads the images and the parameters. A
 * step reads the images twice, the parameters in both directions, and writes their gradients, which
 * the optimiser reads; this one reads and writes the parameters and what it keeps for each. */
static void answer_size(const subject *s)
{
    double all, first;
    multiply_adds(s, &all, &first);
    check(s);
    double images = 4.0 * (double)tn_numel(s->x),
           weights = 4.0 * (double)tn_parameter_numel(s->net);
    printf("%.0f %.0f %.0f %.0f\n", 2 * all, images + weights, 2 * (3 * all - first),
           2 * images + weights * (6 + 2 * s->model->state));
}

static void answer_shape(const subject *s)
{
    int64_t rows, numel = numel_out(s, &rows);
    check(s);
    printf("%lld %lld\n", (long long)tn_parameter_numel(s->net), (long long)numel);
}

static void answer_memory(const subject *s)
{
    struct rusage usage;
    tn_empty_cache(s->ctx); /* what making it ready has left */
    for (int i = 0; i < 2; i++)
        (s->opt ? step : forward)(s);
    check(s);
    getrusage(RUSAGE_SELF, &usage);
    printf("%.1f\n", (double)usage.ru_maxrss / 1024);
}

static void answer_about(tn_ctx *ctx, const char *what, double seconds, const char *name,
                         char *text)
{
    bool training =
        strcmp(what, "step") == 0 || strcmp(what, "epoch") == 0 || strcmp(what, "memory") == 0;
    subject s = subject_new(ctx, name, text, training);
    if (strcmp(what, "forward") == 0)
        measure(&s, forward, seconds);
    else if (strcmp(what, "step") == 0)
        measure(&s, step, seconds);
    else if (strcmp(what, "size") == 0)
        answer_size(&s);
    else if (strcmp(what, "shape") == 0)
        answer_shape(&s);
    else if (strncmp(what, "memory", 6) == 0)
        answer_memory(&s);
    else if (strcmp(what, "epoch") == 0 && (s.loader = bytes_loader(&s)))
        measure(&s, epoch, seconds);
    else
        fail(what, "not forward, step, epoch, rate, size, shape or memory");
    subject_free(&s);
}

int main(int argc, char **argv)
{
    return answer_questions(argc, argv, answer_about);
}
