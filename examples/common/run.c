/* run.c - sets up one run of a command, and writes its results into its folder. */
#include "common/run.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/processes.h"

static const char METRICS[] = "metrics.json";

int run_in_context(run *r, run_work work, void *payload)
{
    r->ctx = tn_ctx_new(&(tn_ctx_opts){.seed = (uint64_t)r->seed, .threads = (int)r->threads});
    if (!r->ctx)
        run_short_of_memory(r);
    int status = processes_all(r->ctx != NULL) ? work(r, payload) : CLI_EXIT_FAILURE;
    tn_ctx_free(r->ctx);
    return status;
}

int run_command(run *r, const cli_option *options, int argc, char **argv, run_work work,
                void *payload)
{
    cli_result parsed = cli_parse(r->program, options, argc, argv);
    return parsed == CLI_RUN ? run_in_context(r, work, payload) : (int)parsed;
}

/* ---- options --------------------------------------------------------------------------------- */

cli_option run_seed_option(run *r, const char *help)
{
    return (cli_option){.name = "seed",
                        .type = CLI_INT,
                        .value = &r->seed,
                        .argument = "S",
                        .max = INFINITY,
                        .help = help};
}

cli_option run_threads_option(run *r)
{
    return (cli_option){.name = "threads",
                        .type = CLI_INT,
                        .value = &r->threads,
                        .argument = "N",
                        .max = 1024,
                        .help = "0: as many as there are cores"};
}

cli_option run_out_option(run *r)
{
    return (cli_option){.name = "out",
                        .type = CLI_STRING,
                        .value = &r->out,
                        .argument = "DIR",
                        .help = "folder for the results"};
}

cli_option run_quiet_option(run *r, const char *help)
{
    return (cli_option){.name = "quiet", .type = CLI_FLAG, .value = &r->quiet, .help = help};
}

/* ---- failures -------------------------------------------------------------------------------- */

bool run_library_failed(const run *r)
{
    cli_error(r->program, "%s", tn_error(r->ctx));
    return false;
}

bool run_short_of_memory(const run *r)
{
    cli_error(r->program, "memory is short");
    return false;
}

bool run_unwritten(const run *r, const char *name)
{
    cli_error(r->program, "%s/%s cannot be written: %s", r->out, name, strerror(errno));
    return false;
}

/* ---- results --------------------------------------------------------------------------------- */

bool run_make_out(const run *r)
{
    if (!processes_first() || make_directories(r->out))
        return true;
    cli_error(r->program, "%s: no results can be written there: %s", r->out, strerror(errno));
    return false;
}

bool run_open(const run *r, report *to, const char *name)
{
    return report_open(to, r->out, name) || run_unwritten(r, name);
}

bool run_close(const run *r, report *to)
{
    return report_close(to) || run_unwritten(r, to->name);
}

bool run_open_metrics(const run *r, report *to)
{
    if (!run_open(r, to, METRICS))
        return false;
    json_begin(to);
    return true;
}

bool run_close_metrics(const run *r, report *to)
{
    json_end(to);
    return run_close(r, to);
}

void run_put_machine(report *to, const run *r)
{
    json_integer(to, "threads", tn_threads(r->ctx));
    json_string(to, "isa", tn_isa(r->ctx));
    json_string(to, "libtensor", tn_version());
}

bool run_draw(const run *r, const figure *f)
{
    figure_result result = figure_draw(r->out, f);
    if (result == FIGURE_FAILED)
        return run_unwritten(r, f->name);
    if (result == FIGURE_NOT_DRAWN && !r->quiet)
        printf("%s not drawn: with gnuplot installed, (cd %s && gnuplot %s.gp) draws it\n", f->name,
               r->out, f->name);
    return true;
}
