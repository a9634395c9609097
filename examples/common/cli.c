/* cli.c - parses a command line by its table of options, and prints the help. */
#include "common/cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/processes.h"

enum { HELP_COLUMN = 26, HELP_WIDTH = 80 };

static void print_line(const cli_program *program, const char *format, va_list args)
{
    fprintf(stderr, "%s: ", program->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void cli_error(const cli_program *program, const char *format, ...)
{
    va_list args;
    char line[1024];
    va_start(args, format);
    if (processes_first()) {
        print_line(program, format, args);
    } else {
        vsnprintf(line, sizeof(line), format, args);
        processes_keep(program->name, line);
    }
    va_end(args);
}

void cli_note(const cli_program *program, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (processes_first())
        print_line(program, format, args);
    va_end(args);
}

static const cli_option *find_words(const cli_option *options)
{
    for (const cli_option *o = options; o->name; o++)
        if (o->type == CLI_WORDS)
            return o;
    return NULL;
}

/* ---- help ------------------------------------------------------------------------------------ */

void cli_print_wrapped(const char *text, int column, int indent)
{
    bool first = true;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (!first && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            putchar(' ');
            column++;
        }
        printf("%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
        first = false;
    }
    putchar('\n');
}

static void describe_default(const cli_option *o, char *text, size_t size)
{
    text[0] = '\0';
    if (o->shown_default)
        snprintf(text, size, "%s", o->shown_default);
    else if (o->type == CLI_INT)
        snprintf(text, size, "%lld", (long long)*(int64_t *)o->value);
    else if (o->type == CLI_DOUBLE)
        snprintf(text, size, "%g", *(double *)o->value);
    else if (o->type == CLI_STRING && *(const char **)o->value)
        snprintf(text, size, "%s", *(const char **)o->value);
    else if (o->type == CLI_CHOICE)
        snprintf(text, size, "%s", o->choices[*(int *)o->value]);
}

typedef struct shown_argument {
    char s[128];
} shown_argument;

/* "none|permute" of a choice; "" of a flag. */
static shown_argument argument_of(const cli_option *o)
{
    shown_argument text = {""};
    if (o->argument)
        snprintf(text.s, sizeof(text.s), "%s", o->argument);
    for (int i = 0; o->choices && o->choices[i]; i++) {
        size_t used = strlen(text.s);
        snprintf(text.s + used, sizeof(text.s) - used, "%s%s", i > 0 ? "|" : "", o->choices[i]);
    }
    return text;
}

static void print_option(const cli_option *o)
{
    char fallback[256], help[1024];
    shown_argument argument = argument_of(o);
    int column = printf("  --%s%s%s", o->name, argument.s[0] ? " " : "", argument.s);
    if (column < HELP_COLUMN - 1) {
        printf("%*s", HELP_COLUMN - column, "");
    } else {
        printf("\n%*s", HELP_COLUMN, "");
    }
    describe_default(o, fallback, sizeof(fallback));
    bool shown = fallback[0] != '\0';
    snprintf(help, sizeof(help), "%s%s%s%s", o->help, shown ? " [" : "", fallback,
             shown ? "]" : "");
    cli_print_wrapped(help, HELP_COLUMN, HELP_COLUMN);
}

static void print_help(const cli_program *program, const cli_option *options)
{
    const cli_option *words = find_words(options);
    printf("usage: %s [options]%s%s\n\n", program->name, words ? " " : "",
           words ? words->argument : "");
    cli_print_wrapped(program->summary, 0, 0);
    printf("\noptions [defaults]:\n");
    for (const cli_option *o = options; o->name; o++)
        if (o->type != CLI_WORDS)
            print_option(o);
    printf("  --help%*sthis text\n", HELP_COLUMN - 8, "");
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool in_range(const cli_option *o, double x)
{
    if (o->min == o->max)
        return true;
    return (o->above_min ? x > o->min : x >= o->min) && x <= o->max;
}

/* "--lr needs a number above 0, not 'x'". */
static bool wrong_number(const cli_program *program, const cli_option *o, const char *text)
{
    char limits[80] = "";
    const char *kind = o->type == CLI_INT ? "a whole number" : "a number";
    if (o->min < o->max && isinf(o->max))
        snprintf(limits, sizeof(limits), o->above_min ? " above %g" : " of at least %g", o->min);
    else if (o->min < o->max)
        snprintf(limits, sizeof(limits),
                 o->above_min ? " above %g and up to %.10g" : " from %g to %.10g", o->min, o->max);
    cli_error(program, "--%s needs %s%s, not '%s'", o->name, kind, limits, text);
    return false;
}

static bool set_int(const cli_program *program, const cli_option *o, const char *text)
{
    char *end;
    errno = 0;
    long long x = strtoll(text, &end, 10);
    if (end == text || *end || errno || !in_range(o, (double)x))
        return wrong_number(program, o, text);
    *(int64_t *)o->value = x;
    return true;
}

static bool set_double(const cli_program *program, const cli_option *o, const char *text)
{
    char *end;
    double x = strtod(text, &end);
    if (end == text || *end || !isfinite(x) || !in_range(o, x))
        return wrong_number(program, o, text);
    *(double *)o->value = x;
    return true;
}

static bool set_string(const cli_program *program, const cli_option *o, const char *text)
{
    if (!*text) {
        cli_error(program, "--%s needs %s, not an empty text", o->name, o->argument);
        return false;
    }
    *(const char **)o->value = text;
    return true;
}

static bool set_choice(const cli_program *program, const cli_option *o, const char *text)
{
    for (int i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            *(int *)o->value = i;
            return true;
        }
    }
    cli_error(program, "--%s needs one of %s, not '%s'", o->name, argument_of(o).s, text);
    return false;
}

static bool set_value(const cli_program *program, const cli_option *o, const char *text)
{
    switch (o->type) {
    case CLI_INT:
        return set_int(program, o, text);
    case CLI_DOUBLE:
        return set_double(program, o, text);
    case CLI_STRING:
        return set_string(program, o, text);
    case CLI_CHOICE:
        return set_choice(program, o, text);
    case CLI_FLAG:
    case CLI_WORDS:
        break;
    }
    return false;
}

bool cli_numbers(const cli_program *program, const char *option, const char *text, double *values,
                 int max, int *count)
{
    int wanted = *count, n = 0;
    const char *at = text;
    for (bool more = true; more; n++) {
        char *end;
        double value = strtod(at, &end);
        if (end == at || (*end && *end != ',') || !isfinite(value) || n == max) {
            n = 0;
            break;
        }
        values[n] = value;
        more = *end == ',';
        at = end + 1;
    }
    *count = n;
    if (n > 0 && (wanted == 0 || n == wanted))
        return true;
    cli_error(program, "--%s needs %s%d numbers with commas between them, not '%s'", option,
              wanted ? "" : "1 to ", wanted ? wanted : max, text);
    return false;
}

/* ---- parsing --------------------------------------------------------------------------------- */

static const cli_option *find_option(const cli_option *options, const char *name, size_t length)
{
    for (const cli_option *o = options; o->name; o++)
        if (o->type != CLI_WORDS && strlen(o->name) == length &&
            strncmp(o->name, name, length) == 0)
            return o;
    return NULL;
}

/* Reads the option at argv[*i] with its value, and moves *i to the last word read. */
static bool parse_option(const cli_program *program, const cli_option *options, int argc,
                         char **argv, int *i)
{
    const char *word = argv[*i];
    size_t length = strcspn(word, "=");
    const char *value = word[length] ? word + length + 1 : NULL;
    const cli_option *o =
        strncmp(word, "--", 2) == 0 ? find_option(options, word + 2, length - 2) : NULL;
    if (!o) {
        cli_error(program, "unknown option '%s' (%s --help lists them)", word, program->name);
        return false;
    }
    if (o->type == CLI_FLAG) {
        if (value)
            cli_error(program, "--%s takes no value", o->name);
        *(bool *)o->value = true;
        return !value;
    }
    if (!value && *i + 1 >= argc) {
        cli_error(program, "--%s needs a value: --%s %s", o->name, o->name, argument_of(o).s);
        return false;
    }
    if (!value)
        value = argv[++*i];
    return set_value(program, o, value);
}

/* Reads an option, or keeps a word. */
static bool parse_word(const cli_program *program, const cli_option *options, int argc, char **argv,
                       int *i, bool *all_words)
{
    const cli_option *o = find_words(options);
    if (o && !*all_words && strcmp(argv[*i], "--") == 0) {
        *all_words = true;
        return true;
    }
    if (!o || (!*all_words && argv[*i][0] == '-' && argv[*i][1]))
        return parse_option(program, options, argc, argv, i);
    cli_words *words = o->value;
    argv[words->count++] = argv[*i];
    return true;
}

/* Whether every option that must be given was given. */
static bool check_needed(const cli_program *program, const cli_option *options)
{
    for (const cli_option *o = options; o->name; o++) {
        if (o->type == CLI_WORDS && ((cli_words *)o->value)->count == 0) {
            cli_error(program, "%s is missing (%s --help)", o->argument, program->name);
            return false;
        }
        if (o->needed && !*(const char **)o->value) {
            cli_error(program, "--%s %s is missing: %s", o->name, o->argument, o->needed);
            return false;
        }
    }
    return true;
}

cli_result cli_parse(const cli_program *program, const cli_option *options, int argc, char **argv)
{
    const cli_option *o = find_words(options);
    bool all_words = false;
    if (o)
        *(cli_words *)o->value = (cli_words){.word = argv};
    for (int i = 0; i < argc; i++) {
        if (!all_words && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_help(program, options);
            return CLI_HELP;
        }
        if (!parse_word(program, options, argc, argv, &i, &all_words))
            return CLI_WRONG;
    }
    return check_needed(program, options) ? CLI_RUN : CLI_WRONG;
}
