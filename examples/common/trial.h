/* trial.h - learning to tell people apart: what the programs that train on photographs share. A
 * program brings the network and what goes into it; from here come the options, the splits, the
 * training with early stopping, several runs, and the results. */
#ifndef EXAMPLES_TRIAL_H
#define EXAMPLES_TRIAL_H

#include "common/figure.h"
#include "common/report.h"
#include "common/split.h"
#include "common/stats.h"

typedef enum trial_control { CONTROL_NONE, CONTROL_PERMUTE } trial_control;
typedef enum trial_schedule { SCHEDULE_CONSTANT, SCHEDULE_COSINE } trial_schedule;
typedef enum trial_keep { KEEP_BEST, KEEP_LAST } trial_keep;

/* What a run is told. Complete when it begins. */
typedef struct trial_settings {
    const char *data, *split, *out;
    int64_t test_per_class, train, near, epochs, batch, patience, eval_every, seed, runs, threads;
    double validation, lr, weight_decay, label_smoothing;
    int schedule, keep, control; /* indices in the choices of the options */
    bool balance, quiet;
} trial_settings;

/* How the network does after some epochs: losses are means over the photographs. */
typedef struct trial_record {
    int64_t epoch;
    double seconds;                                  /* in training steps */
    double loss[SPLIT_PARTS], accuracy[SPLIT_PARTS]; /* NaN for an empty part */
} trial_record;

typedef struct trial trial;

/* What a program brings. */
typedef struct trial_task {
    const cli_program *program;
    const char *network;         /* "3072-20-6 with ReLU" */
    const char *const *controls; /* names of CONTROL_NONE, CONTROL_PERMUTE */

    /* Makes the network of a run, whose split is known: [n, ...] -> [n, persons]. What is made
     * besides belongs to the scope of the run. NULL with the error in t->ctx. */
    tn_module *(*make)(trial *t);

    /* What goes in for some photographs, [count, ...]: varied at random if it is to be learned. */
    tn_tensor *(*inputs)(const trial *t, const int64_t *photos, int64_t count, bool vary);

    /* Adds what predictions need besides the network to a dictionary, and its own settings to
     * metrics.json. Either may be NULL. */
    tn_status (*save)(const trial *t, tn_dict *dict);
    void (*put)(report *r, const trial *t);
} trial_task;

/* One run. */
struct trial {
    const trial_task *task;
    const trial_settings *settings;
    const people *people;
    void *payload;
    tn_ctx *ctx;
    split split;
    int64_t *labels; /* of the photographs, as they are learned */
    tn_module *net;
    tn_optim *opt;
    tn_schedule *schedule;       /* NULL: a constant rate */
    tn_tensor *weight;           /* of the persons in the loss; NULL: all 1 */
    tn_dict *best;               /* the network that does best on the validation photographs */
    trial_record *history, kept; /* `kept` is of the network that is kept */
    int64_t records;
    double seconds;
};

/* What all runs say. */
typedef struct trial_results {
    trial_record *kept, *last; /* of each run */
    int64_t *confusion; /* [persons, persons]: of one person, taken for another, in all tests */
    int64_t runs;
} trial_results;

enum { TRIAL_OPTIONS = 22 };

/* Writes the options that all such programs have, TRIAL_OPTIONS at most, and returns how many. */
int trial_options(trial_settings *s, const trial_task *task, cli_option *options);

/* The accuracies of all runs together. */
typedef struct trial_summary {
    interval validation, test;
} trial_summary;

/* Trains on the photographs, writes the results to settings.out, and fills in the summary if it is
 * not NULL. Returns the exit status. */
int trial_run(const trial_task *task, trial_settings *s, const people *p, void *payload,
              trial_summary *summary);

/* The settings of a run before anything is said. */
trial_settings trial_defaults(const char *out);

/* ---- results (trial_report.c) ---------------------------------------------------------------- */

/* Write, of the first run: history.csv, split.csv, duplicates.csv, lost.csv, model.safetensors and
 * the learning curve. False with a line on standard error. */
bool trial_write_run(const trial *t);

/* Write, of all runs: metrics.json, runs.csv, confusion.csv, people.csv and the confusion
 * matrix. */
bool trial_write_results(const trial *t, const trial_results *results);

/* The accuracy over a part, of all runs. */
interval trial_accuracy(const trial_results *results, split_part part);

void trial_print_photos(const people *p, const trial_settings *s);
void trial_print_summary(const trial *t, const trial_results *results);

#endif
