/* cli.h - command lines: options in a table, with their types, limits and help. */
#ifndef EXAMPLES_CLI_H
#define EXAMPLES_CLI_H

#include <stdbool.h>
#include <stdint.h>

typedef enum cli_type {
    CLI_FLAG,   /* bool: --quiet */
    CLI_INT,    /* int64_t: --batch 64 or --batch=64 */
    CLI_DOUBLE, /* double, finite */
    CLI_STRING, /* const char *, not empty */
    CLI_CHOICE, /* int: the index in `choices` */
    CLI_WORDS   /* cli_words: what is no option; `name` is for the help alone */
} cli_type;

/* The words of a command line that are no options, in their order. */
typedef struct cli_words {
    int count;
    char **word;
} cli_words;

/* One option. What `value` points to before parsing is the default, which the help shows unless
 * `shown_default` says something else ("" for nothing). Numbers lie in [min, max], or in (min, max]
 * if `above_min`; min == max means any. */
typedef struct cli_option {
    const char *name; /* without the dashes; NULL ends the table */
    cli_type type;
    void *value;
    const char *argument; /* "N", "DIR"; a choice shows its names */
    const char *help;
    double min, max;
    bool above_min;
    const char *const *choices; /* ended by NULL */
    const char *shown_default;
    const char *needed; /* of CLI_STRING: it must be given, and this says what for */
} cli_option;

typedef struct cli_program {
    const char *name;    /* as it is called: "digits train" */
    const char *summary; /* what it does, in sentences */
} cli_program;

enum { CLI_EXIT_FAILURE = 1, CLI_EXIT_USAGE = 2 };

/* Whether to run; if not, it is the exit status. */
typedef enum cli_result {
    CLI_RUN = -1,              /* the options are set: go on */
    CLI_HELP = 0,              /* --help was given and answered */
    CLI_WRONG = CLI_EXIT_USAGE /* an error was reported */
} cli_result;

/* Sets the options from argv[0 .. argc-1], which has no program name. Words that are no options are
 * refused, unless the table has CLI_WORDS, which then must be given; they are moved to the front of
 * argv. After "--" all are such words. */
cli_result cli_parse(const cli_program *program, const cli_option *options, int argc, char **argv);

/* Reads `count` numbers with commas between them, the value of an option, or 1 .. max of them if
 * *count is 0, which becomes their number. False with a line on standard error. */
bool cli_numbers(const cli_program *program, const char *option, const char *text, double *values,
                 int max, int *count);

/* Prints `text` on standard output, broken at spaces, from `column` on to column 80; following
 * lines are indented by `indent`. Ends with a line break. */
void cli_print_wrapped(const char *text, int column, int indent);

/* One line on standard error, "NAME: ...", of the first of several processes; those of the others
 * are kept (processes.h). */
void cli_error(const cli_program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same of what is no error, which the others say nothing of. */
void cli_note(const cli_program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
