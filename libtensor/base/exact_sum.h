/* exact_sum.h - sums in double that lose nothing on the way. */
#ifndef TN_BASE_EXACT_SUM_H
#define TN_BASE_EXACT_SUM_H

#include <math.h>

/* A sum in double that loses nothing on the way (Neumaier, 1974): what each addition rounds off is
 * summed beside it. Start with zeros. */
typedef struct tn__exact_sum {
    double sum, lost;
} tn__exact_sum;

static inline void tn__exact_add(tn__exact_sum *s, double x)
{
    double sum = s->sum + x;
    s->lost += fabs(s->sum) >= fabs(x) ? (s->sum - sum) + x : (x - sum) + s->sum;
    s->sum = sum;
}

/* Where the sum is not finite, what was lost is NaN. */
static inline double tn__exact_total(const tn__exact_sum *s)
{
    return isfinite(s->sum) ? s->sum + s->lost : s->sum;
}

#endif
