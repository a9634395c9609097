/* stages.h - a network in stages, cut at its SyncBatchNorms.
 *
 * A SyncBatchNorm needs its inputs of all micro-batches before the first of them goes on. So a
 * process brings its micro-batches through one stage after another, and backward from the last
 * stage to the first. Between stages, processes exchange sums: once forward and once backward at
 * each norm, in an order that all of them know, with a word of whether they have failed. */
#ifndef TN_MPI_STAGES_H
#define TN_MPI_STAGES_H

#include <tn/mpi.h>
#include "mpi/norm.h"

/* A norm, and the modules behind it up to the next. */
typedef struct tn__stage {
    int64_t first, last;   /* among all modules */
    const tn__norm *norm;  /* NULL in the first stage */
    tn__moments *moments;  /* of the norm, once they are known */
    tn_tensor **in, **out; /* of each micro-batch of this process; NULL without samples */
} tn__stage;

typedef struct tn__stages {
    int64_t count; /* 1: nothing is to be synchronised, and none of this is there */
    tn__stage *list;
    tn_module **modules;

    /* Sums of one exchange: a row for each micro-batch of this process, what it sends, what comes
     * from all, and where in that each partial is. */
    double *rows, *sent, *received, **partials;
    int *counts, *at;

    /* The step: */
    tn_scope scope; /* of what lives until its end */
    bool running, failed;
    int64_t exchanges;     /* that are done */
    bool *forwarded;       /* tn_mpi_forward was called */
    tn_batch *batches;     /* the micro-batches of this process, */
    tn_rng_state *streams; /* and how far their random streams are */
} tn__stages;

/* Finds the stages of the module, where nothing is found yet. */
void tn__stages_open(tn_mpi *mpi);
void tn__stages_close(tn_mpi *mpi);

/* Mixes in what has to be the same in all processes. */
uint64_t tn__stages_hash(const tn_mpi *mpi, uint64_t hash);

/* Fetches all micro-batches of this process and brings them to the last stage. */
void tn__stages_begin(tn_mpi *mpi);

/* From the gradients of the last stage's input back to the first stage. The exchanges of a step end
 * here, where a process has failed, too. */
void tn__stages_end(tn_mpi *mpi);

/* Frees what lives until the end of the step. */
void tn__stages_leave(tn_mpi *mpi);

#endif
