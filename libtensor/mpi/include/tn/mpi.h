/* mpi.h - data-parallel training over MPI: libtensor-mpi, a library beside libtensor.
 *
 * Each process holds the model and computes a share of every batch; gradients are summed over all
 * of them while the rest of backward goes on. A training step looks as before plus one line:
 *
 *     MPI_Init(&argc, &argv);
 *     tn_mpi *mpi = tn_mpi_new(ctx, MPI_COMM_WORLD, net, (tn_mpi_opts){0});
 *     tn_loader *loader = tn_loader_new(ctx, x, y, tn_mpi_share(mpi, opts));
 *     tn_batch batch;
 *     while (tn_mpi_step(mpi, loader)) {
 *         while (tn_mpi_next(mpi, &batch)) {
 *             tn_scope scope = tn_scope_begin(ctx);
 *             tn_tensor *y = tn_forward(ctx, net, batch.x);
 *             tn_mpi_backward(mpi, tn_cross_entropy(ctx, y, batch.y, loss_opts));
 *             tn_scope_end(ctx, scope);
 *         }
 *         tn_step(optim);
 *         tn_zero_grad(optim);
 *     }
 *     tn_mpi_free(mpi);
 *     MPI_Finalize();
 *
 * Link with -ltensor-mpi -ltensor, by the mpicc that the library was built with. It works in a
 * duplicate of the communicator that it is given, never initialises or finalises MPI, and calls it
 * from the calling thread alone: MPI_THREAD_FUNNELED is enough.
 *
 * The same bits for any number of processes. A batch of n samples is cut into V micro-batches:
 * number m has the samples from floor(m n / V) to floor((m + 1) n / V), and process r of P has the
 * micro-batches from floor(r V / P) to floor((r + 1) V / P). A process runs each of its
 * micro-batches forward and backward by itself, and the V gradients are added over one binary
 * tree, which is a function of V alone: numbers low to high - 1 are the sum of those below
 * low + 2^k and of the others, 2^k being the largest power of two below high - low. What is random
 * in a micro-batch (dropout) follows from the context's random stream at the beginning of the step
 * and from m. So 1, 2, 3, ... V processes change the parameters alike, bit for bit, with as many
 * threads each, on processors of the same kind (context.h). It costs least where V / P is a power
 * of two: each process sends then what it would send with any method, 2 (P - 1) / P of the
 * gradients; otherwise it sends the sums of several parts of the tree.
 *
 * Collective functions are called by all processes in the same order, as those of MPI are. Each
 * begins with an agreement: an error that a process has recorded in its context becomes the error
 * of all, "process 2: loader_next: sample 7: 7.jpg is no photograph", with the status that it has
 * there, and the call fails everywhere; so does one that the others do not make. Within a step, the
 * errors of forward and backward are agreed on at its end. So all processes leave the loop at the
 * same step, and none waits for ever for one that has failed. A process that is killed is left to
 * MPI, whose launcher ends the others. Errors of MPI are TN_ERR_STATE with its text. */
#ifndef TN_MPI_H
#define TN_MPI_H

#include <mpi.h>
#include <tn/nn.h>
#include <tn/state.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a training that several processes share ------------------------------------------------- */

/* One process's part in it. */
typedef struct tn_mpi tn_mpi;

/* The same in all processes. */
typedef struct tn_mpi_opts {
    int64_t micro_batches; /* V: at least as many as there are processes; 0: 8 */

    /* What the program's loss is of the samples of a micro-batch: with a mean, gradients are
     * weighted by samples, so that they are those of the mean over the whole batch; with a sum they
     * are added as they are. A mean that does not count samples alike, such as that of
     * tn_cross_entropy with weights of classes or ignored targets, is one of each micro-batch: take
     * the sum of the losses, divided by what the whole batch counts. */
    tn_reduction reduction;

    int64_t first_bucket_bytes; /* gradients that are sent at once, the first time; 0: 1 MiB */
    int64_t bucket_bytes;       /* and later; 0: 25 MiB; at most 1 GiB */
    bool no_overlap;            /* send when backward has ended, to measure what overlap brings */

    /* Leave the order of sums to MPI_Iallreduce, which may be faster. The bits depend on the number
     * of processes, then, and on MPI: with Open MPI and MPICH they may differ between runs. */
    bool allreduce;
} tn_mpi_opts;

/* Collective. `module` and `ctx`, of which the processes have one each, become what they are in
 * process 0: parameters, buffers, and the random stream. The module must outlive the result and
 * keep its modules. NULL on failure, in all processes: TN_ERR_ARGUMENT for options out of range,
 * more processes than micro-batches or a communicator between two groups; TN_ERR_STATE if MPI is
 * not initialised, the modules or the options differ, or tn_mpi_check_launcher fails;
 * TN_ERR_MEMORY. To be freed by tn_mpi_free before the context. */
TN_API tn_mpi *tn_mpi_new(tn_ctx *ctx, MPI_Comm comm, tn_module *module, tn_mpi_opts opts);

/* Collective, before MPI_Finalize: frees the communicators and the sums. Where a process has failed
 * and calls this alone, the others' next call fails. After MPI_Finalize it frees what is left, and
 * is not collective; every other call is TN_ERR_STATE then. NULL is allowed. */
TN_API void tn_mpi_free(tn_mpi *mpi);

/* The number of this process, from 0. 0 for NULL, in every process: a program that goes on where
 * tn_mpi_new has failed asks MPI_Comm_rank who is to print. */
TN_API int tn_mpi_rank(const tn_mpi *mpi);
TN_API int tn_mpi_size(const tn_mpi *mpi); /* how many processes there are; 0 for NULL */

/* Collective: parameters, buffers and the random stream become those of process 0 again, for
 * instance after that has read a file. */
TN_API tn_status tn_mpi_broadcast(tn_mpi *mpi);

/* TN_ERR_STATE if the environment says that several processes were started while MPI_COMM_WORLD has
 * this one alone: a program that was built with one MPI and started by the mpirun of another is as
 * many programs, each of which takes itself for the only one. It looks for OMPI_COMM_WORLD_SIZE,
 * PMI_SIZE and, where neither is there, SLURM_STEP_NUM_TASKS; who wants such processes unsets them.
 * tn_mpi_new begins with it. For a program that prints or writes before: not collective. */
TN_API tn_status tn_mpi_check_launcher(tn_ctx *ctx);

/* ---- steps ----------------------------------------------------------------------------------- */

/* `opts` for a loader that gives this process's micro-batches of each batch: sets `parts`,
 * `first_part` and `part_count`. All processes make a loader of the same samples with the same
 * options; each reads its own share alone. Every sample comes once in an epoch over all processes,
 * and no sample twice. In a loop of tn_loader_next, such as one of evaluation, batches may be
 * empty: pass over those whose size is 0. For a NULL mpi, opts as they are. */
TN_API tn_loader_opts tn_mpi_share(const tn_mpi *mpi, tn_loader_opts opts);

/* Collective: begins the step of the loader's next batch. False at the end of an epoch, in all
 * processes, and on failure. An error that all processes know of is not agreed on again: it is
 * false at once, until that is cleared. What the program itself draws from the random stream
 * between steps must be the same in all processes, or it is TN_ERR_STATE. */
TN_API bool tn_mpi_step(tn_mpi *mpi, tn_loader *loader);

/* The next micro-batch of this process; false after the last one. It is to be given to
 * tn_mpi_backward before the next is asked for. Those without samples are passed over: a process
 * may have none at all. Before it returns false, all processes together finish the step: the
 * gradients of the parameters are increased by the sums over the whole batch, so that clipping,
 * accumulation over several steps, schedules and groups work as they do in one process. If a
 * process has failed, the error is recorded in all, gradients are cleared, and buffers and random
 * stream are as before the step. Once the error is cleared in all, the next step takes the next
 * batch.
 *
 * Buffers. Each micro-batch finds those of the beginning of the step. Where a micro-batch has
 * changed a buffer, it becomes the mean of what all micro-batches made of it, weighted by samples,
 * with the same tree; integers the rounded mean. So running statistics take one step towards the
 * mean statistics of the micro-batches, and num_batches_tracked counts one. */
TN_API bool tn_mpi_next(tn_mpi *mpi, tn_batch *batch);

/* In place of tn_backward, for the loss of the micro-batch, of one element. While gradients of the
 * last micro-batch are computed, those that are complete are sent, in the order in which the first
 * step has made them in process 0. Parameters that are frozen take no part; they must be the same
 * in all processes. A NULL loss whose error is recorded is passed on.
 *
 * Hooks. What the program has set by tn_on_grad for a parameter is called once in a step, in the
 * tn_mpi_next that ends it, if no process has failed: with the sum over the whole batch, which is
 * added to the gradient if the hook returns true. So it sees what it sees in one process without
 * MPI, the same bits in all of them, one parameter after another as the module has them, and what
 * it draws from the random stream is the same as well, for any number of processes. All processes
 * have the same hooks where these change anything; where one fails, the step fails in all, and what
 * others have done by then stays. Hooks of other tensors are called for each micro-batch, as
 * tn_on_grad says. */
TN_API tn_status tn_mpi_backward(tn_mpi *mpi, const tn_tensor *loss);

/* In place of tn_forward of the module that tn_mpi_new was given: what it makes of the x of this
 * micro-batch, in the innermost scope. Where the module has a SyncBatchNorm that is training, no
 * other way leads through it: see below. NULL on failure. */
TN_API tn_tensor *tn_mpi_forward(tn_mpi *mpi);

/* The loss of the last step over the whole batch, the same bits in all processes; NaN before the
 * first. */
TN_API double tn_mpi_loss(const tn_mpi *mpi);

/* ---- batch normalisation over the whole batch ------------------------------------------------ */

/* tn_nn_batch_norm2d, but that in training the mean and the variance are those of the whole batch,
 * over all micro-batches, and so are the sums in their gradients. torch.nn.SyncBatchNorm; its state
 * has the names of tn_nn_batch_norm2d, so that each loads what the other has saved. The results are
 * those of tn_nn_batch_norm2d on one big batch to rounding, and the same bits for any number of
 * processes: what the micro-batches have is added over the tree that gradients are added over.
 *
 * All micro-batches have to come to the module before one of them goes on. So it stands, itself or
 * in another Sequential, in the Sequential that tn_mpi_new is given, and tn_mpi_forward runs that:
 *
 *     while (tn_mpi_next(mpi, &batch)) {
 *         tn_scope scope = tn_scope_begin(ctx);
 *         tn_tensor *y = tn_mpi_forward(mpi);
 *         tn_mpi_backward(mpi, tn_cross_entropy(ctx, y, batch.y, loss_opts));
 *         tn_scope_end(ctx, scope);
 *     }
 *
 * The first tn_mpi_next of a step brings all micro-batches of the process up to the last
 * SyncBatchNorm, tn_mpi_forward brings one of them to the end, and the last tn_mpi_next goes back
 * from the last SyncBatchNorm to the beginning: so the network takes x as the loader gives it, what
 * all micro-batches have made is in memory together, and scopes that are begun between two calls of
 * tn_mpi_next end between them. Errors of the first part come from tn_mpi_next. There are two
 * exchanges of 2 `channels` doubles per process and step, in which processes wait for each other;
 * gradients are sent meanwhile. A parameter may not be used on both sides of a SyncBatchNorm.
 *
 * In evaluation tn_forward runs it as usual. In training that is TN_ERR_STATE, and so is one that
 * stands in another module than a Sequential; one value per channel is TN_ERR_SHAPE. */
TN_API tn_module *tn_mpi_sync_batch_norm2d(tn_ctx *ctx, int64_t channels, tn_batch_norm_opts opts);

/* ---- agreeing -------------------------------------------------------------------------------- */

/* Collective: fails in all processes if one has recorded an error. After what they do by
 * themselves: reading data, evaluating, making an optimiser. */
TN_API tn_status tn_mpi_check(tn_mpi *mpi);

/* Collective: each of `count` numbers becomes the sum over all processes, such as answers that are
 * right and samples seen. Exact. */
TN_API tn_status tn_mpi_sum(tn_mpi *mpi, int64_t count, int64_t *values);

/* Collective: the same for doubles, added in the order of the processes: the same bits in all of
 * them, but not for another number of processes. */
TN_API tn_status tn_mpi_sum_f64(tn_mpi *mpi, int64_t count, double *values);

/* ---- checkpoints ----------------------------------------------------------------------------- */

/* Collective, between steps: process 0 writes what tn_save_checkpoint writes, whole or not at all;
 * the other processes may have no such path. */
TN_API tn_status tn_mpi_save_checkpoint(tn_mpi *mpi, tn_checkpoint parts, const char *path);

/* Collective: process 0 reads the file, and all load it as tn_load_checkpoint does. Another number
 * of processes, with as many micro-batches, goes on with the same bits. */
TN_API tn_status tn_mpi_load_checkpoint(tn_mpi *mpi, tn_checkpoint parts, const char *path);

#ifdef __cplusplus
}
#endif

#endif
