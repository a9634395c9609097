/* batch_norm.c - the loops of batch normalisation over one channel, and over channels side by side,
 * each of which has one number in a row. Sums are doubles; the sums of blocks of rows are added
 * pairwise. */
#include "kernels/pairs.h"

#define WIDTH 8     /* short rows side by side */
#define LONGEST 512 /* numbers of a row, or roughly of several rows, that are summed in one go */
#define ROWS 64     /* numbers of a column that are added one after another */

/* f and d of one term: d = scale x - shift, f = dy, or d where dy is x itself. */
#define TERM(i) double d = scale * (double)x[i] - shift, f = own ? d : (double)dy[i]

__attribute__((always_inline)) static inline void add_terms(const real *x, const real *dy,
                                                            double scale, double shift, bool own,
                                                            quad *first, quad *second)
{
    quad d = scale * AS_QUAD(x) - shift, f = d;
    if (!own)
        f = AS_QUAD(dy);
    *first += f;
    *second += f * d;
}

static inline void add_sides(const double *first, const double *second, double sums[2])
{
    for (int j = 0; j < WIDTH; j++) {
        sums[0] += first[j];
        sums[1] += second[j];
    }
}

/* sum f and sum f d over part of each row. */
__attribute__((always_inline)) static inline void sum_rows(int64_t rows, int64_t n, int64_t stride,
                                                           const real *x, const real *dy,
                                                           double scale, double shift, bool own,
                                                           double sums[2])
{
    quad first[QUADS] = {{0}}, second[QUADS] = {{0}};
    for (int64_t row = 0; row < rows; row++, x += stride, dy += stride) {
        int64_t i = 0;
        for (; i + 4 * QUADS <= n; i += 4 * QUADS)
            UNROLLED for (int j = 0; j < QUADS; j++)
                add_terms(x + i + 4 * j, dy + i + 4 * j, scale, shift, own, first + j, second + j);
        for (; i + 4 <= n; i += 4)
            add_terms(x + i, dy + i, scale, shift, own, first, second);
        for (; i < n; i++) {
            TERM(i);
            sums[0] += f;
            sums[1] += f * d;
        }
    }
    sums[0] += quads_total(first);
    sums[1] += quads_total(second);
}

/* The same over rows that are shorter than WIDTH: WIDTH rows side by side, each with a sum. */
__attribute__((always_inline)) static inline void
sum_short_rows(int64_t rows, int64_t n, int64_t stride, const real *x, const real *dy, double scale,
               double shift, bool own, double sums[2])
{
    double first[WIDTH] = {0}, second[WIDTH] = {0};
    int64_t row = 0;
    for (; row + WIDTH <= rows; row += WIDTH)
        for (int64_t i = 0; i < n; i++)
            for (int j = 0; j < WIDTH; j++) {
                TERM((row + j) * stride + i);
                first[j] += f;
                second[j] += f * d;
            }
    for (; row < rows; row++)
        for (int64_t i = 0; i < n; i++) {
            TERM(row * stride + i);
            sums[0] += f;
            sums[1] += f * d;
        }
    add_sides(first, second, sums);
}

/* sum f and sum f d, in blocks of several rows, or of parts of one. */
__attribute__((always_inline)) static inline void sums_of_channel(const tn__channel *c,
                                                                  const real *x, const real *dy,
                                                                  double scale, double shift,
                                                                  bool own, double total[2])
{
    pairs first = {.count = 0}, second = {.count = 0};
    int64_t rows = c->size > 0 ? LONGEST / c->size + 1 : c->n + 1;
    for (int64_t row = 0; row < c->n; row += rows)
        for (int64_t i = 0; i < c->size; i += LONGEST) {
            int64_t at = row * c->stride + i, n = at_most(c->n - row, rows);
            double sums[2] = {0};
            if (c->size < WIDTH)
                sum_short_rows(n, c->size, c->stride, x + at, dy + at, scale, shift, own, sums);
            else
                sum_rows(n, at_most(c->size - i, LONGEST), c->stride, x + at, dy + at, scale, shift,
                         own, sums);
            pairs_add(&first, sums[0]);
            pairs_add(&second, sums[1]);
        }
    total[0] = pairs_total(&first);
    total[1] = pairs_total(&second);
}

/* The mean comes first, so that differences d from it do not cancel. The mean of d says how far it
 * is off, and corrects both (Chan, Golub and LeVeque, "Algorithms for computing the sample
 * variance", 1983). */
__attribute__((always_inline)) static inline void moments(const tn__channel *c, const real *x,
                                                          double scale, double *mean, double *var)
{
    double total[2], count = (double)(c->n * c->size);
    sums_of_channel(c, x, x, scale, 0, true, total);
    *mean = total[0] / count;
    sums_of_channel(c, x, x, scale, *mean, true, total);
    double off = total[0] / count;
    *var = total[1] / count - off * off;
    *mean += off;
}

/* If a sum overflows, the moments are computed again, on values scaled down by 2^-576. */
void KERNEL(batch_norm_moments)(const tn__channel *c, const void *x, double *mean, double *var)
{
    moments(c, x, 1, mean, var);
    if (isfinite(*var))
        return;
    moments(c, x, 0x1p-576, mean, var);
    *mean *= 0x1p576;
    *var = *var * 0x1p576 * 0x1p576;
}

void KERNEL(batch_norm_sums)(const tn__channel *c, double mean, const void *x, const void *dy,
                             double total[2])
{
    sums_of_channel(c, x, dy, 1, mean, false, total);
}

/* shift + scale (m - mean), m being the mean rounded: what stands beside scale (x - m). */
static real shift_of(double mean, double scale, double shift)
{
    return (real)(shift + scale * ((double)(real)mean - mean));
}

void KERNEL(batch_norm)(const tn__channel *c, double mean, double scale, double shift,
                        const void *px, void *py)
{
    real m = (real)mean, s = (real)scale, b = shift_of(mean, scale, shift);
    for (int64_t row = 0; row < c->n; row++) {
        const real *restrict x = (const real *)px + row * c->stride;
        real *restrict y = (real *)py + row * c->stride;
        for (int64_t i = 0; i < c->size; i++)
            y[i] = s * (x[i] - m) + b;
    }
}

void KERNEL(norm_in_place)(int64_t n, double mean, double scale, double shift, void *py)
{
    real m = (real)mean, s = (real)scale, b = shift_of(mean, scale, shift), *y = py;
    for (int64_t i = 0; i < n; i++)
        y[i] = s * (y[i] - m) + b;
}

void KERNEL(batch_norm_backward)(const tn__channel *c, double mean, double scale, double a,
                                 double b, const void *px, const void *pdy, void *pdx)
{
    real m = (real)mean, s = (real)scale, a1 = shift_of(mean, b, a), b1 = (real)b;
    for (int64_t row = 0; row < c->n; row++) {
        const real *restrict x = (const real *)px + row * c->stride;
        const real *restrict dy = (const real *)pdy + row * c->stride;
        real *restrict dx = (real *)pdx + row * c->stride;
        if (b1 != 0)
            for (int64_t i = 0; i < c->size; i++)
                dx[i] = s * (dy[i] - a1 - b1 * (x[i] - m));
        else
            for (int64_t i = 0; i < c->size; i++)
                dx[i] = s * (dy[i] - a1);
    }
}

/* ---- channels side by side ------------------------------------------------------------------- */

/* sum f and sum f d of each column, d = x - shift, f = dy, or d where dy is NULL. */
static void add_rows(const tn__channels *c, int64_t n, const real *x, const real *dy,
                     const double *restrict shift, double *restrict first, double *restrict second)
{
    for (int64_t row = 0; row < n; row++) {
        const real *xs = x + row * c->stride, *dys = dy ? dy + row * c->stride : NULL;
        for (int64_t j = 0; j < c->count; j++) {
            double d = (double)xs[j] - shift[j], f = dys ? (double)dys[j] : d;
            first[j] += f;
            second[j] += f * d;
        }
    }
}

/* The same of many rows: halves are added to halves. */
static void sum_columns(const tn__channels *c, int64_t n, const real *x, const real *dy,
                        const double *shift, double *first, double *second)
{
    for (int64_t j = 0; j < c->count; j++)
        first[j] = second[j] = 0;
    if (n <= ROWS) {
        add_rows(c, n, x, dy, shift, first, second);
        return;
    }
    double more[TN__CHANNELS], products[TN__CHANNELS];
    int64_t half = n / 2, at = half * c->stride;
    sum_columns(c, half, x, dy, shift, first, second);
    sum_columns(c, n - half, x + at, dy ? dy + at : NULL, shift, more, products);
    for (int64_t j = 0; j < c->count; j++) {
        first[j] += more[j];
        second[j] += products[j];
    }
}

/* As for one channel: the mean first, and what it is off by made good. */
void KERNEL(batch_norm_columns_moments)(const tn__channels *c, const void *x, double *mean,
                                        double *var)
{
    double zeros[TN__CHANNELS] = {0}, off[TN__CHANNELS], n = (double)c->n;
    sum_columns(c, c->n, x, NULL, zeros, mean, var);
    for (int64_t j = 0; j < c->count; j++)
        mean[j] /= n;
    sum_columns(c, c->n, x, NULL, mean, off, var);
    for (int64_t j = 0; j < c->count; j++) {
        off[j] /= n;
        var[j] = var[j] / n - off[j] * off[j];
        mean[j] += off[j];
    }
}

void KERNEL(batch_norm_columns_sums)(const tn__channels *c, const void *x, const void *dy,
                                     double *sums, double *products)
{
    sum_columns(c, c->n, x, dy, c->mean, sums, products);
}

void KERNEL(batch_norm_columns)(const tn__channels *c, const void *px, void *py)
{
    real m[TN__CHANNELS], s[TN__CHANNELS], b[TN__CHANNELS];
    for (int64_t j = 0; j < c->count; j++) {
        m[j] = (real)c->mean[j];
        s[j] = (real)c->scale[j];
        b[j] = shift_of(c->mean[j], c->scale[j], c->shift[j]);
    }
    for (int64_t row = 0; row < c->n; row++) {
        const real *restrict x = (const real *)px + row * c->stride;
        real *restrict y = (real *)py + row * c->stride;
        for (int64_t j = 0; j < c->count; j++)
            y[j] = s[j] * (x[j] - m[j]) + b[j];
    }
}

/* dx = scale (dy - a - b (x - mean)). Where b is 0, so is its product, even if x is infinite. */
void KERNEL(batch_norm_columns_backward)(const tn__channels *c, const void *px, const void *pdy,
                                         void *pdx)
{
    real m[TN__CHANNELS], s[TN__CHANNELS], a[TN__CHANNELS], b[TN__CHANNELS];
    for (int64_t j = 0; j < c->count; j++) {
        m[j] = (real)c->mean[j];
        s[j] = (real)c->scale[j];
        a[j] = shift_of(c->mean[j], c->slope[j], c->shift[j]);
        b[j] = (real)c->slope[j];
    }
    for (int64_t row = 0; row < c->n; row++) {
        const real *restrict x = (const real *)px + row * c->stride;
        const real *restrict dy = (const real *)pdy + row * c->stride;
        real *restrict dx = (real *)pdx + row * c->stride;
        for (int64_t j = 0; j < c->count; j++) {
            real slope = b[j] * (x[j] - m[j]);
            dx[j] = s[j] * (dy[j] - a[j] - (b[j] != 0 ? slope : 0));
        }
    }
}
