/* elementwise.c - loops over one row of numbers. */
#include "kernels/real.h"

void KERNEL(add_to)(int64_t n, const void *px, void *py)
{
    const real *restrict x = px;
    real *restrict y = py;
    for (int64_t i = 0; i < n; i++)
        y[i] += x[i];
}

/* A NaN stays, and so does -0. */
void KERNEL(relu)(int64_t n, void *px)
{
    real *x = px;
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] < 0 ? 0 : x[i];
}

void KERNEL(relu_backward)(int64_t n, const void *py, void *pdy)
{
    const real *restrict y = py;
    real *restrict dy = pdy;
    for (int64_t i = 0; i < n; i++)
        dy[i] = y[i] <= 0 ? 0 : dy[i];
}

void KERNEL(fill)(int64_t n, const void *value, void *py)
{
    real *y = py, v = *(const real *)value;
    for (int64_t i = 0; i < n; i++)
        y[i] = v;
}

void KERNEL(scale_u8)(int64_t n, const uint8_t *x, double scale, void *py)
{
    real *restrict y = py;
    for (int64_t i = 0; i < n; i++)
        y[i] = (real)x[i] * (real)scale;
}
