/* direct.c - products of matrices whose left one lies in pieces, such as the windows of an image.
 *
 *     C[i][j] = or += sum_p a[i a_row + places[p]] B[p][j]        p = 0 .. k
 *
 * It is the product of kernels/product.c but for where the numbers of A are. They are read one at
 * a time, so that they may be anywhere: a convolution multiplies points of an image by a panel of
 * kernels without copying its windows, and loses nothing where they are strided or few in a row. B
 * is one panel, COLUMNS numbers a row. */
#include "kernels/tile.h"

/* Rows i .. i + rows, the numbers of rows and vectors being constants after inlining. */
#define HALF (ROWS / 2)
__attribute__((always_inline)) static inline void multiply(int rows, int vectors,
                                                           const tn__direct *x, int64_t i)
{
    wide sums[ROWS][2], b[2];
    const real *a = (const real *)x->a + i * x->a_row, *pb = x->b;
    real *c = (real *)x->c + i * x->ldc;
    const int64_t *places = x->places;
    int64_t a_row = x->a_row, half = rows > HALF ? HALF * a_row : 0, ldc = x->ldc;
    EACH (r, rows)
        EACH (v, vectors)
            sums[r][v] = (wide){0};
    for (int64_t p = 0; p < x->k; p++, pb += COLUMNS) {
        const real *upper = a + places[p], *lower = upper + half;
        EACH (v, vectors)
            b[v] = load_wide(pb + v * WIDTH);
        EACH (r, rows)
            EACH (v, vectors)
                sums[r][v] += (r < HALF ? upper[r * a_row] : lower[(r - HALF) * a_row]) * b[v];
    }
    const real *start = x->adds ? c : x->bias;
    int64_t next = x->adds ? ldc : 0;
    if (start)
        EACH (r, rows)
            EACH (v, vectors)
                sums[r][v] += load_wide(start + r * next + v * WIDTH);
    EACH (r, rows)
        EACH (v, vectors)
            store_wide(c + r * ldc + v * WIDTH, sums[r][v]);
}

typedef void (*multiply_fn)(const tn__direct *x, int64_t i);

#define MULTIPLY(rows)                                     \
    static void one_##rows(const tn__direct *x, int64_t i) \
    {                                                      \
        multiply(rows, 1, x, i);                           \
    }                                                      \
    static void two_##rows(const tn__direct *x, int64_t i) \
    {                                                      \
        multiply(rows, 2, x, i);                           \
    }
EACH_ROWS(MULTIPLY)

#define ONE(rows) one_##rows,
#define TWO(rows) two_##rows,
static const multiply_fn multipliers[2][ROWS] = {{EACH_ROWS(ONE)}, {EACH_ROWS(TWO)}};

void KERNEL(direct)(const tn__direct *x)
{
    int64_t tiles = tiles_of(x->m);
    const multiply_fn *fn = multipliers[x->n > WIDTH];
    for (int64_t t = 0, i = 0, end; t < tiles; t++, i = end) {
        end = tile_row(x->m, t + 1);
        fn[end - i - 1](x, i);
    }
}

void KERNEL(spread)(int64_t n, const void *px, int64_t step, void *py)
{
    const real *x = px;
    real *y = py;
    for (int64_t i = 0; i < n; i++)
        y[i * step] = x[i];
}
