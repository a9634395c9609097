/* calls.c - the functions of <tn/mpi.h>, one by one: what they do, and what they refuse. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mpi/cases.h"

static tn_tensor *zeros_of(tn_ctx *ctx, int64_t n)
{
    return tn_zeros(ctx, TN_F32, TN_SHAPE(n, 1, 28, 28));
}

/* The processes begin with other weights and random streams, and go on with those of process 0. */
static void one_model(void)
{
    tn_ctx *ctx = context();
    tn_module *net = cnn(ctx);
    tn_rand(ctx, TN_F32, TN_SHAPE(3));
    tn_mpi *mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, net, (tn_mpi_opts){0});
    CHECK(mpi && tn_mpi_rank(mpi) == rank && tn_mpi_size(mpi) == size);
    CHECK(isnan(tn_mpi_loss(mpi)));
    same("model", digest(ctx, net));
    bool before = tn_set_grad_enabled(ctx, false);
    tn_fill_(ctx, tn_parameter(net, 1, NULL, 0), rank + 2);
    tn_set_grad_enabled(ctx, before);
    CHECK(tn_mpi_broadcast(mpi) == TN_OK);
    CHECK(*tn_data_f32(tn_parameter(net, 1, NULL, 0)) == 2);
    tn_mpi_free(mpi);
    tn_ctx_free(ctx);
}

/* Every sample once, whatever is left over, by the loop of evaluation. */
static void each_sample_once(int64_t n, int64_t batch_size, int64_t micro_batches)
{
    tn_ctx *ctx = context();
    tn_mpi *mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, mlp(ctx, TN_F32),
                             (tn_mpi_opts){.micro_batches = micro_batches});
    tn_loader *loader = tn_loader_new(
        ctx, tn_arange(ctx, TN_I64, 0, (double)n, 1), NULL,
        tn_mpi_share(mpi, (tn_loader_opts){.batch_size = batch_size, .shuffle = true}));
    int64_t seen[64] = {0}, own = 0;
    tn_batch batch;
    while (tn_loader_next(loader, &batch))
        for (int64_t i = 0; i < batch.size; i++, own++)
            seen[tn_data_i64(batch.x)[i]]++;
    CHECK(own < n || size == 1);
    CHECK(tn_mpi_sum(mpi, 64, seen) == TN_OK);
    for (int64_t i = 0; i < 64; i++)
        CHECK(seen[i] == (i < n));
    tn_mpi_free(mpi);
    tn_ctx_free(ctx);
}

static void sums(void)
{
    tn_ctx *ctx = context();
    tn_mpi *mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, mlp(ctx, TN_F32), (tn_mpi_opts){0});
    int64_t counts[] = {rank, INT64_MAX / 8, -1};
    double values[] = {rank + 0.25, 1e300};
    CHECK(tn_mpi_sum(mpi, 3, counts) == TN_OK && tn_mpi_sum_f64(mpi, 2, values) == TN_OK);
    CHECK(counts[0] == size * (size - 1) / 2 && counts[1] == INT64_MAX / 8 * size);
    CHECK(counts[2] == -size);
    CHECK(values[0] == size * (size - 1) / 2 + 0.25 * size && values[1] == 1e300 * size);
    CHECK(tn_mpi_sum(mpi, 0, NULL) == TN_OK);
    CHECK(tn_mpi_sum(mpi, 2, NULL) == TN_ERR_ARGUMENT);
    CHECK_ERROR(ctx, TN_ERR_ARGUMENT, "mpi_sum: 2 numbers, which are NULL");
    CHECK(tn_mpi_check(mpi) == TN_OK);
    tn_mpi_free(mpi);
    tn_ctx_free(ctx);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* A frozen layer stays until it is thawed, which is another layout of what is sent; groups have
 * their rates. */
static void frozen_and_grouped(void)
{
    tn_ctx *ctx = context();
    tn_module *net = cnn(ctx);
    tn_freeze(ctx, tn_child(net, 4), true);
    training t = begin(ctx, net, digits_of(ctx, 60), (tn_loader_opts){.batch_size = 20},
                       (tn_mpi_opts){.micro_batches = 4});
    float weight = *tn_data_f32(tn_parameter_named(net, "4.weight"));
    tn_add_group(t.optim, tn_child(net, 10), (tn_group_opts){.lr = 1e-2});
    CHECK(run(&t, 4) == 4);
    CHECK(*tn_data_f32(tn_parameter_named(net, "4.weight")) == weight);
    CHECK(tn_grad(tn_parameter_named(net, "4.weight")) == NULL);
    tn_freeze(ctx, tn_child(net, 4), false);
    CHECK(run(&t, 3) == 3);
    CHECK(*tn_data_f32(tn_parameter_named(net, "4.weight")) != weight);
    same("frozen", digest(ctx, net));
    end(&t);
}

/* The gradients of a step, added to those that are there. */
static void take_step(training *t)
{
    tn_batch batch;
    uint64_t position = tn_get_rng_state(t->ctx).position;
    CHECK(tn_mpi_step(t->mpi, t->loader));
    while (tn_mpi_next(t->mpi, &batch)) {
        tn_scope scope = tn_scope_begin(t->ctx);
        CHECK(tn_mpi_backward(t->mpi, loss_of(t->ctx, t->net, &batch)) == TN_OK);
        tn_scope_end(t->ctx, scope);
    }
    CHECK(tn_ok(t->ctx) && tn_get_rng_state(t->ctx).position == position + 1);
}

static void accumulated(void)
{
    tn_ctx *ctx = context();
    training t = begin(ctx, mlp(ctx, TN_F32), digits_of(ctx, 32),
                       (tn_loader_opts){.batch_size = 16}, (tn_mpi_opts){.micro_batches = 4});
    tn_tensor *p = tn_parameter(t.net, 3, NULL, 0);
    float sum = 0;
    for (int i = 0; i < 2; i++) {
        take_step(&t);
        sum += *tn_data_f32(tn_grad(p));
        tn_zero_grad(t.optim);
    }
    tn_mpi_step(t.mpi, t.loader);
    take_step(&t);
    take_step(&t);
    CHECK(*tn_data_f32(tn_grad(p)) == sum);
    same("accumulated", digest(ctx, t.net));
    end(&t);
}

typedef struct branches {
    tn_module *used, *unused;
} branches;

static tn_tensor *forward_used(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    return tn_forward(ctx, ((const branches *)tn_module_state(self))->used, x);
}

/* What no micro-batch uses has no gradient, and is left alone by optimisers. */
static void unused(void)
{
    static const tn_module_type type = {.name = "Branches", .forward = forward_used};
    tn_ctx *ctx = context();
    tn_module *net = tn_module_new(ctx, &type, sizeof(branches));
    branches *b = tn_module_state(net);
    *b = (branches){mlp(ctx, TN_F32), mlp(ctx, TN_F64)};
    tn_add_child(ctx, net, "used", b->used);
    tn_add_child(ctx, net, "unused", b->unused);
    training t = begin(ctx, net, digits_of(ctx, 32), (tn_loader_opts){.batch_size = 16},
                       (tn_mpi_opts){.micro_batches = 4});
    take_step(&t);
    CHECK(tn_grad(tn_parameter(b->used, 0, NULL, 0)) != NULL);
    CHECK(tn_grad(tn_parameter(b->unused, 0, NULL, 0)) == NULL);
    end(&t);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuses_options(tn_mpi_opts opts, const char *text)
{
    tn_ctx *ctx = context();
    CHECK(tn_mpi_new(ctx, MPI_COMM_WORLD, mlp(ctx, TN_F32), opts) == NULL);
    CHECK_ERROR(ctx, TN_ERR_ARGUMENT, "%s", text);
    tn_ctx_free(ctx);
}

static void options(void)
{
    refuses_options((tn_mpi_opts){.micro_batches = -1},
                    "mpi_new: micro_batches is -1, not 1 to 1048576");
    refuses_options((tn_mpi_opts){.micro_batches = TN_ZERO},
                    "mpi_new: micro_batches is 0, not 1 to 1048576");
    refuses_options((tn_mpi_opts){.reduction = TN_REDUCE_NONE},
                    "mpi_new: losses are a mean or a sum");
    refuses_options((tn_mpi_opts){.first_bucket_bytes = -3},
                    "mpi_new: first_bucket_bytes is -3, not 1 to 1073741824");
    refuses_options((tn_mpi_opts){.bucket_bytes = INT64_MAX},
                    "mpi_new: bucket_bytes is 9223372036854775807, not 1 to 1073741824");
    if (size > 1)
        refuses_options(
            (tn_mpi_opts){.micro_batches = 1},
            size == 2   ? "mpi_new: 2 processes share 1 micro-batches; each needs one at least"
            : size == 3 ? "mpi_new: 3 processes share 1 micro-batches; each needs one at least"
                        : "mpi_new: 4 processes share 1 micro-batches; each needs one at least");
}

/* What fails in one process at once fails in all. */
static void models(void)
{
    tn_ctx *ctx = context();
    bool odd = rank == size - 1;
    CHECK(tn_mpi_new(ctx, MPI_COMM_WORLD, odd ? NULL : mlp(ctx, TN_F32), (tn_mpi_opts){0}) == NULL);
    if (odd)
        CHECK_ERROR(ctx, TN_ERR_ARGUMENT, "mpi_new: the module is NULL");
    else
        CHECK_ERROR(ctx, TN_ERR_ARGUMENT, "process %d: mpi_new: the module is NULL", size - 1);
    CHECK(tn_mpi_new(ctx, MPI_COMM_NULL, mlp(ctx, TN_F32), (tn_mpi_opts){0}) == NULL);
    CHECK_ERROR(ctx, TN_ERR_ARGUMENT, "mpi_new: the communicator is MPI_COMM_NULL");
    if (size > 1) {
        tn_module *net = odd ? cnn(ctx) : mlp(ctx, TN_F32);
        CHECK(tn_mpi_new(ctx, MPI_COMM_WORLD, net, (tn_mpi_opts){0}) == NULL);
        CHECK_ERROR(ctx, TN_ERR_STATE,
                    "mpi: tn_mpi_new: the number of parameters is 10 in process %d, but 6 in "
                    "process 0",
                    size - 1);
        tn_freeze(ctx, net = mlp(ctx, TN_F32), odd);
        CHECK(tn_mpi_new(ctx, MPI_COMM_WORLD, net, (tn_mpi_opts){0}) == NULL);
        CHECK_ERROR(ctx, TN_ERR_STATE,
                    "mpi: tn_mpi_new: process %d has parameters or buffers of other shapes or "
                    "dtypes, others that are frozen, or other SyncBatchNorms than process 0",
                    size - 1);
        tn_mpi_opts opts = {.micro_batches = odd ? 12 : 0};
        CHECK(tn_mpi_new(ctx, MPI_COMM_WORLD, mlp(ctx, TN_F32), opts) == NULL);
        CHECK_ERROR(ctx, TN_ERR_STATE,
                    "mpi: tn_mpi_new: micro_batches is 12 in process %d, but 8 in process 0",
                    size - 1);
    }
    tn_ctx_free(ctx);
}

/* An error that is known to all keeps the number of the process that it began in, whoever tells of
 * it again. */
static void one_rank(void)
{
    tn_ctx *ctx = context();
    tn_mpi *mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, mlp(ctx, TN_F32), (tn_mpi_opts){0});
    if (rank == size - 1)
        tn_fail(ctx, TN_ERR_FILE, "disk full");
    CHECK(tn_mpi_check(mpi) == TN_ERR_FILE);
    if (rank == size - 1)
        tn_clear_error(ctx);
    CHECK(tn_mpi_check(mpi) == (size > 1 ? TN_ERR_FILE : TN_OK));
    if (size > 1)
        CHECK_ERROR(ctx, TN_ERR_FILE, "process %d: disk full", size - 1);
    tn_mpi_free(mpi);
    tn_ctx_free(ctx);
}

/* Two groups, of which the processes of even numbers are one: there is no process 0 of all. */
static void two_groups(void)
{
    if (size == 1)
        return;
    MPI_Comm half, between;
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, 1 - rank % 2, 0, &between);
    tn_ctx *ctx = context();
    CHECK(tn_mpi_new(ctx, between, mlp(ctx, TN_F32), (tn_mpi_opts){0}) == NULL);
    CHECK_ERROR(ctx, TN_ERR_ARGUMENT, "mpi_new: the communicator is between two groups");
    tn_ctx_free(ctx);
    MPI_Comm_free(&between);
    MPI_Comm_free(&half);
}

/* Of a process that is alone, whatever its launcher says of others; mpirun has set two of these. */
static void launched(const char *mpirun, const char *mpiexec, const char *slurm, const char *text)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
    const char *values[] = {mpirun, mpiexec, slurm};
    char before[3][20] = {"", "", ""};
    for (int i = 0; i < 3; i++) {
        if (getenv(names[i]))
            snprintf(before[i], sizeof before[i], "%s", getenv(names[i]));
        setenv(names[i], values[i], true);
    }
    tn_ctx *ctx = context();
    tn_mpi *mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, mlp(ctx, TN_F32), (tn_mpi_opts){0});
    if (text) {
        CHECK(!mpi && tn_error_status(ctx) == TN_ERR_STATE);
        CHECK(strncmp(tn_error(ctx), text, strlen(text)) == 0);
        CHECK(strstr(tn_error(ctx), "is of MPICH") || strstr(tn_error(ctx), "is of Open MPI"));
    } else {
        CHECK(mpi && tn_ok(ctx));
    }
    tn_mpi_free(mpi);
    tn_ctx_free(ctx);
    for (int i = 0; i < 3; i++)
        if (!*before[i] || setenv(names[i], before[i], true) != 0)
            unsetenv(names[i]);
}

static void launchers(void)
{
    if (size > 1) {
        launched("7", "", "", NULL);
        return;
    }
    launched("", "", "", NULL);
    launched("2", "", "",
             "mpi: Open MPI's mpirun has started 2 processes (OMPI_COMM_WORLD_SIZE), ");
    launched("", "3", "1", "mpi: the mpiexec of MPICH or a relative of it has started 3 processes");
    launched("", "", "4", "mpi: srun has started 4 processes (SLURM_STEP_NUM_TASKS), ");
    launched("2", "1", "", NULL);
    launched("1", "", "4", NULL);
}

static void of_null(void)
{
    tn_batch batch;
    tn_loader_opts opts = tn_mpi_share(NULL, (tn_loader_opts){.batch_size = 3});
    CHECK(opts.batch_size == 3 && opts.parts == 0);
    tn_mpi_free(NULL);
    CHECK(tn_mpi_rank(NULL) == 0 && tn_mpi_size(NULL) == 0 && isnan(tn_mpi_loss(NULL)));
    CHECK(!tn_mpi_step(NULL, NULL) && !tn_mpi_next(NULL, &batch));
    CHECK(tn_mpi_backward(NULL, NULL) < 0 && tn_mpi_broadcast(NULL) < 0 && tn_mpi_check(NULL) < 0);
    CHECK(tn_mpi_sum(NULL, 0, NULL) < 0 && tn_mpi_sum_f64(NULL, 0, NULL) < 0);
    CHECK(tn_mpi_save_checkpoint(NULL, (tn_checkpoint){0}, "x") < 0);
    CHECK(tn_mpi_load_checkpoint(NULL, (tn_checkpoint){0}, "x") < 0);
}

/* Calls in another order than that of the loop. */
static void order(void)
{
    tn_ctx *ctx = context();
    training t = begin(ctx, mlp(ctx, TN_F32), digits_of(ctx, 64),
                       (tn_loader_opts){.batch_size = 16}, (tn_mpi_opts){.micro_batches = 4});
    tn_tensor *loss = tn_sum(ctx, tn_parameter(t.net, 0, NULL, 0), (tn_reduce_opts){0});
    tn_batch batch;
    CHECK(!tn_mpi_next(t.mpi, &batch) && tn_ok(ctx));
    CHECK(tn_mpi_backward(t.mpi, loss) == TN_ERR_STATE);
    CHECK_ERROR(ctx, TN_ERR_STATE,
                "mpi_backward: there is no micro-batch that it was not called for");
    CHECK(tn_mpi_step(t.mpi, t.loader) && tn_mpi_next(t.mpi, &batch));
    CHECK(!tn_mpi_next(t.mpi, &batch));
    CHECK(tn_error_status(ctx) == TN_ERR_STATE);
    tn_clear_error(ctx);
    CHECK(!tn_mpi_step(t.mpi, NULL));
    CHECK_ERROR(ctx, TN_ERR_ARGUMENT, "mpi_step: the loader is NULL");
    tn_loader *plain =
        tn_loader_new(ctx, zeros_of(ctx, 8), NULL, (tn_loader_opts){.batch_size = 4});
    CHECK(!tn_mpi_step(t.mpi, plain));
    CHECK(tn_error_status(ctx) == TN_ERR_STATE);
    tn_clear_error(ctx);
    end(&t);
}

/* What is no part of a step is refused within one, and all processes know at its end. */
static void within_a_step(void)
{
    tn_ctx *ctx = context();
    training t = begin(ctx, mlp(ctx, TN_F32), digits_of(ctx, 64),
                       (tn_loader_opts){.batch_size = 16}, (tn_mpi_opts){.micro_batches = 4});
    tn_batch batch;
    CHECK(tn_mpi_step(t.mpi, t.loader) && tn_mpi_next(t.mpi, &batch));
    CHECK(tn_mpi_backward(t.mpi, loss_of(ctx, t.net, &batch)) == TN_OK);
    if (rank == size - 1) {
        int64_t one = 1;
        CHECK(tn_mpi_sum(t.mpi, 1, &one) == TN_ERR_STATE && one == 1);
        CHECK(tn_mpi_check(t.mpi) < 0 && tn_mpi_broadcast(t.mpi) < 0);
        CHECK(tn_mpi_save_checkpoint(t.mpi, parts_of(&t), "x.npz") < 0);
        CHECK(tn_mpi_load_checkpoint(t.mpi, parts_of(&t), "x.npz") < 0);
    }
    while (tn_mpi_next(t.mpi, &batch))
        tn_mpi_backward(t.mpi, loss_of(ctx, t.net, &batch));
    CHECK_ERROR(ctx, TN_ERR_STATE,
                rank == size - 1
                    ? "mpi_sum: within a step: tn_mpi_next has not returned false yet"
                    : "process %d: mpi_sum: within a step: tn_mpi_next has not returned false yet",
                size - 1);
    end(&t);
}

/* What is drawn in one process alone is noticed. */
static void other_stream(void)
{
    tn_ctx *ctx = context();
    training t = begin(ctx, mlp(ctx, TN_F32), digits_of(ctx, 64),
                       (tn_loader_opts){.batch_size = 16}, (tn_mpi_opts){.micro_batches = 4});
    int position = (int)tn_get_rng_state(ctx).position;
    if (rank == size - 1)
        tn_rand(ctx, TN_F32, TN_SHAPE(1));
    CHECK(run(&t, 1) == (size == 1));
    if (size > 1)
        CHECK_ERROR(ctx, TN_ERR_STATE,
                    "mpi: tn_mpi_step: the position of the random stream is %d in process %d, but "
                    "%d in process 0",
                    position + 1, size - 1, position);
    end(&t);
}

/* A new loader begins with its first batch, at the address of the last one, too, of which a step
 * has failed. */
static void another_loader(void)
{
    tn_ctx *ctx = context();
    digits data = digits_of(ctx, 64);
    tn_loader_opts opts = {.batch_size = 16};
    training t = begin(ctx, mlp(ctx, TN_F32), data, opts, (tn_mpi_opts){.micro_batches = 4});
    if (rank == size - 1)
        tn_fail(ctx, TN_ERR_FILE, "disk full");
    CHECK(run(&t, 1) == 0 && tn_error_status(ctx) == TN_ERR_FILE);
    tn_clear_error(ctx);
    tn_loader_free(t.loader);
    t.loader = tn_loader_new(ctx, data.x, data.y, tn_mpi_share(t.mpi, opts));
    tn_batch batch;
    CHECK(tn_mpi_step(t.mpi, t.loader));
    while (tn_mpi_next(t.mpi, &batch)) {
        CHECK(batch.number == 0);
        tn_mpi_backward(t.mpi, loss_of(ctx, t.net, &batch));
    }
    CHECK(tn_ok(ctx));
    end(&t);
}

/* A process that leaves alone. */
static void alone(void)
{
    tn_ctx *ctx = context();
    training t = begin(ctx, mlp(ctx, TN_F32), digits_of(ctx, 64),
                       (tn_loader_opts){.batch_size = 16}, (tn_mpi_opts){.micro_batches = 4});
    CHECK(run(&t, 2) == 2);
    if (rank < size - 1) {
        CHECK(run(&t, 2) == 0);
        CHECK_ERROR(ctx, TN_ERR_STATE,
                    "mpi: process %d has come to tn_mpi_free, but process 0 to tn_mpi_step",
                    size - 1);
        CHECK(tn_mpi_check(t.mpi) == TN_ERR_STATE);
        CHECK_ERROR(ctx, TN_ERR_STATE,
                    "mpi: the processes do no longer the same; only tn_mpi_free is left");
    }
    end(&t);
}

/* What is left behind MPI_Finalize, in the middle of a step, too. */
static training left;

void leave(void)
{
    tn_ctx *ctx = context();
    tn_batch batch;
    left = begin(ctx, mlp(ctx, TN_F32), digits_of(ctx, 64), (tn_loader_opts){.batch_size = 16},
                 (tn_mpi_opts){.micro_batches = 16});
    CHECK(tn_mpi_step(left.mpi, left.loader) && tn_mpi_next(left.mpi, &batch));
    CHECK(tn_mpi_backward(left.mpi, loss_of(ctx, left.net, &batch)) == TN_OK);
}

void behind_the_end(void)
{
    tn_batch batch;
    CHECK(!tn_mpi_next(left.mpi, &batch));
    CHECK_ERROR(left.ctx, TN_ERR_STATE, "mpi: MPI_Finalize was called; only tn_mpi_free is left");
    CHECK(tn_mpi_check(left.mpi) == TN_ERR_STATE);
    tn_clear_error(left.ctx);
    CHECK(!tn_mpi_new(left.ctx, MPI_COMM_WORLD, left.net, (tn_mpi_opts){0}));
    CHECK_ERROR(left.ctx, TN_ERR_STATE, "mpi_new: MPI_Init is over: MPI_Finalize was called");
    end(&left);
}

void calls(void)
{
    one_model();
    each_sample_once(64, 10, 8);
    each_sample_once(23, 7, 5);
    each_sample_once(3, 7, 12);
    sums();
    frozen_and_grouped();
    accumulated();
    unused();
    options();
    models();
    one_rank();
    two_groups();
    launchers();
    of_null();
    order();
    within_a_step();
    other_stream();
    another_loader();
    alone();
}
