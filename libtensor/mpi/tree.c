/* tree.c - the binary tree over which micro-batches are summed. */
#include <stdlib.h>
#include "mpi/tree.h"

/* Where process r begins: floor(r count / size), for a count that is at most 2^20. */
static int64_t begin_of(const tn__tree *tree, int r)
{
    return r * tree->count / tree->size;
}

static int64_t middle_of(int64_t low, int64_t high)
{
    int64_t half = 1;
    while (2 * half < high - low)
        half *= 2;
    return low + half;
}

/* The number of the partial that becomes the sum of [low, high); partials are met from the first to
 * the last. */
static int climb(tn__tree *tree, int *owner, int *met, int64_t low, int64_t high)
{
    while (low >= tree->begin[*owner + 1])
        tree->first[++*owner] = *met;
    if (high <= tree->begin[*owner + 1])
        return (*met)++;
    int64_t middle = middle_of(low, high);
    int to = climb(tree, owner, met, low, middle);
    int from = climb(tree, owner, met, middle, high);
    tree->additions[tree->n_additions++] = (tn__addition){to, from};
    return to;
}

static void find_partials(tn__tree *tree)
{
    int owner = 0, met = 0;
    climb(tree, &owner, &met, 0, tree->count);
    tree->first[tree->size] = met;
    for (int r = 0; r < tree->size; r++)
        if (tree->first[r + 1] - tree->first[r] > tree->most)
            tree->most = tree->first[r + 1] - tree->first[r];
}

/* A node within the process's own is complete with its last micro-batch. */
static void count_merges(tn__tree *tree, int rank, int64_t low, int64_t high)
{
    int64_t begin = tree->begin[rank], end = tree->begin[rank + 1];
    if (high <= begin || low >= end || high - low < 2)
        return;
    int64_t middle = middle_of(low, high);
    count_merges(tree, rank, low, middle);
    count_merges(tree, rank, middle, high);
    if (low >= begin && high <= end)
        tree->merges[high - 1 - begin]++;
}

/* A micro-batch that is merged at once is added to the last sum and needs no room. */
static void count_heights(tn__tree *tree)
{
    int height = 0;
    for (int64_t i = 0; i < tree->own; i++) {
        tree->heights[i] = height;
        height += 1 - tree->merges[i];
        if (height > tree->depth)
            tree->depth = height;
    }
}

/* One after another: the sums of the processes are left to MPI. */
static void set_flat(tn__tree *tree)
{
    for (int r = 0; r <= tree->size; r++)
        tree->first[r] = r;
    tree->most = 1;
    for (int64_t i = 1; i < tree->own; i++)
        tree->merges[i] = 1;
}

bool tn__tree_open(tn__tree *tree, int64_t count, int size, int rank, bool flat)
{
    *tree = (tn__tree){.count = count, .size = size};
    tree->begin = calloc((size_t)size + 1, sizeof *tree->begin);
    tree->first = calloc((size_t)size + 1, sizeof *tree->first);
    tree->additions = calloc((size_t)count, sizeof *tree->additions);
    tree->heights = calloc((size_t)count, sizeof *tree->heights);
    tree->merges = calloc((size_t)count, sizeof *tree->merges);
    if (!tree->begin || !tree->first || !tree->additions || !tree->heights || !tree->merges)
        return false;
    for (int r = 0; r <= size; r++)
        tree->begin[r] = begin_of(tree, r);
    tree->own = tree->begin[rank + 1] - tree->begin[rank];
    if (flat) {
        set_flat(tree);
    } else {
        find_partials(tree);
        count_merges(tree, rank, 0, count);
    }
    count_heights(tree);
    return true;
}

void tn__tree_close(tn__tree *tree)
{
    free(tree->begin);
    free(tree->first);
    free(tree->additions);
    free(tree->heights);
    free(tree->merges);
}
