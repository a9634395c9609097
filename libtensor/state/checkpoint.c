/* checkpoint.c - the state of a whole training in one file. */
#include <stdio.h>
#include <tn/state.h>
#include "base/error.h"
#include "data/data.h"
#include "dict/dict.h"
#include "dict/entries.h"
#include "io/file.h"
#include "io/formats.h"
#include "io/sink.h"
#include "nn/nn.h"
#include "optim/optim.h"

#define VERSION 1

static tn_text schedule_name(int i)
{
    tn_text text;
    snprintf(text.s, sizeof text.s, "schedules.%d", i);
    return text;
}

/* ---- saving ---------------------------------------------------------------------------------- */

/* Adds a part, and frees it. */
static void put_part(tn_dict *dict, const char *prefix, tn_dict *part)
{
    if (part)
        tn_dict_update(dict, prefix, part);
    tn_dict_free(part);
}

static void put_rng(tn_dict *dict, tn_ctx *ctx)
{
    tn_rng_state rng = tn_get_rng_state(ctx);
    tn__put_integers(dict, "rng", 2, (const int64_t[]){(int64_t)rng.seed, (int64_t)rng.position});
}

static void put_parts(tn_dict *dict, tn_ctx *ctx, const tn_checkpoint *parts)
{
    tn__put_integers(dict, "checkpoint", 1, &(const int64_t){VERSION});
    if (parts->module)
        put_part(dict, "model.", tn_state_dict(ctx, parts->module));
    put_part(dict, "optim.", tn_optim_state_dict(parts->optim));
    for (int i = 0; i < TN_MAX_SCHEDULES; i++)
        put_part(dict, tn__name(schedule_name(i).s, ".").s,
                 tn_schedule_state_dict(parts->schedules[i]));
    put_part(dict, "loader.", tn_loader_state_dict(parts->loader));
    if (parts->extra)
        tn_dict_update(dict, "extra.", parts->extra);
    if (!parts->no_rng)
        put_rng(dict, ctx);
}

static tn_status save(tn_ctx *ctx, const char *what, const tn_checkpoint *parts, tn__target target)
{
    tn_dict *dict = tn_dict_new(ctx);
    if (!dict)
        return tn_error_status(ctx);
    put_parts(dict, ctx, parts);
    if (tn_ok(ctx))
        tn__save_dict(ctx, what, dict, target);
    tn_dict_free(dict);
    return tn_error_status(ctx);
}

tn_status tn_save_checkpoint(tn_ctx *ctx, tn_checkpoint parts, const char *path)
{
    return save(ctx, "save_checkpoint", &parts, tn__at_path(path));
}

tn_status tn_save_checkpoint_to(tn_ctx *ctx, tn_checkpoint parts, tn_sink sink)
{
    return save(ctx, "save_checkpoint_to", &parts, tn__in_sink(&sink));
}

/* ---- loading --------------------------------------------------------------------------------- */

typedef struct loading {
    tn_ctx *ctx;
    const char *what, *path; /* the function, and what it reads, for messages */
    tn_checkpoint parts;
    tn_dict *dict; /* of the file, and its parts */
    tn__state_load module;
    tn_dict *optim, *schedules[TN_MAX_SCHEDULES], *loader;
    tn_dict *extra; /* what parts.extra becomes */
} loading;

/* What the messages about a part begin with. */
typedef struct what {
    char s[TN_ERROR_SIZE];
} what;

static what what_of(const loading *l, const char *part)
{
    what text;
    snprintf(text.s, sizeof text.s, "%s: %.200s%s%s", l->what, l->path, *part ? ": " : "", part);
    return text;
}

static tn_dict *select_part(const loading *l, const void *part, const char *prefix)
{
    return part ? tn_dict_select(l->dict, prefix) : NULL;
}

/* The file's entries, added to a copy of those that are there. */
static void begin_extra(loading *l)
{
    tn_dict *found = select_part(l, l->parts.extra, "extra.");
    l->extra = found ? tn_dict_select(l->parts.extra, NULL) : NULL;
    if (l->extra)
        tn_dict_update(l->extra, NULL, found);
    tn_dict_free(found);
}

static bool is_checkpoint(const loading *l)
{
    if (tn_dict_get(l->dict, "checkpoint"))
        return tn__get_integers(l->dict, what_of(l, "").s, "checkpoint", 1, 1, VERSION, NULL);
    tn_fail(l->ctx, TN_ERR_FORMAT, "%s: no checkpoint, for it has no entry of that name",
            what_of(l, "").s);
    return false;
}

static bool begin(loading *l)
{
    if (!is_checkpoint(l))
        return false;
    l->optim = select_part(l, l->parts.optim, "optim.");
    l->loader = select_part(l, l->parts.loader, "loader.");
    for (int i = 0; i < TN_MAX_SCHEDULES; i++)
        l->schedules[i] =
            select_part(l, l->parts.schedules[i], tn__name(schedule_name(i).s, ".").s);
    begin_extra(l);
    if (tn_ok(l->ctx) && l->parts.module)
        tn__state_begin(&l->module, l->ctx, what_of(l, "model").s, l->parts.module, l->dict,
                        (tn_load_opts){.prefix = "model."});
    return tn_ok(l->ctx);
}

static bool load_rng(const loading *l, bool apply)
{
    int64_t rng[2];
    if (l->parts.no_rng)
        return true;
    if (!tn__get_integers(l->dict, what_of(l, "").s, "rng", 2, INT64_MIN, INT64_MAX, rng))
        return false;
    if (apply)
        tn_set_rng_state(l->ctx, (tn_rng_state){(uint64_t)rng[0], (uint64_t)rng[1]});
    return true;
}

/* Like the functions that it calls, it changes nothing unless `apply`, and then cannot fail if it
 * did not before. */
static bool load_parts(const loading *l, bool apply)
{
    if (l->optim && !tn__optim_load(l->parts.optim, what_of(l, "optim").s, l->optim, apply))
        return false;
    for (int i = 0; i < TN_MAX_SCHEDULES; i++)
        if (l->schedules[i] &&
            !tn__schedule_load(l->parts.schedules[i], what_of(l, schedule_name(i).s).s,
                               l->schedules[i], apply))
            return false;
    if (l->loader && !tn__loader_load(l->parts.loader, what_of(l, "loader").s, l->loader, apply))
        return false;
    return load_rng(l, apply);
}

static void apply(const loading *l)
{
    load_parts(l, true);
    tn__state_apply(&l->module);
    if (l->extra)
        tn__dict_swap(l->parts.extra, l->extra);
}

static void end(loading *l)
{
    tn__state_end(&l->module);
    tn_dict_free(l->optim);
    for (int i = 0; i < TN_MAX_SCHEDULES; i++)
        tn_dict_free(l->schedules[i]);
    tn_dict_free(l->loader);
    tn_dict_free(l->extra);
    tn_dict_free(l->dict);
}

static tn_status load(loading *l)
{
    if (!l->dict)
        return tn_error_status(l->ctx);
    if (begin(l) && load_parts(l, false))
        apply(l);
    end(l);
    return tn_error_status(l->ctx);
}

tn_status tn_load_checkpoint(tn_ctx *ctx, tn_checkpoint parts, const char *path)
{
    loading l = {.ctx = ctx, .what = "load_checkpoint", .path = path, .parts = parts};
    l.dict = tn__load_dict(ctx, l.what, path);
    return load(&l);
}

tn_status tn_load_checkpoint_from(tn_ctx *ctx, tn_checkpoint parts, tn_source source)
{
    loading l = {.ctx = ctx,
                 .what = "load_checkpoint_from",
                 .path = tn__source_name(source),
                 .parts = parts};
    l.dict = tn__load_dict_from(ctx, l.what, source);
    return load(&l);
}
