/* buffers.h - what becomes of a module's buffers in a step, and of the loss. */
#ifndef TN_MPI_BUFFERS_H
#define TN_MPI_BUFFERS_H

#include <tn/mpi.h>

void tn__keep_buffers(tn_mpi *mpi);    /* as they are when a step begins */
void tn__restore_buffers(tn_mpi *mpi); /* to that */

/* What micro-batch i of this process has made of the buffers; a later note of it is of those that
 * have changed since. */
void tn__note_buffers(tn_mpi *mpi, int64_t i, double weight);

/* Nothing is noted of it any more. */
void tn__forget_notes(tn_mpi *mpi, int64_t i);

/* The share of the current micro-batch in the loss and in the buffers. */
void tn__share_numbers(tn_mpi *mpi, double loss, double weight);

/* What they have become. */
void tn__take_numbers(tn_mpi *mpi);

#endif
