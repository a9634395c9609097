/* exchange.c - adding up what the processes have, in the order of the tree.
 *
 * Each process adds up a part of every bucket, its chunk: it gets that chunk of all partials from
 * those that have them, adds them as the tree says, and sends the sum to all. So a number is added
 * up by one process alone, in an order that does not depend on how many there are, and
 * 2 (P - 1) / P of the numbers go out of each where it has one partial.
 *
 * Calls of one communicator are in the order of the buckets in all processes; sums are sent by
 * another one than partials, since how far these have come differs. */
#include "mpi/group.h"

/* Chunk c of n numbers begins at floor(c n / size). */
static int64_t chunk_begin(const tn_mpi *mpi, int64_t n, int c)
{
    return c * (n / mpi->size) + c * (n % mpi->size) / mpi->size;
}

static MPI_Datatype type_of(const tn__lane *lane)
{
    return lane->dtype == TN_F32 ? MPI_FLOAT : MPI_DOUBLE;
}

/* ---- partials -------------------------------------------------------------------------------- */

/* Partial number j of each process that has as many: its chunks go out, and those of the others
 * come in. */
static void post_partials(tn_mpi *mpi, tn__bucket *b, int j)
{
    const tn__lane *lane = &mpi->lanes[b->lane];
    const int *first = mpi->tree.first;
    size_t size = tn_dtype_size(lane->dtype);
    int p = mpi->size, *sent = b->counts + (int64_t)j * 4 * p, *from = sent + p, *got = from + p,
        *to = got + p;
    bool have = j < first[mpi->rank + 1] - first[mpi->rank];
    for (int r = 0; r < p; r++) {
        int64_t begin = chunk_begin(mpi, b->high - b->low, r);
        int64_t end = chunk_begin(mpi, b->high - b->low, r + 1);
        bool has = j < first[r + 1] - first[r];
        sent[r] = have ? (int)(end - begin) : 0;
        from[r] = (int)begin;
        got[r] = has ? (int)b->mine : 0;
        to[r] = has ? (int)((first[r] + j) * b->mine) : 0;
    }
    const char *row = lane->sums + (size_t)(have ? j : 0) * (size_t)lane->numel * size;
    tn__mpi_ok(mpi,
               MPI_Ialltoallv(row + (size_t)b->low * size, sent, from, type_of(lane), b->received,
                              got, to, type_of(lane), mpi->scatter, &b->parts[j]),
               "MPI_Ialltoallv");
}

static void post_allreduce(tn_mpi *mpi, tn__bucket *b)
{
    const tn__lane *lane = &mpi->lanes[b->lane];
    char *row = lane->sums + (size_t)b->low * tn_dtype_size(lane->dtype);
    tn__mpi_ok(mpi,
               MPI_Iallreduce(MPI_IN_PLACE, row, (int)(b->high - b->low), type_of(lane), MPI_SUM,
                              mpi->scatter, &b->parts[0]),
               "MPI_Iallreduce");
}

void tn__post(tn_mpi *mpi, bool all)
{
    while (mpi->posted < mpi->n_buckets && (all || mpi->buckets[mpi->posted].waiting == 0)) {
        tn__bucket *b = &mpi->buckets[mpi->posted++];
        if (mpi->size == 1 || mpi->broken)
            continue;
        if (mpi->opts.allreduce)
            post_allreduce(mpi, b);
        for (int j = 0; j < mpi->tree.most && !mpi->opts.allreduce; j++)
            post_partials(mpi, b, j);
    }
    tn__poll(mpi);
}

/* ---- sums ------------------------------------------------------------------------------------ */

static void add_up(const tn_mpi *mpi, tn__bucket *b)
{
    tn_dtype dtype = mpi->lanes[b->lane].dtype;
    size_t stride = (size_t)b->mine * tn_dtype_size(dtype);
    for (int i = 0; i < mpi->tree.n_additions; i++) {
        tn__addition add = mpi->tree.additions[i];
        tn__add_numbers(dtype, b->mine, b->received + (size_t)add.to * stride,
                        b->received + (size_t)add.from * stride);
    }
}

static void post_sum(tn_mpi *mpi, tn__bucket *b)
{
    const tn__lane *lane = &mpi->lanes[b->lane];
    int p = mpi->size, *got = b->counts + (int64_t)mpi->tree.most * 4 * p, *to = got + p;
    for (int r = 0; r < p; r++) {
        to[r] = (int)chunk_begin(mpi, b->high - b->low, r);
        got[r] = (int)chunk_begin(mpi, b->high - b->low, r + 1) - to[r];
    }
    add_up(mpi, b);
    tn__mpi_ok(mpi,
               MPI_Iallgatherv(b->received, (int)b->mine, type_of(lane),
                               lane->sums + (size_t)b->low * tn_dtype_size(lane->dtype), got, to,
                               type_of(lane), mpi->gather, &b->gather),
               "MPI_Iallgatherv");
}

/* Have the requests ended, or may we wait until they have? */
static bool have_ended(tn_mpi *mpi, int count, MPI_Request *requests, bool wait)
{
    int flag = 1;
    int code = wait ? MPI_Waitall(count, requests, MPI_STATUSES_IGNORE)
                    : MPI_Testall(count, requests, &flag, MPI_STATUSES_IGNORE);
    return tn__mpi_ok(mpi, code, wait ? "MPI_Waitall" : "MPI_Testall") && flag;
}

static void go_on(tn_mpi *mpi, bool wait)
{
    while (mpi->summed < mpi->posted && !mpi->broken) {
        tn__bucket *b = &mpi->buckets[mpi->summed];
        if (!have_ended(mpi, mpi->tree.most, b->parts, wait))
            break;
        if (mpi->size > 1 && !mpi->opts.allreduce)
            post_sum(mpi, b);
        mpi->summed++;
    }
    while (mpi->gathered < mpi->summed && !mpi->broken &&
           have_ended(mpi, 1, &mpi->buckets[mpi->gathered].gather, wait))
        mpi->gathered++;
}

void tn__poll(tn_mpi *mpi)
{
    go_on(mpi, false);
}

void tn__wait_all(tn_mpi *mpi)
{
    go_on(mpi, true);
}
