/* counts.c - a histogram of times that threads add to without a lock. */
#include "serve/counts.h"

#include <math.h>
#include <stdio.h>

static int class_of(double seconds)
{
    double place = ceil(COUNTS_PER_OCTAVE * log2(fmax(seconds * 1e6, 1)));
    return place < COUNTS_CLASSES - 1 ? (int)place : COUNTS_CLASSES - 1;
}

static double upper_bound(int number)
{
    return exp2((double)number / COUNTS_PER_OCTAVE) * 1e-6;
}

void counts_add(counts *c, int status, double seconds)
{
    atomic_uint_fast64_t *kind = status < 400   ? &c->answered
                                 : status < 500 ? &c->refused
                                                : &c->failed;
    atomic_fetch_add(kind, 1);
    atomic_fetch_add(&c->microseconds, (uint64_t)(seconds * 1e6));
    atomic_fetch_add(&c->times[class_of(seconds)], 1);
}

uint64_t counts_requests(const counts *c)
{
    return c->answered + c->refused + c->failed;
}

double counts_quantile(const counts *c, double q)
{
    uint64_t all = 0, below = 0;
    for (int i = 0; i < COUNTS_CLASSES; i++)
        all += c->times[i];
    for (int i = 0; i < COUNTS_CLASSES; i++) {
        below += c->times[i];
        if (below > 0 && (double)below >= q * (double)all)
            return upper_bound(i);
    }
    return 0;
}

void counts_print(const counts *c, char *text, size_t room)
{
    snprintf(text, room,
             "# TYPE serve_requests_total counter\n"
             "serve_requests_total{status=\"2xx\"} %llu\n"
             "serve_requests_total{status=\"4xx\"} %llu\n"
             "serve_requests_total{status=\"5xx\"} %llu\n"
             "# TYPE serve_request_seconds summary\n"
             "serve_request_seconds{quantile=\"0.5\"} %.6f\n"
             "serve_request_seconds{quantile=\"0.99\"} %.6f\n"
             "serve_request_seconds_sum %.6f\n"
             "serve_request_seconds_count %llu\n",
             (unsigned long long)c->answered, (unsigned long long)c->refused,
             (unsigned long long)c->failed, counts_quantile(c, 0.5), counts_quantile(c, 0.99),
             (double)c->microseconds * 1e-6, (unsigned long long)counts_requests(c));
}
