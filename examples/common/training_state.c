/* The checkpoint of a training that keeps its last network: the library's state of network,
 * optimiser, schedule, loader and random numbers, and beside it as "extra" the settings, the
 * history, and the results of earlier runs. */
#include <stdio.h>
#include <unistd.h>

#include "common/training.h"

static const char *const NAME = "checkpoint.safetensors";

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

/* ---- saving and loading ---------------------------------------------------------------------- */

bool training_save(const training *t, const training_results *results)
{
    tn_ctx *ctx = t->run.ctx;
    tn_scope scope = tn_scope_begin(ctx);
    tn_dict *extra = tn_dict_new(ctx);
    put_settings(t, extra);
    put_records(ctx, extra, "history", t->history, t->records);
    put_records(ctx, extra, "results", results->kept, results->runs);
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

typedef struct saved_results {
    int64_t runs;
    training_results *results;
} saved_results;

static int load_results(run *r, void *payload)
{
    const saved_results *saved = payload;
    training_results *results = saved->results;
    tn_dict *dict = tn_load_dict(r->ctx, path_join(r->out, NAME).s);
    if (!dict) {
        run_library_failed(r);
        return CLI_EXIT_USAGE;
    }
    results->runs = get_records(dict, "extra.results", results->kept, saved->runs - 1);
    if (results->runs < 0) {
        damaged(r);
        return CLI_EXIT_USAGE;
    }
    for (int64_t i = 0; i < results->runs; i++)
        results->last[i] = results->kept[i];
    return 0;
}

bool training_load_results(const run *r, int64_t runs, training_results *results)
{
    run alone = *r;
    return run_in_context(&alone, load_results, &(saved_results){runs, results}) == 0;
}

static bool restore(training *t, const tn_dict *extra)
{
    const double *done = tn_data_f64(tn_dict_get(extra, "done"));
    int64_t most = t->settings.rounds / t->settings.eval_every + 2;
    t->records = get_records(extra, "history", t->history, most);
    if (t->records < 0 || !done || tn_numel(tn_dict_get(extra, "done")) != 2)
        return damaged(&t->run);
    t->round = (int64_t)done[0];
    t->seconds = done[1];
    if (t->records > 0)
        t->kept = *training_last(t);
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
    bool loaded = extra && check_settings(t, extra);
    if (loaded)
        loaded = tn_load_checkpoint(ctx, parts_of(t, NULL), name.s) == TN_OK && restore(t, extra);
    tn_dict_free(extra);
    tn_dict_free(saved);
    tn_scope_end(ctx, scope);
    return tn_ok(ctx) ? loaded : run_library_failed(&t->run);
}

void training_forget(const run *r)
{
    unlink(path_join(r->out, NAME).s);
}
