/* progress.c - draws the line that shows how far a loop has come. */
#include "common/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const double REDRAW_SECONDS = 0.1;

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
    progress p = {.label = label, .total = total, .start = seconds_now()};
    p.shown = !quiet && progress_possible();
    return p;
}

static int terminal_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

/* "1 h 05 min", "3 min 20 s", "12 s". */
static void describe_seconds(double seconds, char *text, size_t size)
{
    int64_t s = (int64_t)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, size, "%lld h %02d min", (long long)(s / 3600), (int)(s / 60 % 60));
    else if (s >= 60)
        snprintf(text, size, "%d min %02d s", (int)(s / 60), (int)(s % 60));
    else
        snprintf(text, size, "%d s", (int)s);
}

/* Writes over the line that stands there; an empty one leaves nothing of it. */
static void draw_line(progress *p, const char *line)
{
    int most = terminal_columns() - 1, width = (int)strlen(line);
    if (width > most)
        width = most;
    fprintf(stderr, "\r%.*s%*s%s", width, line, p->width > width ? p->width - width : 0, "",
            width == 0 ? "\r" : "");
    fflush(stderr);
    p->width = width;
}

void progress_update(progress *p, int64_t done, const char *format, ...)
{
    double now = seconds_now();
    if (!p->shown || now - p->drawn < REDRAW_SECONDS)
        return;
    p->drawn = now;

    char left[32] = "?", detail[128], line[256];
    if (done > 0)
        describe_seconds((now - p->start) / (double)done * (double)(p->total - done), left,
                         sizeof(left));
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    snprintf(line, sizeof(line), "%s %lld/%lld  %s  %s left", p->label, (long long)done,
             (long long)p->total, detail, left);
    draw_line(p, line);
}

void progress_end(progress *p)
{
    if (p->shown && p->drawn > 0)
        draw_line(p, "");
}
