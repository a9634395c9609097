/* The checkpoint of a run: the library's state of network, optimiser, schedule, loader and random
 * numbers, and beside it as "extra" the settings, the history, and the results of earlier runs. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "digits/train.h"

static const char *const NAME = "checkpoint.safetensors";

static tn_checkpoint parts_of(const train_run *run, tn_dict *extra)
{
    return (tn_checkpoint){.module = run->net,
                           .optim = run->opt,
                           .schedules = {run->schedule},
                           .loader = run->loader,
                           .extra = extra};
}

static bool failed(const cli_program *program, const tn_ctx *ctx)
{
    cli_error(program, "%s", ctx ? tn_error(ctx) : "memory is short");
    return false;
}

/* ---- settings: a run goes on only as it began ------------------------------------------------ */

typedef struct setting {
    const char *name;
    double value;
    const char *const *choices; /* NULL: a number */
} setting;

enum { SETTINGS = 16 };

static void list_settings(const train_run *run, setting *list)
{
    const train_settings *s = &run->settings;
    const setting all[SETTINGS] = {{"model", s->model, MODEL_NAMES},
                                   {"train", (double)s->use, NULL},
                                   {"validation", s->validation, NULL},
                                   {"batch", (double)s->batch, NULL},
                                   {"iterations", (double)s->iterations, NULL},
                                   {"optimizer", s->optimizer, TRAIN_OPTIMIZERS},
                                   {"lr", s->lr, NULL},
                                   {"schedule", s->schedule, TRAIN_SCHEDULES},
                                   {"momentum", s->momentum, NULL},
                                   {"weight-decay", s->weight_decay, NULL},
                                   {"reduction", s->reduction, TRAIN_REDUCTIONS},
                                   {"init-std", s->init_std, NULL},
                                   {"seed", (double)s->seed, NULL},
                                   {"runs", (double)s->runs, NULL},
                                   {"threads", tn_threads(run->ctx), NULL},
                                   {"eval-every", (double)s->eval_every, NULL}};
    memcpy(list, all, sizeof(all));
}

/* The setting's place in the dictionary. */
static path key_of(const setting *s)
{
    path key;
    snprintf(key.s, sizeof(key.s), "settings.%s", s->name);
    return key;
}

static void put_settings(const train_run *run, tn_dict *extra)
{
    setting list[SETTINGS];
    list_settings(run, list);
    for (int i = 0; i < SETTINGS; i++)
        tn_dict_set(extra, key_of(&list[i]).s, tn_scalar(run->ctx, TN_F64, list[i].value));
}

static path value_text(const setting *s, double value)
{
    path text;
    snprintf(text.s, sizeof(text.s), "%.15g", value);
    for (int i = 0; s->choices && s->choices[i]; i++)
        if (value == i)
            snprintf(text.s, sizeof(text.s), "%s", s->choices[i]);
    return text;
}

static bool check_settings(const cli_program *program, const train_run *run, const tn_dict *extra)
{
    setting list[SETTINGS];
    list_settings(run, list);
    for (int i = 0; i < SETTINGS; i++) {
        const tn_tensor *saved = tn_dict_get(extra, key_of(&list[i]).s);
        double value = tn_numel(saved) == 1 ? tn_item(run->ctx, saved) : -1;
        if (value == list[i].value)
            continue;
        cli_error(program, "--resume: %s/%s was made with --%s %s, not %s", run->settings.out, NAME,
                  list[i].name, value_text(&list[i], value).s,
                  value_text(&list[i], list[i].value).s);
        return false;
    }
    return true;
}

/* ---- records as rows of a tensor ------------------------------------------------------------- */

static void put_records(tn_ctx *ctx, tn_dict *extra, const char *name, const train_record *records,
                        int64_t count)
{
    tn_tensor *rows = tn_empty(ctx, TN_F64, TN_SHAPE(count, RECORD_VALUES));
    double *values = tn_data_mut(rows);
    for (int64_t i = 0; values && i < count; i++)
        record_values(&records[i], values + i * RECORD_VALUES);
    tn_dict_set(extra, name, rows);
}

/* At most `most` of them; -1 if they are not there. */
static int64_t get_records(const tn_dict *extra, const char *name, train_record *records,
                           int64_t most)
{
    const tn_tensor *rows = tn_dict_get(extra, name);
    const double *values = tn_data_f64(rows);
    int64_t count = tn_size(rows, 0);
    if (!values || tn_ndim(rows) != 2 || tn_size(rows, 1) != RECORD_VALUES || count > most)
        return -1;
    for (int64_t i = 0; i < count; i++)
        records[i] = record_of(values + i * RECORD_VALUES);
    return count;
}

/* ---- saving and loading ---------------------------------------------------------------------- */

bool train_save(const cli_program *program, const train_run *run, const train_record *results,
                int64_t count)
{
    tn_scope scope = tn_scope_begin(run->ctx);
    tn_dict *extra = tn_dict_new(run->ctx);
    put_settings(run, extra);
    put_records(run->ctx, extra, "history", run->history, run->records);
    put_records(run->ctx, extra, "results", results, count);
    double done[] = {(double)run->iteration, run->seconds};
    tn_dict_set(extra, "done", tn_from_data(run->ctx, TN_F64, TN_SHAPE(2), done));
    tn_save_checkpoint(run->ctx, parts_of(run, extra), path_join(run->settings.out, NAME).s);
    tn_dict_free(extra);
    tn_scope_end(run->ctx, scope);
    return tn_ok(run->ctx) || failed(program, run->ctx);
}

static bool damaged(const cli_program *program, const train_settings *s)
{
    cli_error(program, "--resume: %s/%s is not a checkpoint of this command", s->out, NAME);
    return false;
}

bool train_read_results(const cli_program *program, const train_settings *s, train_record *results,
                        int64_t *count)
{
    tn_ctx *ctx = tn_ctx_new(NULL);
    tn_dict *saved = tn_load_dict(ctx, path_join(s->out, NAME).s);
    bool read = saved != NULL || failed(program, ctx);
    if (read) {
        *count = get_records(saved, "extra.results", results, s->runs - 1);
        read = *count >= 0 || damaged(program, s);
    }
    tn_ctx_free(ctx);
    return read;
}

static bool restore(const cli_program *program, train_run *run, const tn_dict *extra)
{
    const train_settings *s = &run->settings;
    const double *done = tn_data_f64(tn_dict_get(extra, "done"));
    run->records = get_records(extra, "history", run->history, s->iterations / s->eval_every + 2);
    if (run->records < 0 || !done || tn_numel(tn_dict_get(extra, "done")) != 2)
        return damaged(program, s);
    run->iteration = (int64_t)done[0];
    run->seconds = done[1];
    return true;
}

/* The settings are looked at first: they say best what does not fit. */
bool train_load(const cli_program *program, train_run *run)
{
    tn_scope scope = tn_scope_begin(run->ctx);
    path name = path_join(run->settings.out, NAME);
    tn_dict *saved = tn_load_dict(run->ctx, name.s);
    tn_dict *extra = saved ? tn_dict_select(saved, "extra.") : NULL;
    bool loaded = extra && check_settings(program, run, extra);
    if (loaded)
        loaded = tn_load_checkpoint(run->ctx, parts_of(run, NULL), name.s) == TN_OK &&
                 restore(program, run, extra);
    tn_dict_free(extra);
    tn_dict_free(saved);
    tn_scope_end(run->ctx, scope);
    return tn_ok(run->ctx) ? loaded : failed(program, run->ctx);
}

void train_forget(const train_settings *settings)
{
    unlink(path_join(settings->out, NAME).s);
}
