/* progress.c - the line that shows how far a loop has come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <tn/train.h>

#define REDRAW_SECONDS 0.1
#define MOST_COLUMNS 512

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

tn_progress tn_progress_begin(const char *label, int64_t first, int64_t total)
{
    return (tn_progress){
        .label = label ? label : "", .first = first, .total = total, .start = seconds_now()};
}

/* ---- text ------------------------------------------------------------------------------------ */

/* "1 h 05 min", "3 min 20 s", "12 s". */
static tn_text describe(double seconds)
{
    tn_text text;
    long long s = (long long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text.s, sizeof text.s, "%lld h %02lld min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(text.s, sizeof text.s, "%lld min %02lld s", s / 60, s % 60);
    else
        snprintf(text.s, sizeof text.s, "%lld s", s);
    return text;
}

/* The steps that are left take as long as those that were done since the beginning; before there
 * are any, nobody knows. */
static tn_text time_left(const tn_progress *p, int64_t done)
{
    double steps = (double)done - (double)p->first, left = (double)p->total - (double)done;
    double seconds = (seconds_now() - p->start) / steps * left;
    return steps > 0 && left >= 0 && seconds < 1e15 ? describe(seconds) : (tn_text){"?"};
}

int64_t tn_progress_text(const tn_progress *progress, int64_t done, const char *detail, char *text,
                         size_t size)
{
    if (!progress)
        return snprintf(text, size, "%s", "");
    return snprintf(text, size, "%s %lld/%lld%s%s  %s left", progress->label, (long long)done,
                    (long long)progress->total, detail ? "  " : "", detail ? detail : "",
                    time_left(progress, done).s);
}

/* ---- on a terminal --------------------------------------------------------------------------- */

static bool is_terminal(int descriptor)
{
    const char *term = getenv("TERM");
    return isatty(descriptor) && term && *term && strcmp(term, "dumb") != 0;
}

static size_t columns_of(int descriptor)
{
    struct winsize size;
    if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

/* Writes over the line that stands there, without escape codes: an empty one leaves nothing of it.
 * What a terminal does not take is not drawn: the next line comes soon. */
static void draw(tn_progress *p, int descriptor, const char *line)
{
    char text[2 * MOST_COLUMNS];
    int width = (int)strlen(line);
    snprintf(text, sizeof text, "\r%s%*s%s", line, p->width > width ? p->width - width : 0, "",
             width == 0 ? "\r" : "");
    ssize_t written = write(descriptor, text, strlen(text));
    (void)written;
    p->width = width;
}

/* One column stays free: a line that fills the last one would go on below. */
void tn_progress_show(tn_progress *progress, int64_t done, const char *detail, int descriptor)
{
    double now = seconds_now();
    if (!progress || now - progress->drawn < REDRAW_SECONDS || !is_terminal(descriptor))
        return;
    char line[MOST_COLUMNS];
    size_t columns = columns_of(descriptor);
    tn_progress_text(progress, done, detail, line, columns < sizeof line ? columns : sizeof line);
    draw(progress, descriptor, line);
    progress->drawn = now;
}

void tn_progress_end(tn_progress *progress, int descriptor)
{
    if (!progress || progress->drawn == 0)
        return;
    progress->drawn = 0;
    draw(progress, descriptor, "");
}
