/* pack.c - operands of a product, copied to where its kernel reads them in order.
 *
 * Of B come panels of COLUMNS columns, each of them row after row; where columns are missing from
 * the last vector of a row, it has zeros. Of an A that lies by columns come tiles, each of them
 * column after column, ROWS numbers apart. */
#include <string.h>
#include "kernels/square.h"
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
    int64_t tiles = tiles_of(m, ROWS);
    for (int64_t t = 0; t < tiles; t++) {
        int64_t i = tile_row(m, tiles, t), rows = tile_row(m, tiles, t + 1) - i;
        for (int64_t p = 0; p < k; p++, to += ROWS)
            if (rows == ROWS)
                memcpy(to, x + p * ldx + i, ROWS * sizeof *x);
            else
                memcpy(to, x + p * ldx + i, (size_t)rows * sizeof *x);
    }
}

/* ---- transposed copies ----------------------------------------------------------------------- */

/* Half a panel, of so many lines of x. */
static void pack_half(int64_t k, int64_t lines, const real *x, int64_t ldx, real *panel)
{
    int64_t whole = k / WIDTH * WIDTH;
    for (int64_t p = 0; p < whole; p += WIDTH)
        transpose_square(lines, x + p, ldx, panel + p * COLUMNS, COLUMNS);
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
