/* agree.c - what processes tell each other before and after what they do together: that they do the
 * same, and whether one of them has failed. */
#include <stdio.h>
#include <string.h>
#include "mpi/group.h"

static const char *const calls[] = {"",
                                    "tn_mpi_new",
                                    "tn_mpi_free",
                                    "tn_mpi_broadcast",
                                    "tn_mpi_step",
                                    "the end of a step",
                                    "tn_mpi_check",
                                    "tn_mpi_sum",
                                    "a checkpoint"};

/* A hash of what has no number that says something. */
static const char SHAPES[] = "parameters or buffers of other shapes or dtypes, others that are "
                             "frozen, or other SyncBatchNorms";

/* What stands behind each call, for messages. */
static const char *const names[][TN__ITEMS - 1] = {
    [TN__NEW] = {"micro_batches", "reduction", "first_bucket_bytes", "bucket_bytes", "allreduce",
                 "the number of parameters", "the number of buffers", SHAPES},
    [TN__BROADCAST] = {SHAPES},
    [TN__STEP] = {SHAPES, "the batch (from 1; 0: the end of the epoch)",
                  "the number of samples in the batch", "the seed of the random stream",
                  "the position of the random stream"},
    [TN__SUM] = {"the kind of numbers (0: int64_t, 1: double)", "the number of numbers"},
    [TN__CHECKPOINT] = {"what is done (1, 2: to save, 3 to 6: to load)"}};

bool tn__mpi_ok(tn_mpi *mpi, int code, const char *function)
{
    if (code == MPI_SUCCESS)
        return true;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    MPI_Error_string(code, text, &length);
    mpi->broken = true;
    tn_fail(mpi->ctx, TN_ERR_STATE, "mpi: %s: %.300s", function, text);
    return false;
}

bool tn__mpi_is_over(void)
{
    int ended = 0;
    MPI_Finalized(&ended);
    return ended;
}

bool tn__mpi_is_running(tn_ctx *ctx, const char *what)
{
    int begun = 0;
    MPI_Initialized(&begun);
    if (!begun || tn__mpi_is_over())
        tn_fail(ctx, TN_ERR_STATE, "%s: MPI_Init %s", what,
                begun ? "is over: MPI_Finalize was called" : "was not called");
    return begun && !tn__mpi_is_over();
}

bool tn__mpi_usable(tn_mpi *mpi)
{
    if (mpi && !mpi->broken && tn__mpi_is_over()) {
        mpi->broken = true;
        tn_fail(mpi->ctx, TN_ERR_STATE, "mpi: MPI_Finalize was called; only tn_mpi_free is left");
    }
    if (mpi && mpi->broken)
        tn_fail(mpi->ctx, TN_ERR_STATE,
                "mpi: the processes do no longer the same; only tn_mpi_free is left");
    return mpi && !mpi->broken;
}

bool tn__mpi_between(tn_mpi *mpi, const char *what)
{
    if (mpi && mpi->open)
        tn_fail(mpi->ctx, TN_ERR_STATE, "%s: within a step: tn_mpi_next has not returned false yet",
                what);
    return tn__mpi_usable(mpi) && !mpi->open;
}

/* ---- what has gone wrong --------------------------------------------------------------------- */

/* A process's status and reason, for all. */
typedef struct reason {
    int32_t status;
    char text[TN__REASON];
} reason;

/* An error that another process has told of has the number of that already. */
static void describe(const tn_mpi *mpi, reason *why)
{
    why->status = tn_error_status(mpi->ctx);
    if (mpi->ctx && mpi->told == tn_error_count(mpi->ctx))
        snprintf(why->text, sizeof why->text, "%.500s", tn_error(mpi->ctx));
    else
        snprintf(why->text, sizeof why->text, "process %d: %.500s", mpi->rank,
                 mpi->ctx ? tn_error(mpi->ctx) : "it has no context");
}

static void share_failure(tn_mpi *mpi, int process)
{
    reason why = {0};
    describe(mpi, &why);
    if (!tn__mpi_ok(mpi, MPI_Bcast(&why, (int)sizeof why, MPI_BYTE, process, mpi->control),
                    "MPI_Bcast") ||
        process == mpi->rank || !tn_ok(mpi->ctx))
        return;
    tn_fail(mpi->ctx, why.status, "%s", why.text);
    mpi->told = tn_error_count(mpi->ctx);
}

/* The first process that differs from process 0 in an item, and both values. */
static int find_other(tn_mpi *mpi, int item, uint64_t *first, uint64_t *other)
{
    uint64_t mine = mpi->agreement.sent[item];
    struct {
        uint64_t value;
        int process;
    } pair = {mine, 0};
    *first = mine;
    if (!tn__mpi_ok(mpi, MPI_Bcast(first, 1, MPI_UINT64_T, 0, mpi->control), "MPI_Bcast"))
        return -1;
    int candidate = mine != *first ? mpi->rank : mpi->size;
    if (!tn__mpi_ok(mpi,
                    MPI_Allreduce(&candidate, &pair.process, 1, MPI_INT, MPI_MIN, mpi->control),
                    "MPI_Allreduce") ||
        !tn__mpi_ok(mpi, MPI_Bcast(&pair.value, 1, MPI_UINT64_T, pair.process, mpi->control),
                    "MPI_Bcast"))
        return -1;
    *other = pair.value;
    return pair.process;
}

static void tell_call(tn_mpi *mpi)
{
    uint64_t first, other;
    int process = find_other(mpi, 0, &first, &other);
    mpi->broken = true;
    if (process >= 0 && mpi->agreement.sent[0] != TN__FREE)
        tn_fail(mpi->ctx, TN_ERR_STATE, "mpi: process %d has come to %s, but process 0 to %s",
                process, calls[other], calls[first]);
}

static void tell_item(tn_mpi *mpi, int item)
{
    uint64_t first, other;
    uint64_t call = mpi->agreement.sent[0];
    const char *name = names[call][item - 1];
    int process = find_other(mpi, item, &first, &other);
    if (process >= 0 && name == SHAPES)
        tn_fail(mpi->ctx, TN_ERR_STATE, "mpi: %s: process %d has %s than process 0", calls[call],
                process, name);
    else if (process >= 0)
        tn_fail(mpi->ctx, TN_ERR_STATE, "mpi: %s: %s is %lld in process %d, but %lld in process 0",
                calls[call], name, (long long)other, process, (long long)first);
}

/* ---- agreeing -------------------------------------------------------------------------------- */

void tn__agree_begin(tn_mpi *mpi, tn__call call, const uint64_t *items)
{
    tn__agreement *a = &mpi->agreement;
    a->sent[0] = call;
    for (int i = 1; i < TN__ITEMS; i++)
        a->sent[i] = items ? items[i - 1] : 0;
    for (int i = 0; i < TN__ITEMS; i++)
        a->sent[TN__ITEMS + i] = ~a->sent[i];
    a->sent[2 * TN__ITEMS] = tn_ok(mpi->ctx) ? 0 : (uint64_t)(mpi->size - mpi->rank);
    a->pending =
        !mpi->broken && tn__mpi_ok(mpi,
                                   MPI_Iallreduce(a->sent, a->got, 2 * TN__ITEMS + 1, MPI_UINT64_T,
                                                  MPI_MAX, mpi->control, &a->request),
                                   "MPI_Iallreduce");
}

static bool is_same(const tn__agreement *a, int item)
{
    return a->got[item] == ~a->got[TN__ITEMS + item];
}

bool tn__agree_end(tn_mpi *mpi)
{
    tn__agreement *a = &mpi->agreement;
    if (!a->pending)
        return false;
    a->pending = false;
    if (tn__mpi_is_over() || !tn__mpi_ok(mpi, MPI_Wait(&a->request, MPI_STATUS_IGNORE), "MPI_Wait"))
        return false;
    uint64_t failed = a->got[2 * TN__ITEMS];
    int different = 0;
    while (different < TN__ITEMS && is_same(a, different))
        different++;
    if (!failed && different == TN__ITEMS)
        return true;
    if (failed && (different == 0 || a->got[0] != TN__FREE))
        share_failure(mpi, mpi->size - (int)failed);
    if (different == 0)
        tell_call(mpi);
    else if (!failed)
        tell_item(mpi, different);
    mpi->known = tn_error_count(mpi->ctx);
    return false;
}

bool tn__agree(tn_mpi *mpi, tn__call call, const uint64_t *items)
{
    tn__agree_begin(mpi, call, items);
    return tn__agree_end(mpi);
}
