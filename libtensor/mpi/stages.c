/* stages.c - micro-batches side by side through the stages of a network, and back. */
#include <stdlib.h>
#include <string.h>
#include <tn/autograd.h>
#include "mpi/group.h"

/* ---- finding them ---------------------------------------------------------------------------- */

static bool is_sequential(const tn_module *module)
{
    return strcmp(tn_module_name(module), "Sequential") == 0;
}

/* The modules that run one after another; only counts without a list. */
static int64_t list_modules(tn_module *module, tn_module **list)
{
    if (!is_sequential(module)) {
        if (list)
            *list = module;
        return 1;
    }
    int64_t count = 0;
    tn_module *child;
    for (int i = 0; (child = tn_child(module, i)); i++)
        count += list_modules(child, list ? list + count : NULL);
    return count;
}

/* The norms among them, in the order in which they run; only mixes. */
static uint64_t mix_norms(tn_module *module, uint64_t hash)
{
    tn_module *child;
    const tn__norm *norm = tn__norm_of(module);
    if (norm)
        return tn__mix(hash, tn__norm_channels(norm));
    hash = tn__mix(hash, 0);
    for (int i = 0; is_sequential(module) && (child = tn_child(module, i)); i++)
        hash = mix_norms(child, hash);
    return hash;
}

uint64_t tn__stages_hash(const tn_mpi *mpi, uint64_t hash)
{
    return mix_norms(mpi->module, hash);
}

/* Where each stage begins: a norm opens one. Only counts without a list. */
static int64_t cut(tn__stages *s, int64_t n)
{
    int64_t count = 0;
    if (s->list)
        s->list[0].first = 0;
    for (int64_t i = 0; i < n; i++) {
        const tn__norm *norm = tn__norm_of(s->modules[i]);
        if (!norm)
            continue;
        count++;
        if (s->list) {
            s->list[count - 1].last = i;
            s->list[count].first = i + 1;
            s->list[count].norm = norm;
        }
    }
    if (s->list)
        s->list[count].last = n;
    return count + 1;
}

static int64_t moments_of(const tn__norm *norm)
{
    return 1 + 2 * tn__norm_channels(norm);
}

/* What each stage holds, and room for an exchange of the most channels. */
static void make_room(tn_mpi *mpi)
{
    tn__stages *s = &mpi->stages;
    int64_t widest = 1, own = mpi->tree.own, all = mpi->tree.first[mpi->size];
    for (int64_t i = 0; i < s->count; i++) {
        tn__stage *stage = &s->list[i];
        int64_t width = stage->norm ? moments_of(stage->norm) : 1;
        widest = width > widest ? width : widest;
        stage->moments = tn__zeros(mpi, width, sizeof(double));
        stage->in = tn__zeros(mpi, own, sizeof(tn_tensor *));
        stage->out = tn__zeros(mpi, own, sizeof(tn_tensor *));
    }
    if ((double)widest * (double)all + mpi->size > INT32_MAX)
        tn_fail(mpi->ctx, TN_ERR_ARGUMENT, "mpi: a SyncBatchNorm of %lld channels is too wide",
                (long long)(widest / 2));
    s->rows = tn__zeros(mpi, own * widest, sizeof(double));
    s->sent = tn__zeros(mpi, 1 + mpi->tree.most * widest, sizeof(double));
    s->received = tn__zeros(mpi, mpi->size + all * widest, sizeof(double));
    s->partials = tn__zeros(mpi, all, sizeof(double *));
    s->counts = tn__zeros(mpi, mpi->size, sizeof(int));
    s->at = tn__zeros(mpi, mpi->size, sizeof(int));
    s->forwarded = tn__zeros(mpi, own, sizeof(bool));
    s->batches = tn__zeros(mpi, own, sizeof(tn_batch));
    s->streams = tn__zeros(mpi, own, sizeof(tn_rng_state));
}

void tn__stages_open(tn_mpi *mpi)
{
    tn__stages *s = &mpi->stages;
    int64_t n = list_modules(mpi->module, NULL);
    s->modules = tn__zeros(mpi, n, sizeof(tn_module *));
    if (!s->modules)
        return;
    list_modules(mpi->module, s->modules);
    s->count = cut(s, n);
    if (s->count == 1)
        return;
    s->list = tn__zeros(mpi, s->count, sizeof(tn__stage));
    if (!s->list)
        return;
    cut(s, n);
    make_room(mpi);
}

void tn__stages_close(tn_mpi *mpi)
{
    tn__stages *s = &mpi->stages;
    for (int64_t i = 0; s->list && i < s->count; i++) {
        free(s->list[i].moments);
        free(s->list[i].in);
        free(s->list[i].out);
    }
    void *all[] = {s->list,   s->modules, s->rows,      s->sent,    s->received, s->partials,
                   s->counts, s->at,      s->forwarded, s->batches, s->streams};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    *s = (tn__stages){.count = 0};
}

/* ---- exchanges ------------------------------------------------------------------------------- */

typedef void (*join_fn)(int64_t count, double *a, const double *b);

static void join_sums(int64_t count, double *a, const double *b)
{
    tn__add_numbers(TN_F64, count, a, b);
}

/* The rows of this process become its partials, in the order that the tree says. */
static void join_rows(tn_mpi *mpi, int64_t width, join_fn join)
{
    const tn__tree *tree = &mpi->tree;
    for (int64_t i = 0; i < tree->own; i++) {
        double *row = mpi->stages.rows + tree->heights[i] * width;
        memmove(row, mpi->stages.rows + i * width, (size_t)width * sizeof *row);
        for (int k = 1; k <= tree->merges[i]; k++)
            join(width, row - k * width, row - (k - 1) * width);
    }
}

/* All partials become the sum of all micro-batches, which is partial 0. */
static void join_partials(tn_mpi *mpi, int64_t width, join_fn join)
{
    const tn__tree *tree = &mpi->tree;
    double **partials = mpi->stages.partials;
    for (int i = 0; i < tree->n_additions; i++)
        join(width, partials[tree->additions[i].to], partials[tree->additions[i].from]);
    for (int i = 1; mpi->opts.allreduce && i < tree->first[mpi->size]; i++)
        join(width, partials[0], partials[i]);
}

/* Says where each process's numbers lie, and whether one of them has failed. */
static bool find_partials(tn_mpi *mpi, int64_t width)
{
    tn__stages *s = &mpi->stages;
    const int *first = mpi->tree.first;
    bool failed = false;
    for (int r = 0; r < mpi->size; r++) {
        failed = failed || s->received[s->at[r]] != 0;
        for (int i = first[r]; i < first[r + 1]; i++)
            s->partials[i] = s->received + s->at[r] + 1 + (i - first[r]) * width;
    }
    return !failed;
}

/* The sum over all micro-batches of rows of `width` numbers; NULL, in all processes, if one of them
 * has failed. */
static const double *exchange(tn_mpi *mpi, int64_t width, join_fn join)
{
    tn__stages *s = &mpi->stages;
    const int *first = mpi->tree.first;
    for (int r = 0; r < mpi->size; r++) {
        s->counts[r] = (int)(1 + (first[r + 1] - first[r]) * width);
        s->at[r] = r > 0 ? s->at[r - 1] + s->counts[r - 1] : 0;
    }
    join_rows(mpi, width, join);
    int count = s->counts[mpi->rank];
    s->sent[0] = !tn_ok(mpi->ctx);
    memcpy(s->sent + 1, s->rows, (size_t)(count - 1) * sizeof *s->rows);
    s->exchanges++;
    s->failed = !tn__mpi_usable(mpi) ||
                !tn__mpi_ok(mpi,
                            MPI_Allgatherv(s->sent, count, MPI_DOUBLE, s->received, s->counts,
                                           s->at, MPI_DOUBLE, mpi->control),
                            "MPI_Allgatherv") ||
                !find_partials(mpi, width);
    if (s->failed)
        return NULL;
    join_partials(mpi, width, join);
    return s->partials[0];
}

/* ---- forward --------------------------------------------------------------------------------- */

static tn_tensor *run_modules(tn_mpi *mpi, const tn__stage *stage, tn_tensor *x)
{
    for (int64_t i = stage->first; i < stage->last && x; i++)
        x = tn_forward(mpi->ctx, mpi->stages.modules[i], x);
    return x;
}

/* The batches of a loader are gone with the next one. */
static void keep_batch(tn_ctx *ctx, tn_batch *batch)
{
    for (int64_t i = 0; i < batch->count; i++)
        batch->tensors[i] = tn_clone(ctx, batch->tensors[i]);
    batch->x = batch->tensors[0];
    batch->y = batch->count > 1 ? batch->tensors[1] : NULL;
}

static void fetch_all(tn_mpi *mpi)
{
    tn__stages *s = &mpi->stages;
    for (mpi->at = 0; mpi->at < mpi->tree.own; mpi->at++) {
        if (!mpi->fetched && !tn__fetch(mpi))
            break;
        mpi->fetched = false;
        keep_batch(mpi->ctx, &mpi->batch);
        s->batches[mpi->at] = mpi->batch;
        s->streams[mpi->at] = tn__stream_of(mpi->rng, mpi->batch.part);
    }
    mpi->at = 0;
}

/* Each micro-batch finds the buffers of the step's beginning, and its own random stream. */
static void run_stage(tn_mpi *mpi, int64_t number)
{
    tn__stages *s = &mpi->stages;
    tn__stage *stage = &s->list[number];
    for (int64_t i = 0; i < mpi->tree.own && tn_ok(mpi->ctx); i++) {
        if (s->batches[i].size == 0)
            continue;
        tn__restore_buffers(mpi);
        tn_set_rng_state(mpi->ctx, s->streams[i]);
        tn_tensor *out = run_modules(mpi, stage, number > 0 ? stage->in[i] : s->batches[i].x);
        stage->out[i] = tn_contiguous(mpi->ctx, out);
        s->streams[i] = tn_get_rng_state(mpi->ctx);
        tn__note_buffers(mpi, i, tn__weight_of(&s->batches[i]));
    }
}

static void take_moments(tn_mpi *mpi, const tn__stage *stage, tn_tensor *const *x)
{
    int64_t width = moments_of(stage->norm);
    for (int64_t i = 0; i < mpi->tree.own; i++) {
        double *row = mpi->stages.rows + i * width;
        if (tn_ok(mpi->ctx) && x[i] && tn__check_norm(mpi->ctx, stage->norm, x[i]))
            tn__take_moments(x[i], row);
        else
            memset(row, 0, (size_t)width * sizeof *row);
    }
}

/* All processes learn the same, and every micro-batch of theirs. */
static void learn(tn_mpi *mpi, const tn__stage *stage)
{
    tn__restore_buffers(mpi);
    tn__learn_moments(mpi->ctx, stage->norm, stage->moments);
    for (int64_t i = 0; i < mpi->tree.own; i++)
        if (mpi->stages.batches[i].size > 0)
            tn__note_buffers(mpi, i, tn__weight_of(&mpi->stages.batches[i]));
}

/* What the norm makes is a leaf, whose gradient stays until the norm goes back. */
static tn_tensor *normalised(tn_ctx *ctx, const tn__stage *stage, const tn_tensor *x)
{
    tn_tensor *y = tn_empty(ctx, tn_dtype_of(x), tn_ndim(x), tn_shape(x));
    if (!y || tn_set_requires_grad(ctx, y, true) != TN_OK)
        return NULL;
    tn__normalise(stage->norm, stage->moments, x, y);
    return y;
}

static void run_norm(tn_mpi *mpi, int64_t number)
{
    tn__stage *stage = &mpi->stages.list[number];
    tn_tensor *const *x = mpi->stages.list[number - 1].out;
    int64_t width = moments_of(stage->norm);
    take_moments(mpi, stage, x);
    const double *all = exchange(mpi, width, tn__join_moments);
    if (!all)
        return;
    memcpy(stage->moments, all, (size_t)width * sizeof *all);
    learn(mpi, stage);
    for (int64_t i = 0; i < mpi->tree.own && tn_ok(mpi->ctx); i++)
        stage->in[i] = x[i] ? normalised(mpi->ctx, stage, x[i]) : NULL;
}

static void forget(tn_mpi *mpi)
{
    tn__stages *s = &mpi->stages;
    size_t bytes = (size_t)mpi->tree.own * sizeof(tn_tensor *);
    for (int64_t i = 0; i < s->count; i++) {
        memset(s->list[i].in, 0, bytes);
        memset(s->list[i].out, 0, bytes);
    }
    for (int64_t i = 0; i < mpi->tree.own; i++) {
        s->forwarded[i] = false;
        tn__forget_notes(mpi, i);
    }
}

void tn__stages_begin(tn_mpi *mpi)
{
    tn__stages *s = &mpi->stages;
    forget(mpi);
    s->scope = tn_scope_begin(mpi->ctx);
    s->running = true;
    fetch_all(mpi);
    for (int64_t i = 1; i < s->count && !s->failed; i++) {
        run_stage(mpi, i - 1);
        run_norm(mpi, i);
    }
}

tn_tensor *tn_mpi_forward(tn_mpi *mpi)
{
    if (!tn__mpi_usable(mpi) || !tn_ok(mpi->ctx))
        return NULL;
    if (!mpi->open || !mpi->given || mpi->passed) {
        tn_fail(mpi->ctx, TN_ERR_STATE, "mpi_forward: there is no micro-batch");
        return NULL;
    }
    tn__stages *s = &mpi->stages;
    if (s->count == 1)
        return tn_forward(mpi->ctx, mpi->module, mpi->batch.x);
    const tn__stage *last = &s->list[s->count - 1];
    s->forwarded[mpi->at] = true;
    return run_modules(mpi, last, last->in[mpi->at]);
}

/* ---- backward -------------------------------------------------------------------------------- */

static void add_to_leaf(tn_mpi *mpi, const tn_tensor *param, int64_t i, const void *numbers)
{
    for (int64_t k = 1; k < mpi->n_leaves; k++)
        if (mpi->leaves[k].param == param && mpi->leaves[k].wanted)
            tn__add_leaf(&mpi->leaves[k], i, numbers);
}

/* The sums of each micro-batch, which are its share in the gradients of weight and bias. */
static void take_sums(tn_mpi *mpi, const tn__stage *stage, tn_tensor *const *x)
{
    int64_t channels = tn__norm_channels(stage->norm);
    double *rows = mpi->stages.rows, *dw = mpi->stages.sent, *db = dw + channels;
    for (int64_t i = 0; i < mpi->tree.own && tn_ok(mpi->ctx); i++) {
        double *row = rows + i * 2 * channels;
        const tn_tensor *dy = stage->in[i] ? tn_grad(stage->in[i]) : NULL;
        dy = dy ? tn_contiguous(mpi->ctx, dy) : NULL;
        memset(row, 0, (size_t)(2 * channels) * sizeof *row);
        if (!dy)
            continue;
        tn__sum_gradients(stage->moments, x[i], dy, row);
        tn__share_gradients(stage->norm, stage->moments, row, dw, db);
        add_to_leaf(mpi, stage->norm->weight, i, dw);
        add_to_leaf(mpi, stage->norm->bias, i, db);
    }
}

/* Through the norm, and the stage before it. */
static void pass_back(tn_mpi *mpi, const tn__stage *stage, const double *sums, int64_t i,
                      const tn_tensor *x)
{
    tn_ctx *ctx = mpi->ctx;
    const tn_tensor *dy = tn_contiguous(ctx, tn_grad(stage->in[i]));
    tn_tensor *dx = tn_empty(ctx, tn_dtype_of(x), tn_ndim(x), tn_shape(x));
    if (!dy || !dx)
        return;
    tn__norm_backward(stage->norm, stage->moments, sums, x, dy, dx);
    tn__run_backward(mpi, i, x, dx);
}

static void go_back(tn_mpi *mpi, int64_t number)
{
    const tn__stage *stage = &mpi->stages.list[number];
    tn_tensor *const *x = mpi->stages.list[number - 1].out;
    take_sums(mpi, stage, x);
    const double *sums = exchange(mpi, moments_of(stage->norm) - 1, join_sums);
    for (int64_t i = 0; sums && i < mpi->tree.own && tn_ok(mpi->ctx); i++) {
        tn_scope scope = tn_scope_begin(mpi->ctx);
        if (x[i] && tn_requires_grad(x[i]))
            pass_back(mpi, stage, sums, i, x[i]);
        tn_scope_end(mpi->ctx, scope);
    }
}

void tn__stages_end(tn_mpi *mpi)
{
    tn__stages *s = &mpi->stages;
    bool before = tn_set_grad_enabled(mpi->ctx, false);
    if (s->exchanges < s->count - 1 && !s->failed)
        exchange(mpi, moments_of(s->list[s->exchanges + 1].norm), tn__join_moments);
    for (int64_t i = s->count - 1; i > 0 && !s->failed; i--)
        go_back(mpi, i);
    tn_set_grad_enabled(mpi->ctx, before);
}

void tn__stages_leave(tn_mpi *mpi)
{
    if (mpi->stages.running)
        tn_scope_end(mpi->ctx, mpi->stages.scope);
    mpi->stages.running = false;
}
