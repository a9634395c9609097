/* group.h - what the files of this room share: the processes of a training, and what they send.
 *
 * Gradients lie in *lanes*, one for each dtype, in the reverse order of the parameters, which is
 * about the order in which backward makes them. A *leaf* has a place in a lane; after its numbers
 * comes one that counts the micro-batches that used it. *Buckets* cut lanes into what is sent at
 * once, without regard to where leaves begin, in one order that all processes know. */
#ifndef TN_MPI_GROUP_H
#define TN_MPI_GROUP_H

#include <tn/mpi.h>
#include "mpi/agree.h"
#include "mpi/tree.h"

/* A lane for what is no gradient (the loss and the buffers, as doubles), and two for gradients. */
enum { TN__STATS, TN__LANE_F64, TN__LANE_F32, TN__LANES };

typedef struct tn__lane {
    tn_dtype dtype;
    int64_t numel;
    char *sums;     /* [depth, numel], as tn__tree has them; those of row 0 become the result */
    char *received; /* of each bucket, [partials, chunk] */
} tn__lane;

typedef struct tn__leaf {
    struct tn_mpi *mpi;
    tn_tensor *param; /* NULL: it stands for the loss and the buffers */
    bool wanted;      /* its gradient is */
    bool seen;        /* in this micro-batch */
    int lane;
    int64_t at, numel;   /* in the lane; the count follows */
    int64_t first, last; /* buckets */
} tn__leaf;

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

    uint64_t layout; /* a hash of it */
    tn_dict *memory; /* of lanes and buffers */
    tn__lane lanes[TN__LANES];
    int64_t n_leaves, n_buckets;
    tn__leaf *leaves; /* the first is no parameter */
    tn__stat *stats;
    tn__bucket *buckets;
    double *numbers; /* of the first leaf */

    /* The step: */
    bool open, refused; /* it is refused if not all processes take it */
    bool given, passed; /* a micro-batch to the program, and to tn_mpi_backward, or none is there */
    bool ran;           /* one did, and may have changed buffers */
    tn_loader *loader;
    tn_batch batch; /* the next, if `fetched` */
    bool fetched;
    int64_t at; /* micro-batches of this process that are done */
    tn_rng_state rng;
    int64_t posted, summed, gathered; /* buckets */
    double loss;
};

/* ---- layout.c -------------------------------------------------------------------------------- */

/* Lays out what requires a gradient now, unless that is done. */
bool tn__layout(tn_mpi *mpi);
void tn__layout_free(tn_mpi *mpi);

/* ---- sums.c: one micro-batch after another --------------------------------------------------- */

/* Adds a leaf's numbers for the current micro-batch, or zeros for NULL. */
void tn__add_leaf(tn__leaf *leaf, const void *numbers);

/* a[i] += b[i] */
void tn__add_numbers(tn_dtype dtype, int64_t n, void *a, const void *b);

/* ---- exchange.c: between processes ----------------------------------------------------------- */

/* Sends the buckets that are complete, in order, or all of them; and goes on with those that are on
 * their way, as far as that needs no waiting. */
void tn__post(tn_mpi *mpi, bool all);
void tn__poll(tn_mpi *mpi);
void tn__wait_all(tn_mpi *mpi);

/* ---- step.c ---------------------------------------------------------------------------------- */

/* Ends the step that is open, which fails if an error is recorded. */
void tn__finish(tn_mpi *mpi);

/* ---- buffers.c ------------------------------------------------------------------------------- */

void tn__keep_buffers(tn_mpi *mpi);    /* as they are when a step begins */
void tn__restore_buffers(tn_mpi *mpi); /* to that */

/* The share of this micro-batch in the loss and in the buffers. */
void tn__share_numbers(tn_mpi *mpi, double loss, double weight);

/* What they have become. */
void tn__take_numbers(tn_mpi *mpi);

#endif
