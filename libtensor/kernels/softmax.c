/* softmax.c - soft-max, its logarithm and cross-entropy, row by row.
 *
 * Everything goes through the largest element m of a row: ln p_i = (x_i - m) - ln sum_j e^(x_j-m).
 * m and the logarithm are not added up, which would lose the second where m is large. */
#include "kernels/exp.h"

static real largest(int64_t n, const real *x)
{
    real m = x[0];
    for (int64_t i = 1; i < n; i++)
        m = x[i] > m ? x[i] : m;
    return m;
}

/* Subtracting an infinity from itself would give NaN where a row is all -inf, as it does in
 * PyTorch; a row with +inf gives NaN, too. */
static real log_sum_exp(int64_t n, const real *x, real m)
{
    real sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp_nonpositive(x[i] - m);
    return (real)log((double)sum);
}

void KERNEL(softmax)(int64_t rows, int64_t n, const void *px, void *py)
{
    const real *x = px;
    real *y = py;
    for (int64_t row = 0; row < rows; row++, x += n, y += n) {
        real m = largest(n, x), sum = 0;
        for (int64_t i = 0; i < n; i++)
            y[i] = exp_nonpositive(x[i] - m);
        for (int64_t i = 0; i < n; i++)
            sum += y[i];
        for (int64_t i = 0; i < n; i++)
            y[i] /= sum;
    }
}

/* dx = y (dy - sum_j y_j dy_j) */
void KERNEL(softmax_backward)(int64_t rows, int64_t n, const void *py, const void *pdy, void *pdx)
{
    const real *y = py, *dy = pdy;
    real *dx = pdx;
    for (int64_t row = 0; row < rows; row++, y += n, dy += n, dx += n) {
        real dot = 0;
        for (int64_t i = 0; i < n; i++)
            dot += y[i] * dy[i];
        for (int64_t i = 0; i < n; i++)
            dx[i] = y[i] * (dy[i] - dot);
    }
}

void KERNEL(log_softmax)(int64_t rows, int64_t n, const void *px, void *py)
{
    const real *x = px;
    real *y = py;
    for (int64_t row = 0; row < rows; row++, x += n, y += n) {
        real m = largest(n, x), log_sum = log_sum_exp(n, x, m);
        for (int64_t i = 0; i < n; i++)
            y[i] = (x[i] - m) - log_sum;
    }
}

/* dx = dy - e^y sum_j dy_j */
void KERNEL(log_softmax_backward)(int64_t rows, int64_t n, const void *py, const void *pdy,
                                  void *pdx)
{
    const real *y = py, *dy = pdy;
    real *dx = pdx;
    for (int64_t row = 0; row < rows; row++, y += n, dy += n, dx += n) {
        real sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += dy[i];
        for (int64_t i = 0; i < n; i++)
            dx[i] = dy[i] - exp_nonpositive(y[i]) * sum;
    }
}

static real weight_of(const tn__cross_entropy *e, int64_t class)
{
    return e->weight ? ((const real *)e->weight)[class] : 1;
}

/* -sum_c w_c ln p_c, and with it sum_c w_c */
static real weighted_sum(const tn__cross_entropy *e, const real *x, const real *lse, real *total)
{
    real sum = 0;
    *total = 0;
    for (int64_t c = 0; c < e->classes; c++) {
        sum += weight_of(e, c) * ((lse[0] - x[c]) + lse[1]);
        *total += weight_of(e, c);
    }
    return sum;
}

/* loss = -(1 - s) w_t ln p_t - s/C sum_c w_c ln p_c */
void KERNEL(cross_entropy)(const tn__cross_entropy *e, int64_t begin, int64_t end, const void *px,
                           void *ploss, void *plse)
{
    real *loss = ploss, *lse = (real *)plse + 2 * begin, total;
    real smooth = (real)e->smoothing;
    for (int64_t row = begin; row < end; row++, lse += 2) {
        const real *x = (const real *)px + row * e->classes;
        int64_t t = e->target[row];
        lse[0] = largest(e->classes, x);
        lse[1] = log_sum_exp(e->classes, x, lse[0]);
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
        dx[c] = on_p * exp_nonpositive((x[c] - m) - log_sum);
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
        int64_t first = row * e->classes, t = e->target[row];
        real *dx = (real *)pdx + first;
        if (t == e->ignore) {
            for (int64_t c = 0; c < e->classes; c++)
                dx[c] = 0;
            continue;
        }
        row_backward(e, t, (const real *)px + first, lse + 2 * row,
                     dy[one_dy ? 0 : row] * (real)scale, dx);
    }
}
