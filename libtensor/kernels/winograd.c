/* winograd.c - Winograd's transforms of planes (see kernels/winograd.h): B^T x B of the tiles of x,
 * A m A^T of those of dy, and y = A^T m A.
 *
 * Channels are side by side in vectors: planes are transposed on the way in and out. A row of tiles
 * is transformed at a time, first down the columns of the plane, then along the rows of each
 * tile. */
#include "kernels/square.h"
#include "kernels/winograd.h"

#define INLINE __attribute__((always_inline)) static inline

/* ---- matrices -------------------------------------------------------------------------------- */

static const real BT_4[] = {
    1, 0,  -1, 0,  /* */
    0, 1,  1,  0,  /* */
    0, -1, 1,  0,  /* */
    0, 1,  0,  -1, /* */
};

static const real AT_2_3[] = {
    1, 1, 1,  0,  /* */
    0, 1, -1, -1, /* */
};

static const real BT_6[] = {
    N0, 0,    -A2 - B2, 0,        1, 0, /* */
    0,  -AB2, -B2,      A1,       1, 0, /* */
    0,  AB2,  -B2,      -A1,      1, 0, /* */
    0,  -BA2, -A2,      B1,       1, 0, /* */
    0,  BA2,  -A2,      -B1,      1, 0, /* */
    0,  N0,   0,        -A2 - B2, 0, 1, /* */
};

static const real AT_4_3[] = {
    1, 1,  1,   1,  1,   0, /* */
    0, A1, -A1, B1, -B1, 0, /* */
    0, A2, A2,  B2, B2,  0, /* */
    0, A3, -A3, B3, -B3, 1, /* */
};

static const real AT_2_5[] = {
    1, 1,  1,   1,  1,   0, /* */
    0, A1, -A1, B1, -B1, 1, /* */
};

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

/* ---- of every kind --------------------------------------------------------------------------- */

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
