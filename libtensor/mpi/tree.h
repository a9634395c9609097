/* tree.h - the binary tree over which micro-batches are summed, and who has which part of it.
 *
 * Node [low, high) is the sum of [low, middle) and [middle, high), middle being low plus the
 * largest power of two below high - low. A process adds up the largest nodes that lie within its
 * own micro-batches, its *partials*; the rest of the tree is above those. */
#ifndef TN_MPI_TREE_H
#define TN_MPI_TREE_H

#include <stdbool.h>
#include <stdint.h>

/* Partial number `to` becomes the sum of itself and of number `from`. */
typedef struct tn__addition {
    int to, from;
} tn__addition;

typedef struct tn__tree {
    int64_t count;  /* micro-batches */
    int size;       /* processes */
    int64_t *begin; /* [size + 1]: process r has the micro-batches from begin[r] to begin[r + 1] */
    int *first;     /* [size + 1]: its partials have the numbers from first[r] to first[r + 1] */
    int most;       /* partials of one process, at most */

    /* The nodes above all partials, in the order in which they can be added; the sum of all is
     * partial 0. */
    tn__addition *additions;
    int n_additions;

    /* How this process adds up its own: micro-batch i of them finds `heights[i]` sums, is put on
     * them, and the last two become one `merges[i]` times. */
    int64_t own;
    int *heights, *merges;
    int depth; /* sums at a time */
} tn__tree;

/* False if memory is short. To be closed in any case. With `flat`, each process adds its own from
 * the first to the last, and has one partial. */
bool tn__tree_open(tn__tree *tree, int64_t count, int size, int rank, bool flat);
void tn__tree_close(tn__tree *tree);

#endif
