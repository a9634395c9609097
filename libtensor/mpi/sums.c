/* sums.c - adding up the micro-batches of a process, number by number, as the tree says. */
#include <string.h>
#include "mpi/group.h"

void tn__add_numbers(tn_dtype dtype, int64_t n, void *a, const void *b)
{
    if (dtype == TN_F32) {
        float *x = a;
        const float *y = b;
        for (int64_t i = 0; i < n; i++)
            x[i] += y[i];
    } else {
        double *x = a;
        const double *y = b;
        for (int64_t i = 0; i < n; i++)
            x[i] += y[i];
    }
}

/* x + 0 is x but for -0, which becomes 0: micro-batches without a gradient are added as well, so
 * that bits do not depend on who adds them. */
static void add_zero(tn_dtype dtype, int64_t n, void *a)
{
    for (int64_t i = 0; i < n; i++)
        if (dtype == TN_F32)
            ((float *)a)[i] += 0.0f;
        else
            ((double *)a)[i] += 0.0;
}

/* Puts n numbers, or zeros, on the sums that wait for micro-batch i, and merges. */
static void put(const tn__leaf *leaf, int64_t i, int64_t offset, int64_t n, const void *numbers)
{
    const tn_mpi *mpi = leaf->mpi;
    const tn__lane *lane = &mpi->lanes[leaf->lane];
    size_t size = tn_dtype_size(lane->dtype), stride = (size_t)lane->numel * size;
    int height = mpi->tree.heights[i], merges = mpi->tree.merges[i];
    char *row = lane->sums + (size_t)height * stride + (size_t)(leaf->at + offset) * size;
    if (merges == 0 && numbers)
        memcpy(row, numbers, (size_t)n * size);
    else if (merges == 0)
        memset(row, 0, (size_t)n * size);
    else if (numbers)
        tn__add_numbers(lane->dtype, n, row - stride, numbers);
    else
        add_zero(lane->dtype, n, row - stride);
    for (int k = 2; k <= merges; k++)
        tn__add_numbers(lane->dtype, n, row - (size_t)k * stride, row - (size_t)(k - 1) * stride);
}

/* The leaf is complete with the last micro-batch, and so are the buckets that wait for it alone. */
static void complete(const tn__leaf *leaf)
{
    tn_mpi *mpi = leaf->mpi;
    for (int64_t b = leaf->first; b <= leaf->last; b++)
        mpi->buckets[b].waiting--;
    if (leaf->param)
        mpi->ready[mpi->n_ready++] = leaf->number;
    if (!mpi->opts.no_overlap)
        tn__post(mpi, false);
}

static void add(tn__leaf *leaf, const void *numbers)
{
    float one = 1;
    double wide = 1;
    const void *count = leaf->mpi->lanes[leaf->lane].dtype == TN_F32 ? (void *)&one : &wide;
    put(leaf, leaf->done, 0, leaf->numel, numbers);
    put(leaf, leaf->done, leaf->numel, 1, numbers ? count : NULL);
    if (++leaf->done == leaf->mpi->tree.own)
        complete(leaf);
}

bool tn__add_leaf(tn__leaf *leaf, int64_t i, const void *numbers)
{
    if (leaf->done > i)
        return false;
    while (leaf->done < i)
        add(leaf, NULL);
    add(leaf, numbers);
    return true;
}

void tn__complete_leaves(tn_mpi *mpi)
{
    for (int64_t i = 0; i < mpi->n_leaves; i++)
        while ((i == 0 || mpi->leaves[i].wanted) && mpi->leaves[i].done < mpi->tree.own)
            add(&mpi->leaves[i], NULL);
}
