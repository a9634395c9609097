/* train.h - what a training run is made of, and its results as files. */
#ifndef EXAMPLES_DIGITS_TRAIN_H
#define EXAMPLES_DIGITS_TRAIN_H

#include "common/cli.h"
#include "digits/sets.h"

typedef struct train_settings {
    const char *data, *out;
    int64_t iterations, epochs, batch, use, eval_every, seed, threads;
    double lr, momentum, init_std, validation;
    int reduction; /* index in TRAIN_REDUCTIONS */
    bool quiet;
} train_settings;

extern const char *const TRAIN_REDUCTIONS[];

/* A row of history.csv. The loss is that of all training images, their sum or mean. */
typedef struct train_record {
    int64_t iteration;
    double seconds; /* in steps; evaluations are not counted */
    double loss, train_accuracy, validation_accuracy, test_accuracy;
} train_record;

typedef struct train_run {
    train_settings settings;
    digit_sets sets;
    train_record *history;
    int64_t records;
} train_run;

/* Write metrics.json and history.csv, and draw the learning curve, in settings.out.
 * False with a line on standard error. */
bool train_write_results(const cli_program *program, const tn_ctx *ctx, const train_run *run);

/* A few lines on standard output. */
void train_print_summary(const train_run *run);

#endif
