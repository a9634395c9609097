/* run.h - one run of a command: what it is told, its context, and its results in a folder. All
 * commands but those that make or fetch data run in it; training.h is for those that train. */
#ifndef EXAMPLES_RUN_H
#define EXAMPLES_RUN_H

#include <tn/tn.h>

#include "common/cli.h"
#include "common/figure.h"
#include "common/report.h"

typedef struct run {
    const cli_program *program;
    const char *out; /* folder for the results */
    int64_t seed, threads;
    bool quiet;
    tn_ctx *ctx;
} run;

/* What a command does once its options are set; returns the exit status. */
typedef int (*run_work)(run *r, void *payload);

/* Parses the options, makes the context, works and frees the context; returns the exit status. */
int run_command(run *r, const cli_option *options, int argc, char **argv, run_work work,
                void *payload);

/* The same for options that are set. */
int run_in_context(run *r, run_work work, void *payload);

/* Options that many commands have. */
cli_option run_seed_option(run *r, const char *help);
cli_option run_threads_option(run *r);
cli_option run_out_option(run *r);
cli_option run_quiet_option(run *r, const char *help);

/* Each returns false with a line on standard error: the library has failed, memory is short, a file
 * of results cannot be written (errno says why). */
bool run_library_failed(const run *r);
bool run_short_of_memory(const run *r);
bool run_unwritten(const run *r, const char *name);

/* The rest returns false with a line on standard error, too. */

/* Makes the folder for the results, which is the work of the first of several processes. */
bool run_make_out(const run *r);

/* Begin and end OUT/NAME, a report; and OUT/metrics.json, one object of JSON. */
bool run_open(const run *r, report *to, const char *name);
bool run_close(const run *r, report *to);
bool run_open_metrics(const run *r, report *to);
bool run_close_metrics(const run *r, report *to);

/* The fields of metrics.json that say what it was computed by. */
void run_put_machine(report *to, const run *r);

/* Draws a picture, or says how to. */
bool run_draw(const run *r, const figure *f);

#endif
