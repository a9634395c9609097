/* sum.c - sums, pairwise: halves are added to halves, so that the rounding error grows with log n
 * and not with n (Higham, "The accuracy of floating point summation", 1993). */
#include "kernels/pairs.h"
#include "kernels/square.h"

#define FEW 32  /* that are added one after another */
#define TILE 64 /* columns at a time */

/* ---- a line ---------------------------------------------------------------------------------- */

#define CHAINS (LANES < 4 ? 8 : 4) /* vectors added to while others wait for their sums */
#define ROW (CHAINS * LANES)       /* numbers in them: 16 or 32 */

/* No more than FEW rows. What is left of a row is added by fewer vectors. */
static inline real sum_few_rows(int64_t n, const real *x)
{
    vec sums[CHAINS] = {{0}};
    real sides[SIDES], total = 0;
    int64_t i = 0;
    for (; i + ROW <= n; i += ROW)
        UNROLLED for (int j = 0; j < CHAINS; j++) sums[j] += load(x + i + j * LANES);
    for (; i + SIDES <= n; i += SIDES)
        UNROLLED for (int j = 0; j < SIDES / LANES; j++) sums[j] += load(x + i + j * LANES);
    for (; i + LANES <= n; i += LANES)
        sums[CHAINS - 1] += load(x + i);
    UNROLLED for (int half = CHAINS / 2; half * LANES >= SIDES; half /= 2)
        UNROLLED for (int j = 0; j < half; j++) sums[j] += sums[j + half];
    UNROLLED for (int j = 0; j < SIDES / LANES; j++) store(sides + j * LANES, sums[j]);
    for (; i < n; i++)
        total += x[i];
    return sides_total(sides) + total;
}

#define WIDE_CHAINS 8 /* of the widest vectors: as fast as the cache gives numbers */
#define WIDE_ROW (WIDE_CHAINS * WIDTH) /* 16 to 128 */

static inline real sum_wide_rows(int64_t n, const real *x)
{
    wide sums[WIDE_CHAINS] = {{0}};
    real sides[SIDES];
    int64_t i = 0;
    for (; i + WIDE_ROW <= n; i += WIDE_ROW)
        UNROLLED for (int j = 0; j < WIDE_CHAINS; j++) sums[j] += load_wide(x + i + j * WIDTH);
    UNROLLED for (int half = WIDE_CHAINS / 2; half * WIDTH >= SIDES; half /= 2)
        UNROLLED for (int j = 0; j < half; j++) sums[j] += sums[j + half];
    UNROLLED for (int j = 0; j < SIDES / WIDTH; j++) store_wide(sides + j * WIDTH, sums[j]);
    return sides_total(sides) + sum_few_rows(n - i, x + i);
}

/* The first part has whole rows. */
__attribute__((noinline)) static real sum_long(int64_t n, const real *x)
{
    int64_t half = FEW * WIDE_ROW;
    if (n <= half)
        return sum_wide_rows(n, x);
    while (2 * half < n)
        half *= 2;
    return sum_long(half, x) + sum_long(n - half, x + half);
}

__attribute__((noinline)) static real sum_line(int64_t n, const real *x)
{
    return n <= FEW * ROW ? sum_few_rows(n, x) : sum_long(n, x);
}

void KERNEL(sum)(int64_t n, const void *x, void *y)
{
    *(real *)y = sum_line(n, x);
}

/* ---- lines ----------------------------------------------------------------------------------- */

#define MOST_SQUARES 4 /* of which a line is summed; longer ones fill vectors themselves */

/* Sums of WIDTH lines or fewer, of WIDTH numbers or more. They are turned, so that the numbers of a
 * line are added one after another, and lines side by side. The last square ends where the lines
 * end, and begins with numbers that the one before it has. */
static inline wide sum_square(int64_t lines, int64_t n, const real *x, int64_t ldx)
{
    real square[WIDTH * WIDTH];
    wide sum = {0};
    for (int64_t j = 0; j < n; j += WIDTH) {
        int64_t from = at_most(j, n - WIDTH);
        transpose_square(lines, x + from, ldx, square, WIDTH);
        for (int64_t i = j - from; i < WIDTH; i++)
            sum += load_wide(square + i * WIDTH);
    }
    return sum;
}

static void sum_squares(int64_t count, int64_t n, const real *x, int64_t ldx, real *y)
{
    int64_t i = 0;
    for (; i + WIDTH <= count; i += WIDTH)
        store_wide(y + i, sum_square(WIDTH, n, x + i * ldx, ldx));
    if (i == count)
        return;
    wide last = sum_square(count - i, n, x + i * ldx, ldx);
    for (int64_t j = i; j < count; j++)
        y[j] = last[j - i];
}

void KERNEL(sum_lines)(int64_t count, int64_t n, const void *px, int64_t ldx, void *py)
{
    const real *x = px;
    real *y = py;
    if (n >= WIDTH && n <= MOST_SQUARES * WIDTH) {
        sum_squares(count, n, x, ldx, y);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        y[i] = sum_line(n, x + i * ldx);
}

/* ---- columns --------------------------------------------------------------------------------- */

/* n rows one after another, several vectors of columns at a time, which stay in registers. */
static void sum_few(int64_t n, int64_t cols, const real *x, int64_t ldx, real *restrict y)
{
    int64_t j = 0;
    for (; j + 4 * LANES <= cols; j += 4 * LANES) {
        vec sums[4] = {{0}};
        for (int64_t i = 0; i < n; i++)
            for (int k = 0; k < 4; k++)
                sums[k] += ((const vec_unaligned *)(x + i * ldx + j))[k];
        for (int k = 0; k < 4; k++)
            ((vec_unaligned *)(y + j))[k] = sums[k];
    }
    for (int64_t k = j; k < cols; k++)
        y[k] = 0;
    for (int64_t i = 0; j < cols && i < n; i++)
        for (int64_t k = j; k < cols; k++)
            y[k] += x[i * ldx + k];
}

static void sum_tile(int64_t n, int64_t cols, const real *x, int64_t ldx, real *restrict y)
{
    if (n <= FEW) {
        sum_few(n, cols, x, ldx, y);
        return;
    }
    real other[TILE];
    int64_t half = n / 2;
    sum_tile(half, cols, x, ldx, y);
    sum_tile(n - half, cols, x + half * ldx, ldx, other);
    for (int64_t j = 0; j < cols; j++)
        y[j] += other[j];
}

/* Where there are few columns, several rows are read as one, which fills vectors. */
static void sum_narrow(int64_t n, int64_t cols, const real *x, real *restrict y)
{
    real joined[TILE];
    int64_t together = TILE / cols, rows = n / together;
    sum_tile(rows, together * cols, x, together * cols, joined);
    sum_tile(n - rows * together, cols, x + rows * together * cols, cols, y);
    for (int64_t i = 0; i < together; i++)
        for (int64_t j = 0; j < cols; j++)
            y[j] += joined[i * cols + j];
}

void KERNEL(sum_rows)(int64_t n, int64_t cols, const void *px, int64_t ldx, void *py)
{
    const real *x = px;
    real *y = py;
    if (cols > 0 && cols <= TILE / 2 && ldx == cols && n >= TILE) {
        sum_narrow(n, cols, x, y);
        return;
    }
    for (int64_t j = 0; j < cols; j += TILE)
        sum_tile(n, cols - j < TILE ? cols - j : TILE, x + j, ldx, y + j);
}
