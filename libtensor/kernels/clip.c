/* clip.c - what limits gradients. */
#include "kernels/real.h"

/* Sixteen sums side by side, so that they can be vectors. */
double KERNEL(sum_squares)(int64_t n, const void *px)
{
    const real *x = px;
    double sums[16] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++)
            sums[j] += (double)x[i + j] * (double)x[i + j];
    for (; i < n; i++)
        sums[0] += (double)x[i] * (double)x[i];
    for (int j = 0; j < 16; j++)
        sum += sums[j];
    return sum;
}

void KERNEL(scale_by)(int64_t n, double scale, void *px)
{
    real *x = px;
    for (int64_t i = 0; i < n; i++)
        x[i] *= (real)scale;
}

void KERNEL(clip)(int64_t n, double limit, void *px)
{
    real *x = px, high = (real)limit;
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] > high ? high : x[i] < -high ? -high : x[i];
}
