/* cases.h - what the tests of libtensor-mpi share.
 *
 * Each runs in all processes of one mpirun; what they must agree on is compared, and what must be
 * the same for any number of processes is printed as "same NAME HASH" for tests/mpi/run.sh. */
#ifndef TEST_MPI_CASES_H
#define TEST_MPI_CASES_H

#include <tn/mpi.h>
#include <tn/tn.h>

extern int rank, size; /* of MPI_COMM_WORLD */

/* Counts a check, and prints it if it fails. */
#define CHECK(condition) check(condition, #condition, __FILE__, __LINE__)
void check(bool ok, const char *text, const char *file, int line);

/* The error of ctx, which is forgotten. */
#define CHECK_ERROR(ctx, status, ...) check_error(ctx, status, __FILE__, __LINE__, __VA_ARGS__)
void check_error(tn_ctx *ctx, tn_status status, const char *file, int line, const char *format,
                 ...);

/* A hash of parameters, buffers and random stream. */
uint64_t digest(tn_ctx *ctx, const tn_module *net);

/* The value is the same in all processes, and for any number of them if it has a name. */
void same(const char *name, uint64_t value);

/* ---- a network and its data ------------------------------------------------------------------ */

/* One thread, with a seed that differs between processes. */
tn_ctx *context(void);

/* [1,28,28] -> 10: convolutions with batch normalisation and dropout. */
tn_module *cnn(tn_ctx *ctx);

/* 784 -> 10, without anything random. */
tn_module *mlp(tn_ctx *ctx, tn_dtype dtype);

/* The first n digits as [n,1,28,28] floats and their labels. */
typedef struct digits {
    tn_tensor *x, *y;
} digits;
digits digits_of(tn_ctx *ctx, int64_t n);

/* The mean loss of a micro-batch. */
tn_tensor *loss_of(tn_ctx *ctx, tn_module *net, const tn_batch *batch);

/* A whole training: `steps` of them, from where the loader is. Returns whether all went well. */
typedef struct training {
    tn_ctx *ctx;
    tn_module *net;
    tn_optim *optim;
    tn_schedule *schedule;
    tn_loader *loader;
    tn_mpi *mpi;
} training;

/* One thread, and memory as long as `works` says so. */
tn_ctx *context_while(bool (*works)(void));

/* The mean loss of a micro-batch through tn_mpi_forward. */
tn_tensor *sync_loss(const training *t, const tn_batch *batch);

/* Forward and backward of the next batch, over the end of an epoch; false if that fails. */
bool learn_batch(training *t, tn_tensor *(*loss)(const training *t, const tn_batch *batch));

training begin(tn_ctx *ctx, tn_module *net, digits data, tn_loader_opts loader, tn_mpi_opts opts);
int64_t run(training *t, int64_t steps);
tn_checkpoint parts_of(const training *t);
void end(training *t);

/* ---- the tests ------------------------------------------------------------------------------- */

void trees(void);          /* tree.c, without MPI */
void trainings(void);      /* trainings.c */
void norms(void);          /* norms.c */
void buckets(void);        /* buckets.c */
void memory(void);         /* memory.c */
void faults(void);         /* faults.c */
void hooks(void);          /* hooks.c */
void calls(void);          /* calls.c: functions one by one */
void leave(void);          /* calls.c: what is freed behind MPI_Finalize, */
void behind_the_end(void); /* and that it can be */
void checkpoints(const char *folder);

/* For 8 processes on few cores, and for tools that take long. */
void some_trainings(void);
void some_norms(void);

/* Trains and saves checkpoints until process `victim` is killed; goes on from the last one. */
void killed(const char *folder, int victim);
void resumed(const char *folder);

#endif
