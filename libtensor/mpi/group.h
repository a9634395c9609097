/* group.h - what the files of this room share: the processes of a training, and what they send.
 *
 * Gradients lie in *lanes*, one for each dtype, in the order in which backward makes them: that of
 * process 0 in the first step; before it is known, the reverse order of the parameters. A *leaf*
 * has a place in a lane; after its numbers comes one that counts the micro-batches that used it.
 * *Buckets* cut lanes into what is sent at once, without regard to where leaves begin, in one order
 * that all processes know. */
#ifndef TN_MPI_GROUP_H
#define TN_MPI_GROUP_H

#include <tn/autograd.h>
#include <tn/mpi.h>
#include "mpi/agree.h"
#include "mpi/buffers.h"
#include "mpi/exchange.h"
#include "mpi/norm.h"
#include "mpi/stages.h"
#include "mpi/tree.h"

/* A lane for what is no gradient (the loss and the buffers, as doubles), and two for gradients. */
enum { TN__STATS, TN__LANE_F64, TN__LANE_F32, TN__LANES };

typedef struct tn__lane {
    tn_dtype dtype;
    int64_t numel;
    char *sums;     /* [depth, numel], as tn__tree has them; those of row 0 become the result */
    char *received; /* of each bucket, [partials, chunk] */
} tn__lane;

struct tn__leaf {
    struct tn_mpi *mpi;
    tn_tensor *param;  /* NULL: it stands for the loss and the buffers */
    tn_grad_hook hook; /* the program's, while another one stands for it */
    void *payload;     /* of that */
    int64_t number;    /* of the parameter */
    bool wanted;       /* its gradient is */
    int64_t done;      /* micro-batches of this process that are added up */
    int lane;
    int64_t at, numel;   /* in the lane; the count follows */
    int64_t first, last; /* buckets */
};

typedef struct tn__bucket {
    int lane;
    int64_t low, high;       /* in the lane */
    int64_t leaves, waiting; /* that are in it; that are not complete yet */
    int64_t mine;            /* numbers that this process adds up */
    char *received;
    int *counts; /* of the calls that run: MPI reads them until these have ended */
    MPI_Request *parts, gather;
} tn__bucket;

/* A buffer of the module at the beginning of a step and now, contiguous. */
typedef struct tn__stat {
    tn_tensor *buffer, *start, *now;
    int64_t at; /* among the numbers of the lane, with a count behind */
} tn__stat;

/* Steps with a loader, and its batches and ends of epochs that are begun in this process. */
typedef struct tn__progress {
    int64_t id, steps, taken; /* id: tn_loader_id */
} tn__progress;

enum { TN__LOADERS = 8 };

struct tn_mpi {
    tn_ctx *ctx;
    tn_module *module;
    tn_mpi_opts opts;
    MPI_Comm control, scatter, gather; /* duplicates: each has calls in an order of its own */
    int rank, size;
    bool broken; /* MPI has failed, or the processes do different things */
    tn__tree tree;
    tn__agreement agreement;
    int64_t n_params, n_stats; /* of the module */
    tn_tensor **params, **buffers;

    uint64_t layout;         /* a hash of it */
    int64_t *order;          /* [n_params]: the parameters' numbers as their leaves are laid out */
    uint64_t ordered_for;    /* the hash, but for the order, of what that was seen of; or 0 */
    int64_t *ready, n_ready; /* in this step, as they were complete */
    tn_dict *memory;         /* of lanes and buffers */
    tn__lane lanes[TN__LANES];
    int64_t n_leaves, n_buckets;
    tn__leaf *leaves;    /* the first is no parameter */
    tn__leaf **by_param; /* the others, as the module has its parameters */
    tn__stat *stats;
    tn__bucket *buckets;
    double *numbers; /* of the first leaf: for one micro-batch, or with stages for each */
    tn__stages stages;

    /* The step: */
    bool open, refused; /* it is refused if not all processes take it */
    int64_t known;      /* the number of the last error that all processes know of, */
    int64_t told;       /* and of the last one that another process has told of */
    bool given, passed; /* a micro-batch to the program, and to tn_mpi_backward, or none is there */
    bool ran;           /* one did, and may have changed buffers */
    tn_loader *loader;  /* of this step */
    tn__progress loaders[TN__LOADERS], *with; /* the last ones, and that of this step */
    tn_batch batch;                           /* the next, if `fetched` */
    bool fetched;
    int64_t at;      /* micro-batches of this process that are done */
    int64_t current; /* the one whose gradients are computed */
    tn_rng_state rng;
    int64_t posted, summed, gathered; /* buckets */
    double loss;
};

/* ---- layout.c -------------------------------------------------------------------------------- */

/* Lays out what requires a gradient now, unless that is done. */
bool tn__layout(tn_mpi *mpi);

/* Behind a step: all processes take the order in which process 0's leaves became complete, unless
 * that was done for these parameters. They are laid out so with the next step. */
void tn__take_order(tn_mpi *mpi);
void tn__layout_free(tn_mpi *mpi);

/* calloc, but that it fails in the context. */
void *tn__zeros(tn_mpi *mpi, int64_t count, size_t size);

/* FNV-1a over what has to be the same in all processes. */
uint64_t tn__mix(uint64_t hash, int64_t value);

/* ---- step.c ---------------------------------------------------------------------------------- */

/* What is known of the loader, if it is one of the last few. */
tn__progress *tn__progress_of(tn_mpi *mpi, const tn_loader *loader);

/* The next part of the loader's batch, in mpi->batch. */
bool tn__fetch(tn_mpi *mpi);
double tn__weight_of(const tn_batch *part); /* its samples, of those of the whole batch */

/* Nothing is sent until all processes are known to take the step. */
bool tn__has_begun(tn_mpi *mpi);

/* A stream for each micro-batch of each step, whoever runs it. */
tn_rng_state tn__stream_of(tn_rng_state step, int64_t micro_batch);

/* Backward of micro-batch i of this process, whose gradients are added up. */
void tn__run_backward(tn_mpi *mpi, int64_t i, const tn_tensor *root, const tn_tensor *grad);

/* Ends the step that is open, which fails if an error is recorded. */
void tn__finish(tn_mpi *mpi);

#endif
