/* transpose.c - a matrix the other way round. Of a square of SIDE x SIDE numbers, whole cache lines
 * are read and written while they are in the cache. */
#include "kernels/pairs.h"

#define SIDE 16

/* Sizes are constants where squares are whole. */
__attribute__((always_inline)) static inline void square(int64_t rows, int64_t cols,
                                                         const real *restrict x, int64_t ldx,
                                                         real *restrict y, int64_t ldy)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            y[i * ldy + j] = x[j * ldx + i];
}

void KERNEL(transpose)(int64_t rows, int64_t cols, const void *px, int64_t ldx, void *py,
                       int64_t ldy)
{
    const real *x = px;
    real *y = py;
    for (int64_t i = 0; i < rows; i += SIDE)
        for (int64_t j = 0; j < cols; j += SIDE) {
            const real *from = x + j * ldx + i;
            real *to = y + i * ldy + j;
            if (i + SIDE <= rows && j + SIDE <= cols)
                square(SIDE, SIDE, from, ldx, to, ldy);
            else
                square(at_most(rows - i, SIDE), at_most(cols - j, SIDE), from, ldx, to, ldy);
        }
}
