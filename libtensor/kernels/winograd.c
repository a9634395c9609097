/* winograd.c - the transforms of Winograd's convolutions F(m x m, r x r) and their adjoints (Lavin
 * and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016).
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
 * Channels are side by side in vectors: planes are transposed on the way in and out. */
#include <string.h>
#include "kernels/square.h"

#define INLINE __attribute__((always_inline)) static inline

/* ---- matrices -------------------------------------------------------------------------------- */

static const real BT_4[] = {
    1, 0,  -1, 0,  /* */
    0, 1,  1,  0,  /* */
    0, -1, 1,  0,  /* */
    0, 1,  0,  -1, /* */
};

static const real G_2_3[] = {
    1,    0,     0,    /* */
    0.5F, 0.5F,  0.5F, /* */
    0.5F, -0.5F, 0.5F, /* */
    0,    0,     1,    /* */
};

static const real AT_2_3[] = {
    1, 1, 1,  0,  /* */
    0, 1, -1, -1, /* */
};

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

static const real BT_6[] = {
    N0, 0,    -A2 - B2, 0,        1, 0, /* */
    0,  -AB2, -B2,      A1,       1, 0, /* */
    0,  AB2,  -B2,      -A1,      1, 0, /* */
    0,  -BA2, -A2,      B1,       1, 0, /* */
    0,  BA2,  -A2,      -B1,      1, 0, /* */
    0,  N0,   0,        -A2 - B2, 0, 1, /* */
};

static const real G_4_3[] = {
    1 / N0, 0,        0,       /* */
    1 / NA, A1 / NA,  A2 / NA, /* */
    1 / NA, -A1 / NA, A2 / NA, /* */
    1 / NB, B1 / NB,  B2 / NB, /* */
    1 / NB, -B1 / NB, B2 / NB, /* */
    0,      0,        1,       /* */
};

static const real AT_4_3[] = {
    1, 1,  1,   1,  1,   0, /* */
    0, A1, -A1, B1, -B1, 0, /* */
    0, A2, A2,  B2, B2,  0, /* */
    0, A3, -A3, B3, -B3, 1, /* */
};

static const real G_2_5[] = {
    1 / N0, 0,        0,       0,        0,       /* */
    1 / NA, A1 / NA,  A2 / NA, A3 / NA,  A4 / NA, /* */
    1 / NA, -A1 / NA, A2 / NA, -A3 / NA, A4 / NA, /* */
    1 / NB, B1 / NB,  B2 / NB, B3 / NB,  B4 / NB, /* */
    1 / NB, -B1 / NB, B2 / NB, -B3 / NB, B4 / NB, /* */
    0,      0,        0,       0,        1,       /* */
};

static const real AT_2_5[] = {
    1, 1,  1,   1,  1,   0, /* */
    0, A1, -A1, B1, -B1, 1, /* */
};

/* Number [i, j] of a matrix is at[i down + j right]. */
typedef struct matrix {
    int rows, columns;
    const real *at;
    int down, right;
} matrix;

INLINE matrix by_rows(int rows, int columns, const real *at)
{
    return (matrix){rows, columns, at, columns, 1};
}

INLINE matrix adjoint(matrix a)
{
    return (matrix){a.columns, a.rows, a.at, a.right, a.down};
}

/* y = a x. The matrix is constant after inlining, so that its zeros cost nothing, and an infinity
 * does not meet them. */
INLINE void apply(matrix a, const wide *x, real *y, int64_t y_step)
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
INLINE void multiply(matrix a, const real *x, int64_t x_step, real *y, int64_t y_step)
{
    wide in[6];
    EACH (j, a.columns)
        in[j] = load_wide(x + j * x_step);
    apply(a, in, y, y_step);
}

/* ---- planes ---------------------------------------------------------------------------------- */

/* Rows `begin` to `end` of up to WIDTH planes, side by side; of missing planes there are zeros. */
static void read_rows(const tn__winograd_row *t, int64_t lines, int64_t begin, int64_t end,
                      const real *x, real *to)
{
    int64_t plane = t->h * t->w, n = (end - begin) * t->w;
    x += begin * t->w;
    if (n < WIDTH) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t l = 0; l < WIDTH; l++)
                to[i * WIDTH + l] = l < lines ? x[l * plane + i] : 0;
        return;
    }
    for (int64_t i = 0; i < n; i += WIDTH) {
        int64_t at = i + WIDTH <= n ? i : n - WIDTH;
        transpose_square(lines, x + at, plane, to + at * WIDTH, WIDTH);
    }
}

/* The other way round. */
static void write_rows(const tn__winograd_row *t, int64_t lines, int64_t begin, int64_t end,
                       const real *from, real *y)
{
    int64_t plane = t->h * t->w, n = (end - begin) * t->w;
    y += begin * t->w;
    if (n < WIDTH || lines < WIDTH) {
        for (int64_t l = 0; l < lines; l++)
            for (int64_t i = 0; i < n; i++)
                y[l * plane + i] = from[i * WIDTH + l];
        return;
    }
    for (int64_t i = 0; i < n; i += WIDTH) {
        int64_t at = i + WIDTH <= n ? i : n - WIDTH;
        transpose_square(WIDTH, from + at * WIDTH, WIDTH, y + at, plane);
    }
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* a x for the rows of x that a row of tiles has, in all columns of them, `size` in number. What is
 * outside of the planes is 0. */
INLINE void columns_to_tiles(const tn__winograd_row *t, matrix a, int64_t top, int64_t size,
                             const real *x, real *ax)
{
    static const real zeros[WIDTH];
    const real *rows[6];
    int64_t steps[6];
    for (int i = 0; i < a.columns; i++) {
        bool inside = top + i >= 0 && top + i < t->h;
        rows[i] = inside ? x + (top > 0 ? i : top + i) * t->w * WIDTH : zeros;
        steps[i] = inside ? WIDTH : 0;
    }
    for (int64_t c = 0; c < size; c++) {
        int64_t column = c - t->padding_w;
        bool inside = column >= 0 && column < t->w;
        wide in[6];
        EACH (i, a.columns)
            in[i] = load_wide(inside ? rows[i] + column * steps[i] : zeros);
        apply(a, in, ax + c * WIDTH, size * WIDTH);
    }
}

/* a x a^T of a row of tiles that begin `step` elements one after another. */
INLINE void to_tiles(const tn__winograd_row *t, int64_t lines, int step, matrix a, const real *x,
                     real *space, real *v)
{
    int64_t top = t->row * step - t->padding_h, size = (t->columns - 1) * step + a.columns;
    int64_t begin = top > 0 ? top : 0, end = top + a.columns < t->h ? top + a.columns : t->h;
    real *ax = space + a.columns * t->w * WIDTH;
    if (begin < end)
        read_rows(t, lines, begin, end, x, space);
    columns_to_tiles(t, a, top, size, space, ax);
    for (int64_t i = 0; i < t->columns; i++)
        for (int k = 0; k < a.rows; k++)
            multiply(a, ax + (k * size + i * step) * WIDTH, WIDTH,
                     v + i * t->tile + k * a.rows * t->element, t->element);
}

/* a m a^T of a row of tiles, and the bias. They are made from the right to the left: what the last
 * one has beyond the plane is in the place of elements that are made later. */
INLINE void from_tiles(const tn__winograd_row *t, int64_t lines, matrix a, const real *m,
                       const real *bias, real *space, real *y)
{
    real am[4 * 6 * WIDTH];
    int64_t begin = t->row * a.rows, end = begin + a.rows < t->h ? begin + a.rows : t->h;
    wide b = {0};
    for (int64_t l = 0; bias && l < lines; l++)
        b[l] = bias[l];
    for (int64_t i = t->columns - 1; i >= 0; i--) {
        for (int k = 0; k < a.columns; k++)
            multiply(a, m + i * t->tile + k * t->element, a.columns * t->element, am + k * WIDTH,
                     a.columns * WIDTH);
        for (int j = 0; j < a.rows; j++) {
            real *to = space + (j * t->w + i * a.rows) * WIDTH;
            multiply(a, am + j * a.columns * WIDTH, WIDTH, to, WIDTH);
            EACH (k, a.rows)
                store_wide(to + k * WIDTH, load_wide(to + k * WIDTH) + b);
        }
    }
    write_rows(t, lines, begin, end, space, y);
}

/* ---- kernels --------------------------------------------------------------------------------- */

#define LINE ((25 + WIDTH - 1) / WIDTH * WIDTH) /* of a kernel, or more */

/* g w g^T of kernels, those of a row of the panel side by side. */
INLINE void to_panel(const tn__winograd_panel *t, int64_t lines, matrix g, const real *w, real *u)
{
    int points = g.columns * g.columns;
    real kernels[WIDTH * LINE] = {0}, side[LINE * WIDTH], gw[6 * 5 * WIDTH];
    const real *first = side + (t->turned ? points - 1 : 0) * WIDTH;
    int64_t step = t->turned ? -WIDTH : WIDTH;
    for (int64_t p = 0; p < t->rows; p++) {
        for (int64_t l = 0; l < lines; l++)
            memcpy(kernels + l * LINE, w + p * t->down + l * t->right, (size_t)points * sizeof *w);
        for (int i = 0; i < points; i += WIDTH)
            transpose_square(WIDTH, kernels + i, LINE, side + i * WIDTH, WIDTH);
        for (int j = 0; j < g.columns; j++)
            multiply(g, first + j * step, g.columns * step, gw + j * WIDTH, g.columns * WIDTH);
        for (int k = 0; k < g.rows; k++)
            multiply(g, gw + k * g.columns * WIDTH, WIDTH,
                     u + p * COLUMNS + k * g.rows * t->element, t->element);
    }
}

/* g u g^T of kernels that are neighbours. */
INLINE void from_row(int64_t lines, matrix g, const real *u, int64_t element, real *w)
{
    int points = g.rows * g.rows;
    real gu[5 * 6 * WIDTH], side[LINE * WIDTH] = {0}, kernels[WIDTH * LINE];
    for (int k = 0; k < g.columns; k++)
        multiply(g, u + k * element, g.columns * element, gu + k * WIDTH, g.columns * WIDTH);
    for (int i = 0; i < g.rows; i++)
        multiply(g, gu + i * g.columns * WIDTH, WIDTH, side + i * g.rows * WIDTH, WIDTH);
    for (int i = 0; i < points; i += WIDTH)
        transpose_square(WIDTH, side + i * WIDTH, WIDTH, kernels + i, LINE);
    for (int64_t l = 0; l < lines; l++)
        memcpy(w + l * points, kernels + l * LINE, (size_t)points * sizeof *w);
}

/* ---- of every kind --------------------------------------------------------------------------- */

/* Channels c .. c + WIDTH of so many, for each c. */
#define EACH_VECTOR(c, lines, channels)                    \
    for (int64_t c = 0, lines; c < (channels); c += WIDTH) \
        if ((lines = (channels)-c < WIDTH ? (channels)-c : WIDTH))

#define INPUT(m, r, n)                                                                   \
    case TN__WINOGRAD_##m##_##r:                                                         \
        to_tiles(t, lines, m, by_rows(n, n, BT_##n), x + c * t->h * t->w, space, v + c); \
        break;

void KERNEL(winograd_input)(const tn__winograd_row *t, const void *px, void *space, void *pv)
{
    const real *x = px;
    real *v = pv;
    EACH_VECTOR(c, lines, t->channels)
    switch (t->kind) {
        TN__WINOGRAD_KINDS(INPUT)
    }
}

#define OUTPUT_BACK(m, r, n)                                                                     \
    case TN__WINOGRAD_##m##_##r:                                                                 \
        to_tiles(t, lines, m, adjoint(by_rows(m, n, AT_##m##_##r)), dy + c * t->h * t->w, space, \
                 v + c);                                                                         \
        break;

void KERNEL(winograd_output_back)(const tn__winograd_row *t, const void *pdy, void *space, void *pv)
{
    const real *dy = pdy;
    real *v = pv;
    EACH_VECTOR(c, lines, t->channels)
    switch (t->kind) {
        TN__WINOGRAD_KINDS(OUTPUT_BACK)
    }
}

#define OUTPUT(m, r, n)                                                                          \
    case TN__WINOGRAD_##m##_##r:                                                                 \
        from_tiles(t, lines, by_rows(m, n, AT_##m##_##r), in + c, bias ? bias + c : NULL, space, \
                   y + c * t->h * t->w);                                                         \
        break;

void KERNEL(winograd_output)(const tn__winograd_row *t, const void *pm, const void *pbias,
                             void *space, void *py)
{
    const real *in = pm, *bias = pbias;
    real *y = py;
    EACH_VECTOR(c, lines, t->channels)
    switch (t->kind) {
        TN__WINOGRAD_KINDS(OUTPUT)
    }
}

#define WEIGHT(m, r, n)                                                          \
    case TN__WINOGRAD_##m##_##r:                                                 \
        to_panel(t, lines, by_rows(n, r, G_##m##_##r), w + c * t->right, u + c); \
        break;

void KERNEL(winograd_weight)(const tn__winograd_panel *t, const void *pw, void *pu)
{
    const real *w = pw;
    real *u = pu;
    EACH_VECTOR(c, lines, t->columns)
    switch (t->kind) {
        TN__WINOGRAD_KINDS(WEIGHT)
    }
}

#define WEIGHT_BACK(m, r, n)                                                                     \
    case TN__WINOGRAD_##m##_##r:                                                                 \
        from_row(lines, adjoint(by_rows(n, r, G_##m##_##r)), u + c, element, w + c * (r) * (r)); \
        break;

void KERNEL(winograd_weight_back)(tn__winograd_kind kind, int64_t channels, const void *pu,
                                  int64_t element, void *pw)
{
    const real *u = pu;
    real *w = pw;
    EACH_VECTOR(c, lines, channels)
    switch (kind) {
        TN__WINOGRAD_KINDS(WEIGHT_BACK)
    }
}
