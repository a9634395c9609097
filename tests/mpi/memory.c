/* memory.c - memory that runs out in one process, at each allocation in turn: all processes return
 * the same status, and can try again. */
#include <string.h>
#include "mpi/cases.h"

/* The linker hands what the library asks the C library for to these, see tests/mpi/mpi.mk. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);

static int64_t left = INT64_MAX; /* allocations that work */

static bool works(void)
{
    return left-- > 0;
}

void *__wrap_malloc(size_t bytes)
{
    return works() ? __real_malloc(bytes) : NULL;
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return works() ? __real_calloc(count, bytes) : NULL;
}

static tn_module *network(tn_ctx *ctx)
{
    tn_batch_norm_opts opts = {0};
    return tn_sequential(ctx, tn_nn_conv2d(ctx, 1, 2, 3, (tn_conv2d_opts){0}),
                         tn_mpi_sync_batch_norm2d(ctx, 2, opts), tn_nn_flatten(ctx),
                         tn_nn_linear(ctx, 8, 3));
}

/* Has it failed alike in all processes, or worked in all? */
static bool failed_alike(tn_ctx *ctx, bool failed)
{
    left = INT64_MAX;
    int mine = failed, all = 0;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(all == 0 || all == size);
    CHECK(tn_error_status(ctx) == (failed ? TN_ERR_MEMORY : TN_OK));
    if (failed && rank != size - 1)
        CHECK(strncmp(tn_error(ctx), "process ", 8) == 0);
    tn_clear_error(ctx);
    tn_empty_cache(ctx);
    return all > 0;
}

/* The victim's allocation number `works` is the first that fails. */
static void set_victim(int64_t allocations)
{
    left = rank == size - 1 ? allocations : INT64_MAX;
}

static tn_tensor *mean_square(const training *t, const tn_batch *batch)
{
    (void)batch;
    return tn_mean(t->ctx, tn_square(t->ctx, tn_mpi_forward(t->mpi)), (tn_reduce_opts){0});
}

/* The first step, and the second, before which gradients are laid out anew. */
static void in_steps(tn_ctx *ctx, tn_mpi *mpi)
{
    tn_tensor *x = tn_rand(ctx, TN_F32, TN_SHAPE(9, 1, 4, 4));
    training t = {.ctx = ctx, .mpi = mpi};
    t.loader = tn_loader_new(ctx, x, NULL, tn_mpi_share(mpi, (tn_loader_opts){0}));
    for (int i = 0; i < 2; i++) {
        int64_t n = 0;
        do
            set_victim(n++);
        while (failed_alike(ctx, !learn_batch(&t, mean_square)) && n < 1000);
        CHECK(n > 40 && n < 1000);
    }
}

void memory(void)
{
    tn_ctx *ctx = context_while(works);
    tn_module *net = network(ctx);
    tn_mpi *mpi = NULL;
    int64_t n = 0;
    do {
        set_victim(n++);
        mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, net, (tn_mpi_opts){0});
    } while (failed_alike(ctx, !mpi));
    CHECK(n > 40);
    n = 0;
    do
        set_victim(n++);
    while (failed_alike(ctx, tn_mpi_broadcast(mpi) < 0));
    CHECK(n > 1);
    double values[3] = {1, 1, 1};
    n = 0;
    do
        set_victim(n++);
    while (failed_alike(ctx, tn_mpi_sum_f64(mpi, 3, values) < 0));
    CHECK(n > 1 && values[2] == size);
    in_steps(ctx, mpi);
    tn_mpi_free(mpi);
    tn_ctx_free(ctx);
}
