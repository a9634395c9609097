/* tile.h - the tiles of a product: what multiplies them and what packs for it must agree on. */
#ifndef TN_KERNELS_TILE_H
#define TN_KERNELS_TILE_H

#include "kernels/wide.h"

/* A tile of C has ROWS rows and two vectors of columns. Of v4's 32 registers the sums take 28, of
 * v3's 16 they take 12; the others hold two vectors of B and a number of A. Here the widest vectors
 * are twice as fast, since nothing is read or written between multiplications. */
#if defined(TN_ISA_v4)
#define ROWS 14
#define READ_TWICE 7 /* rows of A: see kernels/product.c */
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

/* m rows are cut into tiles of about as many rows each: where tile t begins and the one before it
 * ends. */
static inline int64_t tiles_of(int64_t m)
{
    return (m + ROWS - 1) / ROWS;
}

static inline int64_t tile_row(int64_t m, int64_t t)
{
    return m * t / tiles_of(m);
}

#endif
