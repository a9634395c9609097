/* loader.c - batches of samples, where and when the program asks for them. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "autograd/tape.h"
#include "base/integers.h"
#include "base/memory.h"
#include "base/object.h"
#include "base/options.h"
#include "base/philox.h"
#include "data/data.h"
#include "dict/dict.h"
#include "dict/entries.h"
#include "tensor/change.h"
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/scope.h"
#include "tensor/tensor.h"

enum { MOST_AHEAD = 1024 }; /* batches */
enum { MOST_PARTS = 1 << 20 };

static void free_object(tn__object *object)
{
    tn_loader_free((tn_loader *)(void *)object);
}

void tn_loader_free(tn_loader *loader)
{
    if (!loader)
        return;
    tn_ctx *ctx = loader->ctx;
    tn__prefetch_free(loader->prefetch);
    tn__object_remove(&loader->object);
    tn__samples_close(&loader->samples);
    tn__sampler_close(&loader->sampler, ctx);
    for (int i = 0; i < TN_MAX_FIELDS; i++)
        tn__release(loader->batch[i]);
    tn__free(ctx, loader);
}

/* ---- making one ------------------------------------------------------------------------------ */

/* Those that were left out are NULL. */
static bool check_live(tn_ctx *ctx, const char *name, const tn_tensor *t)
{
    return !t || tn_check_input(ctx, "loader", name, t);
}

static bool check_sampler(tn_ctx *ctx, const tn_loader_opts *opts)
{
    if (!check_live(ctx, "weights", opts->weights) || !check_live(ctx, "stratify", opts->stratify))
        return false;
    if (opts->shuffle + (opts->weights != NULL) + (opts->stratify != NULL) > 1)
        tn_fail(ctx, TN_ERR_ARGUMENT,
                "loader: at most one of shuffle, weights and stratify says which samples come");
    else if (opts->num_samples != 0 && !opts->weights)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: num_samples is %lld without weights",
                (long long)tn__int_option(opts->num_samples, 0));
    else if (opts->num_samples < 0)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: num_samples is %lld",
                (long long)tn__int_option(opts->num_samples, 0));
    return tn_ok(ctx);
}

static bool check_parts(tn_ctx *ctx, const tn_loader_opts *opts)
{
    int64_t parts = opts->parts ? opts->parts : 1, first = tn__int_option(opts->first_part, 0);
    if (parts < 1 || parts > MOST_PARTS)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: %lld parts, not 1 to %d",
                (long long)tn__int_option(parts, 0), MOST_PARTS);
    else if (first < 0 || first >= parts)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: first_part is %lld of %lld", (long long)first,
                (long long)parts);
    else if (opts->part_count < 0 || opts->part_count > parts - first)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: %lld parts from number %lld on, of %lld",
                (long long)tn__int_option(opts->part_count, 0), (long long)first, (long long)parts);
    return tn_ok(ctx);
}

static bool check_options(tn_ctx *ctx, const tn_loader_opts *opts)
{
    if (opts->batch_size < 0)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: batch size %lld",
                (long long)tn__int_option(opts->batch_size, 0));
    else if (!isfinite(opts->scale) || opts->scale == (double)TN_ZERO)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: scale %g", tn__real_option(opts->scale, 0));
    else if (opts->prefetch != TN_ZERO && (opts->prefetch < 0 || opts->prefetch > MOST_AHEAD))
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: prefetch is %lld, not 0 to %d",
                (long long)opts->prefetch, MOST_AHEAD);
    return tn_ok(ctx) && check_parts(ctx, opts) && check_sampler(ctx, opts);
}

static tn_loader *loader_new(tn_ctx *ctx)
{
    tn_loader *l = tn__alloc_zeroed(ctx, sizeof *l);
    if (!l)
        return NULL;
    tn__object_add(ctx, &l->object, free_object);
    l->ctx = ctx;
    l->id = ++ctx->loaders;
    return l;
}

static void set_options(tn_loader *l, const tn_loader_opts *opts)
{
    int64_t drawn = l->sampler.drawn, size = opts->batch_size ? opts->batch_size : drawn;
    l->opts = *opts;
    l->opts.weights = l->opts.stratify = NULL;
    l->batches = opts->drop_last ? drawn / size : (drawn - 1) / size + 1;
    l->opts.batch_size = tn__min(size, drawn);
    l->opts.parts = opts->parts ? opts->parts : 1;
    l->opts.first_part = tn__int_option(opts->first_part, 0);
    if (opts->part_count == 0)
        l->opts.part_count = l->opts.parts - l->opts.first_part;
    if (l->batches > INT64_MAX / l->opts.parts)
        tn_fail(l->ctx, TN_ERR_ARGUMENT, "loader: %lld batches in %lld parts each",
                (long long)l->batches, (long long)l->opts.parts);
    else
        l->items = l->batches * l->opts.part_count;
    l->opts.prefetch = tn__min(tn__int_option(opts->prefetch, 0), l->items);
}

/* The loader of the samples that it has. */
static tn_loader *done(tn_loader *l, const tn_loader_opts *opts)
{
    if (tn_ok(l->ctx) && tn__sampler_open(&l->sampler, l->ctx, l->samples.n, opts))
        set_options(l, opts);
    for (int64_t i = 0; tn_ok(l->ctx) && i < l->samples.count; i++) {
        l->batch[i] = tn__samples_batch(&l->samples, l->ctx, i, tn__most_samples(l));
        l->room[i] = tn__most_samples(l);
    }
    if (tn_ok(l->ctx) && (l->opts.prefetch > 0 || l->opts.transform))
        l->prefetch = tn__prefetch_new(l);
    if (tn_ok(l->ctx))
        return l;
    tn_loader_free(l);
    return NULL;
}

static tn_loader *loader_of(tn_ctx *ctx, int64_t count, const tn_tensor *const *tensors,
                            const tn_loader_opts *opts)
{
    tn_loader *l = check_options(ctx, opts) ? loader_new(ctx) : NULL;
    if (!l)
        return NULL;
    tn__samples_of(&l->samples, ctx, count, tensors, opts->scale);
    return done(l, opts);
}

tn_loader *tn_loader_new(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *y, tn_loader_opts opts)
{
    if (!tn_check_input(ctx, "loader", "x", x) || !check_live(ctx, "y", y))
        return NULL;
    if (x->ndim < 1 || x->shape[0] < 1 || (y && (y->ndim < 1 || y->shape[0] != x->shape[0]))) {
        tn_fail(ctx, TN_ERR_SHAPE,
                "loader: x %s and y %s; expected as many samples in each, and "
                "at least one",
                TN_SHAPE_TEXT(x), y ? TN_SHAPE_TEXT(y) : "NULL");
        return NULL;
    }
    return loader_of(ctx, y ? 2 : 1, (const tn_tensor *[]){x, y}, &opts);
}

static bool check_tensor(tn_ctx *ctx, int64_t i, const tn_tensor *t, const tn_tensor *first)
{
    if (!t) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: tensor %lld is NULL", (long long)i);
        return false;
    }
    char name[40];
    snprintf(name, sizeof name, "tensor %lld", (long long)i);
    if (!check_live(ctx, name, t))
        return false;
    if (t->ndim > 0 && t->shape[0] >= 1 && t->shape[0] == first->shape[0])
        return true;
    tn_fail(ctx, TN_ERR_SHAPE,
            "loader: tensor %lld is %s and tensor 0 %s; expected as many samples in each, and at "
            "least one",
            (long long)i, TN_SHAPE_TEXT(t), TN_SHAPE_TEXT(first));
    return false;
}

static bool check_count(tn_ctx *ctx, int64_t count, const char *what)
{
    if (tn_ok(ctx) && (count < 1 || count > TN_MAX_FIELDS))
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: %lld %s, not 1 to %d", (long long)count, what,
                TN_MAX_FIELDS);
    return tn_ok(ctx);
}

tn_loader *tn_loader_of(tn_ctx *ctx, int64_t count, const tn_tensor *const *tensors,
                        tn_loader_opts opts)
{
    if (!check_count(ctx, count, "tensors"))
        return NULL;
    if (!tensors) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: the tensors are NULL");
        return NULL;
    }
    for (int64_t i = 0; i < count; i++)
        if (!check_tensor(ctx, i, tensors[i], tensors[0]))
            return NULL;
    return loader_of(ctx, count, tensors, &opts);
}

static bool check_dataset(tn_ctx *ctx, const tn_dataset *dataset, const tn_loader_opts *opts)
{
    if (!check_count(ctx, dataset->count, "fields") || !check_options(ctx, opts))
        return false;
    if (!dataset->get)
        tn_fail(ctx, TN_ERR_ARGUMENT, "loader: get is NULL");
    else if (dataset->size < 1)
        tn_fail(ctx, TN_ERR_SHAPE, "loader: a dataset of %lld samples", (long long)dataset->size);
    else if (opts->scale != 0)
        tn_fail(ctx, TN_ERR_ARGUMENT,
                "loader: scale %g of a dataset, whose samples are as get writes them",
                tn__real_option(opts->scale, 0));
    return tn_ok(ctx);
}

tn_loader *tn_loader_from(tn_ctx *ctx, tn_dataset dataset, tn_loader_opts opts)
{
    tn_loader *l = check_dataset(ctx, &dataset, &opts) ? loader_new(ctx) : NULL;
    if (!l)
        return NULL;
    tn__samples_from(&l->samples, ctx, &dataset);
    return done(l, &opts);
}

/* ---- batches --------------------------------------------------------------------------------- */

int64_t tn_loader_batches(const tn_loader *loader)
{
    return loader ? loader->batches : 0;
}

int64_t tn_loader_id(const tn_loader *loader)
{
    return loader ? loader->id : 0;
}

static void begin_epoch(tn_loader *l)
{
    if (l->prefetch)
        tn__prefetch_halt(l->prefetch);
    tn__sampler_draw(&l->sampler, l->ctx);
    if (l->opts.transform) {
        uint32_t word[4];
        tn__random_block(l->ctx->rng, 0, word);
        l->ctx->rng.position++;
        l->seed = (int64_t)((uint64_t)word[1] << 32 | word[0]);
    }
    l->begun = true;
}

/* An epoch whose first batch failed begins anew, in the same order. */
static void take_back(tn_loader *l, tn_rng_state rng)
{
    l->ctx->rng = rng;
    l->begun = false;
}

/* A batch that requires a gradient is a new leaf: it may have another size than the last one, and
 * gathers a gradient of its own. False without memory for it, and then it is the old one. */
static bool renew_leaf(tn_ctx *ctx, tn_tensor *batch)
{
    tn__var *var = batch->var ? tn__var_new(ctx, batch) : NULL;
    if (batch->var && !var)
        return false;
    tn__var_release(batch->var);
    batch->var = var;
    return true;
}

static bool has_room(const tn_tensor *batch, int64_t room, const tn_tensor *t)
{
    bool fits = batch->dtype == t->dtype && batch->ndim == t->ndim;
    for (int d = 1; fits && d < t->ndim; d++)
        fits = batch->shape[d] == t->shape[d];
    return fits && (t->ndim == 0 || t->shape[0] <= room);
}

/* Tensor i of the batch as large as t; a transform may change sizes as it likes. */
static bool make_room(tn_loader *l, int64_t i, const tn_tensor *t)
{
    if (!has_room(l->batch[i], l->room[i], t)) {
        tn_tensor *batch = tn__new(l->ctx, "loader_next", t->dtype, t->ndim, t->shape);
        if (!batch)
            return false;
        tn__disown(batch);
        tn__release(l->batch[i]);
        l->batch[i] = batch;
        l->room[i] = t->ndim > 0 ? t->shape[0] : 1;
    }
    if (t->ndim > 0)
        l->batch[i]->shape[0] = t->shape[0];
    return true;
}

static bool copy_made(tn_loader *l, const tn__batch_slot *slot)
{
    for (int64_t i = 0; i < l->samples.count; i++) {
        if (!make_room(l, i, slot->made[i]) || !renew_leaf(l->ctx, l->batch[i]))
            return false;
        tn__count_change(l->ctx, l->batch[i]);
        tn__copy(l->ctx, l->batch[i], slot->made[i]);
    }
    return true;
}

static bool fail(tn_loader *l, const tn__fault *fault)
{
    tn_fail(l->ctx, fault->status, "%s", fault->text);
    return false;
}

/* After an error, nothing goes on in the background. */
static bool take_made(tn_loader *l)
{
    const tn__batch_slot *slot = tn__prefetch_take(l->prefetch, l->next);
    bool taken = slot && (slot->fault.status == TN_OK ? copy_made(l, slot) : fail(l, &slot->fault));
    if (taken)
        tn__prefetch_give_back(l->prefetch);
    else
        tn__prefetch_halt(l->prefetch);
    return taken;
}

static bool make_here(tn_loader *l)
{
    tn__fault fault;
    tn__item item = tn__item_of(l, l->next);
    for (int64_t i = 0; i < l->samples.count; i++) {
        tn__count_change(l->ctx, l->batch[i]);
        l->batch[i]->shape[0] = item.size;
        if (!renew_leaf(l->ctx, l->batch[i]))
            return false;
    }
    return tn__samples_fill(&l->samples, l->ctx, l->sampler.order, item.first, item.size, l->batch,
                            NULL, &fault) ||
           fail(l, &fault);
}

static void describe(tn_loader *l, tn_batch *batch)
{
    tn__item item = tn__item_of(l, l->next);
    *batch = (tn_batch){.size = item.size,
                        .number = item.batch,
                        .part = item.part,
                        .parts = l->opts.parts,
                        .whole = item.whole,
                        .count = l->samples.count};
    for (int64_t i = 0; i < l->samples.count; i++)
        batch->tensors[i] = l->batch[i];
    batch->x = batch->tensors[0];
    batch->y = batch->tensors[1];
}

bool tn_loader_next(tn_loader *l, tn_batch *batch)
{
    if (!l || !tn_ok(l->ctx))
        return false;
    if (!batch) {
        tn_fail(l->ctx, TN_ERR_ARGUMENT, "loader_next: batch is NULL");
        return false;
    }
    if (l->next == l->items) {
        l->next = 0;
        l->begun = false;
        return false;
    }
    tn_rng_state rng = l->ctx->rng;
    bool begins = !l->begun;
    if (begins)
        begin_epoch(l);
    if (!(l->prefetch ? take_made(l) : make_here(l))) {
        if (begins)
            take_back(l, rng);
        return false;
    }
    describe(l, batch);
    l->next++;
    return true;
}

/* ---- state ----------------------------------------------------------------------------------- */

static const tn__field fields[] = {
    {"samples", TN__FIELD_I64, offsetof(tn_loader, samples.n), true, 0, 0},
    {"batch_size", TN__FIELD_I64, offsetof(tn_loader, opts.batch_size), true, 0, 0},
    {"shuffle", TN__FIELD_BOOL, offsetof(tn_loader, opts.shuffle), true, 0, 0},
    {"drop_last", TN__FIELD_BOOL, offsetof(tn_loader, opts.drop_last), true, 0, 0},
    {"scale", TN__FIELD_F64, offsetof(tn_loader, opts.scale), true, 0, 0},
};

/* Of those that give batches in parts. */
static const tn__field part_fields[] = {
    {"parts", TN__FIELD_I64, offsetof(tn_loader, opts.parts), true, 0, 0},
};

/* What was given: whole batches, and parts of the next one. */
typedef struct place {
    int64_t batches, parts;
} place;

static const tn__field place_fields[] = {
    {"next", TN__FIELD_I64, offsetof(place, batches), false, 0, 0x1p53},
    {"next_part", TN__FIELD_I64, offsetof(place, parts), false, 0, MOST_PARTS},
};

/* Of samplers that are neither in order nor shuffled. */
static const tn__field sampler_fields[] = {
    {"sampler", TN__FIELD_I64, offsetof(tn_loader, sampler.kind), true, 0, 0},
    {"num_samples", TN__FIELD_I64, offsetof(tn_loader, sampler.drawn), true, 0, 0},
};

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

static bool has_parts(const tn_loader *l)
{
    return l->opts.parts > 1;
}

static bool has_sampler(const tn_loader *l)
{
    return l->sampler.kind > TN__SHUFFLED;
}

/* Before an epoch has begun there is no order yet. */
tn_dict *tn_loader_state_dict(const tn_loader *loader)
{
    tn_dict *dict = loader ? tn_dict_new(loader->ctx) : NULL;
    if (!dict)
        return NULL;
    const place given = {loader->next / loader->opts.part_count,
                         loader->next % loader->opts.part_count};
    tn__put_fields(dict, "", fields, COUNT_OF(fields), loader);
    tn__put_fields(dict, "", place_fields, has_parts(loader) ? 2 : 1, &given);
    if (has_parts(loader))
        tn__put_fields(dict, "", part_fields, COUNT_OF(part_fields), loader);
    if (has_sampler(loader))
        tn__put_fields(dict, "", sampler_fields, COUNT_OF(sampler_fields), loader);
    if (loader->sampler.order && loader->begun)
        tn__put_integers(dict, "order", loader->sampler.drawn, loader->sampler.order);
    if (loader->opts.transform && loader->begun)
        tn__put_integers(dict, "transform_seed", 1, &loader->seed);
    if (tn_ok(loader->ctx))
        return dict;
    tn_dict_free(dict);
    return NULL;
}

/* Has the dictionary an epoch that has begun? */
static bool has_epoch(const tn_dict *dict)
{
    return tn__load_i64(TN_I64, tn__ptr(tn_dict_get(dict, "next"))) > 0 ||
           tn_dict_get(dict, "order") || tn_dict_get(dict, "transform_seed");
}

static bool load_next(tn_loader *l, const char *what, const tn_dict *dict, bool apply)
{
    place next = {0};
    if (!tn__get_fields(dict, what, "", place_fields, has_parts(l) ? 2 : 1, &next, true))
        return false;
    if (next.batches > l->batches)
        tn_fail(l->ctx, TN_ERR_FORMAT, "%s: next is %lld of %lld batches", what,
                (long long)next.batches, (long long)l->batches);
    else if (next.parts >= (next.batches < l->batches ? l->opts.part_count : 1))
        tn_fail(l->ctx, TN_ERR_FORMAT, "%s: next_part is %lld of %lld parts", what,
                (long long)next.parts, (long long)l->opts.part_count);
    else if (apply)
        l->next = next.batches * l->opts.part_count + next.parts;
    return tn_ok(l->ctx);
}

/* What only loaders with other options have. */
static bool check_others(const tn_loader *l, const char *what, const tn_dict *dict)
{
    if (!has_sampler(l) && tn_dict_get(dict, "sampler"))
        tn_fail(l->ctx, TN_ERR_FORMAT, "%s: it has a sampler, but there is none here", what);
    else if (!has_parts(l) && tn_dict_get(dict, "parts"))
        tn_fail(l->ctx, TN_ERR_FORMAT, "%s: its batches are in parts, but there are none here",
                what);
    else if (!l->opts.transform && tn_dict_get(dict, "transform_seed"))
        tn_fail(l->ctx, TN_ERR_FORMAT, "%s: it has a transform, but there is none here", what);
    return tn_ok(l->ctx);
}

/* Every sample must come once. */
static bool check_once(const tn_loader *l, const char *what, const tn_tensor *order)
{
    bool *seen = tn__alloc_zeroed(l->ctx, (size_t)l->samples.n * sizeof *seen);
    for (int64_t i = 0; seen && tn_ok(l->ctx) && i < l->samples.n; i++) {
        int64_t sample = ((const int64_t *)tn__ptr(order))[i * order->strides[0]];
        if (seen[sample])
            tn_fail(l->ctx, TN_ERR_FORMAT, "%s: order has sample %lld twice", what,
                    (long long)sample);
        seen[sample] = true;
    }
    tn__free(l->ctx, seen);
    return tn_ok(l->ctx);
}

static bool load_order(tn_loader *l, const char *what, const tn_dict *dict, bool apply)
{
    if (!tn__get_integers(dict, what, "order", l->sampler.drawn, 0, l->samples.n - 1,
                          apply ? l->sampler.order : NULL))
        return false;
    return apply || l->sampler.kind == TN__WEIGHTED ||
           check_once(l, what, tn_dict_get(dict, "order"));
}

/* Batches that were made ahead go before what they are made of changes. */
static bool load_epoch(tn_loader *l, const char *what, const tn_dict *dict, bool apply)
{
    bool begun = has_epoch(dict);
    if (apply && l->prefetch)
        tn__prefetch_halt(l->prefetch);
    if (begun && l->sampler.order && !load_order(l, what, dict, apply))
        return false;
    if (begun && l->opts.transform &&
        !tn__get_integers(dict, what, "transform_seed", 1, INT64_MIN, INT64_MAX,
                          apply ? &l->seed : NULL))
        return false;
    if (apply)
        l->begun = begun;
    return true;
}

bool tn__loader_load(tn_loader *loader, const char *what, const tn_dict *dict, bool apply)
{
    return tn__get_fields(dict, what, "", fields, COUNT_OF(fields), loader, apply) &&
           load_next(loader, what, dict, apply) && check_others(loader, what, dict) &&
           (!has_parts(loader) ||
            tn__get_fields(dict, what, "", part_fields, COUNT_OF(part_fields), loader, apply)) &&
           (!has_sampler(loader) || tn__get_fields(dict, what, "", sampler_fields,
                                                   COUNT_OF(sampler_fields), loader, apply)) &&
           load_epoch(loader, what, dict, apply);
}

tn_status tn_loader_load_state_dict(tn_loader *loader, const tn_dict *dict)
{
    const char *what = "loader_load_state_dict";
    if (!loader)
        return TN_ERR_ARGUMENT;
    if (tn__check_dict(loader->ctx, what, dict) && tn__loader_load(loader, what, dict, false))
        tn__loader_load(loader, what, dict, true);
    return tn_error_status(loader->ctx);
}
