/* digits all: every other sub-command in turn, with the options that they share. */
#include <math.h>
#include <stdio.h>

#include "common/cli.h"
#include "common/report.h"
#include "digits/digits.h"

static const cli_program PROGRAM = {
    .name = "digits all",
    .summary =
        "Runs show, forward, gradcheck, train, compare, contour and backprop-cost, each with "
        "its defaults, and leaves what each finds in a folder of its own below DIR.",
};

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} PARTS[] = {
    {"show", digits_show},
    {"forward", digits_forward},
    {"gradcheck", digits_gradcheck},
    {"train", digits_train},
    {"compare", digits_compare},
    {"contour", digits_contour},
    {"backprop-cost", digits_backprop_cost},
};

typedef struct settings {
    const char *data, *out;
    int64_t use, seed, threads;
    bool quiet;
} settings;

static int run_part(const settings *s, const char *name, int (*run)(int argc, char **argv))
{
    char use[32], seed[32], threads[32];
    path out = path_join(s->out, name), data;
    snprintf(use, sizeof(use), "--train=%lld", (long long)s->use);
    snprintf(seed, sizeof(seed), "--seed=%lld", (long long)s->seed);
    snprintf(threads, sizeof(threads), "--threads=%lld", (long long)s->threads);
    char option_out[] = "--out", option_data[] = "--data", quiet[] = "--quiet";
    char *argv[8] = {use, seed, threads, option_out, out.s};
    int argc = 5;
    if (s->data) {
        snprintf(data.s, sizeof(data.s), "%s", s->data);
        argv[argc++] = option_data;
        argv[argc++] = data.s;
    }
    if (s->quiet)
        argv[argc++] = quiet;
    else
        printf("\n---- digits %s\n", name);
    return run(argc, argv);
}

int digits_all(int argc, char **argv)
{
    settings s = {.out = "out/digits", .seed = 1};
    cli_option options[] = {
        {"data", CLI_STRING, &s.data, "PATH",
         .help = "folder with MNIST as IDX files or as mnist_all.mat, or such a .mat file",
         .shown_default = "data/mnist if the full set is there, else examples/data/mnist"},
        {"train", CLI_INT, &s.use, "N", .max = INFINITY,
         .help = "use only the first N training images; 0: all of them"},
        {"seed", CLI_INT, &s.seed, "S", .max = INFINITY, .help = "of the random numbers"},
        {"threads", CLI_INT, &s.threads, "N", .max = 1024, .help = "0: as many as there are cores"},
        {"out", CLI_STRING, &s.out, "DIR", .help = "folder for the folders of results"},
        {"quiet", CLI_FLAG, &s.quiet, .help = "show neither progress nor what was found"},
        {.name = NULL},
    };
    cli_result parsed = cli_parse(&PROGRAM, options, argc, argv);
    if (parsed != CLI_RUN)
        return (int)parsed;
    int status = 0;
    for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]) && status == 0; i++)
        status = run_part(&s, PARTS[i].name, PARTS[i].run);
    return status;
}
