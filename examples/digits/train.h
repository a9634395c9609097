/* train.h - what `digits train` is told, and the files that it writes. */
#ifndef EXAMPLES_DIGITS_TRAIN_H
#define EXAMPLES_DIGITS_TRAIN_H

#include "common/training.h"
#include "digits/models.h"
#include "digits/sets.h"

typedef struct train_settings {
    run run;
    training_settings training;
    digit_source source;
    int64_t epochs; /* 0: the rounds say how long */
    double momentum, init_std, validation;
    int model, optimizer, reduction; /* indices in the names */
} train_settings;

enum { REDUCTION_MEAN, REDUCTION_SUM };

extern const char *const REDUCTIONS[]; /* "mean", "sum" */
extern const char *const OPTIMIZERS[]; /* "sgd", "adam" */

/* The payload of a training. */
typedef struct train_run {
    train_settings settings; /* as they were given; those that depend on the images are left open */
    digit_sets sets;         /* of one run */
    tn_batch batch;
} train_run;

/* ---- results (train_report.c) ---------------------------------------------------------------- */

/* Draws the learning curve and the weights, and saves the network. */
bool train_write_run(training *t);

void train_put(report *to, const training *t, const training_results *results);
void train_print(const training *t, const training_results *results);

#endif
