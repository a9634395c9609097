/* setup.h - what the sub-commands share: options, the digits, the network, the folder for
 * results. */
#ifndef EXAMPLES_DIGITS_SETUP_H
#define EXAMPLES_DIGITS_SETUP_H

#include "common/cli.h"
#include "common/figure.h"
#include "common/report.h"
#include "digits/sets.h"

/* `data`, or where MNIST is found if that is NULL, which is written to `found`. NULL with a line on
 * standard error if it is nowhere. */
const char *digits_source(const cli_program *program, const char *data, path *found);

/* Loads the digits; the first `use` training images (0: all) will be used. False with a line on
 * standard error. */
bool digits_load(const cli_program *program, tn_ctx *ctx, const char *source, int64_t use,
                 mnist *digits);

/* 784-10. The weights and the bias come from one normal distribution if there is a deviation. */
tn_module *softmax_net(tn_ctx *ctx, double init_std);

/* What a sub-command is told, and what it finds when it runs. */
typedef struct setup {
    const cli_program *program;
    const char *data, *out;
    int64_t use, seed, threads;
    bool quiet;
    path found;
    tn_ctx *ctx;
    tn_tensor *images, *labels; /* the training images in use: TN_U8 [count, 784] and [count] */
    int64_t count;
} setup;

/* Runs a sub-command when its options are set and the digits loaded; returns the exit status. */
typedef int (*setup_command)(setup *s, void *payload);

/* Parses the options that all share and those of `own` (at most 10, ended by a NULL name), makes
 * the context, loads the digits and runs. Returns the exit status. */
int setup_run(setup *s, const cli_option *own, int argc, char **argv, setup_command run,
              void *payload);

/* The images in use as TN_F32 or TN_F64 [count, 784] in [0, 1]. */
tn_tensor *setup_inputs(const setup *s, tn_dtype dtype);

/* Reads `count` numbers with commas between them, or 1 .. max of them if *count is 0, which becomes
 * their number. False with a line on standard error that names the option. */
bool setup_numbers(const setup *s, const char *option, const char *text, double *values, int max,
                   int *count);

/* Each returns false with a line on standard error: the folder for results cannot be made, the
 * library has failed, a file of results cannot be written. */
bool setup_make_out(const setup *s);
bool setup_library_failed(const setup *s);
bool setup_unwritten(const setup *s, const char *name);

/* The fields of metrics.json that say what the sub-command ran on. */
void setup_put(report *r, const setup *s);

/* Draws a picture, or says how to. False with a line on standard error. */
bool setup_draw(const setup *s, const figure *f);

#endif
