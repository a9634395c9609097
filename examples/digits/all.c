/* digits all: every other sub-command in turn, with the options that they share. */
#include <stdarg.h>
#include <stdio.h>

#include "common/commands.h"
#include "common/training.h"
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

enum { EACH_ITS_OWN = -1 }; /* --train is not given */
enum { COUNT = sizeof(COMMANDS) / sizeof(COMMANDS[0]) };

/* The words of a command line. */
typedef struct words {
    int count;
    char word[8][4200], *argv[9];
} words;

static void add_word(words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_word(words *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(w->word[w->count], sizeof(w->word[0]), format, args);
    va_end(args);
    w->argv[w->count] = w->word[w->count];
    w->count++;
}

/* The options that all parts share, as far as they were given. */
static void add_options(words *w, const run *r, const digit_source *source, const char *out)
{
    if (source->use != EACH_ITS_OWN)
        add_word(w, "--train=%lld", (long long)source->use);
    if (source->data)
        add_word(w, "--data=%s", source->data);
    add_word(w, "--seed=%lld", (long long)r->seed);
    add_word(w, "--threads=%lld", (long long)r->threads);
    add_word(w, "--out=%s", out);
    if (r->quiet)
        add_word(w, "--quiet");
}

/* A training that was stopped has left a checkpoint, from which it alone goes on. */
static void tell_how_to_go_on(const words *w)
{
    fprintf(stderr, "%s: to go on with that: digits train", PROGRAM.name);
    for (int i = 0; i < w->count; i++)
        fprintf(stderr, " %s", w->word[i]);
    fprintf(stderr, " --resume\n");
}

/* Before hours are spent on what comes first. */
static bool may_train(const run *r)
{
    path out = path_join(r->out, "train");
    const run later = {.program = r->program, .out = out.s};
    if (!training_is_stopped(&later))
        return true;
    training_say_stopped(&later);
    return false;
}

static int run_part(const run *r, const digit_source *source, size_t part)
{
    words w = {.count = 0};
    path out = path_join(r->out, COMMANDS[part].name);
    add_options(&w, r, source, out.s);
    if (!r->quiet)
        printf("\n---- digits %s\n", COMMANDS[part].name);
    int status = COMMANDS[part].run(w.count, w.argv);
    if (!interrupted)
        return status;
    if (status == interrupted_status())
        tell_how_to_go_on(&w);
    else
        cli_error(&PROGRAM, "stopped after %s", COMMANDS[part].name);
    return interrupted_status();
}

int digits_all(int argc, char **argv)
{
    run r = {.program = &PROGRAM, .out = "out/digits", .seed = 1};
    digit_source source = {.data = NULL, .use = EACH_ITS_OWN};
    cli_option out = run_out_option(&r), train = digit_train_option(&source);
    out.help = "folder for the folders of results";
    train.shown_default = "gradcheck: 100, others: 0";
    const cli_option options[] = {
        digit_data_option(&source),
        train,
        run_seed_option(&r, "of the random numbers"),
        run_threads_option(&r),
        out,
        run_quiet_option(&r, "show neither progress nor what was found"),
        {.name = NULL},
    };
    cli_result parsed = cli_parse(&PROGRAM, options, argc, argv);
    int status = parsed == CLI_RUN ? 0 : (int)parsed;
    if (parsed == CLI_RUN && !may_train(&r))
        return CLI_EXIT_USAGE;
    for (size_t i = 0; i < COUNT && parsed == CLI_RUN && status == 0; i++)
        status = run_part(&r, &source, i);
    return status;
}
