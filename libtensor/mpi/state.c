/* state.c - what all processes get from process 0: a model, a checkpoint; sums over processes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tn/autograd.h>
#include "mpi/group.h"

enum { MOST_BYTES = 1 << 30 }; /* of one message */

static bool send_bytes(tn_mpi *mpi, void *bytes, int64_t count)
{
    for (int64_t at = 0; at < count; at += MOST_BYTES) {
        int part = (int)(count - at < MOST_BYTES ? count - at : MOST_BYTES);
        if (!tn__mpi_ok(mpi, MPI_Bcast((char *)bytes + at, part, MPI_BYTE, 0, mpi->control),
                        "MPI_Bcast"))
            return false;
    }
    return true;
}

/* ---- a model --------------------------------------------------------------------------------- */

static int64_t bytes_of(const tn_tensor *t)
{
    return tn_numel(t) * (int64_t)tn_dtype_size(tn_dtype_of(t));
}

static int64_t most_bytes(tn_tensor *const *list, int64_t count, int64_t most)
{
    for (int64_t i = 0; i < count; i++)
        if (bytes_of(list[i]) > most)
            most = bytes_of(list[i]);
    return most;
}

/* By way of `room`, where the elements are contiguous. A process without memory for a view of that
 * takes part all the same. */
static void send_tensor(tn_mpi *mpi, tn_tensor *t, void *room)
{
    tn_scope scope = tn_scope_begin(mpi->ctx);
    tn_tensor *plain =
        tn_from_blob(mpi->ctx, tn_dtype_of(t), tn_ndim(t), tn_shape(t), room, NULL, NULL);
    if (plain && mpi->rank == 0)
        tn_copy_(mpi->ctx, plain, t);
    if (send_bytes(mpi, room, bytes_of(t)) && plain && mpi->rank > 0)
        tn_copy_(mpi->ctx, t, plain);
    tn_scope_end(mpi->ctx, scope);
}

static void send_rng(tn_mpi *mpi)
{
    tn_rng_state rng = tn_get_rng_state(mpi->ctx);
    uint64_t state[] = {rng.seed, rng.position};
    if (send_bytes(mpi, state, (int64_t)sizeof state) && tn_ok(mpi->ctx))
        tn_set_rng_state(mpi->ctx, (tn_rng_state){state[0], state[1]});
}

static void send_model(tn_mpi *mpi, void *room)
{
    bool before = tn_set_grad_enabled(mpi->ctx, false);
    for (int64_t i = 0; i < mpi->n_params; i++)
        send_tensor(mpi, mpi->params[i], room);
    for (int64_t i = 0; i < mpi->n_stats; i++)
        send_tensor(mpi, mpi->buffers[i], room);
    tn_set_grad_enabled(mpi->ctx, before);
    send_rng(mpi);
}

tn_status tn_mpi_broadcast(tn_mpi *mpi)
{
    if (!mpi)
        return TN_ERR_ARGUMENT;
    if (!tn__mpi_between(mpi, "mpi_broadcast"))
        return tn_error_status(mpi->ctx);
    if (tn_ok(mpi->ctx))
        tn__layout(mpi);
    int64_t most = most_bytes(mpi->buffers, mpi->n_stats, 1);
    most = most_bytes(mpi->params, mpi->n_params, most);
    void *room = malloc((size_t)most);
    if (!room)
        tn_fail(mpi->ctx, TN_ERR_MEMORY, "mpi_broadcast: out of memory: %lld bytes",
                (long long)most);
    if (tn__agree(mpi, TN__BROADCAST, (const uint64_t[TN__ITEMS]){mpi->layout})) {
        send_model(mpi, room);
        tn__agree(mpi, TN__BROADCAST, NULL);
    }
    free(room);
    return tn_error_status(mpi->ctx);
}

/* ---- sums ------------------------------------------------------------------------------------ */

tn_status tn_mpi_check(tn_mpi *mpi)
{
    if (!mpi)
        return TN_ERR_ARGUMENT;
    if (tn__mpi_between(mpi, "mpi_check"))
        tn__agree(mpi, TN__CHECK, NULL);
    return tn_error_status(mpi->ctx);
}

/* Have all processes come to add up as many numbers, and is there room for `size` bytes more? */
static bool begin_sum(tn_mpi *mpi, int64_t count, const void *values, int64_t kind, size_t size,
                      void **room)
{
    *room = NULL;
    if (!tn__mpi_between(mpi, "mpi_sum"))
        return false;
    if (tn_ok(mpi->ctx) && (count < 0 || count > MOST_BYTES / 8 || (count > 0 && !values)))
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi_sum: %lld numbers%s", (long long)count,
                values ? "" : ", which are NULL");
    *room = tn_ok(mpi->ctx) ? malloc((size_t)count * size + 1) : NULL;
    if (!*room)
        tn_fail(mpi->ctx, TN_ERR_MEMORY, "mpi_sum: out of memory for %lld numbers",
                (long long)count);
    return tn__agree(mpi, TN__SUM, (const uint64_t[TN__ITEMS]){(uint64_t)kind, (uint64_t)count});
}

tn_status tn_mpi_sum(tn_mpi *mpi, int64_t count, int64_t *values)
{
    if (!mpi)
        return TN_ERR_ARGUMENT;
    void *sums;
    if (begin_sum(mpi, count, values, 0, sizeof *values, &sums) &&
        tn__mpi_ok(mpi, MPI_Allreduce(values, sums, (int)count, MPI_INT64_T, MPI_SUM, mpi->control),
                   "MPI_Allreduce") &&
        count > 0)
        memcpy(values, sums, (size_t)count * sizeof *values);
    free(sums);
    return tn_error_status(mpi->ctx);
}

tn_status tn_mpi_sum_f64(tn_mpi *mpi, int64_t count, double *values)
{
    if (!mpi)
        return TN_ERR_ARGUMENT;
    void *all;
    if (begin_sum(mpi, count, values, 1, sizeof *values * (size_t)mpi->size, &all) &&
        tn__mpi_ok(mpi,
                   MPI_Allgather(values, (int)count, MPI_DOUBLE, all, (int)count, MPI_DOUBLE,
                                 mpi->control),
                   "MPI_Allgather") &&
        count > 0) {
        memcpy(values, all, (size_t)count * sizeof *values);
        for (int r = 1; r < mpi->size; r++)
            tn__add_numbers(TN_F64, count, values, (const double *)all + r * count);
    }
    free(all);
    return tn_error_status(mpi->ctx);
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

tn_status tn_mpi_save_checkpoint(tn_mpi *mpi, tn_checkpoint parts, const char *path)
{
    if (!mpi)
        return TN_ERR_ARGUMENT;
    if (!tn__mpi_between(mpi, "mpi_save_checkpoint") ||
        !tn__agree(mpi, TN__CHECKPOINT, (const uint64_t[TN__ITEMS]){1}))
        return tn_error_status(mpi->ctx);
    if (mpi->rank == 0)
        tn_save_checkpoint(mpi->ctx, parts, path);
    tn__agree(mpi, TN__CHECKPOINT, (const uint64_t[TN__ITEMS]){2});
    return tn_error_status(mpi->ctx);
}

/* The bytes of a file, to be freed. */
static char *read_file(tn_ctx *ctx, const char *path, int64_t *size)
{
    FILE *f = path ? fopen(path, "rb") : NULL;
    char *bytes = NULL;
    if (!f) {
        tn_fail(ctx, path ? TN_ERR_FILE : TN_ERR_ARGUMENT, "load_checkpoint: %.200s: %s",
                path ? path : "the path", path ? strerror(errno) : "is NULL");
        return NULL;
    }
    if (fseek(f, 0, SEEK_END) == 0 && (*size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)*size + 1);
    if (bytes && fread(bytes, 1, (size_t)*size, f) != (size_t)*size) {
        free(bytes);
        bytes = NULL;
    }
    if (!bytes)
        tn_fail(ctx, TN_ERR_FILE, "load_checkpoint: %.200s: %s", path, strerror(errno));
    fclose(f);
    return bytes;
}

/* The file of process 0 in all of them, to be freed; NULL in all where one has failed. */
static char *receive_file(tn_mpi *mpi, const char *path, int64_t *size)
{
    char *bytes = mpi->rank == 0 ? read_file(mpi->ctx, path, size) : NULL;
    if (!tn__agree(mpi, TN__CHECKPOINT, (const uint64_t[TN__ITEMS]){4}))
        return NULL;
    send_bytes(mpi, size, (int64_t)sizeof *size);
    if (mpi->rank > 0 && !(bytes = malloc((size_t)*size + 1)))
        tn_fail(mpi->ctx, TN_ERR_MEMORY, "load_checkpoint: out of memory: %lld bytes",
                (long long)*size);
    if (tn__agree(mpi, TN__CHECKPOINT, (const uint64_t[TN__ITEMS]){5}) &&
        send_bytes(mpi, bytes, *size))
        return bytes;
    free(bytes);
    return NULL;
}

tn_status tn_mpi_load_checkpoint(tn_mpi *mpi, tn_checkpoint parts, const char *path)
{
    if (!mpi)
        return TN_ERR_ARGUMENT;
    if (!tn__mpi_between(mpi, "mpi_load_checkpoint") ||
        !tn__agree(mpi, TN__CHECKPOINT, (const uint64_t[TN__ITEMS]){3}))
        return tn_error_status(mpi->ctx);
    int64_t size = 0;
    char *bytes = receive_file(mpi, path, &size);
    if (!bytes)
        return tn_error_status(mpi->ctx);
    tn_load_checkpoint_from(mpi->ctx, parts,
                            (tn_source){.data = bytes, .size = size, .name = path});
    free(bytes);
    if (parts.loader)
        *tn__progress_of(mpi, parts.loader) = (tn__progress){.id = tn_loader_id(parts.loader)};
    tn__agree(mpi, TN__CHECKPOINT, (const uint64_t[TN__ITEMS]){6});
    return tn_error_status(mpi->ctx);
}
