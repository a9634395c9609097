/* softmax.c - soft-max, its logarithm and cross-entropy, row by row.
 *
 * Everything goes through the largest element m of a row: ln p_i = (x_i - m) - ln sum_j e^(x_j-m).
 * m and the logarithm are not added up, which would lose the second where m is large. A row of the
 * result may lie where the row of x or of dy lies. */
#include <tn/vector_math.h>
#include "kernels/pairs.h"

/* SIDES of them side by side. A NaN may be m or be passed over: e^(x - m) is NaN where it is in any
 * case, and so is the sum. The kernel `extreme`, which looks for NaN, takes up to a third longer
 * for a row and its logarithm. */
static real largest(int64_t n, const real *x)
{
    real m = x[0], sides[2 * SIDES];
    int64_t i = 0;
    if (n >= 2 * SIDES) {
        for (int j = 0; j < 2 * SIDES; j++)
            sides[j] = x[j];
        for (i = 2 * SIDES; i + 2 * SIDES <= n; i += 2 * SIDES)
            for (int j = 0; j < 2 * SIDES; j++)
                sides[j] = x[i + j] > sides[j] ? x[i + j] : sides[j];
        for (int width = SIDES; width > 0; width /= 2)
            for (int j = 0; j < width; j++)
                sides[j] = sides[j + width] > sides[j] ? sides[j + width] : sides[j];
        m = sides[0];
    }
    for (; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

/* y = e^(x - m) of a block, and the sum of that. */
static real exp_block(int64_t n, const real *x, real m, real *y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        y[i] = TN_EXP(x[i] - m);
    return block_sum(n, y);
}

/* The same of a row. */
static real exp_row(int64_t n, const real *x, real m, real *y)
{
    if (n <= BLOCK)
        return exp_block(n, x, m, y);
    pairs sum = {.count = 0};
    for (int64_t i = 0; i < n; i += BLOCK)
        pairs_add(&sum, (double)exp_block(at_most(n - i, BLOCK), x + i, m, y + i));
    return (real)pairs_total(&sum);
}

static void softmax_rows(int64_t rows, int64_t n, const real *x, real *y)
{
    for (int64_t row = 0; row < rows; row++, x += n, y += n) {
        real m = largest(n, x), sum = exp_row(n, x, m, y);
        for (int64_t i = 0; i < n; i++)
            y[i] /= sum;
    }
}

/* Subtracting an infinity from itself would give NaN where a row is all -inf, as it does in
 * PyTorch; a row with +inf gives NaN, too. */
static real log_of_sum(int64_t n, const real *x, real m)
{
    real e[BLOCK];
    if (n <= BLOCK)
        return (real)log((double)exp_block(n, x, m, e));
    pairs sum = {.count = 0};
    for (int64_t i = 0; i < n; i += BLOCK)
        pairs_add(&sum, (double)exp_block(at_most(n - i, BLOCK), x + i, m, e));
    return (real)log(pairs_total(&sum));
}

void KERNEL(log_sum_exp)(int64_t rows, int64_t n, const void *px, int64_t ldx, void *plse)
{
    const real *x = px;
    real *lse = plse;
    for (int64_t row = 0; row < rows; row++, x += ldx, lse += 2) {
        lse[0] = largest(n, x);
        lse[1] = log_of_sum(n, x, lse[0]);
    }
}

static inline real dot_few(int64_t n, const real *x, const real *y)
{
    real sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static real dot_block(int64_t n, const real *x, const real *y)
{
    real products[BLOCK];
    for (int64_t i = 0; i < n; i++)
        products[i] = x[i] * y[i];
    return block_sum(n, products);
}

static real dot(int64_t n, const real *x, const real *y)
{
    if (n <= BLOCK)
        return dot_block(n, x, y);
    pairs sum = {.count = 0};
    for (int64_t i = 0; i < n; i += BLOCK)
        pairs_add(&sum, (double)dot_block(at_most(n - i, BLOCK), x + i, y + i));
    return (real)pairs_total(&sum);
}

/* dx = y (dy - sum_j y_j dy_j) */
static void back(int64_t rows, int64_t n, const real *y, const real *dy, real *dx)
{
    for (int64_t row = 0; row < rows; row++, y += n, dy += n, dx += n) {
        real sum = n < SIDES ? dot_few(n, y, dy) : dot(n, y, dy);
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            dx[i] = y[i] * (dy[i] - sum);
    }
}

static void log_softmax_rows(int64_t rows, int64_t n, const real *x, real *y)
{
    for (int64_t row = 0; row < rows; row++, x += n, y += n) {
        real m = largest(n, x), log_sum = log_of_sum(n, x, m);
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - m) - log_sum;
    }
}

static real sum_of(int64_t n, const real *x)
{
    if (n <= BLOCK)
        return block_sum(n, x);
    pairs sum = {.count = 0};
    for (int64_t i = 0; i < n; i += BLOCK)
        pairs_add(&sum, (double)block_sum(at_most(n - i, BLOCK), x + i));
    return (real)pairs_total(&sum);
}

/* dx = dy - e^y sum_j dy_j */
static void log_back(int64_t rows, int64_t n, const real *y, const real *dy, real *dx)
{
    for (int64_t row = 0; row < rows; row++, y += n, dy += n, dx += n) {
        real sum = sum_of(n, dy);
#pragma omp simd
        for (int64_t i = 0; i < n; i++)
            dx[i] = dy[i] - TN_EXP(y[i]) * sum;
    }
}

void KERNEL(softmax)(int64_t rows, int64_t n, bool log, const void *x, void *y)
{
    (log ? log_softmax_rows : softmax_rows)(rows, n, x, y);
}

void KERNEL(softmax_backward)(int64_t rows, int64_t n, bool log, const void *y, const void *dy,
                              void *dx)
{
    (log ? log_back : back)(rows, n, y, dy, dx);
}

static real weight_of(const tn__cross_entropy *e, int64_t class)
{
    return e->weight ? ((const real *)e->weight)[class] : 1;
}

/* -sum_c w_c ln p_c, and with it sum_c w_c */
static real weighted_sum(const tn__cross_entropy *e, const real *x, const real *lse, real *total)
{
    real losses[BLOCK], weights[BLOCK];
    pairs loss = {.count = 0}, weight = {.count = 0};
    for (int64_t c = 0; c < e->classes; c += BLOCK) {
        int64_t n = at_most(e->classes - c, BLOCK);
        for (int64_t i = 0; i < n; i++) {
            weights[i] = weight_of(e, c + i);
            losses[i] = weights[i] * ((lse[0] - x[c + i]) + lse[1]);
        }
        pairs_add(&loss, (double)block_sum(n, losses));
        pairs_add(&weight, (double)block_sum(n, weights));
    }
    *total = (real)pairs_total(&weight);
    return (real)pairs_total(&loss);
}

/* loss = -(1 - s) w_t ln p_t - s/C sum_c w_c ln p_c */
void KERNEL(cross_entropy)(const tn__cross_entropy *e, int64_t begin, int64_t end, const void *px,
                           const void *plse, void *ploss)
{
    real *loss = ploss, total, smooth = (real)e->smoothing;
    for (int64_t row = begin; row < end; row++) {
        const real *x = (const real *)px + row * e->ldx, *lse = (const real *)plse + 2 * row;
        int64_t t = e->target[row];
        loss[row] =
            t == e->ignore ? 0 : (1 - smooth) * weight_of(e, t) * ((lse[0] - x[t]) + lse[1]);
        if (smooth > 0 && t != e->ignore)
            loss[row] += smooth / (real)e->classes * weighted_sum(e, x, lse, &total);
    }
}

/* dx_c = dy ((1 - s) w_t (p_c - [c = t]) + s/C (p_c sum_k w_k - w_c)),  p = e^(x - m - log sum) */
static void row_backward(const tn__cross_entropy *e, int64_t t, const real *x, const real *lse,
                         real dy, real *restrict dx)
{
    real smooth = (real)e->smoothing, total = 0;
    real on_target = dy * (1 - smooth) * weight_of(e, t), on_all = 0;
    if (smooth > 0) {
        weighted_sum(e, x, lse, &total);
        on_all = dy * smooth / (real)e->classes;
    }
    real on_p = on_target + on_all * total, m = lse[0], log_sum = lse[1];
    for (int64_t c = 0; c < e->classes; c++)
        dx[c] = on_p * TN_EXP((x[c] - m) - log_sum);
    dx[t] -= on_target;
    for (int64_t c = 0; smooth > 0 && c < e->classes; c++)
        dx[c] -= on_all * weight_of(e, c);
}

void KERNEL(cross_entropy_backward)(const tn__cross_entropy *e, int64_t begin, int64_t end,
                                    const void *px, const void *plse, const void *pdy, bool one_dy,
                                    double scale, void *pdx)
{
    const real *lse = plse, *dy = pdy;
    for (int64_t row = begin; row < end; row++) {
        int64_t t = e->target[row];
        real *dx = (real *)pdx + row * e->classes;
        if (t == e->ignore) {
            for (int64_t c = 0; c < e->classes; c++)
                dx[c] = 0;
            continue;
        }
        row_backward(e, t, (const real *)px + row * e->ldx, lse + 2 * row,
                     dy[one_dy ? 0 : row] * (real)scale, dx);
    }
}
