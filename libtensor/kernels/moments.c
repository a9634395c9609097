/* moments.c - means and variances, in doubles: halves are added to halves, as in sum.c. */
#include "kernels/pairs.h"

#define ROWS 32  /* that are added one after another */
#define TILE 32  /* columns at a time */
#define WIDTH 8  /* sums of a short line side by side; more doubles fill no vector */
#define LINE 512 /* up to so many numbers a line is short */

/* ---- columns --------------------------------------------------------------------------------- */

/* The sums of d = scale x - shift and of d^2 of each column. */
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

static void sum_tile(int64_t n, int64_t cols, const real *x, int64_t ldx, double scale,
                     const double *shift, sums *restrict s)
{
    if (n > ROWS) {
        sums other;
        int64_t half = n / 2;
        sum_tile(half, cols, x, ldx, scale, shift, s);
        sum_tile(n - half, cols, x + half * ldx, ldx, scale, shift, &other);
        add_columns(cols, &other, 0, s);
        return;
    }
    for (int64_t j = 0; j < cols; j++)
        s->first[j] = s->second[j] = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < cols; j++) {
            double d = scale * (double)x[i * ldx + j] - shift[j];
            s->first[j] += d;
            s->second[j] += d * d;
        }
}

/* A few columns are taken as rows of several rows each, which fill vectors. */
static void sum_narrow(int64_t n, int64_t cols, const real *x, double scale, const double *shift,
                       sums *restrict s)
{
    sums wide;
    double shifts[TILE];
    int64_t together = TILE / cols, rows = n / together;
    for (int64_t i = 0; i < together * cols; i++)
        shifts[i] = shift[i % cols];
    sum_tile(rows, together * cols, x, together * cols, scale, shifts, &wide);
    sum_tile(n - rows * together, cols, x + rows * together * cols, cols, scale, shift, s);
    for (int64_t i = 0; i < together; i++)
        add_columns(cols, &wide, i * cols, s);
}

static void sum_columns(int64_t n, int64_t cols, const real *x, int64_t ldx, double scale,
                        const double *shift, sums *s)
{
    if (cols <= TILE / 2 && ldx == cols && n >= TILE)
        sum_narrow(n, cols, x, scale, shift, s);
    else
        sum_tile(n, cols, x, ldx, scale, shift, s);
}

/* Differences from the mean do not cancel. What it is off by, their mean, is made good (Chan, Golub
 * and LeVeque, "Algorithms for computing the sample variance", 1983). An infinite mean stays
 * infinite. */
static inline void finish(double count, double shift, double first, double second, double *mean,
                          double *var)
{
    double off = first / count;
    *mean = isfinite(off) ? shift + off : shift;
    *var = second / count - off * off;
}

static void tile_moments(int64_t n, int64_t cols, const real *x, int64_t ldx, double scale,
                         double *mean, double *var)
{
    sums s;
    double shift[TILE] = {0}, count = (double)n;
    sum_columns(n, cols, x, ldx, scale, shift, &s);
    for (int64_t j = 0; j < cols; j++)
        shift[j] = s.first[j] / count;
    sum_columns(n, cols, x, ldx, scale, shift, &s);
    for (int64_t j = 0; j < cols; j++)
        finish(count, shift[j], s.first[j], s.second[j], mean + j, var + j);
}

/* ---- short lines ----------------------------------------------------------------------------- */

static void sum_line(int64_t n, const real *x, double scale, double shift, double total[2])
{
    double first[WIDTH] = {0}, second[WIDTH] = {0};
    int64_t i = 0;
    total[0] = total[1] = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        for (int j = 0; j < WIDTH; j++) {
            double d = scale * (double)x[i + j] - shift;
            first[j] += d;
            second[j] += d * d;
        }
    for (int j = 0; i > 0 && j < WIDTH; j++) {
        total[0] += first[j];
        total[1] += second[j];
    }
    for (; i < n; i++) {
        double d = scale * (double)x[i] - shift;
        total[0] += d;
        total[1] += d * d;
    }
}

static void line_moments(int64_t n, const real *x, double scale, double *mean, double *var)
{
    double total[2], count = (double)n;
    sum_line(n, x, scale, 0, total);
    double shift = total[0] / count;
    sum_line(n, x, scale, shift, total);
    finish(count, shift, total[0], total[1], mean, var);
}

void KERNEL(moments)(int64_t n, int64_t cols, const void *x, int64_t ldx, double scale,
                     double *mean, double *var)
{
    if (cols == 1 && ldx == 1 && n <= LINE) {
        line_moments(n, x, scale, mean, var);
        return;
    }
    for (int64_t j = 0; j < cols; j += TILE)
        tile_moments(n, at_most(cols - j, TILE), (const real *)x + j, ldx, scale, mean + j,
                     var + j);
}

/* ---- backward -------------------------------------------------------------------------------- */

/* The strides are constants where this is inlined. */
static inline void var_dx(int64_t n, const real *x, int64_t step_x, const double *mean,
                          int64_t step_mean, const real *dy, int64_t step_dy, double scale,
                          real *restrict dx)
{
    for (int64_t i = 0; i < n; i++)
        dx[i] =
            (real)(scale * ((double)x[i * step_x] - mean[i * step_mean]) * (double)dy[i * step_dy]);
}

void KERNEL(var_backward)(int64_t n, const void *x, int64_t step_x, const double *mean,
                          int64_t step_mean, const void *dy, int64_t step_dy, double scale,
                          void *dx)
{
    if (step_x == 1 && step_mean == 0 && step_dy == 0)
        var_dx(n, x, 1, mean, 0, dy, 0, scale, dx);
    else if (step_x == 1 && step_mean == 1 && step_dy == 1)
        var_dx(n, x, 1, mean, 1, dy, 1, scale, dx);
    else
        var_dx(n, x, step_x, mean, step_mean, dy, step_dy, scale, dx);
}
