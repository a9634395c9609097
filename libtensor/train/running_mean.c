/* running_mean.c - the mean of numbers that come one by one. */
#include <math.h>
#include <tn/train.h>

/* The sum of Neumaier ("Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
 * 1974): what an addition rounds off the smaller number is gathered apart. */
void tn_running_mean_add(tn_running_mean *mean, double value, double weight)
{
    if (!mean)
        return;
    double x = value * weight, sum = mean->sum + x;
    if (isfinite(sum))
        mean->lost += fabs(mean->sum) >= fabs(x) ? (mean->sum - sum) + x : (x - sum) + mean->sum;
    mean->sum = sum;
    mean->weight += weight;
}

double tn_running_mean_value(const tn_running_mean *mean)
{
    return mean && mean->weight != 0 ? (mean->sum + mean->lost) / mean->weight : NAN;
}
