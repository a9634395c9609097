/* rates.h - what the machine can do, so that a line of a benchmark shows its distance to it. */
#ifndef BENCH_RATES_H
#define BENCH_RATES_H

#include <tn/tn.h>

/* Times calls for so many seconds and prints the median and the least time (timing.h): "sgemm", the
 * library's own product of two matrices of RATE_SIDE x RATE_SIDE; "reading" or "copying" RATE_BYTES
 * of memory by as many threads as the context has. False for another name. */
bool answer_rate(tn_ctx *ctx, const char *name, double seconds);

#define RATE_BYTES (256 << 20)
#define RATE_SIDE 1024

#endif
