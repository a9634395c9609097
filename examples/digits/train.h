/* train.h - what a training run is made of, its checkpoint, and its results as files. */
#ifndef EXAMPLES_DIGITS_TRAIN_H
#define EXAMPLES_DIGITS_TRAIN_H

#include "common/cli.h"
#include "common/report.h"
#include "digits/models.h"
#include "digits/sets.h"

typedef struct train_settings {
    const char *data, *out;
    int64_t iterations, epochs, batch, use, eval_every, seed, threads, runs;
    double lr, momentum, weight_decay, init_std, validation;
    int model, optimizer, schedule, reduction; /* indices in the names below */
    bool quiet, resume;
} train_settings;

extern const char *const TRAIN_OPTIMIZERS[];
extern const char *const TRAIN_SCHEDULES[];
extern const char *const TRAIN_REDUCTIONS[];

/* A row of history.csv. The losses of training are those of all training images, their sum or mean;
 * the other two are means. */
typedef struct train_record {
    int64_t iteration;
    double seconds; /* in steps; evaluations are not counted */
    double loss, validation_loss, test_loss;
    double train_accuracy, validation_accuracy, test_accuracy;
} train_record;

enum { RECORD_VALUES = 8 };
void record_values(const train_record *record, double *values);
train_record record_of(const double *values);

/* One of --runs, which differ in their seeds. */
typedef struct train_run {
    train_settings settings; /* complete: nothing is left to its default */
    digit_sets sets;
    tn_ctx *ctx;
    path found; /* where the digits are, if --data does not say */
    tn_module *net;
    tn_optim *opt;
    tn_schedule *schedule; /* NULL: a constant rate */
    tn_loader *loader;
    tn_batch batch;
    train_record *history;
    int64_t records, iteration; /* evaluations and steps done */
    double seconds;             /* spent in steps */
} train_run;

/* ---- checkpoints (train_state.c) ------------------------------------------------------------- */

/* Writes the state of the run, and the `count` results of those before it, to DIR/checkpoint.
 * False with a line on standard error. */
bool train_save(const cli_program *program, const train_run *run, const train_record *results,
                int64_t count);

/* Reads how many runs were finished, and their results. False with a line on standard error. */
bool train_read_results(const cli_program *program, const train_settings *settings,
                        train_record *results, int64_t *count);

/* Puts a run that was prepared with the same settings into that state. */
bool train_load(const cli_program *program, train_run *run);

/* Removes the checkpoint, if there is one. */
void train_forget(const train_settings *settings);

/* ---- results (train_report.c) ---------------------------------------------------------------- */

/* Write history.csv, draw the learning curve and the weights, and save the network, in
 * settings.out. False with a line on standard error. */
bool train_write_run(const cli_program *program, const train_run *run);

/* Write metrics.json and, for several runs, runs.csv. */
bool train_write_results(const cli_program *program, const train_run *run,
                         const train_record *results);

/* A few lines on standard output. */
void train_print_summary(const train_run *run, const train_record *results);

#endif
