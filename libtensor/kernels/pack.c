/* pack.c - operands of a product, copied to where its kernel reads them in order.
 *
 * Of B come panels of COLUMNS columns, each of them row after row; where columns are missing from
 * the last vector of a row, it has zeros. Of an A that lies by columns come tiles, each of them
 * column after column, ROWS numbers apart. */
#include <string.h>
#include "kernels/tile.h"

/* ---- copies ---------------------------------------------------------------------------------- */

/* The last `columns` columns, which fill no panel. */
static void pack_last_rows(int64_t k, int64_t columns, const real *x, int64_t ldx, real *panel)
{
    int64_t zeros = (columns <= WIDTH ? WIDTH : COLUMNS) - columns;
    for (int64_t p = 0; p < k; p++, x += ldx, panel += COLUMNS) {
        memcpy(panel, x, (size_t)columns * sizeof *x);
        memset(panel + columns, 0, (size_t)zeros * sizeof *x);
    }
}

void KERNEL(pack_rows)(int64_t k, int64_t n, const void *px, int64_t ldx, void *ppanels)
{
    const real *x = px;
    real *panel = ppanels;
    int64_t j = 0;
    for (; j + COLUMNS <= n; j += COLUMNS)
        for (int64_t p = 0; p < k; p++, panel += COLUMNS) {
            store_wide(panel, load_wide(x + p * ldx + j));
            store_wide(panel + WIDTH, load_wide(x + p * ldx + j + WIDTH));
        }
    if (j < n)
        pack_last_rows(k, n - j, x + j, ldx, panel);
}

void KERNEL(pack_tiles)(int64_t k, int64_t m, const void *px, int64_t ldx, void *ptiles)
{
    const real *x = px;
    real *to = ptiles;
    for (int64_t t = 0; t < tiles_of(m); t++) {
        int64_t i = tile_row(m, t), rows = tile_row(m, t + 1) - i;
        for (int64_t p = 0; p < k; p++, to += ROWS)
            if (rows == ROWS)
                memcpy(to, x + p * ldx + i, ROWS * sizeof *x);
            else
                memcpy(to, x + p * ldx + i, (size_t)rows * sizeof *x);
    }
}

/* ---- transposed copies ----------------------------------------------------------------------- */

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

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#elif defined(TN_REAL_f32)
typedef int32_t places __attribute__((vector_size(WIDE_BYTES)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (places){__VA_ARGS__})
#else
typedef int64_t places __attribute__((vector_size(WIDE_BYTES)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (places){__VA_ARGS__})
#endif

#define EXCHANGE(d)                                      \
    EACH (i, WIDTH)                                      \
        if (!(i & (d))) {                                \
            wide a = t[i], b = t[i + (d)];               \
            t[i] = SHUFFLE(a, b, PLACES(LOW, d));        \
            t[i + (d)] = SHUFFLE(a, b, PLACES(HIGH, d)); \
        }

/* Of a square that has fewer lines the others are zeros. */
static void transpose(int64_t lines, const real *x, int64_t ldx, real *panel)
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
        store_wide(panel + i * COLUMNS, t[i]);
}

/* Half a panel, of so many lines of x. */
static void pack_half(int64_t k, int64_t lines, const real *x, int64_t ldx, real *panel)
{
    int64_t whole = k / WIDTH * WIDTH;
    for (int64_t p = 0; p < whole; p += WIDTH)
        transpose(lines, x + p, ldx, panel + p * COLUMNS);
    for (int64_t p = whole; p < k; p++)
        for (int64_t j = 0; j < WIDTH; j++)
            panel[p * COLUMNS + j] = j < lines ? x[j * ldx + p] : 0;
}

void KERNEL(pack_columns)(int64_t k, int64_t n, const void *px, int64_t ldx, void *ppanels)
{
    const real *x = px;
    real *panels = ppanels;
    for (int64_t j = 0; j < n; j += WIDTH) {
        real *panel = panels + j / COLUMNS * COLUMNS * k + j % COLUMNS;
        pack_half(k, n - j < WIDTH ? n - j : WIDTH, x + j * ldx, ldx, panel);
    }
}
