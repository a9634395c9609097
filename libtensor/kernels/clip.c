/* clip.c - what limits gradients. */
#include "kernels/pairs.h"

static double squares_of_block(int64_t n, const real *x)
{
    quad sums[QUADS] = {{0}};
    double rest = 0;
    int64_t i = 0;
    for (; i + 4 * QUADS <= n; i += 4 * QUADS)
        UNROLLED for (int j = 0; j < QUADS; j++)
        {
            quad v = AS_QUAD(x + i + 4 * j);
            sums[j] += v * v;
        }
    for (; i < n; i++)
        rest += (double)x[i] * (double)x[i];
    return quads_total(sums) + rest;
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
