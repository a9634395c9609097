/* digits all: every other sub-command in turn, with the options that they share. */
#include <stdio.h>

#include "digits/digits.h"
#include "digits/sets.h"

static const cli_program PROGRAM = {
    .name = "digits all",
    .summary =
        "Runs show, forward, gradcheck, train, compare, contour and backprop-cost, each with "
        "its defaults, and leaves what each finds in a folder of its own below DIR.",
};

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} COMMANDS[] = {
    {"show", digits_show},
    {"forward", digits_forward},
    {"gradcheck", digits_gradcheck},
    {"train", digits_train},
    {"compare", digits_compare},
    {"contour", digits_contour},
    {"backprop-cost", digits_backprop_cost},
};

enum { COUNT = sizeof(COMMANDS) / sizeof(COMMANDS[0]) };

/* One part, with the options that all share. */
static int run_part(const run *r, const digit_source *source, size_t part)
{
    char use[32], seed[32], threads[32], out_name[] = "--out", data_name[] = "--data";
    char quiet[] = "--quiet";
    path out = path_join(r->out, COMMANDS[part].name), data = {""};
    snprintf(use, sizeof(use), "--train=%lld", (long long)source->use);
    snprintf(seed, sizeof(seed), "--seed=%lld", (long long)r->seed);
    snprintf(threads, sizeof(threads), "--threads=%lld", (long long)r->threads);
    char *argv[8] = {use, seed, threads, out_name, out.s};
    int argc = 5;
    if (source->data) {
        snprintf(data.s, sizeof(data.s), "%s", source->data);
        argv[argc++] = data_name;
        argv[argc++] = data.s;
    }
    if (r->quiet)
        argv[argc++] = quiet;
    else
        printf("\n---- digits %s\n", COMMANDS[part].name);
    return COMMANDS[part].run(argc, argv);
}

int digits_all(int argc, char **argv)
{
    run r = {.program = &PROGRAM, .out = "out/digits", .seed = 1};
    digit_source source = {.data = NULL};
    cli_option out = run_out_option(&r);
    out.help = "folder for the folders of results";
    const cli_option options[] = {
        digit_data_option(&source),
        digit_train_option(&source),
        run_seed_option(&r, "of the random numbers"),
        run_threads_option(&r),
        out,
        run_quiet_option(&r, "show neither progress nor what was found"),
        {.name = NULL},
    };
    cli_result parsed = cli_parse(&PROGRAM, options, argc, argv);
    int status = parsed == CLI_RUN ? 0 : (int)parsed;
    for (size_t i = 0; i < COUNT && parsed == CLI_RUN && status == 0; i++)
        status = run_part(&r, &source, i);
    return status;
}
