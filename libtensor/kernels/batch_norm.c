/* batch_norm.c - the loops of batch normalisation over one channel. Sums are kept in doubles. */
#include "kernels/real.h"

#define SUMS 16 /* kept side by side, so that they fill vectors */

/* sum_i (x_i - shift) and sum_i (x_i - shift)^2 */
static void sums_of_row(int64_t n, const real *x, double shift, double sums[2])
{
    double first[SUMS] = {0}, second[SUMS] = {0};
    int64_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int j = 0; j < SUMS; j++) {
            double d = (double)x[i + j] - shift;
            first[j] += d;
            second[j] += d * d;
        }
    for (int j = 0; i + j < n; j++) {
        double d = (double)x[i + j] - shift;
        first[j] += d;
        second[j] += d * d;
    }
    for (int j = 0; j < SUMS; j++) {
        sums[0] += first[j];
        sums[1] += second[j];
    }
}

static void sums_of_channel(const tn__channel *c, const real *x, double shift, double sums[2])
{
    sums[0] = sums[1] = 0;
    for (int64_t row = 0; row < c->n; row++)
        sums_of_row(c->size, x + row * c->stride, shift, sums);
}

/* The mean first: differences from it do not cancel. */
void KERNEL(batch_norm_moments)(const tn__channel *c, const void *x, double *mean, double *var)
{
    double sums[2], count = (double)(c->n * c->size);
    sums_of_channel(c, x, 0, sums);
    *mean = sums[0] / count;
    sums_of_channel(c, x, *mean, sums);
    *var = sums[1] / count;
}

/* sum_i dy_i and sum_i dy_i (x_i - mean) */
static void gradient_sums_of_row(int64_t n, const real *x, const real *dy, double mean,
                                 double sums[2])
{
    double first[SUMS] = {0}, second[SUMS] = {0};
    int64_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (int j = 0; j < SUMS; j++) {
            first[j] += (double)dy[i + j];
            second[j] += (double)dy[i + j] * ((double)x[i + j] - mean);
        }
    for (int j = 0; i + j < n; j++) {
        first[j] += (double)dy[i + j];
        second[j] += (double)dy[i + j] * ((double)x[i + j] - mean);
    }
    for (int j = 0; j < SUMS; j++) {
        sums[0] += first[j];
        sums[1] += second[j];
    }
}

void KERNEL(batch_norm_sums)(const tn__channel *c, double mean, const void *px, const void *pdy,
                             double sums[2])
{
    const real *x = px, *dy = pdy;
    sums[0] = sums[1] = 0;
    for (int64_t row = 0; row < c->n; row++)
        gradient_sums_of_row(c->size, x + row * c->stride, dy + row * c->stride, mean, sums);
}

void KERNEL(batch_norm)(const tn__channel *c, double mean, double scale, double shift,
                        const void *px, void *py)
{
    real m = (real)mean, s = (real)scale, b = (real)shift;
    for (int64_t row = 0; row < c->n; row++) {
        const real *restrict x = (const real *)px + row * c->stride;
        real *restrict y = (real *)py + row * c->stride;
        for (int64_t i = 0; i < c->size; i++)
            y[i] = s * (x[i] - m) + b;
    }
}

void KERNEL(batch_norm_backward)(const tn__channel *c, double mean, double scale, double a,
                                 double b, const void *px, const void *pdy, void *pdx)
{
    real m = (real)mean, s = (real)scale, a1 = (real)a, b1 = (real)b;
    for (int64_t row = 0; row < c->n; row++) {
        const real *restrict x = (const real *)px + row * c->stride;
        const real *restrict dy = (const real *)pdy + row * c->stride;
        real *restrict dx = (real *)pdx + row * c->stride;
        if (b1 != 0)
            for (int64_t i = 0; i < c->size; i++)
                dx[i] = s * (dy[i] - a1 - b1 * (x[i] - m));
        else
            for (int64_t i = 0; i < c->size; i++)
                dx[i] = s * (dy[i] - a1);
    }
}
