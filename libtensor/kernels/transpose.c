/* transpose.c - a matrix the other way round, of numbers or of bytes. Of a square of WIDTH x WIDTH
 * numbers, or SIDE x SIDE bytes, which is turned in registers, whole vectors are read and
 * written. */
#include "kernels/square.h"

/* Where the square after the one at i begins: the last one ends with the matrix, and overlaps. */
static inline int64_t next_square(int64_t i, int64_t n, int64_t side)
{
    return i + side < n && i + 2 * side > n ? n - side : i + side;
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
    for (int64_t i = 0; i < rows; i = next_square(i, rows, WIDTH))
        for (int64_t j = 0; j < cols; j = next_square(j, cols, WIDTH))
            transpose_square(WIDTH, x + j * ldx + i, ldx, y + i * ldy + j, ldy);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

#define SIDE 16

typedef uint8_t bytes __attribute__((vector_size(SIDE)));
typedef uint8_t bytes_unaligned __attribute__((vector_size(SIDE), aligned(1), may_alias));

/* The first or the last halves of two vectors, byte by byte in turn. */
#define FIRST_HALVES(a, b) \
    SHUFFLE(bytes, a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define LAST_HALVES(a, b) \
    SHUFFLE(bytes, a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/* Byte j of row i is number 16 i + j of all. Rows i and i + 8 in turn move it to 2 (16 i + j),
 * modulo 255: a rotation of the eight bits of its number, four of which exchange i and j. */
static inline void interleave(const bytes *t, bytes *u)
{
    EACH (i, SIDE / 2) {
        u[2 * i] = FIRST_HALVES(t[i], t[i + SIDE / 2]);
        u[2 * i + 1] = LAST_HALVES(t[i], t[i + SIDE / 2]);
    }
}

static inline void transpose_square_of_bytes(const uint8_t *x, int64_t ldx, uint8_t *y, int64_t ldy)
{
    bytes t[SIDE], u[SIDE];
    EACH (i, SIDE)
        t[i] = *(const bytes_unaligned *)(x + i * ldx);
    interleave(t, u);
    interleave(u, t);
    interleave(t, u);
    interleave(u, t);
    EACH (i, SIDE)
        *(bytes_unaligned *)(y + i * ldy) = t[i];
}

void KERNEL(transpose_bytes)(int64_t rows, int64_t cols, const void *px, int64_t ldx, void *py,
                             int64_t ldy)
{
    const uint8_t *x = px;
    uint8_t *y = py;
    if (rows < SIDE || cols < SIDE) {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++)
                y[i * ldy + j] = x[j * ldx + i];
        return;
    }
    for (int64_t i = 0; i < rows; i = next_square(i, rows, SIDE))
        for (int64_t j = 0; j < cols; j = next_square(j, cols, SIDE))
            transpose_square_of_bytes(x + j * ldx + i, ldx, y + i * ldy + j, ldy);
}
