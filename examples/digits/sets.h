/* sets.h - the digits that a command works on: the training images in use, or these as sets for
 * training, validation and the test. */
#ifndef EXAMPLES_DIGITS_SETS_H
#define EXAMPLES_DIGITS_SETS_H

#include "common/mnist.h"
#include "common/parts.h"
#include "common/processes.h"
#include "common/run.h"

enum { DIGIT_PIXELS = MNIST_SIDE * MNIST_SIDE };

/* What a command is told of the digits: where they are, and how many to use. */
typedef struct digit_source {
    const char *data; /* NULL: where MNIST is found */
    int64_t use;      /* the first so many training images; 0: all of them */
    path found;
} digit_source;

/* The option --data of all commands, and --train. */
cli_option digit_data_option(digit_source *source);
cli_option digit_train_option(digit_source *source);

/* Loads the digits, and sets `data` if it is not set. False with a line on standard error. */
bool digits_load(const run *r, digit_source *source, mnist *digits);

/* The training images in use: TN_U8 [count, 784] and [count]. */
typedef struct digit_images {
    digit_source source;
    tn_tensor *images, *labels;
    int64_t count;
} digit_images;

/* Runs a command that looks at the images in use: parses the options that all such commands have
 * and `own` ones (at most 10, ended by a NULL name), makes the context, loads the images and
 * works. Returns the exit status. */
int digits_run(run *r, digit_images *d, const cli_option *own, int argc, char **argv, run_work work,
               void *payload);

/* The images in use as TN_F32 or TN_F64 [count, 784] in [0, 1]. */
tn_tensor *digit_inputs(tn_ctx *ctx, const digit_images *d, tn_dtype dtype);

/* In how many of them a pixel is not 0. */
int64_t digit_inked(const digit_images *d, int pixel);

/* The fields of metrics.json that say what such a command ran on. */
void digits_put(report *to, const run *r, const digit_images *d);

/* Images TN_U8 [count, 784], labels TN_U8 [count]; NULL and 0 for a set that is empty. */
typedef struct digit_set {
    tn_tensor *images, *labels;
    int64_t count;
    tn_loader *loader; /* its images as TN_F32 in [0, 1], in order, from digit_sets_load */
} digit_set;

typedef struct digit_sets {
    digit_set part[PARTS];
} digit_sets;

/* Of the first `use` training images (0: all), `validation` are drawn at random for validation and
 * the others stay for training. False with the error in ctx. */
bool digit_sets_make(tn_ctx *ctx, const mnist *digits, int64_t use, int64_t validation,
                     digit_sets *sets);

/* Makes the loaders, of the micro-batches of this process if several share them (NULL: not). False
 * with the error in ctx. */
bool digit_sets_load(tn_ctx *ctx, digit_sets *sets, const process_share *by);

#endif
