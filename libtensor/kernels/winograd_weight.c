/* winograd_weight.c - Winograd's transform of kernels, u = G w G^T (see kernels/winograd.h), into
 * panels of a product, and its adjoint G^T u G, of the gradient.
 *
 * The kernels of a vector's channels are transposed on the way in and out, so that each number of a
 * kernel is a vector. Panels have a row for each channel of x and a column for each one of y. */
#include <string.h>
#include "kernels/square.h"
#include "kernels/winograd.h"

#define INLINE __attribute__((always_inline)) static inline

/* ---- matrices -------------------------------------------------------------------------------- */

static const real G_2_3[] = {
    1,    0,     0,    /* */
    0.5F, 0.5F,  0.5F, /* */
    0.5F, -0.5F, 0.5F, /* */
    0,    0,     1,    /* */
};

static const real G_4_3[] = {
    1 / N0, 0,        0,       /* */
    1 / NA, A1 / NA,  A2 / NA, /* */
    1 / NA, -A1 / NA, A2 / NA, /* */
    1 / NB, B1 / NB,  B2 / NB, /* */
    1 / NB, -B1 / NB, B2 / NB, /* */
    0,      0,        1,       /* */
};

static const real G_2_5[] = {
    1 / N0, 0,        0,       0,        0,       /* */
    1 / NA, A1 / NA,  A2 / NA, A3 / NA,  A4 / NA, /* */
    1 / NA, -A1 / NA, A2 / NA, -A3 / NA, A4 / NA, /* */
    1 / NB, B1 / NB,  B2 / NB, B3 / NB,  B4 / NB, /* */
    1 / NB, -B1 / NB, B2 / NB, -B3 / NB, B4 / NB, /* */
    0,      0,        0,       0,        1,       /* */
};

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
