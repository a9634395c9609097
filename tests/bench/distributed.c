/* distributed.c - times training by several processes: mpirun -n N distributed. Each line of the
 * standard input of process 0 asks for one measurement: what, how many steps it takes, a network of
 * models.c with "_tune" for one whose convolutions but the last are frozen, and NAME=NUMBER as
 *
 *     batch=100 side=28     samples of a step in all processes, and their images
 *     micro=2               micro-batches; 0: a loop without libtensor-mpi, in one process
 *     overlap=0             gradients are sent when backward has ended
 *     allreduce=1           the order of sums is left to MPI
 *     bytes=1024            of a message
 *
 * What is
 *
 *     step     a step: the loader, forward, loss, backward with its sums, the optimiser
 *     tape     a step by one process without MPI: its microseconds, those of its forward pass, then
 *              for each parameter, as backward comes to it, the microseconds from the beginning of
 *              backward until its gradient is there, and its bytes; the end of backward, and 0
 *     where    where the time of a step goes: of each process the microseconds of its loader,
 *              forward, backward, sums and optimiser, then those of MPI within each of these;
 *              means over the faster half of the steps
 *     message  a message of process 0 to process 1 and back; the answer is half of that
 *
 * The answers of step and message are the median and the least time in microseconds. Digits are
 * those of MNIST that ship; other images, and all weights, are made up. Each process has one
 * thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tn/mpi.h>
#include "bench/models.h"
#include "bench/mpi_time.h"
#include "bench/timing.h"

enum { MOST = 4096, QUESTION = 512, WARM = 3, IMAGES = 256, GRADIENTS = 64 };

typedef struct question {
    char what[16], name[64];
    int64_t steps;
    double batch, side, micro, overlap, allreduce, bytes;
} question;

/* A training that is ready to be timed. */
typedef struct subject {
    tn_ctx *ctx;
    tn_module *net;
    tn_optim *optim;
    tn_loader *loader;
    tn_mpi *mpi; /* NULL: without */
} subject;

static int rank, size;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "distributed: process %d: %s: %s\n", rank, what, why);
    MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
}

static void check(const subject *s, const char *what)
{
    if (!tn_ok(s->ctx))
        fail(what, tn_error(s->ctx));
}

/* ---- questions ------------------------------------------------------------------------------- */

static void read_numbers(question *q, char *text)
{
    const struct {
        const char *key;
        double *to;
    } keys[] = {{"batch", &q->batch},     {"side", &q->side},           {"micro", &q->micro},
                {"overlap", &q->overlap}, {"allreduce", &q->allreduce}, {"bytes", &q->bytes}};
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        size_t i = 0;
        while (value && i < 6 && strncmp(word, keys[i].key, (size_t)(value - word)) != 0)
            i++;
        if (!value || i == 6)
            fail(word, "no NAME=NUMBER that is known");
        else
            *keys[i].to = strtod(value + 1, NULL);
    }
}

static question read_question(const char *line)
{
    question q = {.batch = 100, .side = 28, .overlap = 1, .bytes = 8};
    char text[QUESTION] = "";
    long long steps;
    if (sscanf(line, "%15s %lld %63s %511[^\n]", q.what, &steps, q.name, text) < 3 || steps < 1 ||
        steps > MOST)
        fail(line, "not understood");
    q.steps = steps;
    read_numbers(&q, text);
    return q;
}

/* Process 0 reads a line for all. The others sleep meanwhile, where MPI would keep a core busy that
 * the next program needs. */
static bool next_line(char *line)
{
    if (rank == 0 && !fgets(line, QUESTION, stdin))
        line[0] = '\0';
    MPI_Request request;
    int there = 0;
    MPI_Ibcast(line, QUESTION, MPI_CHAR, 0, MPI_COMM_WORLD, &request);
    for (MPI_Test(&request, &there, MPI_STATUS_IGNORE); !there;
         MPI_Test(&request, &there, MPI_STATUS_IGNORE))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return line[0] != '\0';
}

/* ---- a training ------------------------------------------------------------------------------ */

static bool is_tuned(const question *q, char *name)
{
    snprintf(name, sizeof q->name, "%s", q->name);
    char *end = strstr(name, "_tune");
    if (end)
        *end = '\0';
    return end != NULL;
}

/* Of AlexNet's convolutions the fifth stays free. */
static void freeze(tn_ctx *ctx, tn_module *net)
{
    tn_module *convolutions = tn_child(net, 0);
    for (int i = 0; tn_child(convolutions, i + 2); i++)
        tn_freeze(ctx, tn_child(convolutions, i), true);
}

static tn_loader *digits(const subject *s, tn_loader_opts opts)
{
    tn_tensor *x = tn_load_idx(s->ctx, "examples/data/mnist/train-images-idx3-ubyte.gz");
    tn_tensor *y = tn_load_idx(s->ctx, "examples/data/mnist/train-labels-idx1-ubyte.gz");
    x = tn_reshape(s->ctx, x, TN_SHAPE(-1, 1, 28, 28));
    return tn_loader_new(s->ctx, x, y, opts);
}

static tn_loader *noise(const subject *s, int64_t side, tn_loader_opts opts)
{
    tn_tensor *x = tn_rand(s->ctx, TN_F32, TN_SHAPE(IMAGES, 3, side, side));
    tn_tensor *y = tn_rand(s->ctx, TN_F32, TN_SHAPE(IMAGES));
    x = tn_cast(s->ctx, tn_mul_scalar(s->ctx, x, 255), TN_U8);
    return tn_loader_new(s->ctx, x, tn_cast(s->ctx, tn_mul_scalar(s->ctx, y, 5.999), TN_I64), opts);
}

static subject subject_new(const question *q)
{
    char name[sizeof q->name];
    bool tuned = is_tuned(q, name);
    const model *m = model_named(name);
    subject s = {.ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = 1})};
    if (!m || !s.ctx)
        fail(q->name, m ? "out of memory" : "no such network");
    s.net = m->make(s.ctx, &(model_sizes){.batch = (int64_t)q->batch, .side = (int64_t)q->side});
    if (tuned)
        freeze(s.ctx, s.net);
    if (q->micro > 0)
        s.mpi = tn_mpi_new(s.ctx, MPI_COMM_WORLD, s.net,
                           (tn_mpi_opts){.micro_batches = (int64_t)q->micro,
                                         .no_overlap = q->overlap == 0,
                                         .allreduce = q->allreduce != 0});
    tn_loader_opts opts = tn_mpi_share(
        s.mpi,
        (tn_loader_opts){.batch_size = (int64_t)q->batch, .shuffle = true, .scale = 1 / 255.0});
    s.loader = m->channels == 1 ? digits(&s, opts) : noise(&s, (int64_t)q->side, opts);
    s.optim = m->optimiser(s.ctx, s.net);
    check(&s, q->name);
    return s;
}

static void subject_free(subject *s)
{
    tn_mpi_free(s->mpi);
    tn_ctx_free(s->ctx);
}

static tn_tensor *loss_of(const subject *s, const tn_batch *batch)
{
    tn_tensor *y = tn_forward(s->ctx, s->net, batch->x);
    return tn_cross_entropy(s->ctx, y, batch->y, (tn_cross_entropy_opts){0});
}

/* ---- steps ----------------------------------------------------------------------------------- */

enum { LOADER, FORWARD, BACKWARD, SUMS, OPTIMISER, PHASES, SHARES = 2 * PHASES };

/* Seconds of each phase outside of MPI, and in it. The stretch since the last mark is not yet
 * anyone's. */
typedef struct lap {
    double shares[SHARES];
    double mark, in_mpi;
} lap;

static void charge(lap *l, int phase)
{
    double time = now(), mpi = seconds_in_mpi - l->in_mpi;
    l->shares[phase] += time - l->mark - mpi;
    l->shares[PHASES + phase] += mpi;
    l->mark = time;
    l->in_mpi = seconds_in_mpi;
}

static void finish_step(const subject *s)
{
    tn_step(s->optim);
    tn_zero_grad(s->optim);
}

/* At the end of an epoch the next one begins. */
static lap step_together(const subject *s)
{
    lap l = {.mark = now(), .in_mpi = seconds_in_mpi};
    tn_batch batch;
    if (!tn_mpi_step(s->mpi, s->loader))
        tn_mpi_step(s->mpi, s->loader);
    while (tn_mpi_next(s->mpi, &batch)) {
        charge(&l, LOADER);
        tn_scope scope = tn_scope_begin(s->ctx);
        tn_tensor *loss = loss_of(s, &batch);
        charge(&l, FORWARD);
        tn_mpi_backward(s->mpi, loss);
        tn_scope_end(s->ctx, scope);
        charge(&l, BACKWARD);
    }
    charge(&l, SUMS);
    finish_step(s);
    charge(&l, OPTIMISER);
    return l;
}

static void step_alone(const subject *s)
{
    tn_batch batch;
    if (!tn_loader_next(s->loader, &batch))
        tn_loader_next(s->loader, &batch);
    tn_scope scope = tn_scope_begin(s->ctx);
    tn_backward(s->ctx, loss_of(s, &batch));
    tn_scope_end(s->ctx, scope);
    finish_step(s);
}

static void step(const subject *s)
{
    if (s->mpi)
        step_together(s);
    else
        step_alone(s);
}

static void answer_step(const question *q)
{
    static double times[MOST];
    subject s = subject_new(q);
    for (int i = 0; i < WARM; i++)
        step(&s);
    for (int64_t i = 0; i < q->steps; i++) {
        double start = now();
        step(&s);
        times[i] = now() - start;
    }
    check(&s, q->what);
    if (rank == 0)
        print_times(times, (int)q->steps);
    subject_free(&s);
}

/* ---- where the time goes --------------------------------------------------------------------- */

/* The longest that a process took for the step. */
static double length_of(const lap *l)
{
    double length = 0;
    for (int i = 0; i < SHARES; i++)
        length += l->shares[i];
    MPI_Allreduce(MPI_IN_PLACE, &length, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return length;
}

/* Means over the steps that took no longer than the middle one. */
static lap mean_of_half(const lap *laps, int n)
{
    static double lengths[MOST], sorted[MOST];
    lap mean = {.mark = 0};
    int count = 0;
    for (int i = 0; i < n; i++)
        sorted[i] = lengths[i] = length_of(&laps[i]);
    double middle = median(sorted, n);
    for (int i = 0; i < n; i++)
        if (lengths[i] <= middle) {
            count++;
            for (int j = 0; j < SHARES; j++)
                mean.shares[j] += laps[i].shares[j];
        }
    for (int j = 0; j < SHARES; j++)
        mean.shares[j] /= count;
    return mean;
}

static void answer_where(const question *q)
{
    static lap laps[MOST];
    subject s = subject_new(q);
    if (!s.mpi)
        fail(q->what, "is asked of a training with micro-batches");
    for (int i = 0; i < WARM; i++)
        step(&s);
    for (int64_t i = 0; i < q->steps; i++)
        laps[i] = step_together(&s);
    check(&s, q->what);
    subject_free(&s);
    lap mean = mean_of_half(laps, (int)q->steps);
    double *all = calloc((size_t)size * SHARES, sizeof *all);
    if (!all)
        fail(q->what, "out of memory");
    MPI_Gather(mean.shares, SHARES, MPI_DOUBLE, all, SHARES, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    for (int i = 0; rank == 0 && i < size * SHARES; i++)
        printf("%.1f%c", 1e6 * all[i], i + 1 < size * SHARES ? ' ' : '\n');
    free(all);
}

/* ---- when gradients are there ---------------------------------------------------------------- */

typedef struct tape {
    double start;
    int64_t count;
    double seconds[GRADIENTS], bytes[GRADIENTS];
} tape;

static bool note_gradient(tn_ctx *ctx, const tn_tensor *grad, void *payload)
{
    tape *t = payload;
    (void)ctx;
    if (t->count < GRADIENTS) {
        t->seconds[t->count] = now() - t->start;
        t->bytes[t->count++] = (double)tn_numel(grad) * (double)tn_dtype_size(tn_dtype_of(grad));
    }
    return true;
}

static void run_tape(const subject *s, tape *t)
{
    tn_batch batch = {.x = NULL};
    while (!tn_loader_next(s->loader, &batch))
        check(s, "tape");
    tn_scope scope = tn_scope_begin(s->ctx);
    double start = now();
    tn_tensor *loss = loss_of(s, &batch);
    t->start = now();
    t->count = 0;
    tn_backward(s->ctx, loss);
    double backward = now();
    tn_scope_end(s->ctx, scope);
    tn_step(s->optim);
    tn_zero_grad(s->optim);
    printf("%.1f %.1f", 1e6 * (now() - start), 1e6 * (t->start - start));
    for (int64_t i = 0; i < t->count; i++)
        printf(" %.1f %.0f", 1e6 * t->seconds[i], t->bytes[i]);
    printf(" %.1f 0\n", 1e6 * (backward - t->start));
}

static void answer_tape(const question *q)
{
    tape t = {.count = 0};
    subject s = subject_new(q);
    for (int i = 0; i < WARM; i++)
        step(&s);
    for (int64_t i = 0; i < tn_parameter_count(s.net); i++)
        if (tn_requires_grad(tn_parameter(s.net, i, NULL, 0)))
            tn_on_grad(s.ctx, tn_parameter(s.net, i, NULL, 0), note_gradient, &t);
    run_tape(&s, &t);
    check(&s, q->what);
    subject_free(&s);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void send_and_return(char *buffer, int bytes)
{
    if (rank == 0) {
        MPI_Send(buffer, bytes, MPI_CHAR, 1, 0, MPI_COMM_WORLD);
        MPI_Recv(buffer, bytes, MPI_CHAR, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (rank == 1) {
        MPI_Recv(buffer, bytes, MPI_CHAR, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(buffer, bytes, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
    }
}

static void answer_message(const question *q)
{
    static double times[MOST];
    char *buffer = calloc((size_t)q->bytes + 1, 1);
    if (!buffer || size < 2)
        fail(q->what, buffer ? "there is one process" : "out of memory");
    for (int i = 0; i < WARM; i++)
        send_and_return(buffer, (int)q->bytes);
    for (int64_t i = 0; i < q->steps; i++) {
        double start = now();
        send_and_return(buffer, (int)q->bytes);
        times[i] = (now() - start) / 2;
    }
    if (rank == 0)
        print_times(times, (int)q->steps);
    free(buffer);
}

int main(int argc, char **argv)
{
    char line[QUESTION] = "";
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    while (next_line(line)) {
        question q = read_question(line);
        if (strcmp(q.what, "step") == 0)
            answer_step(&q);
        else if (strcmp(q.what, "tape") == 0)
            answer_tape(&q);
        else if (strcmp(q.what, "where") == 0)
            answer_where(&q);
        else if (strcmp(q.what, "message") == 0)
            answer_message(&q);
        else
            fail(q.what, "not step, tape, where or message");
        fflush(stdout);
    }
    MPI_Finalize();
    return EXIT_SUCCESS;
}
