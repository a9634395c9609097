/* transpose.c - a matrix the other way round. Of a square of WIDTH x WIDTH numbers, which is turned
 * in registers, whole vectors are read and written. */
#include "kernels/square.h"

/* Where the square after the one at i begins: the last one ends with the matrix, and overlaps. */
static inline int64_t next_square(int64_t i, int64_t n)
{
    return i + WIDTH < n && i + 2 * WIDTH > n ? n - WIDTH : i + WIDTH;
}

static void transpose_narrow(int64_t rows, int64_t cols, const real *x, int64_t ldx, real *y,
                             int64_t ldy)
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
    if (rows < WIDTH || cols < WIDTH) {
        transpose_narrow(rows, cols, x, ldx, y, ldy);
        return;
    }
    for (int64_t i = 0; i < rows; i = next_square(i, rows))
        for (int64_t j = 0; j < cols; j = next_square(j, cols))
            transpose_square(WIDTH, x + j * ldx + i, ldx, y + i * ldy + j, ldy);
}
