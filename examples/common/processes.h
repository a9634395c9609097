/* processes.h - the processes that share a training. A program of the plain build is one process
 * (processes.c) and knows no MPI; `make mpi-examples` puts in their place those that mpirun has
 * started (mpi/processes.c). All processes do the same; the first one prints and writes. */
#ifndef EXAMPLES_PROCESSES_H
#define EXAMPLES_PROCESSES_H

#include <tn/tn.h>

/* Before anything is printed, and when all is done. From then on what the others print on standard
 * output is lost. False where they are not together, which is said on standard error. */
bool processes_begin(const char *program, int *argc, char ***argv);
void processes_end(void);

/* What brings them together, "" for one process. */
const char *processes_library(void);

int processes_count(void);
bool processes_first(void); /* whether this is the first of them */

/* For another than the first: keeps a line for standard error until processes_all. */
void processes_keep(const char *program, const char *line);

/* Whether all are well. If not, the line that one has kept is printed, once and with the number of
 * its process, unless the first has printed one. All call it. */
bool processes_all(bool well);

/* The largest of a number that each of them has, and the sum. All call them. */
int processes_most(int value);
int64_t processes_total(int64_t value);

/* Whether a text is the one that the first of them has. All call it. */
bool processes_alike(const char *text);

/* Whether a piece of work, of those that are numbered from 0, is for this one. */
bool processes_own(int64_t number);

/* ---- a training that they share -------------------------------------------------------------- */

typedef struct process_share process_share;

/* Micro-batches of a batch that `given` means, the value of --micro-batches: 0 for a program whose
 * batches are whole. */
int64_t processes_micro_batches(int64_t given);

/* The network and the random stream become those of the first process. *s is NULL if batches are
 * whole. False with the error in ctx. All call it. */
bool processes_join(tn_ctx *ctx, tn_module *net, int64_t micro_batches, tn_reduction reduction,
                    process_share **s);
void processes_leave(process_share *s);

/* `opts` for a loader of which each process takes its own micro-batches; as they are for NULL. */
tn_loader_opts processes_share(const process_share *s, tn_loader_opts opts);

/* The loss of a micro-batch, of one element. */
typedef tn_tensor *(*batch_loss)(void *payload, const tn_batch *batch);

/* For a share that is not NULL: gradients of the loss of the loader's next batch, which all of them
 * add up, and the loss. False at the end of an epoch and on failure, as tn_loader_next. */
bool processes_backward(process_share *s, tn_ctx *ctx, tn_loader *loader, batch_loss loss,
                        void *payload, double *value);

/* Each number becomes the sum over all of them; as they are for NULL. False with the error in the
 * context. */
bool processes_sum(process_share *s, int64_t count, double *values);

#endif
