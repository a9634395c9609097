/* tile.h - the tiles of a product: what multiplies them and what packs for it must agree on. */
#ifndef TN_KERNELS_TILE_H
#define TN_KERNELS_TILE_H

#include "kernels/wide.h"

/* A tile of C has ROWS rows and two vectors of columns, or fewer rows and four (product.c). Of v4's
 * 32 registers the sums take 28, of v3's 16 they take 12; the others hold two vectors of B and a
 * number of A. Here the widest vectors are twice as fast, since nothing is read or written between
 * multiplications. */
#if defined(TN_ISA_v4)
#define ROWS 14
#define READ_TWICE 7 /* rows of A: see number_of() */
#define EACH_ROWS(M) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14)
#else
#define ROWS 6
#define READ_TWICE 0
#define EACH_ROWS(M) M(1) M(2) M(3) M(4) M(5) M(6)
#endif

#define COLUMNS (2 * WIDTH)

/* From row to row of a packed A, of up to 2048 bytes: an odd number of cache lines, so that rows do
 * not compete for the same places in the cache. */
#define PITCH ((int64_t)(33 * 64 / sizeof(real)))

/* A loop that disappears: its index becomes a constant, and an array of vectors registers. */
#define EACH(i, n) UNROLLED for (int i = 0; i < (n); i++)

/* ---- numbers of A ---------------------------------------------------------------------------- */

#define HALF (ROWS / 2)

/* The second pointer to a column of A beside that to its first row. Where rows are a constant
 * apart, it is the same address, which the compiler shall take for another one; otherwise it is
 * that of the lower half, for where all rows are would fill all registers for addresses. */
__attribute__((always_inline)) static inline const real *other_of(const real *upper, int rows,
                                                                  int64_t row, bool constant)
{
    const real *other = constant || rows <= HALF ? upper : upper + HALF * row;
    if (constant)
        __asm__("" : "+r"(other));
    return other;
}

/* The number of row r that meets vector v. An instruction for each row reads a number and repeats
 * it in a vector, 14 beside 28 multiplications. A core is fed with six instructions a cycle, but
 * with three while a neighbour works on its other half, and then they cost a quarter of the time.
 * A multiplication of v4 can repeat a number by itself, from a constant distance. All of them would
 * read more than the ports allow; READ_TWICE rows are read so, once for each vector. */
__attribute__((always_inline)) static inline real
number_of(const real *upper, const real *other, int64_t row, bool constant, int r, int v)
{
    if (constant)
        return v > 0 && r < READ_TWICE ? other[r * row] : upper[r * row];
    return r < HALF ? upper[r * row] : other[(r - HALF) * row];
}

/* ---- cuts ------------------------------------------------------------------------------------ */

/* m rows are cut into tiles of about as many rows each, at most `most`: where tile t of so many
 * begins and the one before it ends. */
static inline int64_t tiles_of(int64_t m, int64_t most)
{
    return (m + most - 1) / most;
}

static inline int64_t tile_row(int64_t m, int64_t tiles, int64_t t)
{
    return m * t / tiles;
}

#endif
