/* clip.c - what limits gradients. */
#include "kernels/pairs.h"

static double squares_of_block(int64_t n, const real *x)
{
    double sides[SIDES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + SIDES <= n; i += SIDES)
        for (int j = 0; j < SIDES; j++)
            sides[j] += (double)x[i + j] * (double)x[i + j];
    for (; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    for (int j = 0; j < SIDES; j++)
        sum += sides[j];
    return sum;
}

double KERNEL(sum_squares)(int64_t n, const void *px)
{
    const real *x = px;
    pairs sum = {.count = 0};
    for (int64_t i = 0; i < n; i += 4 * BLOCK)
        pairs_add(&sum, squares_of_block(at_most(n - i, 4 * BLOCK), x + i));
    return pairs_total(&sum);
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
