/* agree.h - what the processes of a training agree on before and after what they do together. */
#ifndef TN_MPI_AGREE_H
#define TN_MPI_AGREE_H

#include <tn/mpi.h>

enum { TN__ITEMS = 9, TN__REASON = 528 };

/* What processes agree on: each sends what it has and the complement of that, and gets the largest
 * and, as a complement, the smallest of all; and the first process that has failed. */
typedef struct tn__agreement {
    uint64_t sent[2 * TN__ITEMS + 1], got[2 * TN__ITEMS + 1];
    MPI_Request request;
    bool pending;
} tn__agreement;

/* The calls that have to be the same in all processes. */
typedef enum tn__call {
    TN__NEW = 1,
    TN__FREE,
    TN__BROADCAST,
    TN__STEP,
    TN__STEP_ENDS,
    TN__CHECK,
    TN__SUM,
    TN__CHECKPOINT
} tn__call;

/* Says what this process does, and with which numbers, TN__ITEMS - 1 of them or NULL. */
void tn__agree_begin(tn_mpi *mpi, tn__call call, const uint64_t *items);

/* True if all said the same and none had failed, which all processes get to know alike; otherwise
 * the error is recorded. */
bool tn__agree_end(tn_mpi *mpi);
bool tn__agree(tn_mpi *mpi, tn__call call, const uint64_t *items);

/* True if an MPI function succeeded; otherwise its error is recorded, and nothing is sent any
 * more. */
bool tn__mpi_ok(tn_mpi *mpi, int code, const char *function);

/* MPI_Finalize was called. */
bool tn__mpi_is_over(void);

/* Between MPI_Init and MPI_Finalize; otherwise the error of `what`. */
bool tn__mpi_is_running(tn_ctx *ctx, const char *what);

/* Can the processes go on? Otherwise an error is recorded. NULL cannot. */
bool tn__mpi_usable(tn_mpi *mpi);

/* The same for a call that is not made within a step. One that is fails in this process alone, and
 * in the others at the end of the step. */
bool tn__mpi_between(tn_mpi *mpi, const char *what);

#endif
