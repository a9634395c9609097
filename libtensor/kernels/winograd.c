/* winograd.c - the transforms of Winograd's convolution F(2 x 2, 3 x 3) (Lavin and Gray, "Fast
 * algorithms for convolutional neural networks", CVPR 2016), and the adjoints of two of them.
 *
 * Two by two elements of y come from four by four of x, a tile: y = A^T [(G w G^T) (B^T x B)] A,
 * where the product is by element, 16 of them in place of 36, and
 *
 *           1  0 -1  0          1    0    0
 *     B^T = 0  1  1  0     G = 1/2  1/2  1/2     A^T = 1  1  1  0
 *           0 -1  1  0         1/2 -1/2  1/2           0  1 -1 -1
 *           0  1  0 -1          0    0    1
 *
 * Summed over channels, element k of all tiles is a product of matrices. The numbers of element k
 * begin at k times a stride; a plane has one for each of its tiles, row by row. */
#include <string.h>
#include "kernels/real.h"

#define WIDTH (TN__WINOGRAD_WIDTH + 2)

/* Kernels are transformed side by side. */
#define GROUP 16
typedef struct group {
    real at[GROUP];
} group;

/* Four numbers of each kernel, some elements apart, by G. */
static void by_g(const group *w, int64_t apart, group *u, int64_t step)
{
    const real *w0 = w->at, *w1 = w[apart].at, *w2 = w[2 * apart].at;
    real *restrict u0 = u->at, *restrict u1 = u[step].at;
    real *restrict u2 = u[2 * step].at, *restrict u3 = u[3 * step].at;
    for (int l = 0; l < GROUP; l++) {
        real sum = w0[l] + w2[l];
        u0[l] = w0[l];
        u1[l] = (sum + w1[l]) / 2;
        u2[l] = (sum - w1[l]) / 2;
        u3[l] = w2[l];
    }
}

/* G w G^T of each. */
static void weight_tiles(const group w[9], group u[16])
{
    group columns[4][3];
    for (int j = 0; j < 3; j++)
        by_g(w + j, 3, columns[0] + j, 3);
    for (int64_t i = 0; i < 4; i++)
        by_g(columns[i], 1, u + 4 * i, 1);
}

/* n kernels, some elements apart, side by side. */
static void load_kernels(int64_t n, int64_t apart, bool turned, const real *from, group w[9])
{
    for (int64_t l = 0; l < n; l++)
        for (int k = 0; k < 9; k++)
            w[k].at[l] = from[l * apart + (turned ? 8 - k : k)];
}

/* Rows begin .. end of o. If `turned`, the kernels are rotated by 180 degrees and the roles of o
 * and c are exchanged: the convolution of dy with these is dx. */
void KERNEL(winograd_weight)(int64_t begin, int64_t end, int64_t o, int64_t c, bool turned,
                             const void *pw, void *pu)
{
    const real *w = pw;
    real *u = pu;
    group kernels[9] = {{{0}}}, tiles[16];
    int64_t row = turned ? 1 : c, column = turned ? o : 1; /* from a kernel to the next, of u */
    for (int64_t i = begin; i < end; i++) {
        for (int64_t j = 0; j < c; j += GROUP) {
            int64_t n = c - j < GROUP ? c - j : GROUP;
            load_kernels(n, 9 * column, turned, w + 9 * (i * row + j * column), kernels);
            weight_tiles(kernels, tiles);
            for (int k = 0; k < 16; k++)
                memcpy(u + (k * o + i) * c + j, tiles[k].at, (size_t)n * sizeof *u);
        }
    }
}

/* G^T, of four numbers of each. */
static void by_g_back(const group *u, int64_t apart, group *w, int64_t step)
{
    const real *u0 = u->at, *u1 = u[apart].at, *u2 = u[2 * apart].at, *u3 = u[3 * apart].at;
    real *restrict w0 = w->at, *restrict w1 = w[step].at, *restrict w2 = w[2 * step].at;
    for (int l = 0; l < GROUP; l++) {
        real half = (u1[l] + u2[l]) / 2;
        w0[l] = u0[l] + half;
        w1[l] = (u1[l] - u2[l]) / 2;
        w2[l] = half + u3[l];
    }
}

/* Kernels begin .. end of `count`. */
void KERNEL(winograd_weight_back)(int64_t begin, int64_t end, int64_t count, const void *pu,
                                  void *pw)
{
    const real *u = pu;
    real *w = pw;
    group tiles[16] = {{{0}}}, rows[3][4], kernels[9];
    for (int64_t at = begin; at < end; at += GROUP) {
        int64_t n = end - at < GROUP ? end - at : GROUP;
        for (int k = 0; k < 16; k++)
            memcpy(tiles[k].at, u + k * count + at, (size_t)n * sizeof *u);
        for (int j = 0; j < 4; j++)
            by_g_back(tiles + j, 4, rows[0] + j, 4);
        for (int i = 0; i < 3; i++)
            by_g_back(rows[i], 1, kernels + 3 * i, 1);
        for (int64_t l = 0; l < n; l++)
            for (int k = 0; k < 9; k++)
                w[9 * (at + l) + k] = kernels[k].at[l];
    }
}

/* Row `row` of the padded plane. */
static void load_row(const tn__window *w, const real *x, int64_t row, real *to)
{
    int64_t h = row - w->padding_h, width = 2 * tn__winograd_columns(w) + 2;
    int64_t end = w->padding_w + w->w;
    end = end < width ? end : width;
    memset(to, 0, (size_t)width * sizeof *to);
    if (h >= 0 && h < w->h)
        memcpy(to + w->padding_w, x + h * w->w, (size_t)(end - w->padding_w) * sizeof *to);
}

/* Multiplies one row of B^T x by B; tile i has numbers 2 i .. 2 i + 3 of the row. */
static void by_b(int64_t tiles, const real *t, int64_t stride, real *restrict v)
{
    real even[WIDTH / 2], odd[WIDTH / 2];
    for (int64_t i = 0; i <= tiles; i++) {
        even[i] = t[2 * i];
        odd[i] = t[2 * i + 1];
    }
    for (int64_t i = 0; i < tiles; i++) {
        v[i] = even[i] - even[i + 1];
        v[stride + i] = odd[i] + even[i + 1];
        v[2 * stride + i] = even[i + 1] - odd[i];
        v[3 * stride + i] = odd[i] - odd[i + 1];
    }
}

void KERNEL(winograd_input)(const tn__window *w, const void *px, int64_t stride, void *pv)
{
    const real *x = px;
    real *v = pv, d[4][WIDTH], t[4][WIDTH];
    int64_t columns = tn__winograd_columns(w), width = 2 * columns + 2;
    for (int64_t row = 0; row < tn__winograd_rows(w); row++, v += columns) {
        for (int i = 0; i < 4; i++)
            load_row(w, x, 2 * row + i, d[i]);
        for (int64_t i = 0; i < width; i++) {
            t[0][i] = d[0][i] - d[2][i];
            t[1][i] = d[1][i] + d[2][i];
            t[2][i] = d[2][i] - d[1][i];
            t[3][i] = d[1][i] - d[3][i];
        }
        for (int64_t i = 0; i < 4; i++)
            by_b(columns, t[i], stride, v + 4 * i * stride);
    }
}

/* Row r of A^T m A, r being 0 or 1, and the bias. */
static void output_row(const tn__window *w, const real *m, int64_t stride, int r, real bias,
                       real *y)
{
    int64_t columns = tn__winograd_columns(w);
    real s[4][WIDTH / 2];
    for (int j = 0; j < 4; j++) {
        const real *m1 = m + (4 + j) * stride, *m2 = m + (8 + j) * stride;
        const real *other = m + (r == 0 ? j : 12 + j) * stride;
        for (int64_t i = 0; i < columns; i++)
            s[j][i] = r == 0 ? other[i] + m1[i] + m2[i] : m1[i] - m2[i] - other[i];
    }
    for (int64_t i = 0; i < w->out_w / 2; i++) {
        y[2 * i] = s[0][i] + s[1][i] + s[2][i] + bias;
        y[2 * i + 1] = s[1][i] - s[2][i] - s[3][i] + bias;
    }
    if (w->out_w % 2 == 1) {
        int64_t last = columns - 1;
        y[2 * last] = s[0][last] + s[1][last] + s[2][last] + bias;
    }
}

void KERNEL(winograd_output)(const tn__window *w, const void *pm, int64_t stride, const void *bias,
                             void *py)
{
    const real *m = pm;
    int64_t columns = tn__winograd_columns(w);
    real *y = py, b = bias ? *(const real *)bias : 0;
    for (int64_t row = 0; row < w->out_h; row++)
        output_row(w, m + row / 2 * columns, stride, (int)(row % 2), b, y + row * w->out_w);
}

/* Multiplies by A: numbers a and b become a, a + b, a - b, -b. Outside of dy they are 0. */
void KERNEL(winograd_output_back)(const tn__window *w, const void *pdy, int64_t stride, void *pm)
{
    const real *dy = pdy;
    real *m = pm, d[2][WIDTH], t[4][WIDTH];
    int64_t columns = tn__winograd_columns(w), width = 2 * columns;
    for (int64_t row = 0; row < tn__winograd_rows(w); row++, m += columns) {
        for (int i = 0; i < 2; i++) {
            memset(d[i], 0, (size_t)width * sizeof **d);
            if (2 * row + i < w->out_h)
                memcpy(d[i], dy + (2 * row + i) * w->out_w, (size_t)w->out_w * sizeof **d);
        }
        for (int64_t i = 0; i < width; i++) {
            t[0][i] = d[0][i];
            t[1][i] = d[0][i] + d[1][i];
            t[2][i] = d[0][i] - d[1][i];
            t[3][i] = -d[1][i];
        }
        for (int64_t k = 0; k < 4; k++) {
            for (int64_t i = 0; i < columns; i++) {
                real even = t[k][2 * i], odd = t[k][2 * i + 1];
                m[(4 * k) * stride + i] = even;
                m[(4 * k + 1) * stride + i] = even + odd;
                m[(4 * k + 2) * stride + i] = even - odd;
                m[(4 * k + 3) * stride + i] = -odd;
            }
        }
    }
}
