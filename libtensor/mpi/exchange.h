/* exchange.h - adding up gradients: in a process, and between processes. */
#ifndef TN_MPI_EXCHANGE_H
#define TN_MPI_EXCHANGE_H

#include <tn/mpi.h>

typedef struct tn__leaf tn__leaf; /* group.h */

/* ---- sums.c: one micro-batch after another --------------------------------------------------- */

/* Adds a leaf's numbers for micro-batch i of this process, and zeros for those before it that had
 * none. False if it has numbers for that one. */
bool tn__add_leaf(tn__leaf *leaf, int64_t i, const void *numbers);

/* Zeros for what has no numbers by now. */
void tn__complete_leaves(tn_mpi *mpi);

/* a[i] += b[i] */
void tn__add_numbers(tn_dtype dtype, int64_t n, void *a, const void *b);

/* ---- exchange.c: between processes ----------------------------------------------------------- */

/* Sends the buckets that are complete, in order, or all of them; and goes on with those that are on
 * their way, as far as that needs no waiting. */
void tn__post(tn_mpi *mpi, bool all);
void tn__poll(tn_mpi *mpi);
void tn__wait_all(tn_mpi *mpi);

#endif
