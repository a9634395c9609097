/* extreme.c - the largest and the smallest of numbers, and where the first of these is. A NaN comes
 * before all others, the first one before other NaN.
 *
 * Vectors gather the best of every few numbers, without places; the place of the best of a row is
 * looked for afterwards, in the block that it came from. Where the best of each column is wanted,
 * places are gathered too, as integers as wide as the numbers. */
#include <string.h>
#include "kernels/pairs.h"
#include "kernels/square.h"

#if defined(TN_REAL_f32)
#define LAST_PLACE INT32_MAX
#else
#define LAST_PLACE INT64_MAX
#endif

/* Comparing takes so long that wide vectors pay where a processor has them. */
typedef wide_ints places;

#define WAYS 4               /* vectors side by side */
#define STRIP (WAYS * WIDTH) /* numbers in them */
#define FEWEST 4 /* rows of whole strips, for fewer of which it does not pay to make some */
#define LOOKED_THROUGH 2048 /* numbers of a row between two looks at the best */
#define INLINE __attribute__((always_inline)) static inline

/* `smallest` is a constant wherever these are inlined. */
INLINE bool is_before(real x, real best, bool smallest)
{
    bool is_after = smallest ? x >= best : x <= best;
    return !is_after & (best == best);
}

INLINE places are_before(wide x, wide best, bool smallest)
{
    places are_after = smallest ? x >= best : x <= best;
    return ~are_after & (best == best);
}

INLINE places choose(places taken, places a, places b)
{
    return (taken & a) | (~taken & b);
}

INLINE wide better(wide x, wide best, bool smallest)
{
    return (wide)choose(are_before(x, best, smallest), (places)x, (places)best);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* The best of n numbers, at least `ways` vectors, in each place of a vector; the last vectors may
 * see some once more. */
INLINE wide best_vector(int64_t n, const real *x, int ways, bool smallest)
{
    wide best[WAYS];
    for (int k = 0; k < ways; k++)
        best[k] = ((const wide_unaligned *)x)[k];
    for (int64_t i = ways * WIDTH; i < n; i += ways * WIDTH) {
        const real *from = x + at_most(i, n - ways * WIDTH);
        for (int k = 0; k < ways; k++)
            best[k] = better(((const wide_unaligned *)from)[k], best[k], smallest);
    }
    for (int k = 1; k < ways; k++)
        best[0] = better(best[k], best[0], smallest);
    return best[0];
}

INLINE real best_of_vectors(int64_t n, const real *x, int ways, bool smallest)
{
    real one[WIDTH];
    store_wide(one, best_vector(n, x, ways, smallest));
    for (int64_t half = WIDTH / 2; half > 0; half /= 2)
        for (int64_t j = 0; j < half; j++)
            one[j] = is_before(one[j + half], one[j], smallest) ? one[j + half] : one[j];
    return one[0];
}

INLINE real best_of(int64_t n, const real *x, bool smallest)
{
    if (n >= STRIP)
        return best_of_vectors(n, x, WAYS, smallest);
    if (n >= WIDTH)
        return best_of_vectors(n, x, 1, smallest);
    real best = x[0];
    for (int64_t i = 1; i < n; i++)
        best = is_before(x[i], best, smallest) ? x[i] : best;
    return best;
}

/* Where the first of the numbers is that equal `best`, or are NaN as it is. */
static int64_t place_of(int64_t n, const real *x, real best)
{
    int64_t i = 0;
    lane_int found = 0, is_nan = best != best;
    for (; i + STRIP <= n; i += STRIP) {
        for (int64_t j = 0; j < STRIP; j++)
            found |= (x[i + j] == best) | (is_nan & (x[i + j] != x[i + j]));
        if (found)
            break;
    }
    while (i < n - 1 && !(x[i] == best || (is_nan && x[i] != x[i])))
        i++;
    return i;
}

INLINE void find(int64_t n, const real *x, bool smallest, real *y, int64_t *at)
{
    int64_t begin = 0;
    real best = best_of(at_most(n, LOOKED_THROUGH), x, smallest);
    for (int64_t i = LOOKED_THROUGH; i < n; i += LOOKED_THROUGH) {
        real next = best_of(at_most(n - i, LOOKED_THROUGH), x + i, smallest);
        if (is_before(next, best, smallest)) {
            best = next;
            begin = i;
        }
    }
    *at = begin + place_of(at_most(n - begin, LOOKED_THROUGH), x + begin, best);
    *y = x[*at];
}

void KERNEL(extreme)(int64_t n, const void *x, bool smallest, void *y, int64_t *at)
{
    if (at && smallest)
        find(n, x, true, y, at);
    else if (at)
        find(n, x, false, y, at);
    else
        *(real *)y = smallest ? best_of(n, x, true) : best_of(n, x, false);
}

/* ---- many rows ------------------------------------------------------------------------------- */

/* The best numbers of WIDTH rows, each in a vector, are turned, and compared side by side. */
INLINE wide best_of_rows(int64_t rows, int64_t n, const real *x, int64_t ldx, bool smallest)
{
    real best[WIDTH * WIDTH], turned[WIDTH * WIDTH];
    for (int64_t i = 0; i < rows; i++)
        store_wide(best + i * WIDTH, n >= STRIP ? best_vector(n, x + i * ldx, WAYS, smallest)
                                                : best_vector(n, x + i * ldx, 1, smallest));
    transpose_square(rows, best, WIDTH, turned, WIDTH);
    wide all = load_wide(turned);
    for (int64_t j = 1; j < WIDTH; j++)
        all = better(load_wide(turned + j * WIDTH), all, smallest);
    return all;
}

void KERNEL(extreme_lines)(int64_t count, int64_t n, const void *px, int64_t ldx, bool smallest,
                           void *py)
{
    for (int64_t i = 0; i < count; i += WIDTH) {
        const real *x = (const real *)px + i * ldx;
        int64_t rows = at_most(count - i, WIDTH);
        real best[WIDTH];
        store_wide(best, smallest ? best_of_rows(rows, n, x, ldx, true)
                                  : best_of_rows(rows, n, x, ldx, false));
        memcpy((real *)py + i, best, (size_t)rows * sizeof(real));
    }
}

/* ---- columns --------------------------------------------------------------------------------- */

/* The columns of `ways` vectors; `at` may be NULL. */
INLINE void strip(int64_t n, const real *x, int64_t ldx, int ways, bool smallest, real *y,
                  int64_t *at)
{
    wide best[WAYS];
    places where[WAYS] = {{0}};
    for (int k = 0; k < ways; k++)
        best[k] = ((const wide_unaligned *)x)[k];
    for (int64_t i = 1; i < n; i++)
        for (int k = 0; k < ways; k++) {
            wide row = ((const wide_unaligned *)(x + i * ldx))[k];
            places taken = are_before(row, best[k], smallest);
            best[k] = (wide)choose(taken, (places)row, (places)best[k]);
            where[k] = choose(taken, (places){0} + (lane_int)i, where[k]);
        }
    for (int k = 0; k < ways; k++)
        ((wide_unaligned *)y)[k] = best[k];
    for (int64_t j = 0; at && j < ways * WIDTH; j++)
        at[j] = where[j / WIDTH][j % WIDTH];
}

/* The last strip may see some columns once more. */
INLINE void strips(int64_t n, int64_t cols, const real *x, int64_t ldx, int ways, bool smallest,
                   real *y, int64_t *at)
{
    for (int64_t j = 0; j < cols; j += ways * WIDTH) {
        int64_t from = at_most(j, cols - ways * WIDTH);
        strip(n, x + from, ldx, ways, smallest, y + from, at ? at + from : NULL);
    }
}

/* One column, numbers ldx apart. */
INLINE void column(int64_t n, const real *x, int64_t ldx, bool smallest, real *y, int64_t *at)
{
    int64_t where = 0;
    for (int64_t i = 1; i < n; i++)
        where = is_before(x[i * ldx], x[where * ldx], smallest) ? i : where;
    *y = x[where * ldx];
    if (at)
        *at = where;
}

/* How many of such rows fill whole strips. */
static int64_t rows_of_strips(int64_t cols)
{
    int64_t rows = STRIP;
    for (; cols % 2 == 0 && rows > 1; cols /= 2)
        rows /= 2;
    return rows;
}

/* Few columns, with nothing between their rows: several rows are taken as one, whose columns fill
 * vectors. Then the best of all that belong to a column are compared; of equal ones the first row
 * counts. */
INLINE void few_columns(int64_t n, int64_t cols, const real *x, int64_t rows, bool smallest,
                        real *y, int64_t *at)
{
    real best[STRIP * WIDTH];
    int64_t where[STRIP * WIDTH], joined = n / rows;
    strips(joined, rows * cols, x, rows * cols, WAYS, smallest, best, where);
    for (int64_t j = 0; j < cols; j++) {
        int64_t first = where[j] * rows;
        for (int64_t r = 1; r < rows; r++) {
            int64_t row = where[r * cols + j] * rows + r;
            real a = x[row * cols + j], b = x[first * cols + j];
            bool is_equal = a == b || (a != a && b != b);
            first = is_before(a, b, smallest) || (is_equal && row < first) ? row : first;
        }
        for (int64_t row = joined * rows; row < n; row++)
            first = is_before(x[row * cols + j], x[first * cols + j], smallest) ? row : first;
        y[j] = x[first * cols + j];
        if (at)
            at[j] = first;
    }
}

INLINE void columns(int64_t n, int64_t cols, const real *x, int64_t ldx, bool smallest, real *y,
                    int64_t *at)
{
    int64_t rows = rows_of_strips(cols);
    if (cols >= STRIP && n <= LAST_PLACE)
        strips(n, cols, x, ldx, WAYS, smallest, y, at);
    else if (cols >= WIDTH && n <= LAST_PLACE)
        strips(n, cols, x, ldx, 1, smallest, y, at);
    else if (cols < WIDTH && ldx == cols && n / rows >= FEWEST && n / rows <= LAST_PLACE)
        few_columns(n, cols, x, rows, smallest, y, at);
    else
        for (int64_t j = 0; j < cols; j++)
            column(n, x + j, ldx, smallest, y + j, at ? at + j : NULL);
}

void KERNEL(extreme_rows)(int64_t n, int64_t cols, const void *x, int64_t ldx, bool smallest,
                          void *y, int64_t *at)
{
    if (at && smallest)
        columns(n, cols, x, ldx, true, y, at);
    else if (at)
        columns(n, cols, x, ldx, false, y, at);
    else if (smallest)
        columns(n, cols, x, ldx, true, y, NULL);
    else
        columns(n, cols, x, ldx, false, y, NULL);
}
