/* sum.c - sums, pairwise: halves are added to halves, so that the rounding error grows with log n
 * and not with n (Higham, "The accuracy of floating point summation", 1993). */
#include "kernels/real.h"

#define BLOCK 256 /* numbers or rows that are added one after another */
#define TILE 64   /* columns at a time */

static real sum_block(int64_t n, const real *x)
{
    real lanes[16] = {0}, total = 0;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++)
            lanes[j] += x[i + j];
    for (; i < n; i++)
        total += x[i];
    for (int j = 0; j < 16; j++)
        total += lanes[j];
    return total;
}

static real sum_pairs(int64_t n, const real *x)
{
    if (n <= BLOCK)
        return sum_block(n, x);
    int64_t half = n / 2;
    return sum_pairs(half, x) + sum_pairs(n - half, x + half);
}

void KERNEL(sum)(int64_t n, const void *x, void *y)
{
    *(real *)y = sum_pairs(n, x);
}

static void sum_tile(int64_t n, int64_t cols, const real *x, int64_t ldx, real *restrict y)
{
    for (int64_t j = 0; j < cols; j++)
        y[j] = 0;
    if (n <= BLOCK) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < cols; j++)
                y[j] += x[i * ldx + j];
        return;
    }
    real other[TILE];
    int64_t half = n / 2;
    sum_tile(half, cols, x, ldx, y);
    sum_tile(n - half, cols, x + half * ldx, ldx, other);
    for (int64_t j = 0; j < cols; j++)
        y[j] += other[j];
}

void KERNEL(sum_rows)(int64_t n, int64_t cols, const void *px, int64_t ldx, void *py)
{
    const real *x = px;
    real *y = py;
    for (int64_t j = 0; j < cols; j += TILE)
        sum_tile(n, cols - j < TILE ? cols - j : TILE, x + j, ldx, y + j);
}
