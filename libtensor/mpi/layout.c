/* layout.c - where gradients and buffers lie while they are summed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tn/autograd.h>
#include "mpi/group.h"

void tn__layout_free(tn_mpi *mpi)
{
    for (int64_t i = 0; mpi->buckets && i < mpi->n_buckets; i++) {
        free(mpi->buckets[i].counts);
        free(mpi->buckets[i].parts);
    }
    tn__stages_close(mpi);
    free(mpi->leaves);
    free(mpi->by_param);
    free(mpi->stats);
    free(mpi->buckets);
    free(mpi->numbers);
    tn_dict_free(mpi->memory);
    mpi->leaves = NULL;
    mpi->by_param = NULL;
    mpi->stats = NULL;
    mpi->buckets = NULL;
    mpi->numbers = NULL;
    mpi->memory = NULL;
    mpi->n_leaves = mpi->n_buckets = 0;
    mpi->layout = 0;
}

/* Memory of the context, so that its allocator may refuse it. */
static tn_tensor *room(tn_mpi *mpi, const char *name, int64_t i, tn_dtype dtype, int ndim,
                       const int64_t *shape)
{
    char whole[64];
    snprintf(whole, sizeof whole, "%s.%lld", name, (long long)i);
    tn_tensor *t = tn_zeros(mpi->ctx, dtype, ndim, shape);
    if (t)
        tn_dict_set(mpi->memory, whole, t);
    tn_free(t);
    return tn_ok(mpi->ctx) ? tn_dict_get(mpi->memory, whole) : NULL;
}

void *tn__zeros(tn_mpi *mpi, int64_t count, size_t size)
{
    void *p = tn_ok(mpi->ctx) ? calloc((size_t)count + 1, size) : NULL;
    if (!p)
        tn_fail(mpi->ctx, TN_ERR_MEMORY, "mpi: out of memory: %lld times %lld bytes",
                (long long)count, (long long)size);
    return p;
}

/* ---- leaves ---------------------------------------------------------------------------------- */

static void place_leaf(tn_mpi *mpi, tn__leaf *leaf, int lane, int64_t numel)
{
    leaf->lane = lane;
    leaf->numel = numel;
    leaf->at = mpi->lanes[lane].numel;
    mpi->lanes[lane].numel += numel + 1;
}

/* The loss and, for each buffer, its numbers and whether they have changed. */
static void place_buffers(tn_mpi *mpi)
{
    int64_t next = 1;
    for (int64_t i = 0; i < mpi->n_stats; i++) {
        tn__stat *s = &mpi->stats[i];
        s->buffer = mpi->buffers[i];
        s->at = next;
        next += tn_numel(s->buffer) + 1;
        tn_dtype dtype = tn_dtype_of(s->buffer);
        int ndim = tn_ndim(s->buffer);
        s->start = room(mpi, "start", i, dtype, ndim, tn_shape(s->buffer));
        s->now = room(mpi, "now", i, dtype, ndim, tn_shape(s->buffer));
    }
    int64_t rows = mpi->stages.count > 1 ? mpi->tree.own : 1;
    mpi->numbers = tn__zeros(mpi, rows * next, sizeof *mpi->numbers);
    place_leaf(mpi, &mpi->leaves[0], TN__STATS, next);
}

static void place_leaves(tn_mpi *mpi)
{
    for (int64_t i = 0; i < mpi->n_leaves; i++)
        mpi->leaves[i].mpi = mpi;
    place_buffers(mpi);
    for (int64_t i = 1; i < mpi->n_leaves; i++) {
        tn__leaf *leaf = &mpi->leaves[i];
        leaf->number = mpi->order[i - 1];
        leaf->param = mpi->params[leaf->number];
        mpi->by_param[leaf->number] = leaf;
        leaf->wanted = tn_requires_grad(leaf->param);
        if (leaf->wanted)
            place_leaf(mpi, leaf, tn_dtype_of(leaf->param) == TN_F64 ? TN__LANE_F64 : TN__LANE_F32,
                       tn_numel(leaf->param));
    }
}

/* ---- buckets --------------------------------------------------------------------------------- */

/* The end of the bucket that begins at `low`, the first one of gradients or another. */
static int64_t bucket_end(const tn_mpi *mpi, const tn__lane *lane, int64_t low, bool first)
{
    int64_t bytes = first ? mpi->opts.first_bucket_bytes : mpi->opts.bucket_bytes;
    int64_t numel = bytes / (int64_t)tn_dtype_size(lane->dtype);
    return lane->numel - low > numel ? low + (numel ? numel : 1) : lane->numel;
}

/* Cuts all lanes; only counts if there are no buckets yet. */
static int64_t cut(tn_mpi *mpi)
{
    int64_t count = 0;
    bool first = true;
    for (int lane = 0; lane < TN__LANES; lane++) {
        const tn__lane *l = &mpi->lanes[lane];
        for (int64_t low = 0, high; low < l->numel; low = high) {
            high = bucket_end(mpi, l, low, first && lane != TN__STATS);
            first = first && lane == TN__STATS;
            if (mpi->buckets)
                mpi->buckets[count] = (tn__bucket){
                    .lane = lane, .low = low, .high = high, .gather = MPI_REQUEST_NULL};
            count++;
        }
    }
    return count;
}

static void fill_bucket(tn_mpi *mpi, tn__bucket *b, int64_t *received)
{
    int64_t n = b->high - b->low, p = mpi->size, r = mpi->rank;
    int most = mpi->tree.most;
    b->mine = (r + 1) * (n / p) + (r + 1) * (n % p) / p - (r * (n / p) + r * (n % p) / p);
    b->counts = tn__zeros(mpi, (int64_t)(4 * most + 2) * p, sizeof *b->counts);
    b->parts = tn__zeros(mpi, most, sizeof(MPI_Request));
    for (int j = 0; b->parts && j < most; j++)
        b->parts[j] = MPI_REQUEST_NULL;
    if ((double)b->mine * mpi->tree.first[p] > INT32_MAX)
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi: buckets of %lld bytes are too large",
                (long long)mpi->opts.bucket_bytes);
    *received += b->mine * mpi->tree.first[p];
}

/* The leaf's first and last bucket, which it makes wait. */
static void find_buckets(tn_mpi *mpi, tn__leaf *leaf)
{
    leaf->first = -1;
    for (int64_t i = 0; i < mpi->n_buckets; i++) {
        tn__bucket *b = &mpi->buckets[i];
        if (b->lane != leaf->lane || b->high <= leaf->at || b->low > leaf->at + leaf->numel)
            continue;
        leaf->first = leaf->first < 0 ? i : leaf->first;
        leaf->last = i;
        b->leaves++;
    }
}

static void make_lanes(tn_mpi *mpi)
{
    int64_t received[TN__LANES] = {0};
    mpi->n_buckets = cut(mpi);
    mpi->buckets = tn__zeros(mpi, mpi->n_buckets, sizeof *mpi->buckets);
    if (!mpi->buckets)
        return;
    cut(mpi);
    for (int64_t i = 0; i < mpi->n_buckets && tn_ok(mpi->ctx); i++)
        fill_bucket(mpi, &mpi->buckets[i], &received[mpi->buckets[i].lane]);
    for (int i = 0; i < TN__LANES && tn_ok(mpi->ctx); i++) {
        tn__lane *l = &mpi->lanes[i];
        bool exchanged = mpi->size > 1 && !mpi->opts.allreduce;
        tn_tensor *sums =
            room(mpi, "sums", i, l->dtype, TN_SHAPE((int64_t)mpi->tree.depth, l->numel));
        tn_tensor *others =
            room(mpi, "received", i, l->dtype, TN_SHAPE(exchanged ? received[i] : 0));
        l->sums = sums ? tn_data_mut(sums) : NULL;
        l->received = others ? tn_data_mut(others) : NULL;
    }
}

static void connect(tn_mpi *mpi)
{
    int64_t at[TN__LANES] = {0};
    for (int64_t i = 0; i < mpi->n_buckets; i++) {
        tn__bucket *b = &mpi->buckets[i];
        const tn__lane *l = &mpi->lanes[b->lane];
        b->received = l->received + (size_t)at[b->lane] * tn_dtype_size(l->dtype);
        at[b->lane] += b->mine * mpi->tree.first[mpi->size];
    }
    for (int64_t i = 0; i < mpi->n_leaves; i++)
        if (i == 0 || mpi->leaves[i].wanted)
            find_buckets(mpi, &mpi->leaves[i]);
}

/* ---- the whole ------------------------------------------------------------------------------- */

uint64_t tn__mix(uint64_t hash, int64_t value)
{
    for (int i = 0; i < 8; i++)
        hash = (hash ^ (((uint64_t)value >> 8 * i) & 0xff)) * 0x100000001b3;
    return hash;
}

static uint64_t mix_tensor(uint64_t hash, const tn_tensor *t)
{
    hash = tn__mix(tn__mix(hash, tn_dtype_of(t)), tn_requires_grad(t));
    for (int d = 0; d < tn_ndim(t); d++)
        hash = tn__mix(hash, tn_size(t, d));
    return hash;
}

static uint64_t hash_of(const tn_mpi *mpi)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (int64_t i = 0; i < mpi->n_params; i++)
        hash = mix_tensor(hash, mpi->params[i]);
    for (int64_t i = 0; i < mpi->n_stats; i++)
        hash = mix_tensor(hash, mpi->buffers[i]);
    return tn__stages_hash(mpi, hash);
}

static uint64_t mix_order(const tn_mpi *mpi, uint64_t hash)
{
    for (int64_t i = 0; i < mpi->n_params; i++)
        hash = tn__mix(hash, mpi->order[i]);
    return hash;
}

/* Those that were not complete, since they are frozen, come last. */
static void add_others(tn_mpi *mpi)
{
    for (int64_t i = 1; i < mpi->n_leaves; i++)
        if (!mpi->leaves[i].wanted)
            mpi->ready[mpi->n_ready++] = mpi->leaves[i].number;
}

void tn__take_order(tn_mpi *mpi)
{
    uint64_t hash = hash_of(mpi);
    if (hash == mpi->ordered_for)
        return;
    add_others(mpi);
    if (!tn__mpi_ok(mpi, MPI_Bcast(mpi->ready, (int)mpi->n_params, MPI_INT64_T, 0, mpi->control),
                    "MPI_Bcast"))
        return;
    memcpy(mpi->order, mpi->ready, (size_t)mpi->n_params * sizeof *mpi->order);
    mpi->ordered_for = hash;
}

bool tn__layout(tn_mpi *mpi)
{
    uint64_t hash = mix_order(mpi, hash_of(mpi));
    if (hash == mpi->layout)
        return true;
    tn__layout_free(mpi);
    mpi->memory = tn_dict_new(mpi->ctx);
    tn__stages_open(mpi);
    mpi->n_leaves = 1 + mpi->n_params;
    mpi->leaves = tn__zeros(mpi, mpi->n_leaves, sizeof *mpi->leaves);
    mpi->by_param = tn__zeros(mpi, mpi->n_params, sizeof *mpi->by_param);
    mpi->stats = tn__zeros(mpi, mpi->n_stats, sizeof *mpi->stats);
    for (int i = 0; i < TN__LANES; i++)
        mpi->lanes[i] = (tn__lane){.dtype = i == TN__LANE_F32 ? TN_F32 : TN_F64};
    if (mpi->leaves && mpi->by_param && mpi->stats)
        place_leaves(mpi);
    if (tn_ok(mpi->ctx))
        make_lanes(mpi);
    if (tn_ok(mpi->ctx)) {
        connect(mpi);
        mpi->layout = hash;
    } else {
        tn__layout_free(mpi);
    }
    return tn_ok(mpi->ctx);
}
