/* group.c - the processes of a training: how they come together, and how they part. */
#include <math.h>
#include <stdlib.h>
#include "mpi/group.h"

enum { MOST_MICRO_BATCHES = 1 << 20, MOST_BUCKET_BYTES = 1 << 30 };

/* ---- options --------------------------------------------------------------------------------- */

static int64_t choose(int64_t option, int64_t otherwise)
{
    return option ? option : otherwise;
}

static void set_options(tn_mpi *mpi, const tn_mpi_opts *opts)
{
    mpi->opts = *opts;
    mpi->opts.micro_batches = choose(opts->micro_batches, 8);
    mpi->opts.first_bucket_bytes = choose(opts->first_bucket_bytes, 1 << 20);
    mpi->opts.bucket_bytes = choose(opts->bucket_bytes, 25 << 20);
}

static void check_bytes(tn_mpi *mpi, const char *name, int64_t bytes)
{
    if (bytes < 1 || bytes > MOST_BUCKET_BYTES)
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi_new: %s is %lld, not 1 to %d", name,
                (long long)(bytes == TN_ZERO ? 0 : bytes), MOST_BUCKET_BYTES);
}

static void check_options(tn_mpi *mpi)
{
    int64_t count = mpi->opts.micro_batches;
    if (!mpi->module)
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi_new: the module is NULL");
    if (count < 1 || count > MOST_MICRO_BATCHES)
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi_new: micro_batches is %lld, not 1 to %d",
                (long long)(count == TN_ZERO ? 0 : count), MOST_MICRO_BATCHES);
    else if (count < mpi->size)
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT,
                "mpi_new: %d processes share %lld micro-batches; each needs one at least",
                mpi->size, (long long)count);
    if (mpi->opts.reduction != TN_REDUCE_MEAN && mpi->opts.reduction != TN_REDUCE_SUM)
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi_new: losses are a mean or a sum");
    check_bytes(mpi, "first_bucket_bytes", mpi->opts.first_bucket_bytes);
    check_bytes(mpi, "bucket_bytes", mpi->opts.bucket_bytes);
}

/* ---- making and freeing ---------------------------------------------------------------------- */

/* Errors of MPI come back, whatever the program has set for its own communicator. */
static bool duplicate(tn_mpi *mpi, MPI_Comm comm, MPI_Comm *to)
{
    return tn__mpi_ok(mpi, MPI_Comm_dup(comm, to), "MPI_Comm_dup") &&
           tn__mpi_ok(mpi, MPI_Comm_set_errhandler(*to, MPI_ERRORS_RETURN),
                      "MPI_Comm_set_errhandler");
}

/* Between two groups there is no process 0 of all. */
static bool is_one_group(tn_mpi *mpi, MPI_Comm comm)
{
    int two = 0;
    if (!tn__mpi_ok(mpi, MPI_Comm_test_inter(comm, &two), "MPI_Comm_test_inter") || !two)
        return !mpi->broken;
    mpi->broken = true;
    tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi_new: the communicator is between two groups");
    return false;
}

static void connect(tn_mpi *mpi, MPI_Comm comm)
{
    if (is_one_group(mpi, comm) && duplicate(mpi, comm, &mpi->control) &&
        duplicate(mpi, comm, &mpi->scatter) && duplicate(mpi, comm, &mpi->gather)) {
        MPI_Comm_rank(mpi->control, &mpi->rank);
        MPI_Comm_size(mpi->control, &mpi->size);
    }
}

static void list_tensors(tn_mpi *mpi)
{
    mpi->n_params = tn_parameter_count(mpi->module);
    mpi->n_stats = tn_buffer_count(mpi->module);
    mpi->params = calloc((size_t)mpi->n_params + 1, sizeof(tn_tensor *));
    mpi->buffers = calloc((size_t)mpi->n_stats + 1, sizeof(tn_tensor *));
    mpi->order = calloc((size_t)mpi->n_params + 1, sizeof *mpi->order);
    mpi->ready = calloc((size_t)mpi->n_params + 1, sizeof *mpi->ready);
    for (int64_t i = 0; mpi->order && i < mpi->n_params; i++)
        mpi->order[i] = mpi->n_params - 1 - i;
    for (int64_t i = 0; mpi->params && i < mpi->n_params; i++)
        mpi->params[i] = tn_parameter(mpi->module, i, NULL, 0);
    for (int64_t i = 0; mpi->buffers && i < mpi->n_stats; i++)
        mpi->buffers[i] = tn_buffer(mpi->module, i, NULL, 0);
}

/* What a process does for itself; it fails in its context. */
static void prepare(tn_mpi *mpi)
{
    check_options(mpi);
    if (!tn_ok(mpi->ctx))
        return;
    list_tensors(mpi);
    if (!mpi->params || !mpi->buffers || !mpi->order || !mpi->ready ||
        !tn__tree_open(&mpi->tree, mpi->opts.micro_batches, mpi->size, mpi->rank,
                       mpi->opts.allreduce))
        tn_fail(mpi->ctx, TN_ERR_MEMORY, "mpi_new: out of memory");
    else
        tn__layout(mpi);
}

static void release(tn_mpi *mpi)
{
    MPI_Comm *all[] = {&mpi->control, &mpi->scatter, &mpi->gather};
    for (int i = 0; i < 3 && !tn__mpi_is_over(); i++)
        if (*all[i] != MPI_COMM_NULL)
            MPI_Comm_free(all[i]);
    tn__layout_free(mpi);
    tn__tree_close(&mpi->tree);
    free(mpi->params);
    free(mpi->buffers);
    free(mpi->order);
    free(mpi->ready);
}

static bool agree_on_options(tn_mpi *mpi)
{
    const tn_mpi_opts *o = &mpi->opts;
    uint64_t items[TN__ITEMS] = {(uint64_t)o->micro_batches,
                                 (uint64_t)o->reduction,
                                 (uint64_t)o->first_bucket_bytes,
                                 (uint64_t)o->bucket_bytes,
                                 o->allreduce,
                                 (uint64_t)mpi->n_params,
                                 (uint64_t)mpi->n_stats,
                                 mpi->layout};
    return tn__agree(mpi, TN__NEW, items);
}

static bool begin(tn_mpi *mpi, tn_ctx *ctx, MPI_Comm comm, tn_module *module, tn_mpi_opts opts)
{
    mpi->ctx = ctx;
    mpi->module = module;
    mpi->control = mpi->scatter = mpi->gather = MPI_COMM_NULL;
    mpi->loss = (double)NAN;
    set_options(mpi, &opts);
    tn_mpi_check_launcher(ctx);
    connect(mpi, comm);
    if (!mpi->broken) {
        prepare(mpi);
        if (agree_on_options(mpi) && tn_mpi_broadcast(mpi) == TN_OK)
            return true;
    }
    release(mpi);
    return false;
}

/* A process that has failed already comes here as well, and one without memory for the result: the
 * others are waiting. */
tn_mpi *tn_mpi_new(tn_ctx *ctx, MPI_Comm comm, tn_module *module, tn_mpi_opts opts)
{
    if (!tn__mpi_is_running(ctx, "mpi_new"))
        return NULL;
    if (comm == MPI_COMM_NULL) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "mpi_new: the communicator is MPI_COMM_NULL");
        return NULL;
    }
    tn_mpi *mpi = calloc(1, sizeof *mpi), without = {0};
    if (!mpi)
        tn_fail(ctx, TN_ERR_MEMORY, "mpi_new: out of memory");
    if (begin(mpi ? mpi : &without, ctx, comm, module, opts))
        return mpi;
    free(mpi);
    return NULL;
}

/* Behind MPI_Finalize nothing can be said to the others any more. */
static void part(tn_mpi *mpi)
{
    if (tn__mpi_is_over()) {
        tn__stages_leave(mpi);
        return;
    }
    if (mpi->open) {
        tn_fail(mpi->ctx, TN_ERR_STATE, "mpi_free: within a step");
        tn__finish(mpi);
    }
    tn__agree(mpi, TN__FREE, NULL);
}

void tn_mpi_free(tn_mpi *mpi)
{
    if (!mpi)
        return;
    part(mpi);
    release(mpi);
    free(mpi);
}

/* ---- asking ---------------------------------------------------------------------------------- */

int tn_mpi_rank(const tn_mpi *mpi)
{
    return mpi ? mpi->rank : 0;
}

int tn_mpi_size(const tn_mpi *mpi)
{
    return mpi ? mpi->size : 0;
}

double tn_mpi_loss(const tn_mpi *mpi)
{
    return mpi ? mpi->loss : (double)NAN;
}

tn_loader_opts tn_mpi_share(const tn_mpi *mpi, tn_loader_opts opts)
{
    if (!mpi)
        return opts;
    opts.parts = mpi->tree.count;
    opts.first_part = mpi->tree.begin[mpi->rank];
    opts.part_count = mpi->tree.own;
    return opts;
}
