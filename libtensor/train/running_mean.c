/* running_mean.c - the mean of numbers that come one by one. */
#include <math.h>
#include <tn/train.h>

/* The sum of Neumaier ("Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
 * 1974): what an addition rounds off the smaller number is gathered apart. */
static void add(double *sum, double *lost, double x)
{
    double old = *sum;
    *sum = old + x;
    if (isfinite(*sum))
        *lost += fabs(old) >= fabs(x) ? (old - *sum) + x : (x - *sum) + old;
}

void tn_running_mean_add(tn_running_mean *mean, double value, double weight)
{
    if (!mean)
        return;
    add(&mean->sum, &mean->lost, value * weight);
    add(&mean->weight, &mean->lost_weight, weight);
}

double tn_running_mean_value(const tn_running_mean *mean)
{
    double weight = mean ? mean->weight + mean->lost_weight : 0;
    return weight != 0 ? (mean->sum + mean->lost) / weight : NAN;
}
