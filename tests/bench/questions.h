/* questions.h - what the programs that are timed beside others have in common: NAME THREADS. */
#ifndef BENCH_QUESTIONS_H
#define BENCH_QUESTIONS_H

#include <tn/tn.h>

enum { QUESTION = 512 }; /* characters of a line */

/* Prints both behind the name of the program, and ends it. */
_Noreturn void fail(const char *what, const char *why);

/* Each line of standard input asks for one measurement: what, the milliseconds that it may take, a
 * name, and arguments in `text`, which may be cut up. "rate" is answered here (rates.h). */
typedef void (*answer_fn)(tn_ctx *ctx, const char *what, double seconds, const char *name,
                          char *text);
int answer_questions(int argc, char **argv, answer_fn answer);

#endif
