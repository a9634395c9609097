/* questions.c - the lines of standard input, one after another. */
#include "bench/questions.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/rates.h"

static const char *program = "bench";

void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", program, what, why ? why : "no answer");
    exit(EXIT_FAILURE);
}

static void answer_line(tn_ctx *ctx, const char *line, answer_fn answer)
{
    char what[16], name[64], rest[QUESTION] = "";
    double milliseconds;
    if (sscanf(line, "%15s %lf %63s %511[^\n]", what, &milliseconds, name, rest) < 3)
        fail(line, "not understood");
    tn_scope scope = tn_scope_begin(ctx);
    if (strcmp(what, "rate") != 0 || !answer_rate(ctx, name, 1e-3 * milliseconds))
        answer(ctx, what, 1e-3 * milliseconds, name, rest);
    fflush(stdout);
    tn_scope_end(ctx, scope);
}

int answer_questions(int argc, char **argv, answer_fn answer)
{
    char line[QUESTION];
    program = argv[0];
    tn_ctx *ctx = tn_ctx_new(&(tn_ctx_opts){.seed = 1, .threads = argc > 1 ? atoi(argv[1]) : 1});
    if (!ctx)
        fail("context", "out of memory");
    while (fgets(line, sizeof line, stdin))
        answer_line(ctx, line, answer);
    tn_ctx_free(ctx);
    return EXIT_SUCCESS;
}
