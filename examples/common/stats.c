/* stats.c - the mean of several runs, with its confidence interval. */
#include "common/stats.h"

#include <math.h>

/* The 97.5 % quantile of Student's t with n degrees of freedom: from a table up to 10, beyond by
 * the expansion in 1/n about the normal quantile (Abramowitz and Stegun 26.7.5). */
static double student_quantile(int n)
{
    static const double table[] = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582,
                                   2.446912,  2.364624, 2.306004, 2.262157, 2.228139};
    const double z = 1.959963985, z3 = z * z * z, z5 = z3 * z * z;
    if (n <= 10)
        return table[n - 1];
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96.0 * n * n);
}

interval mean_interval(const double *values, int count)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < count; i++)
        sum += values[i];
    double mean = sum / count;
    for (int i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    if (count < 2)
        return (interval){mean, NAN, NAN};
    double half = student_quantile(count - 1) * sqrt(squares / (count - 1) / count);
    return (interval){mean, mean - half, mean + half};
}
