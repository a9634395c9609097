/* square.h - small matrices the other way round. */
#ifndef TN_KERNELS_SQUARE_H
#define TN_KERNELS_SQUARE_H

#include "kernels/tile.h"

/* Squares of WIDTH numbers are transposed in registers: in halves, then in quarters and so on,
 *
 *     | A B |T   | A^T C^T |
 *     | C D |  = | B^T D^T |
 *
 * where the off-diagonal squares of d numbers are exchanged between the rows i and i + d. LOW and
 * HIGH say which number of row i, or WIDTH + which one of row i + d, comes to place j of them. */
#define LOW(d, j) ((j) & (d) ? WIDTH + (j) - (d) : (j))
#define HIGH(d, j) ((j) & (d) ? WIDTH + (j) : (j) + (d))
#define PLACES_2(M, d) M(d, 0), M(d, 1)
#define PLACES_4(M, d) PLACES_2(M, d), M(d, 2), M(d, 3)
#define PLACES_8(M, d) PLACES_4(M, d), M(d, 4), M(d, 5), M(d, 6), M(d, 7)
#define PLACES_16(M, d) \
    PLACES_8(M, d), M(d, 8), M(d, 9), M(d, 10), M(d, 11), M(d, 12), M(d, 13), M(d, 14), M(d, 15)

#if WIDTH == 16
#define PLACES PLACES_16
#elif WIDTH == 8
#define PLACES PLACES_8
#elif WIDTH == 4
#define PLACES PLACES_4
#else
#define PLACES PLACES_2
#endif

#define EXCHANGE(d)                                                 \
    EACH (i, WIDTH)                                                 \
        if (!(i & (d))) {                                           \
            wide a = t[i], b = t[i + (d)];                          \
            t[i] = SHUFFLE(wide_ints, a, b, PLACES(LOW, d));        \
            t[i + (d)] = SHUFFLE(wide_ints, a, b, PLACES(HIGH, d)); \
        }

/* y[i][j] = x[j][i]; of an x that has fewer lines the others are zeros. */
static inline void transpose_square(int64_t lines, const real *x, int64_t ldx, real *y, int64_t ldy)
{
    wide t[WIDTH] = {0};
    EACH (i, WIDTH)
        if (i < lines)
            t[i] = load_wide(x + i * ldx);
#if WIDTH > 8
    EXCHANGE(8)
#endif
#if WIDTH > 4
    EXCHANGE(4)
#endif
#if WIDTH > 2
    EXCHANGE(2)
#endif
    EXCHANGE(1)
    EACH (i, WIDTH)
        store_wide(y + i * ldy, t[i]);
}

/* Sums of WIDTH vectors: what a transposition would exchange is added. */
#define FOLD(d)                                                                                   \
    EACH (i, d) {                                                                                 \
        wide a = t[i], b = t[i + (d)];                                                            \
        t[i] =                                                                                    \
            SHUFFLE(wide_ints, a, b, PLACES(LOW, d)) + SHUFFLE(wide_ints, a, b, PLACES(HIGH, d)); \
    }

static inline wide sums_of(const wide *x)
{
    wide t[WIDTH];
    EACH (i, WIDTH)
        t[i] = x[i];
#if WIDTH > 8
    FOLD(8)
#endif
#if WIDTH > 4
    FOLD(4)
#endif
#if WIDTH > 2
    FOLD(2)
#endif
    FOLD(1)
    return t[0];
}

#endif
