/* progress.h - one line on a terminal that shows how far a loop has come; nothing in a pipe. */
#ifndef EXAMPLES_PROGRESS_H
#define EXAMPLES_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <tn/train.h>

typedef struct progress {
    tn_progress line;
    bool shown; /* there is a terminal for it */
} progress;

/* Seconds of a clock that only goes forward. */
double seconds_now(void);

/* Whether standard output and standard error are terminals that can begin a line anew: not those
 * that TERM calls dumb. Nothing but carriage returns is used for that, no escape codes. */
bool progress_possible(void);

/* `total` steps will be counted. Nothing is ever drawn if `quiet`. */
progress progress_begin(const char *label, int64_t total, bool quiet);

/* Redraws the line, ten times a second at most: label, done of total, the text of the format, and
 * an estimate of the time that is left. */
void progress_update(progress *p, int64_t done, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Wipes the line away. */
void progress_end(progress *p);

#endif
