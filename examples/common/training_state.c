/* The checkpoint of a training: the library's state of network, optimiser, schedule, loader and
 * random numbers, and beside it as "extra" the settings, a hash of the data, the history, the
 * network that is best so far, and the results of earlier runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/training.h"

static const char *const NAME = "checkpoint.safetensors";

/* In front of the names of the network that is kept, and of the columns of the history. */
static const char *const BEST = "best.", *const HISTORY = "history.";

static tn_checkpoint parts_of(const training *t, tn_dict *extra)
{
    return (tn_checkpoint){.module = t->net,
                           .optim = t->opt,
                           .schedules = {t->schedule},
                           .loader = t->loader,
                           .extra = extra};
}

/* ---- settings: a run goes on only as it began ------------------------------------------------ */

/* The setting's place in the dictionary. */
static path key_of(const training_setting *s)
{
    path key;
    snprintf(key.s, sizeof(key.s), "settings.%s", s->name);
    return key;
}

static void put_settings(const training *t, tn_dict *extra)
{
    training_setting list[TRAINING_MOST_SETTINGS];
    int count = t->task->settings(t, list);
    for (int i = 0; i < count; i++)
        tn_dict_set(extra, key_of(&list[i]).s, tn_scalar(t->run.ctx, TN_F64, list[i].value));
}

static path value_text(const training_setting *s, double value)
{
    path text;
    snprintf(text.s, sizeof(text.s), "%.15g", value);
    for (int i = 0; s->choices && s->choices[i]; i++)
        if (value == i)
            snprintf(text.s, sizeof(text.s), "%s", s->choices[i]);
    return text;
}

static bool check_settings(const training *t, const tn_dict *extra)
{
    training_setting list[TRAINING_MOST_SETTINGS];
    int count = t->task->settings(t, list);
    for (int i = 0; i < count; i++) {
        const tn_tensor *saved = tn_dict_get(extra, key_of(&list[i]).s);
        double value = tn_numel(saved) == 1 ? tn_item(t->run.ctx, saved) : -1;
        if (value == list[i].value)
            continue;
        cli_error(t->run.program, "--resume: %s/%s was made with --%s %s, not %s", t->run.out, NAME,
                  list[i].name, value_text(&list[i], value).s,
                  value_text(&list[i], list[i].value).s);
        return false;
    }
    return true;
}

/* ---- records as rows of a tensor ------------------------------------------------------------- */

static void put_records(tn_ctx *ctx, tn_dict *extra, const char *name,
                        const training_record *records, int64_t count)
{
    tn_tensor *rows = tn_empty(ctx, TN_F64, TN_SHAPE(count, RECORD_VALUES));
    double *values = tn_data_mut(rows);
    for (int64_t i = 0; values && i < count; i++)
        training_values(&records[i], values + i * RECORD_VALUES);
    tn_dict_set(extra, name, rows);
}

/* At most `most` of them; -1 if they are not there. */
static int64_t get_records(const tn_dict *extra, const char *name, training_record *records,
                           int64_t most)
{
    const tn_tensor *rows = tn_dict_get(extra, name);
    const double *values = tn_data_f64(rows);
    int64_t count = tn_size(rows, 0);
    if (!values || tn_ndim(rows) != 2 || tn_size(rows, 1) != RECORD_VALUES || count > most)
        return -1;
    for (int64_t i = 0; i < count; i++)
        records[i] = training_record_of(values + i * RECORD_VALUES);
    return count;
}

/* ---- data ------------------------------------------------------------------------------------ */

enum { HASH = sizeof(sha256) - 1 };

static void put_data(const training *t, tn_dict *extra)
{
    sha256 hash = t->task->data(t);
    tn_dict_set(extra, "data", tn_from_data(t->run.ctx, TN_U8, TN_SHAPE(HASH), hash.hex));
}

static bool check_data(const training *t, const tn_dict *extra)
{
    const tn_tensor *saved = tn_dict_get(extra, "data");
    sha256 hash = t->task->data(t);
    if (tn_numel(saved) == HASH && tn_dtype_of(saved) == TN_U8 && hash.hex[0] &&
        memcmp(tn_data(saved), hash.hex, HASH) == 0)
        return true;
    cli_error(t->run.program, "--resume: %s/%s was made from other data", t->run.out, NAME);
    return false;
}

/* ---- saving and loading ---------------------------------------------------------------------- */

static void put_all(tn_dict *extra, const char *prefix, tn_dict *dict)
{
    tn_dict_update(extra, prefix, dict);
    tn_dict_free(dict);
}

bool training_save(const training *t, const training_results *results)
{
    tn_ctx *ctx = t->run.ctx;
    tn_scope scope = tn_scope_begin(ctx);
    tn_dict *extra = tn_dict_new(ctx);
    put_settings(t, extra);
    put_data(t, extra);
    put_all(extra, HISTORY, tn_history_state_dict(t->history));
    put_records(ctx, extra, "kept", &t->kept, 1);
    put_records(ctx, extra, "results", results->kept, results->runs);
    put_records(ctx, extra, "last", results->last, results->runs);
    put_all(extra, BEST, tn_snapshot_state_dict(t->best));
    if (t->task->save)
        t->task->save(t, extra);
    double done[] = {(double)t->round, t->seconds};
    tn_dict_set(extra, "done", tn_from_data(ctx, TN_F64, TN_SHAPE(2), done));
    tn_save_checkpoint(ctx, parts_of(t, extra), path_join(t->run.out, NAME).s);
    tn_dict_free(extra);
    tn_scope_end(ctx, scope);
    return tn_ok(ctx) || run_library_failed(&t->run);
}

static bool damaged(const run *r)
{
    cli_error(r->program, "--resume: %s/%s is not a checkpoint of this command", r->out, NAME);
    return false;
}

void training_say_stopped(const run *r)
{
    cli_error(r->program,
              "%s/%s is of a training that was stopped: train --resume goes on with it; to begin "
              "anew, remove it or choose another --out",
              r->out, NAME);
}

typedef struct saved_results {
    const training *of;
    training_results *results;
} saved_results;

/* Of a training that is finished only its settings are left to compare. */
static bool take_results(training *t, const tn_dict *extra, training_results *results)
{
    int64_t most = t->settings.part ? t->settings.runs : t->settings.runs - 1;
    results->runs = get_records(extra, "results", results->kept, most);
    if (results->runs < 0 || get_records(extra, "last", results->last, most) != results->runs ||
        (t->task->load && !t->task->load(t, extra)))
        return damaged(&t->run);
    return results->runs < t->settings.runs || (check_settings(t, extra) && check_data(t, extra));
}

/* A training removes its checkpoint when it ends, and leaves its results. */
void training_say_ended(const run *r)
{
    if (file_exists(path_join(r->out, "metrics.json").s))
        cli_error(r->program,
                  "--resume: the training in %s has ended: nothing is left to go on with", r->out);
    else
        cli_error(r->program, "--resume: there is nothing to go on with in %s", r->out);
}

static int load_results(run *r, void *payload)
{
    const saved_results *saved = payload;
    if (!file_exists(path_join(r->out, NAME).s) && errno == ENOENT) {
        training_say_ended(r);
        return CLI_EXIT_USAGE;
    }
    training t = *saved->of;
    t.run = *r;
    tn_dict *dict = tn_load_dict(r->ctx, path_join(r->out, NAME).s);
    tn_dict *extra = dict ? tn_dict_select(dict, "extra.") : NULL;
    bool loaded = extra ? take_results(&t, extra, saved->results) : run_library_failed(r);
    return loaded ? 0 : CLI_EXIT_USAGE;
}

bool training_load_results(const training *t, training_results *results)
{
    run alone = t->run;
    return run_in_context(&alone, load_results, &(saved_results){t, results}) == 0;
}

static bool get_pieces(const training *t, const tn_dict *extra)
{
    tn_dict *best = tn_dict_select(extra, BEST), *history = tn_dict_select(extra, HISTORY);
    bool taken = tn_snapshot_load_state_dict(t->best, best) == TN_OK &&
                 tn_history_load_state_dict(t->history, history) == TN_OK;
    tn_dict_free(best);
    tn_dict_free(history);
    return taken;
}

static bool restore(training *t, const tn_dict *extra)
{
    const double *done = tn_data_f64(tn_dict_get(extra, "done"));
    if (!get_pieces(t, extra))
        return false;
    int64_t rows = tn_history_rows(t->history);
    if (rows < 1 || !done || tn_numel(tn_dict_get(extra, "done")) != 2 ||
        get_records(extra, "kept", &t->kept, 1) != 1)
        return damaged(&t->run);
    t->last = training_row(t, rows - 1);
    t->round = (int64_t)done[0];
    t->seconds = done[1];
    return true;
}

/* The settings are looked at first: they say best what does not fit. */
bool training_load(training *t)
{
    tn_ctx *ctx = t->run.ctx;
    tn_scope scope = tn_scope_begin(ctx);
    path name = path_join(t->run.out, NAME);
    tn_dict *saved = tn_load_dict(ctx, name.s);
    tn_dict *extra = saved ? tn_dict_select(saved, "extra.") : NULL;
    bool loaded = extra && check_settings(t, extra) && check_data(t, extra);
    if (loaded)
        loaded = tn_load_checkpoint(ctx, parts_of(t, NULL), name.s) == TN_OK && restore(t, extra);
    tn_dict_free(extra);
    tn_dict_free(saved);
    tn_scope_end(ctx, scope);
    return tn_ok(ctx) ? loaded : run_library_failed(&t->run);
}

bool training_is_stopped(const run *r)
{
    return processes_most(processes_first() && file_exists(path_join(r->out, NAME).s));
}

void training_forget(const run *r)
{
    if (processes_first())
        unlink(path_join(r->out, NAME).s);
}
