/* timing.h - the clocks of the benchmarks, and the median of what they say. */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline double now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* Two clocks: the wall's, and the processor time of this process. */
typedef struct moment {
    double wall, work;
} moment;

static inline moment start_timing(void)
{
    double work = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    return (moment){.wall = now(), .work = work};
}

/* With one thread, a call took no longer than the processor worked: where the wall's clock says
 * more, another process had its turn. Reading that clock takes longer than a small operator, and in
 * a virtual machine it may stand still for as long. */
static inline double seconds_since(moment start, int threads)
{
    double wall = now() - start.wall, work = read_clock(CLOCK_PROCESS_CPUTIME_ID) - start.work;
    return threads == 1 && work > 0 && work < wall ? work : wall;
}

static inline int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the n values. */
static inline double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_size);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* The answer to a question: the median and the least in microseconds. Sorts the n values. */
static inline void print_times(double *seconds, int n)
{
    double middle = median(seconds, n);
    printf("%.4f %.4f\n", 1e6 * middle, 1e6 * seconds[0]);
}

#endif
