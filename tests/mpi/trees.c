/* trees.c - the tree of sums: the same for any number of processes. */
#include "mpi/cases.h"
#include "mpi/tree.h"

/* A sum of [low, high), as a value that tells its whole history. */
typedef uint64_t history;

static history leaf(int64_t m)
{
    return (uint64_t)m * 0x9e3779b97f4a7c15 + 1;
}

static history join(history a, history b)
{
    a ^= a >> 29;
    return (a * 0xbf58476d1ce4e5b9) ^ (b * 0x94d049bb133111eb + 0x632be59bd9b4e019);
}

/* As <tn/mpi.h> says. */
static history expected(int64_t low, int64_t high)
{
    if (high - low == 1)
        return leaf(low);
    int64_t half = 1;
    while (2 * half < high - low)
        half *= 2;
    return join(expected(low, low + half), expected(low + half, high));
}

/* The partials of a process, added up as tree->heights and merges say. */
static void add_own(const tn__tree *tree, int r, history *partials)
{
    history sums[64];
    int height = 0;
    for (int64_t i = 0; i < tree->own; i++) {
        CHECK(tree->heights[i] == height && height < 64);
        sums[height++] = leaf(tree->begin[r] + i);
        for (int k = 0; k < tree->merges[i]; k++, height--)
            sums[height - 2] = join(sums[height - 2], sums[height - 1]);
        CHECK(height >= 1 && height <= tree->depth);
    }
    CHECK(height == tree->first[r + 1] - tree->first[r] && height <= tree->most);
    for (int i = 0; i < height; i++)
        partials[tree->first[r] + i] = sums[i];
}

static void add_up(int64_t count, int processes)
{
    history partials[256] = {0};
    int n = 0;
    for (int r = 0; r < processes; r++) {
        tn__tree tree;
        CHECK(tn__tree_open(&tree, count, processes, r, false));
        CHECK(tree.begin[0] == 0 && tree.begin[processes] == count && tree.own >= 1);
        add_own(&tree, r, partials);
        n = tree.first[processes];
        CHECK(tree.n_additions == n - 1);
        if (r == processes - 1)
            for (int i = 0; i < tree.n_additions; i++)
                partials[tree.additions[i].to] =
                    join(partials[tree.additions[i].to], partials[tree.additions[i].from]);
        tn__tree_close(&tree);
    }
    CHECK(partials[0] == expected(0, count));
}

/* Where the micro-batches of a process are a power of two, it sends one sum. */
static void one_partial(void)
{
    for (int processes = 1; processes <= 9; processes++)
        for (int64_t each = 1; each <= 16; each *= 2) {
            tn__tree tree;
            CHECK(tn__tree_open(&tree, processes * each, processes, 0, false));
            CHECK(tree.most == 1 && tree.first[processes] == processes);
            tn__tree_close(&tree);
        }
}

void trees(void)
{
    if (rank != 0)
        return;
    for (int64_t count = 1; count <= 40; count++)
        for (int processes = 1; processes <= count; processes++)
            add_up(count, processes);
    one_partial();
}
