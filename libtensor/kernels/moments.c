/* moments.c - means and variances. A shift near the mean is subtracted from each number. Blocks of
 * these differences and of their squares are added up as they are; the sums of blocks are added in
 * doubles, halves to halves as in sum.c. A square that underflows a float would not show in a
 * variance that is a float either. */
#include "kernels/pairs.h"

#define ROWS 32  /* added one after another */
#define TILE 32  /* columns at a time */
#define LINE 512 /* numbers of a line added side by side */

/* Mean and variance from the sums of d = x - shift and of d^2: the mean of d, `off`, says how far
 * the shift is from the mean, and corrects both (Chan, Golub and LeVeque, "Algorithms for computing
 * the sample variance", 1983). An infinite mean stays infinite. */
static inline void finish(double count, double shift, double first, double second, double *mean,
                          double *var)
{
    double off = first / count;
    *mean = isfinite(off) ? shift + off : shift;
    *var = second / count - off * off;
}

/* ---- one column in doubles, where squares of `real` or their sum were too large -------------- */

/* The sums of d = scale x - shift and of d^2. */
static void wide_sums(int64_t n, const real *x, int64_t ldx, double scale, double shift,
                      double total[2])
{
    total[0] = total[1] = 0;
    if (n > ROWS) {
        double other[2];
        int64_t half = n / 2;
        wide_sums(half, x, ldx, scale, shift, total);
        wide_sums(n - half, x + half * ldx, ldx, scale, shift, other);
        total[0] += other[0];
        total[1] += other[1];
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        double d = scale * (double)x[i * ldx] - shift;
        total[0] += d;
        total[1] += d * d;
    }
}

static void wide_moments(int64_t n, const real *x, int64_t ldx, double scale, double *mean,
                         double *var)
{
    double total[2], count = (double)n;
    wide_sums(n, x, ldx, scale, 0, total);
    double shift = total[0] / count;
    wide_sums(n, x, ldx, scale, shift, total);
    finish(count, shift, total[0], total[1], mean, var);
}

/* ---- columns --------------------------------------------------------------------------------- */

/* The sums of d = x - shift and of d^2 of each column. */
typedef struct sums {
    double first[TILE], second[TILE];
} sums;

static void add_columns(int64_t cols, const sums *from, int64_t at, sums *to)
{
    for (int64_t j = 0; j < cols; j++) {
        to->first[j] += from->first[at + j];
        to->second[j] += from->second[at + j];
    }
}

/* Two vectors of columns, which stay in registers. */
static inline void sum_vectors(int64_t n, const real *x, int64_t ldx, const real *shift,
                               double *first, double *second)
{
    vec sum[2] = {{0}}, square[2] = {{0}};
    const vec_unaligned *from = (const vec_unaligned *)shift;
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) {
            vec d = ((const vec_unaligned *)(x + i * ldx))[k] - from[k];
            sum[k] += d;
            square[k] += d * d;
        }
    for (int64_t j = 0; j < 2 * LANES; j++) {
        first[j] = (double)sum[j / LANES][j % LANES];
        second[j] = (double)square[j / LANES][j % LANES];
    }
}

static void sum_few_columns(int64_t n, int64_t cols, const real *x, int64_t ldx, const real *shift,
                            sums *restrict s)
{
    real first[TILE] = {0}, second[TILE] = {0};
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < cols; j++) {
            real d = x[i * ldx + j] - shift[j];
            first[j] += d;
            second[j] += d * d;
        }
    for (int64_t j = 0; j < cols; j++) {
        s->first[j] = (double)first[j];
        s->second[j] = (double)second[j];
    }
}

/* The last vectors of a row may overlap those before them. */
static void sum_few_rows(int64_t n, int64_t cols, const real *x, int64_t ldx, const real *shift,
                         sums *restrict s)
{
    if (cols < 2 * LANES) {
        sum_few_columns(n, cols, x, ldx, shift, s);
        return;
    }
    for (int64_t j = 0; j < cols; j += 2 * LANES) {
        int64_t at = at_most(j, cols - 2 * LANES);
        sum_vectors(n, x + at, ldx, shift + at, s->first + at, s->second + at);
    }
}

static void sum_tile(int64_t n, int64_t cols, const real *x, int64_t ldx, const real *shift,
                     sums *restrict s)
{
    if (n <= ROWS) {
        sum_few_rows(n, cols, x, ldx, shift, s);
        return;
    }
    sums other;
    int64_t half = n / 2;
    sum_tile(half, cols, x, ldx, shift, s);
    sum_tile(n - half, cols, x + half * ldx, ldx, shift, &other);
    add_columns(cols, &other, 0, s);
}

/* Where there are few columns, several rows are read as one, which fills vectors. */
static void sum_narrow(int64_t n, int64_t cols, const real *x, const real *shift, sums *restrict s)
{
    sums wide;
    real shifts[TILE];
    int64_t together = TILE / cols, rows = n / together;
    for (int64_t i = 0; i < together * cols; i++)
        shifts[i] = shift[i % cols];
    sum_tile(rows, together * cols, x, together * cols, shifts, &wide);
    sum_tile(n - rows * together, cols, x + rows * together * cols, cols, shift, s);
    for (int64_t i = 0; i < together; i++)
        add_columns(cols, &wide, i * cols, s);
}

static void tile_moments(int64_t n, int64_t cols, const real *x, int64_t ldx, double *mean,
                         double *var)
{
    sums s;
    real shift[TILE];
    KERNEL(sum_rows)(n, cols, x, ldx, shift);
    for (int64_t j = 0; j < cols; j++)
        shift[j] /= (real)n;
    if (cols <= TILE / 2 && ldx == cols && n >= TILE)
        sum_narrow(n, cols, x, shift, &s);
    else
        sum_tile(n, cols, x, ldx, shift, &s);
    for (int64_t j = 0; j < cols; j++)
        finish((double)n, shift[j], s.first[j], s.second[j], mean + j, var + j);
}

/* ---- a line ---------------------------------------------------------------------------------- */

static void block_sums(int64_t n, const real *x, real shift, double total[2])
{
    vec first[SIDES / LANES] = {{0}}, second[SIDES / LANES] = {{0}};
    real sum = 0, square = 0;
    int64_t i = 0;
    for (; i + SIDES <= n; i += SIDES)
        for (int j = 0; j < SIDES / LANES; j++) {
            vec d = ((const vec_unaligned *)(x + i))[j] - shift;
            first[j] += d;
            second[j] += d * d;
        }
    if (i > 0) {
        sum = sides_total((real *)first);
        square = sides_total((real *)second);
    }
    for (; i < n; i++) {
        real d = x[i] - shift;
        sum += d;
        square += d * d;
    }
    total[0] = (double)sum;
    total[1] = (double)square;
}

static void line_sums(int64_t n, const real *x, real shift, double total[2])
{
    if (n <= LINE) {
        block_sums(n, x, shift, total);
        return;
    }
    double other[2];
    int64_t half = n / 2;
    line_sums(half, x, shift, total);
    line_sums(n - half, x + half, shift, other);
    total[0] += other[0];
    total[1] += other[1];
}

static void line_moments(int64_t n, const real *x, double *mean, double *var)
{
    real shift = 0;
    double total[2];
    KERNEL(sum)(n, x, &shift);
    shift /= (real)n;
    line_sums(n, x, shift, total);
    finish((double)n, shift, total[0], total[1], mean, var);
}

/* The last tile may overlap the one before it. */
void KERNEL(moments)(int64_t n, int64_t cols, const void *px, int64_t ldx, double scale,
                     double *mean, double *var)
{
    const real *x = px;
    for (int64_t j = 0; scale != 1 && j < cols; j++)
        wide_moments(n, x + j, ldx, scale, mean + j, var + j);
    if (scale == 1 && cols == 1 && ldx == 1)
        line_moments(n, x, mean, var);
    for (int64_t j = 0; scale == 1 && (cols > 1 || ldx != 1) && j < cols; j += TILE) {
        int64_t at = cols < TILE ? 0 : at_most(j, cols - TILE), width = at_most(cols, TILE);
        tile_moments(n, width, x + at, ldx, mean + at, var + at);
    }
}

/* ---- backward -------------------------------------------------------------------------------- */

/* mean = high + low, as far as two numbers of `real` can say; an infinite one has no rest. */
void KERNEL(split)(int64_t n, const double *mean, void *phigh, void *plow)
{
    real *high = phigh, *low = plow;
    for (int64_t i = 0; i < n; i++) {
        high[i] = (real)mean[i];
        double rest = mean[i] - (double)high[i];
        low[i] = isfinite(rest) ? (real)rest : 0;
    }
}

/* A vector of dx; the steps, 0 or 1, are constants where this is inlined. */
__attribute__((always_inline)) static inline void vector_dx(const real *x, const real *high,
                                                            const real *low, int64_t step_mean,
                                                            const real *dy, int64_t step_dy,
                                                            real scale, real *dx, vec *zeros)
{
    vec h = (vec){0} + *high, l = (vec){0} + *low, g = (vec){0} + *dy;
    if (step_mean == 1) {
        h = *(const vec_unaligned *)high;
        l = *(const vec_unaligned *)low;
    }
    if (step_dy == 1)
        g = *(const vec_unaligned *)dy;
    vec d = ((*(const vec_unaligned *)x - h) - l) * g * scale;
    *(vec_unaligned *)dx = d;
    *zeros += d * 0;
}

/* False if a number overflowed, if only on the way. The last two vectors may overlap. */
__attribute__((always_inline)) static inline bool row_dx(int64_t n, const real *x, const real *high,
                                                         const real *low, int64_t step_mean,
                                                         const real *dy, int64_t step_dy,
                                                         real scale, real *dx)
{
    vec zeros[2] = {{0}};
    real zero = 0;
    for (int64_t i = 0; i < n; i += 2 * LANES)
        for (int k = 0; k < 2; k++) {
            int64_t at = at_most(i, n - 2 * LANES) + k * LANES, mean = at * step_mean;
            vector_dx(x + at, high + mean, low + mean, step_mean, dy + at * step_dy, step_dy, scale,
                      dx + at, zeros + k);
        }
    for (int64_t i = 0; i < 2 * LANES; i++)
        zero += zeros[i / LANES][i % LANES];
    return zero == 0;
}

/* Rows laid out as most reductions have them. */
static bool common_dx(int64_t n, const real *x, const real *high, const real *low,
                      int64_t step_mean, const real *dy, int64_t step_dy, real scale, real *dx)
{
    if (step_mean == 0 && step_dy == 0)
        return row_dx(n, x, high, low, 0, dy, 0, scale, dx);
    if (step_mean == 1 && step_dy == 1)
        return row_dx(n, x, high, low, 1, dy, 1, scale, dx);
    if (step_mean == 1 && step_dy == 0)
        return row_dx(n, x, high, low, 1, dy, 0, scale, dx);
    return false;
}

/* The bits of a vector's number; in doubles where that overflowed, if only on the way. */
static inline real one_dx(real x, real high, real low, real dy, double scale)
{
    real d = ((x - high) - low) * dy * (real)scale;
    double mean = (double)high + (double)low;
    return d * 0 == 0 ? d : (real)(scale * ((double)x - mean) * (double)dy);
}

void KERNEL(var_backward)(int64_t n, const void *px, int64_t step_x, const void *phigh,
                          const void *plow, int64_t step_mean, const void *pdy, int64_t step_dy,
                          double scale, void *pdx)
{
    const real *x = px, *high = phigh, *low = plow, *dy = pdy;
    real *dx = pdx;
    if (n >= 2 * LANES && step_x == 1 &&
        common_dx(n, x, high, low, step_mean, dy, step_dy, (real)scale, dx))
        return;
    for (int64_t i = 0; i < n; i++)
        dx[i] =
            one_dx(x[i * step_x], high[i * step_mean], low[i * step_mean], dy[i * step_dy], scale);
}
