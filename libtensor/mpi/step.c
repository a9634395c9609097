/* step.c - a training step that several processes share. */
#include <string.h>
#include <tn/autograd.h>
#include "mpi/group.h"

/* The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
 * OOPSLA 2014), a bijection. */
static uint64_t scramble(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

tn_rng_state tn__stream_of(tn_rng_state step, int64_t micro_batch)
{
    uint64_t seed = scramble(scramble(step.seed) ^ step.position);
    return (tn_rng_state){.seed = scramble(seed ^ (uint64_t)micro_batch)};
}

/* ---- the beginning --------------------------------------------------------------------------- */

tn__progress *tn__progress_of(tn_mpi *mpi, const tn_loader *loader)
{
    int64_t id = tn_loader_id(loader);
    for (int i = 0; i < TN__LOADERS; i++)
        if (mpi->loaders[i].id == id)
            return &mpi->loaders[i];
    memmove(mpi->loaders + 1, mpi->loaders, (TN__LOADERS - 1) * sizeof *mpi->loaders);
    mpi->loaders[0] = (tn__progress){.id = id};
    return &mpi->loaders[0];
}

/* Is it one of this process's parts? */
static bool is_own(const tn_mpi *mpi)
{
    const int64_t *begin = mpi->tree.begin + mpi->rank;
    return mpi->batch.parts == mpi->tree.count && mpi->batch.part >= begin[0] &&
           mpi->batch.part < begin[1];
}

/* The first part of the batch that this step is to take. Of a step that has failed, processes may
 * have left several parts, or even all; these are passed over, and so is an end of the epoch that
 * not all have come to. */
static bool fetch_first(tn_mpi *mpi)
{
    bool fetched;
    do {
        fetched = tn_loader_next(mpi->loader, &mpi->batch);
        if (!tn_ok(mpi->ctx) || (fetched && !is_own(mpi)))
            return fetched;
        mpi->with->taken += !fetched || mpi->batch.part == mpi->tree.begin[mpi->rank];
    } while (mpi->with->taken < mpi->with->steps);
    return fetched;
}

bool tn__fetch(tn_mpi *mpi)
{
    bool first = mpi->with->taken < mpi->with->steps;
    if (first ? !fetch_first(mpi) : !tn_loader_next(mpi->loader, &mpi->batch))
        return false;
    int64_t expected = mpi->tree.begin[mpi->rank] + mpi->at;
    if (mpi->batch.parts != mpi->tree.count || mpi->batch.part != expected)
        tn_fail(mpi->ctx, TN_ERR_STATE,
                "mpi: the loader gives part %lld of %lld, where part %lld of %lld comes next; its "
                "options are those of tn_mpi_share",
                (long long)mpi->batch.part, (long long)mpi->batch.parts, (long long)expected,
                (long long)mpi->tree.count);
    return tn_ok(mpi->ctx);
}

static void prepare(tn_mpi *mpi, tn_loader *loader)
{
    mpi->loader = loader;
    mpi->with = tn__progress_of(mpi, loader);
    mpi->with->steps++;
    mpi->at = 0;
    mpi->fetched = false;
    if (!loader)
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi_step: the loader is NULL");
    if (!tn_ok(mpi->ctx) || !tn__layout(mpi))
        return;
    mpi->fetched = tn__fetch(mpi);
    if (!mpi->fetched)
        return;
    mpi->posted = mpi->summed = mpi->gathered = 0;
    for (int64_t i = 0; i < mpi->n_buckets; i++)
        mpi->buckets[i].waiting = mpi->buckets[i].leaves;
    for (int64_t i = 0; i < mpi->n_leaves; i++)
        mpi->leaves[i].done = 0;
    mpi->n_ready = 0;
    mpi->stages.exchanges = 0;
    mpi->stages.failed = false;
    mpi->given = mpi->ran = false;
    mpi->passed = true;
    tn__keep_buffers(mpi);
}

/* An error that all processes have agreed on is not agreed on again: who met it in tn_mpi_step has
 * left the loop, and who was told by tn_mpi_next comes here once more. */
bool tn_mpi_step(tn_mpi *mpi, tn_loader *loader)
{
    if (!tn__mpi_usable(mpi) || (!tn_ok(mpi->ctx) && mpi->known == tn_error_count(mpi->ctx)))
        return false;
    if (mpi->open) {
        tn_fail(mpi->ctx, TN_ERR_STATE,
                "mpi_step: the last step goes on: tn_mpi_next has not "
                "returned false yet");
        tn__finish(mpi);
    }
    prepare(mpi, loader);
    mpi->rng = tn_get_rng_state(mpi->ctx);
    uint64_t number = mpi->fetched ? (uint64_t)mpi->batch.number + 1 : 0;
    uint64_t whole = mpi->fetched ? (uint64_t)mpi->batch.whole : 0;
    tn__agree_begin(
        mpi, TN__STEP,
        (const uint64_t[TN__ITEMS]){mpi->layout, number, whole, mpi->rng.seed, mpi->rng.position});
    mpi->open = mpi->fetched && tn_ok(mpi->ctx);
    mpi->refused = false;
    if (!mpi->open)
        tn__agree_end(mpi);
    return mpi->open;
}

/* ---- micro-batches --------------------------------------------------------------------------- */

bool tn__has_begun(tn_mpi *mpi)
{
    if (mpi->agreement.pending)
        mpi->refused = !tn__agree_end(mpi);
    return !mpi->refused && !mpi->broken;
}

/* Brings all micro-batches to the last stage before the first one is given. */
static void begin_stages(tn_mpi *mpi)
{
    if (mpi->stages.count == 1 || mpi->stages.running || !tn_ok(mpi->ctx) || !tn__has_begun(mpi))
        return;
    mpi->ran = true;
    tn__stages_begin(mpi);
}

/* The next micro-batch of this process. */
static bool get(tn_mpi *mpi)
{
    if (mpi->stages.count > 1)
        mpi->batch = mpi->stages.batches[mpi->at];
    else if (!mpi->fetched && !tn__fetch(mpi))
        return false;
    mpi->fetched = false;
    return true;
}

static void give(tn_mpi *mpi, tn_batch *batch)
{
    if (mpi->ran)
        tn__restore_buffers(mpi);
    bool staged = mpi->stages.count > 1;
    tn_set_rng_state(mpi->ctx, staged ? mpi->stages.streams[mpi->at]
                                      : tn__stream_of(mpi->rng, mpi->batch.part));
    mpi->given = mpi->ran = true;
    mpi->passed = false;
    *batch = mpi->batch;
}

bool tn_mpi_next(tn_mpi *mpi, tn_batch *batch)
{
    if (!mpi || !mpi->open)
        return false;
    if (!batch)
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi_next: batch is NULL");
    if (mpi->given && !mpi->passed)
        tn_fail(mpi->ctx, TN_ERR_STATE,
                "mpi_next: tn_mpi_backward was not called for micro-batch "
                "%lld",
                (long long)mpi->batch.part);
    begin_stages(mpi);
    for (; mpi->at < mpi->tree.own && tn__mpi_usable(mpi) && tn_ok(mpi->ctx); mpi->at++) {
        if (mpi->refused || mpi->stages.failed || !get(mpi))
            break;
        if (mpi->batch.size > 0) {
            give(mpi, batch);
            return true;
        }
    }
    tn__finish(mpi);
    return false;
}

/* ---- backward -------------------------------------------------------------------------------- */

static bool take_gradient(tn_ctx *ctx, const tn_tensor *grad, void *payload)
{
    if (!tn_is_contiguous(grad)) {
        tn_tensor *plain = tn_empty(ctx, tn_dtype_of(grad), tn_ndim(grad), tn_shape(grad));
        if (!plain || tn_copy_(ctx, plain, grad) != TN_OK)
            return true;
        grad = plain;
    }
    tn__leaf *leaf = payload;
    if (!tn__add_leaf(leaf, leaf->mpi->current, tn_data(grad)))
        tn_fail(ctx, TN_ERR_STATE,
                "mpi_backward: a parameter of shape %s is used before and behind a SyncBatchNorm",
                TN_SHAPE_TEXT(grad));
    tn__poll(leaf->mpi);
    return false;
}

/* The program's own hooks have nothing to do with a micro-batch: they wait for the sum. */
static void set_hooks(tn_mpi *mpi)
{
    for (int64_t i = 1; i < mpi->n_leaves; i++) {
        tn__leaf *leaf = &mpi->leaves[i];
        if (!leaf->wanted)
            continue;
        if (!tn_requires_grad(leaf->param))
            tn_fail(mpi->ctx, TN_ERR_STATE,
                    "mpi_backward: a parameter of shape %s was frozen within the step: freeze it "
                    "before tn_mpi_step",
                    TN_SHAPE_TEXT(leaf->param));
        leaf->hook = tn_get_grad_hook(leaf->param, &leaf->payload);
        tn_on_grad(mpi->ctx, leaf->param, take_gradient, leaf);
    }
}

static void put_hooks_back(tn_mpi *mpi)
{
    for (int64_t i = 1; i < mpi->n_leaves; i++) {
        const tn__leaf *leaf = &mpi->leaves[i];
        if (leaf->wanted)
            tn_on_grad(mpi->ctx, leaf->param, leaf->hook, leaf->payload);
    }
}

static bool check_loss(tn_mpi *mpi, const tn_tensor *loss)
{
    tn_ctx *ctx = mpi->ctx;
    if (!tn_ok(ctx))
        return false;
    if (!mpi->open || !mpi->given || mpi->passed)
        tn_fail(ctx, TN_ERR_STATE,
                "mpi_backward: there is no micro-batch that it was not called "
                "for");
    else if (mpi->stages.count > 1 && !mpi->stages.forwarded[mpi->at])
        tn_fail(ctx, TN_ERR_STATE,
                "mpi_backward: tn_mpi_forward has not run micro-batch %lld, which a SyncBatchNorm "
                "needs",
                (long long)mpi->batch.part);
    else if (tn_check_float(ctx, "mpi_backward", "loss", loss) && tn_numel(loss) != 1)
        tn_fail(ctx, TN_ERR_SHAPE, "mpi_backward: the loss has shape %s, not one element",
                TN_SHAPE_TEXT(loss));
    return tn_ok(ctx);
}

void tn__run_backward(tn_mpi *mpi, int64_t i, const tn_tensor *root, const tn_tensor *grad)
{
    mpi->current = i;
    set_hooks(mpi);
    tn_backward_with(mpi->ctx, root, grad);
    put_hooks_back(mpi);
}

double tn__weight_of(const tn_batch *part)
{
    return (double)part->size / (double)part->whole;
}

/* The gradient of w L is w times that of L: a mean over the n_m samples of a micro-batch is
 * weighted by n_m / n. */
static void share_loss(tn_mpi *mpi, const tn_tensor *loss)
{
    tn_ctx *ctx = mpi->ctx;
    double weight = tn__weight_of(&mpi->batch);
    double share = mpi->opts.reduction == TN_REDUCE_SUM ? 1 : weight;
    tn_tensor *grad = tn_full(ctx, tn_dtype_of(loss), tn_ndim(loss), tn_shape(loss), share);
    if (!grad)
        return;
    tn__share_numbers(mpi, share * tn_item(ctx, loss), weight);
    tn__run_backward(mpi, mpi->at, loss, grad);
}

tn_status tn_mpi_backward(tn_mpi *mpi, const tn_tensor *loss)
{
    if (!mpi)
        return TN_ERR_ARGUMENT;
    if (!tn__mpi_usable(mpi) || !check_loss(mpi, loss) || !tn__has_begun(mpi))
        return tn_error_status(mpi->ctx);
    tn_scope scope = tn_scope_begin(mpi->ctx);
    share_loss(mpi, loss);
    tn_scope_end(mpi->ctx, scope);
    mpi->passed = true;
    mpi->at++;
    return tn_error_status(mpi->ctx);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The count behind a leaf's numbers says how many micro-batches had a gradient of it. */
static bool was_used(const tn__leaf *leaf, const char *sums)
{
    const tn__lane *lane = &leaf->mpi->lanes[leaf->lane];
    const void *count = sums + (size_t)leaf->numel * tn_dtype_size(lane->dtype);
    return lane->dtype == TN_F32 ? *(const float *)count > 0 : *(const double *)count > 0;
}

/* This backward begins at the parameter itself, whose hook is called. */
static void deliver(tn__leaf *leaf)
{
    const tn__lane *lane = &leaf->mpi->lanes[leaf->lane];
    char *sums = lane->sums + (size_t)leaf->at * tn_dtype_size(lane->dtype);
    tn_ctx *ctx = leaf->mpi->ctx;
    if (!was_used(leaf, sums))
        return;
    tn_tensor *grad = tn_from_blob(ctx, lane->dtype, tn_ndim(leaf->param), tn_shape(leaf->param),
                                   sums, NULL, NULL);
    if (grad)
        tn_backward_with(ctx, leaf->param, grad);
}

/* What a hook draws is the same for any number of processes: the stream is that of a micro-batch
 * behind the last one, and the order that of the parameters, not that in which they were ready. */
static void deliver_all(tn_mpi *mpi)
{
    tn_set_rng_state(mpi->ctx, tn__stream_of(mpi->rng, mpi->tree.count));
    tn_scope scope = tn_scope_begin(mpi->ctx);
    for (int64_t i = 0; i < mpi->n_params && tn_ok(mpi->ctx); i++)
        if (mpi->by_param[i]->wanted)
            deliver(mpi->by_param[i]);
    tn_scope_end(mpi->ctx, scope);
    if (tn_ok(mpi->ctx))
        tn__take_numbers(mpi);
}

static void undo(tn_mpi *mpi, double loss)
{
    mpi->loss = loss;
    for (int64_t i = 1; i < mpi->n_leaves; i++)
        tn_clear_grad(mpi->leaves[i].param);
    tn__restore_buffers(mpi);
    tn_set_rng_state(mpi->ctx, mpi->rng);
}

/* A process that has failed sends what is there: the others wait for it, and know that it is
 * nothing before anything is delivered. Delivering may fail as well. */
void tn__finish(tn_mpi *mpi)
{
    mpi->open = false;
    double loss = mpi->loss;
    bool well = tn__has_begun(mpi);
    if (well) {
        if (mpi->stages.count > 1)
            tn__stages_end(mpi);
        if (tn_ok(mpi->ctx))
            tn__complete_leaves(mpi);
        tn__post(mpi, true);
        tn__agree_begin(mpi, TN__STEP_ENDS, NULL);
        tn__wait_all(mpi);
        well = tn__agree_end(mpi);
    }
    if (well) {
        deliver_all(mpi);
        well = tn__agree(mpi, TN__STEP_ENDS, NULL);
    }
    tn__stages_leave(mpi);
    if (!well) {
        undo(mpi, loss);
        return;
    }
    tn__take_order(mpi);
    mpi->rng.position++;
    tn_set_rng_state(mpi->ctx, mpi->rng);
}
