/* elementwise.c - loops over one row of numbers. */
#include <string.h>
#include "kernels/wide.h"

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

/* Whole vectors, whose ends the next row overwrites. They are integers, so that every number keeps
 * its bits. */
void KERNEL(fill_rows)(int64_t rows, int64_t n, const void *px, int64_t step, void *py)
{
    const real *x = px;
    real *y = py, *end = y + rows * n;
    for (int64_t i = 0; i < rows; i++, y += n) {
        lane_int value;
        memcpy(&value, x + i * step, sizeof value);
        wide_ints values = (wide_ints){0} + value;
        int64_t j = 0;
        for (; j < n && end - (y + j) >= WIDTH; j += WIDTH)
            memcpy(y + j, &values, sizeof values);
        for (; j < n; j++)
            memcpy(y + j, &value, sizeof value);
    }
}

void KERNEL(scale_u8)(int64_t n, const uint8_t *x, double scale, void *py)
{
    real *restrict y = py;
    for (int64_t i = 0; i < n; i++)
        y[i] = (real)x[i] * (real)scale;
}
