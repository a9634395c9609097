/* stats.h - what several runs say together. */
#ifndef EXAMPLES_STATS_H
#define EXAMPLES_STATS_H

/* The mean of some numbers with its confidence interval of 95 % by Student's t. One number alone
 * has no interval: its ends are NaN. */
typedef struct interval {
    double mean, low, high;
} interval;

interval mean_interval(const double *values, int count);

#endif
