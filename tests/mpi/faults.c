/* faults.c - an error in one process is known to all, at the same step, and nobody waits. */
#include <stdio.h>
#include <string.h>
#include <tn/autograd.h>
#include <tn/op.h>
#include "mpi/cases.h"

enum { BATCH = 16, FAULTY_STEP = 3 };

typedef enum fault {
    NONE,
    BAD_FILE,
    NOT_FINITE,
    NO_MEMORY,
    IN_A_STAGE,
    IN_BACKWARD,
    BETWEEN,
    BEFORE_NEXT,
    IN_OPTIMISER,
    BREAKS_OFF
} fault;

/* What befalls the last process, in step FAULTY_STEP. */
static fault kind;
static bool is_synced; /* the network has a SyncBatchNorm */
static bool is_victim, is_time, memory_is_gone;

static bool has_memory(void)
{
    return !memory_is_gone;
}

static tn_status get(int64_t sample, void *const *out, tn_text *error, void *payload)
{
    (void)payload;
    if (kind == BAD_FILE && is_victim && is_time) {
        snprintf(error->s, sizeof error->s, "%d.jpg is no photograph", 7);
        return TN_ERR_FORMAT;
    }
    for (int i = 0; i < 784; i++)
        ((float *)out[0])[i] = (float)((sample * 31 + i * 17) % 101) / 101;
    *(int64_t *)out[1] = sample % 10;
    return TN_OK;
}

static void inject(tn_ctx *ctx, fault when)
{
    if (kind == when && is_victim && is_time) {
        tn_empty_cache(ctx);
        memory_is_gone = true;
    }
}

static void backward_faulty(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    inject(ctx, IN_BACKWARD);
    tn_add_grad(ctx, node, 0, tn_clone(ctx, dy));
}

/* Passes x on; memory is gone from there on, or in backward. */
static tn_tensor *forward_faulty(tn_ctx *ctx, tn_module *self, const tn_tensor *x)
{
    static const tn_op op = {.name = "faulty", .backward = backward_faulty};
    (void)self;
    inject(ctx, IN_A_STAGE);
    bool before = tn_set_grad_enabled(ctx, false);
    tn_tensor *y = tn_clone(ctx, x);
    tn_set_grad_enabled(ctx, before);
    return tn_record(ctx, &op, y, (tn_record_args){.inputs = {x}});
}

/* Between the norms is what fails, in the second micro-batch of a process if it has two. */
static tn_module *synced(tn_ctx *ctx)
{
    static const tn_module_type type = {.name = "Faulty", .forward = forward_faulty};
    tn_batch_norm_opts opts = {0};
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 2, 5, (tn_conv2d_opts){.stride = 3}),
                         tn_mpi_sync_batch_norm2d(ctx, 2, opts), tn_nn_tanh(ctx),
                         tn_module_new(ctx, &type, 0), tn_mpi_sync_batch_norm2d(ctx, 2, opts),
                         tn_nn_flatten(ctx), tn_nn_linear(ctx, 128, 10));
}

static tn_loader *faulty_loader(const training *t)
{
    tn_dataset data = {.size = 160, .count = 2, .get = get};
    data.fields[0] = (tn_field){TN_F32, TN_SHAPE(1, 28, 28)};
    data.fields[1] = (tn_field){TN_I64, TN_SCALAR};
    return tn_loader_from(t->ctx, data,
                          tn_mpi_share(t->mpi, (tn_loader_opts){.batch_size = BATCH}));
}

static training begin_faulty(void)
{
    training t = {0};
    memory_is_gone = false;
    t.ctx = context_while(has_memory);
    t.net = is_synced ? synced(t.ctx) : mlp(t.ctx, TN_F32);
    t.mpi = tn_mpi_new(t.ctx, MPI_COMM_WORLD, t.net, (tn_mpi_opts){.micro_batches = 4});
    t.optim = tn_adam(t.ctx, t.net, (tn_adam_opts){0});
    t.loader = faulty_loader(&t);
    tn_detect_anomaly(t.ctx, kind == NOT_FINITE);
    return t;
}

static tn_tensor *faulty_loss(const training *t, const tn_batch *batch)
{
    inject(t->ctx, NO_MEMORY);
    tn_tensor *loss = is_synced ? sync_loss(t, batch) : loss_of(t->ctx, t->net, batch);
    if (kind == NOT_FINITE && is_victim && is_time)
        loss = tn_log(t->ctx, tn_mul_scalar(t->ctx, loss, 0));
    return loss;
}

static void between(tn_ctx *ctx, fault when)
{
    if (kind == when && is_victim && is_time)
        tn_fail(ctx, TN_ERR_FILE, "disk full");
}

/* One step; false if it fails. */
static bool step(training *t)
{
    tn_batch batch;
    between(t->ctx, BETWEEN);
    if (!tn_mpi_step(t->mpi, t->loader))
        return false;
    between(t->ctx, BEFORE_NEXT);
    while (tn_mpi_next(t->mpi, &batch)) {
        tn_scope scope = tn_scope_begin(t->ctx);
        tn_tensor *loss = faulty_loss(t, &batch);
        if (kind == BREAKS_OFF && is_victim && is_time)
            return false;
        tn_mpi_backward(t->mpi, loss);
        tn_scope_end(t->ctx, scope);
    }
    if (!tn_ok(t->ctx))
        return false;
    tn_step(t->optim);
    tn_zero_grad(t->optim);
    between(t->ctx, IN_OPTIMISER);
    return true;
}

/* The others stop where the victim does, know why, have the same parameters, and can go on. */
static void befalls(fault f, tn_status status, const char *text)
{
    kind = f;
    is_victim = rank == size - 1;
    training t = begin_faulty();
    int done = 0;
    for (; done < 8; done++) {
        is_time = done == FAULTY_STEP;
        if (!step(&t))
            break;
    }
    memory_is_gone = false;
    CHECK(done == FAULTY_STEP + (f == IN_OPTIMISER));
    /* Who was told within the step comes once more to where the loop begins, alone. */
    if (!is_victim)
        CHECK(!tn_mpi_step(t.mpi, t.loader));
    CHECK(tn_grad(tn_parameter(t.net, 0, NULL, 0)) == NULL || (f == BREAKS_OFF && is_victim));
    if (f == BREAKS_OFF) {
        tn_mpi_free(t.mpi);
        t.mpi = NULL;
    }
    CHECK(tn_error_status(t.ctx) == status);
    char begins[64];
    snprintf(begins, sizeof begins, "process %d: ", size - 1);
    const char *why = tn_error(t.ctx);
    if (!is_victim)
        CHECK(strncmp(why, begins, strlen(begins)) == 0);
    CHECK(strstr(why, text) != NULL);
    tn_clear_error(t.ctx);
    kind = NONE;
    if (t.mpi)
        CHECK(tn_mpi_check(t.mpi) == TN_OK && step(&t));
    same(NULL, digest(t.ctx, t.net));
    end(&t);
}

/* The same error once more, of which the others do not know, though its words are the same. */
static void befalls_again(void)
{
    kind = BETWEEN;
    is_victim = rank == size - 1;
    is_time = false;
    training t = begin_faulty();
    CHECK(step(&t));
    is_time = true;
    for (int i = 0; i < 2; i++) {
        CHECK(!step(&t));
        MPI_Barrier(MPI_COMM_WORLD); /* which is behind a program's loop */
        CHECK(tn_error_status(t.ctx) == TN_ERR_FILE);
        tn_clear_error(t.ctx);
    }
    is_time = false;
    CHECK(step(&t));
    same(NULL, digest(t.ctx, t.net));
    end(&t);
}

/* A process that has not come as far catches up with each of its loaders. */
static void befalls_one_of_two_loaders(void)
{
    enum { STEPS = 8, FAULTY = 2 };
    kind = BETWEEN;
    is_victim = rank == size - 1;
    training t = begin_faulty();
    tn_loader *both[] = {t.loader, faulty_loader(&t)};
    for (int i = 0; i < STEPS; i++) {
        is_time = i == FAULTY;
        t.loader = both[i % 2];
        CHECK(step(&t) == (i != FAULTY));
        tn_clear_error(t.ctx);
    }
    same(NULL, digest(t.ctx, t.net));
    tn_loader_free(both[1]);
    t.loader = both[0];
    end(&t);
}

static void befall(bool with_norms)
{
    is_synced = with_norms;
    befalls(BAD_FILE, TN_ERR_FORMAT, "7.jpg is no photograph");
    befalls(NOT_FINITE, TN_ERR_NUMBER, "log: step");
    befalls(NO_MEMORY, TN_ERR_MEMORY, "out of memory");
    befalls(BETWEEN, TN_ERR_FILE, "disk full");
    befalls(BEFORE_NEXT, TN_ERR_FILE, "disk full");
    befalls(IN_OPTIMISER, TN_ERR_FILE, "disk full");
    befalls(BREAKS_OFF, TN_ERR_STATE, "mpi_free: within a step");
}

void faults(void)
{
    befall(false);
    befalls_again();
    befalls_one_of_two_loaders();
    befall(true);
    befalls(IN_A_STAGE, TN_ERR_MEMORY, "out of memory");
    befalls(IN_BACKWARD, TN_ERR_MEMORY, "out of memory");
}
