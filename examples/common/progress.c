/* progress.c - the line that shows how far a loop has come, where somebody looks. */
#include "common/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool progress_possible(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) && term && *term &&
           strcmp(term, "dumb") != 0;
}

progress progress_begin(const char *label, int64_t total, bool quiet)
{
    return (progress){.line = tn_progress_begin(label, 0, total),
                      .shown = !quiet && progress_possible()};
}

void progress_update(progress *p, int64_t done, const char *format, ...)
{
    if (!p->shown)
        return;
    char detail[128];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    tn_progress_show(&p->line, done, detail, STDERR_FILENO);
}

void progress_end(progress *p)
{
    tn_progress_end(&p->line, STDERR_FILENO);
}
