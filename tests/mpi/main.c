/* main.c - runs the tests of libtensor-mpi in the processes of an mpirun. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mpi/cases.h"

int rank, size;
static long long checks, failures;

void check(bool ok, const char *text, const char *file, int line)
{
    checks++;
    if (ok)
        return;
    failures++;
    printf("%s:%d: process %d of %d: %s\n", file, line, rank, size, text);
    fflush(stdout);
}

void check_error(tn_ctx *ctx, tn_status status, const char *file, int line, const char *format, ...)
{
    char expected[600];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof expected, format, args);
    va_end(args);
    char text[1400];
    snprintf(text, sizeof text, "%s \"%s\", not %s \"%s\"", tn_status_name(tn_error_status(ctx)),
             tn_error(ctx), tn_status_name(status), expected);
    check(tn_error_status(ctx) == status && strcmp(tn_error(ctx), expected) == 0, text, file, line);
    tn_clear_error(ctx);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    return hash;
}

static uint64_t mix_tensor(uint64_t hash, const tn_tensor *t)
{
    return mix(hash, tn_data(t), (size_t)tn_numel(t) * tn_dtype_size(tn_dtype_of(t)));
}

uint64_t digest(tn_ctx *ctx, const tn_module *net)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (int64_t i = 0; i < tn_parameter_count(net); i++)
        hash = mix_tensor(hash, tn_parameter(net, i, NULL, 0));
    for (int64_t i = 0; i < tn_buffer_count(net); i++)
        hash = mix_tensor(hash, tn_buffer(net, i, NULL, 0));
    tn_rng_state rng = tn_get_rng_state(ctx);
    return mix(hash, &rng, sizeof rng);
}

void same(const char *name, uint64_t value)
{
    uint64_t first = value;
    MPI_Bcast(&first, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    CHECK(value == first);
    if (name && rank == 0)
        printf("same %s %016llx\n", name, (unsigned long long)value);
    fflush(stdout);
}

/* ---- a network and its data ------------------------------------------------------------------ */

tn_ctx *context(void)
{
    return tn_ctx_new(&(tn_ctx_opts){.seed = (uint64_t)(7 + rank), .threads = 1});
}

tn_module *cnn(tn_ctx *ctx)
{
    tn_conv2d_opts plain = {0};
    tn_pool2d_opts halve = {0};
    tn_batch_norm_opts norm = {0};
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 6, 5, plain), tn_nn_batch_norm2d(ctx, 6, norm),
                         tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, 2, halve),
                         tn_nn_conv2d(ctx, 6, 12, 5, plain), tn_nn_batch_norm2d(ctx, 12, norm),
                         tn_nn_relu(ctx), tn_nn_max_pool2d(ctx, 2, halve), tn_nn_flatten(ctx),
                         tn_nn_dropout(ctx, 0.25), tn_nn_linear(ctx, 192, 10));
}

tn_module *mlp(tn_ctx *ctx, tn_dtype dtype)
{
    tn_module *net =
        tn_sequential(ctx, tn_nn_flatten(ctx), tn_nn_linear(ctx, 784, 30), tn_nn_tanh(ctx),
                      tn_nn_linear(ctx, 30, 20), tn_nn_tanh(ctx), tn_nn_linear(ctx, 20, 10));
    tn_module_to(ctx, net, dtype);
    return net;
}

/* The file takes longer to read than many a training here, so its beginning is kept. */
enum { MOST_DIGITS = 203 };
static struct {
    bool loaded;
    uint8_t x[MOST_DIGITS * 784], y[MOST_DIGITS];
} kept;

static void keep_digits(void)
{
    tn_ctx *ctx = context();
    tn_tensor *x = tn_load_idx(ctx, "examples/data/mnist/train-images-idx3-ubyte.gz");
    tn_tensor *y = tn_load_idx(ctx, "examples/data/mnist/train-labels-idx1-ubyte.gz");
    kept.loaded = x && y;
    CHECK(kept.loaded);
    if (kept.loaded) {
        memcpy(kept.x, tn_data(x), sizeof kept.x);
        memcpy(kept.y, tn_data(y), sizeof kept.y);
    }
    tn_ctx_free(ctx);
}

digits digits_of(tn_ctx *ctx, int64_t n)
{
    if (!kept.loaded)
        keep_digits();
    CHECK(n <= MOST_DIGITS);
    tn_tensor *x = tn_from_data(ctx, TN_U8, TN_SHAPE(n, 1, 28, 28), kept.x);
    tn_tensor *y = tn_from_data(ctx, TN_U8, TN_SHAPE(n), kept.y);
    return (digits){tn_mul_scalar(ctx, tn_cast(ctx, x, TN_F32), 1 / 255.0), y};
}

tn_tensor *loss_of(tn_ctx *ctx, tn_module *net, const tn_batch *batch)
{
    tn_tensor *x = batch->x;
    if (tn_dtype_of(tn_parameter(net, 0, NULL, 0)) == TN_F64)
        x = tn_cast(ctx, x, TN_F64);
    return tn_cross_entropy(ctx, tn_forward(ctx, net, x), batch->y, (tn_cross_entropy_opts){0});
}

training begin(tn_ctx *ctx, tn_module *net, digits data, tn_loader_opts loader, tn_mpi_opts opts)
{
    training t = {.ctx = ctx, .net = net};
    t.mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, net, opts);
    t.optim = tn_adam(ctx, net, (tn_adam_opts){.lr = 2e-3});
    t.schedule = tn_step_lr(ctx, t.optim, 7, 0.5);
    t.loader = tn_loader_new(ctx, data.x, data.y, tn_mpi_share(t.mpi, loader));
    return t;
}

static bool (*has_memory)(void);

static void *alloc(void *payload, size_t bytes, size_t alignment)
{
    (void)payload;
    return has_memory() ? aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                        : NULL;
}

static void release(void *payload, void *memory, size_t bytes)
{
    (void)payload, (void)bytes;
    free(memory);
}

tn_ctx *context_while(bool (*works)(void))
{
    has_memory = works;
    return tn_ctx_new(&(tn_ctx_opts){.threads = 1, .allocator = {alloc, release, NULL}});
}

static tn_tensor *plain_loss(const training *t, const tn_batch *batch)
{
    return loss_of(t->ctx, t->net, batch);
}

tn_tensor *sync_loss(const training *t, const tn_batch *batch)
{
    tn_tensor *y = tn_mpi_forward(t->mpi);
    return tn_cross_entropy(t->ctx, y, batch->y, (tn_cross_entropy_opts){0});
}

bool learn_batch(training *t, tn_tensor *(*loss)(const training *t, const tn_batch *batch))
{
    tn_batch batch;
    while (!tn_mpi_step(t->mpi, t->loader))
        if (!tn_ok(t->ctx))
            return false;
    while (tn_mpi_next(t->mpi, &batch)) {
        tn_scope scope = tn_scope_begin(t->ctx);
        tn_mpi_backward(t->mpi, loss(t, &batch));
        tn_scope_end(t->ctx, scope);
    }
    return tn_ok(t->ctx);
}

int64_t run(training *t, int64_t steps)
{
    int64_t done = 0;
    for (; done < steps && learn_batch(t, plain_loss); done++) {
        tn_clip_grad_norm(t->optim, 1);
        tn_step(t->optim);
        tn_zero_grad(t->optim);
        tn_schedule_step(t->schedule);
    }
    return done;
}

tn_checkpoint parts_of(const training *t)
{
    return (tn_checkpoint){
        .module = t->net, .optim = t->optim, .schedules = {t->schedule}, .loader = t->loader};
}

void end(training *t)
{
    tn_mpi_free(t->mpi);
    tn_ctx_free(t->ctx);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void run_case(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "", *folder = argc > 2 ? argv[2] : ".";
    if (strcmp(name, "killed") == 0) {
        killed(folder, size - 1);
    } else if (strcmp(name, "resumed") == 0) {
        resumed(folder);
    } else if (strcmp(name, "some") == 0) {
        some_trainings();
        some_norms();
        if (size <= 2)
            memory();
    } else {
        trees();
        calls();
        hooks();
        trainings();
        norms();
        buckets();
        if (size <= 2)
            memory();
        faults();
        checkpoints(folder);
    }
}

int main(int argc, char **argv)
{
    int provided;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    run_case(argc, argv);
    leave();
    long long mine[] = {checks, failures}, all[2] = {0, 0};
    MPI_Reduce(mine, all, 2, MPI_LONG_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%lld%%: Checks: %lld, Failures: %lld, Errors: 0\n",
               all[0] ? 100 * (all[0] - all[1]) / all[0] : 0, all[0], all[1]);
    MPI_Finalize();
    behind_the_end();
    return failures > 0;
}
