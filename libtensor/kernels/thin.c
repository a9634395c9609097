/* thin.c - products of a tall matrix with a thin one, such as a classifier's last layer.
 *
 * BLAS packs its operands into blocks before it multiplies, which costs as much as the product
 * itself when one side is as thin as ten. These loops read the tall matrix once, in order. */
#include "kernels/real.h"

#if defined(TN_ISA_v4)
#define ROWS 4 /* times OUTPUTS accumulators: 32 registers */
#else
#define ROWS 2 /* 16 registers */
#endif
#define OUTPUTS 5
#define AHEAD 16 /* rows of x that are fetched before they are needed */
#define UNROLL _Pragma("GCC unroll 8")

static inline vec load(const real *p)
{
    return *(const vec_unaligned *)p;
}

static inline void store(real *p, vec v)
{
    *(vec_unaligned *)p = v;
}

/* Into the second-level cache: the first is full of weights. An address past the end does no harm.
 */
static inline void prefetch(const real *p)
{
    __builtin_prefetch(p, 0, 2);
}

static inline real add_lanes(vec v)
{
    real lanes[LANES];
    store(lanes, v);
    for (int64_t width = LANES / 2; width > 0; width /= 2)
        for (int64_t i = 0; i < width; i++)
            lanes[i] += lanes[i + width];
    return lanes[0];
}

/* y[i][j] = x[i] . w[j] + bias[j] for `rows` rows and `outputs` outputs, constants after inlining.
 */
__attribute__((always_inline)) static inline void dots(int rows, int outputs, bool fetch, int64_t k,
                                                       const real *x, const real *w,
                                                       const real *bias, real *y, int64_t ldy)
{
    vec sum[ROWS][OUTPUTS] = {{{0}}};
    int64_t p = 0;
    for (; p + LANES <= k; p += LANES) {
        vec wj[OUTPUTS];
        UNROLL for (int j = 0; j < outputs; j++) wj[j] = load(w + j * k + p);
        UNROLL for (int i = 0; i < rows; i++)
        {
            vec xi = load(x + i * k + p);
            if (fetch)
                prefetch(x + (i + AHEAD) * k + p);
            UNROLL for (int j = 0; j < outputs; j++) sum[i][j] += xi * wj[j];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < outputs; j++) {
            real total = add_lanes(sum[i][j]);
            for (int64_t q = p; q < k; q++)
                total += x[i * k + q] * w[j * k + q];
            y[i * ldy + j] = total + (bias ? bias[j] : 0);
        }
}

__attribute__((always_inline)) static inline void dots_of_rows(int rows, int64_t n, int64_t k,
                                                               const real *x, const real *w,
                                                               const real *bias, real *y)
{
    int64_t j = 0;
    for (; j + OUTPUTS <= n; j += OUTPUTS)
        dots(rows, OUTPUTS, j == 0, k, x, w + j * k, bias ? bias + j : NULL, y + j, n);
    for (; j < n; j++)
        dots(rows, 1, j == 0, k, x, w + j * k, bias ? bias + j : NULL, y + j, n);
}

void KERNEL(thin_linear)(int64_t m, int64_t n, int64_t k, const void *px, const void *pw,
                         const void *bias, void *py)
{
    const real *x = px, *w = pw;
    real *y = py;
    int64_t i = 0;
    for (; i + ROWS <= m; i += ROWS)
        dots_of_rows(ROWS, n, k, x + i * k, w, bias, y + i * n);
    for (; i < m; i++)
        dots_of_rows(1, n, k, x + i * k, w, bias, y + i * n);
}

#define DEPTH 16 /* rows of x whose products are added before the sum goes back to memory */

/* w[j][0 .. 2 LANES) += sum_i dy[i][j] x[i][0 .. 2 LANES) for `depth` rows, `outputs` outputs. */
__attribute__((always_inline)) static inline void
outer(int64_t depth, int outputs, int64_t n, int64_t k, const real *dy, const real *x, real *w)
{
    vec sum[OUTPUTS][2];
    for (int j = 0; j < outputs; j++)
        for (int v = 0; v < 2; v++)
            sum[j][v] = load(w + j * k + v * LANES);
    for (int64_t i = 0; i < depth; i++) {
        vec x0 = load(x + i * k), x1 = load(x + i * k + LANES);
        prefetch(x + (i + AHEAD) * k);
        prefetch(x + (i + AHEAD) * k + LANES);
        for (int j = 0; j < outputs; j++) {
            sum[j][0] += dy[i * n + j] * x0;
            sum[j][1] += dy[i * n + j] * x1;
        }
    }
    for (int j = 0; j < outputs; j++)
        for (int v = 0; v < 2; v++)
            store(w + j * k + v * LANES, sum[j][v]);
}

static void outer_tail(int64_t depth, int64_t n, int64_t k, const real *dy, const real *x,
                       int64_t cols, real *w)
{
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < depth; i++)
            for (int64_t p = 0; p < cols; p++)
                w[j * k + p] += dy[i * n + j] * x[i * k + p];
}

static void outer_block(int64_t depth, int64_t n, int64_t k, const real *dy, const real *x,
                        int64_t begin, int64_t end, real *w)
{
    int64_t p = begin;
    for (; p + 2 * LANES <= end; p += 2 * LANES) {
        int64_t j = 0;
        for (; j + OUTPUTS <= n; j += OUTPUTS)
            outer(depth, OUTPUTS, n, k, dy + j, x + p, w + j * k + p);
        for (; j < n; j++)
            outer(depth, 1, n, k, dy + j, x + p, w + j * k + p);
    }
    outer_tail(depth, n, k, dy, x + p, end - p, w + p);
}

void KERNEL(thin_outer)(int64_t m, int64_t n, int64_t k, const void *pdy, const void *px,
                        int64_t begin, int64_t end, void *pw)
{
    const real *dy = pdy, *x = px;
    real *w = pw;
    for (int64_t j = 0; j < n; j++)
        for (int64_t p = begin; p < end; p++)
            w[j * k + p] = 0;
    for (int64_t i = 0; i < m; i += DEPTH)
        outer_block(m - i < DEPTH ? m - i : DEPTH, n, k, dy + i * n, x + i * k, begin, end, w);
}
