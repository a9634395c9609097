/* counts.h - how many requests were answered, and how long they took. */
#ifndef EXAMPLES_SERVE_COUNTS_H
#define EXAMPLES_SERVE_COUNTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Times in classes whose bounds grow by the eighth root of two, from a microsecond to 18 minutes:
 * a quantile is known to 9 %. */
enum { COUNTS_CLASSES = 240, COUNTS_PER_OCTAVE = 8 };

/* All threads add at a time. */
typedef struct counts {
    atomic_uint_fast64_t answered, refused, failed; /* with status 2xx, 4xx and 5xx */
    atomic_uint_fast64_t microseconds;              /* of all requests */
    atomic_uint_fast64_t times[COUNTS_CLASSES];
} counts;

void counts_add(counts *c, int status, double seconds);
uint64_t counts_requests(const counts *c);

/* Seconds within which the part q of the requests was answered; 0 if there was none. */
double counts_quantile(const counts *c, double q);

/* The counts as Prometheus reads them. */
void counts_print(const counts *c, char *text, size_t room);

#endif
