/* buffers.c - what becomes of a module's buffers in a step.
 *
 * Number m of the V micro-batches, with n_m of n samples, turns the buffer b of the beginning into
 * b_m. The step turns it into
 *     sum (n_m / n) b_m                        of floats, rounded once,
 *     b + round(sum (n_m / n) (b_m - b))       of integers,
 * in float64 over the tree, and leaves alone a buffer that no micro-batch has changed. */
#include <math.h>
#include <string.h>
#include "mpi/group.h"

static double load(const tn_tensor *t, int64_t i)
{
    const void *p = tn_data(t);
    switch (tn_dtype_of(t)) {
    case TN_F32:
        return (double)((const float *)p)[i];
    case TN_F64:
        return ((const double *)p)[i];
    case TN_I64:
        return (double)((const int64_t *)p)[i];
    case TN_I32:
        return ((const int32_t *)p)[i];
    default:
        return ((const uint8_t *)p)[i];
    }
}

/* Integers count from the old value on, which may have more digits than a double. */
static void store(tn_dtype dtype, void *p, const void *old, int64_t i, double value)
{
    switch (dtype) {
    case TN_F32:
        ((float *)p)[i] = (float)value;
        break;
    case TN_F64:
        ((double *)p)[i] = value;
        break;
    case TN_I64:
        ((int64_t *)p)[i] = ((const int64_t *)old)[i] + llround(value);
        break;
    case TN_I32:
        ((int32_t *)p)[i] = (int32_t)(((const int32_t *)old)[i] + llround(value));
        break;
    default:
        ((uint8_t *)p)[i] = (uint8_t)(((const uint8_t *)old)[i] + llround(value));
    }
}

static bool is_float(const tn_tensor *t)
{
    return tn_dtype_of(t) == TN_F32 || tn_dtype_of(t) == TN_F64;
}

void tn__keep_buffers(tn_mpi *mpi)
{
    for (int64_t i = 0; i < mpi->n_stats; i++)
        tn_copy_(mpi->ctx, mpi->stats[i].start, mpi->stats[i].buffer);
}

/* Element i in row-major order is so many elements behind the first. */
static int64_t offset_of(const tn_tensor *t, int64_t i)
{
    int64_t offset = 0;
    for (int d = tn_ndim(t) - 1; d >= 0; d--) {
        offset += i % tn_size(t, d) * tn_strides(t)[d];
        i /= tn_size(t, d);
    }
    return offset;
}

/* tn_copy_, while an error is recorded, too. */
static void put_back(tn_tensor *buffer, const tn_tensor *from)
{
    size_t size = tn_dtype_size(tn_dtype_of(from));
    char *to = tn_data_mut(buffer);
    for (int64_t i = 0; i < tn_numel(from); i++)
        memcpy(to + offset_of(buffer, i) * (int64_t)size,
               (const char *)tn_data(from) + (size_t)i * size, size);
}

void tn__restore_buffers(tn_mpi *mpi)
{
    for (int64_t i = 0; i < mpi->n_stats; i++)
        put_back(mpi->stats[i].buffer, mpi->stats[i].start);
}

static double *numbers_of(const tn_mpi *mpi, int64_t i)
{
    return mpi->numbers + (mpi->stages.count > 1 ? i * mpi->leaves[0].numel : 0);
}

static void note(tn_mpi *mpi, const tn__stat *s, double weight, double *to)
{
    int64_t n = tn_numel(s->buffer);
    tn_copy_(mpi->ctx, s->now, s->buffer);
    size_t bytes = (size_t)n * tn_dtype_size(tn_dtype_of(s->now));
    bool changed = n > 0 && memcmp(tn_data(s->now), tn_data(s->start), bytes) != 0;
    if (!changed && to[n] > 0)
        return;
    for (int64_t i = 0; i < n; i++)
        to[i] = weight * (load(s->now, i) - (is_float(s->now) ? 0 : load(s->start, i)));
    to[n] = changed;
}

void tn__note_buffers(tn_mpi *mpi, int64_t i, double weight)
{
    for (int64_t k = 0; k < mpi->n_stats; k++)
        note(mpi, &mpi->stats[k], weight, numbers_of(mpi, i) + mpi->stats[k].at);
}

void tn__forget_notes(tn_mpi *mpi, int64_t i)
{
    memset(numbers_of(mpi, i), 0, (size_t)mpi->leaves[0].numel * sizeof(double));
}

void tn__share_numbers(tn_mpi *mpi, double loss, double weight)
{
    if (mpi->stages.count == 1)
        tn__forget_notes(mpi, mpi->at);
    tn__note_buffers(mpi, mpi->at, weight);
    double *numbers = numbers_of(mpi, mpi->at);
    numbers[0] = loss;
    tn__add_leaf(&mpi->leaves[0], mpi->at, numbers);
}

void tn__take_numbers(tn_mpi *mpi)
{
    const double *sums = (const double *)(const void *)mpi->lanes[TN__STATS].sums;
    mpi->loss = sums[0];
    for (int64_t i = 0; i < mpi->n_stats; i++) {
        tn__stat *s = &mpi->stats[i];
        int64_t n = tn_numel(s->buffer);
        const double *from = sums + s->at;
        if (!(from[n] > 0))
            continue;
        void *now = tn_data_mut(s->now);
        for (int64_t k = 0; k < n; k++)
            store(tn_dtype_of(s->now), now, tn_data(s->start), k, from[k]);
        put_back(s->buffer, s->now);
    }
}
