/* running_mean.c - the mean of numbers that come one by one. */
#include <tn/train.h>
#include "base/exact_sum.h"

static tn__exact_sum values_of(const tn_running_mean *mean)
{
    return (tn__exact_sum){mean->sum, mean->lost};
}

static tn__exact_sum weights_of(const tn_running_mean *mean)
{
    return (tn__exact_sum){mean->weight, mean->lost_weight};
}

void tn_running_mean_add(tn_running_mean *mean, double value, double weight)
{
    if (!mean)
        return;
    tn__exact_sum values = values_of(mean), weights = weights_of(mean);
    tn__exact_add(&values, value * weight);
    tn__exact_add(&weights, weight);
    *mean = (tn_running_mean){
        .sum = values.sum, .lost = values.lost, .weight = weights.sum, .lost_weight = weights.lost};
}

double tn_running_mean_value(const tn_running_mean *mean)
{
    if (!mean)
        return NAN;
    tn__exact_sum values = values_of(mean), weights = weights_of(mean);
    double weight = tn__exact_total(&weights);
    return weight != 0 ? tn__exact_total(&values) / weight : NAN;
}
