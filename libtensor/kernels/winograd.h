/* winograd.h - the points of Winograd's convolutions F(m x m, r x r), and products with their
 * matrices (Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016).
 *
 * m x m elements of y come from a tile of n x n elements of x, n = m + r - 1:
 *
 *     y = A^T [(G w G^T) (B^T x B)] A
 *
 * where the product is by element: n n multiplications in place of m m r r. Polynomials are behind
 * it: x, turned, is the product of one with the coefficients y and one with the coefficients w, and
 * each row of the matrices stands for a point at which they are evaluated. Summed over channels,
 * element k of all tiles is a product of matrices.
 *
 * Tiles of 4 have the points 0, 1, -1 and infinity; tiles of 6 have 0, a, -a, b, -b and infinity,
 * for a kernel of 3 as for one of 5. Whole numbers would be the obvious choice, but with 1 and 2
 * for a and b the rounding errors are twice as large: best are points whose product is near 1
 * (Barabasz and others, "Error analysis and improving the accuracy of Winograd convolution for deep
 * neural networks", 2020), and a = 5/8, b = 3/2 leave all but G without rounding.
 *
 * winograd.c has A^T and B^T, for planes of x and y, winograd_weight.c has G, for kernels. */
#ifndef TN_KERNELS_WINOGRAD_H
#define TN_KERNELS_WINOGRAD_H

#include "kernels/tile.h"

/* a and b with their powers; N is the product of the differences between a point and the others. */
#define A1 ((real)0.625)
#define A2 (A1 * A1)
#define A3 (A2 * A1)
#define A4 (A2 * A2)
#define B1 ((real)1.5)
#define B2 (B1 * B1)
#define B3 (B2 * B1)
#define B4 (B2 * B2)
#define AB2 (A1 * B2)
#define BA2 (B1 * A2)
#define N0 (A2 * B2)
#define NA (2 * A2 * (A2 - B2))
#define NB (2 * B2 * (B2 - A2))

/* Number [i, j] of a matrix is at[i down + j right]. */
typedef struct matrix {
    int rows, columns;
    const real *at;
    int down, right;
} matrix;

__attribute__((always_inline)) static inline matrix by_rows(int rows, int columns, const real *at)
{
    return (matrix){rows, columns, at, columns, 1};
}

__attribute__((always_inline)) static inline matrix adjoint(matrix a)
{
    return (matrix){a.columns, a.rows, a.at, a.right, a.down};
}

/* y = a x. The matrix is constant after inlining, so that its zeros cost nothing, and an infinity
 * does not meet them. */
__attribute__((always_inline)) static inline void apply(matrix a, const wide *x, real *y,
                                                        int64_t y_step)
{
    EACH (i, a.rows) {
        wide sum = {0};
        EACH (j, a.columns)
            if (a.at[i * a.down + j * a.right] != 0)
                sum += a.at[i * a.down + j * a.right] * x[j];
        store_wide(y + i * y_step, sum);
    }
}

/* The same for vectors that are so many numbers apart. */
__attribute__((always_inline)) static inline void multiply(matrix a, const real *x, int64_t x_step,
                                                           real *y, int64_t y_step)
{
    wide in[6];
    EACH (j, a.columns)
        in[j] = load_wide(x + j * x_step);
    apply(a, in, y, y_step);
}

/* Channels c .. c + WIDTH of so many, for each c. */
#define EACH_VECTOR(c, lines, channels)                    \
    for (int64_t c = 0, lines; c < (channels); c += WIDTH) \
        if ((lines = (channels)-c < WIDTH ? (channels)-c : WIDTH))

#endif
