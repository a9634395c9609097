/* thin.c - products of a tall matrix with a thin one, such as a classifier's last layer.
 *
 * BLAS packs its operands into blocks before it multiplies, which costs as much as the product
 * itself when one side is as thin as ten. These loops read the tall matrix once, in order. */
#include "kernels/wide.h"

#if defined(TN_ISA_v4)
#define ROWS 4 /* times FEW accumulators, or two rows or columns times GROUP: 32 registers */
#define GROUP 10
#else
#define ROWS 2 /* 16 registers */
#define GROUP 5
#endif
#define FEW 5
#define AHEAD 2      /* rows of x that are fetched before they are needed */
#define LONG 256     /* products that are added one after another */
#define CACHED 65536 /* weights that stay in the second-level cache while rows go by */
#define UNROLL UNROLLED

/* Into the second-level cache: the first is full of weights. An address past the end does no
 * harm. */
static inline void prefetch(const real *p)
{
    __builtin_prefetch(p, 0, 2);
}

/* y[i][j] = x[i] . w[j] + start[j] for `rows` rows and `outputs` outputs, constants after inlining,
 * over `k` columns; rows of x and w are `ld` apart. y + .. without a start. Memory is fetched ahead
 * in the order in which it lies. */
__attribute__((always_inline)) static inline void dots(int rows, int outputs, bool fetch, int64_t k,
                                                       int64_t ld, const real *x, const real *w,
                                                       const real *start, real *y, int64_t ldy)
{
    wide sums[ROWS * GROUP];
    real totals[ROWS * GROUP] = {0};
    bool whole = k == ld; /* rows, with nothing between them */
    int64_t p = 0, row_ahead = whole ? WIDTH : ld, step_ahead = whole ? rows : 1;
    while (p + WIDTH <= k) {
        wide sum[ROWS][GROUP] = {{{0}}};
        int64_t begin = p, end = k - p < LONG * WIDTH ? k : p + LONG * WIDTH;
        for (; p + WIDTH <= end; p += WIDTH) {
            wide wj[GROUP];
            UNROLL for (int j = 0; j < outputs; j++) wj[j] = load_wide(w + j * ld + p);
            UNROLL for (int i = 0; i < rows; i++)
            {
                wide xi = load_wide(x + i * ld + p);
                if (fetch)
                    prefetch(x + AHEAD * ld + i * row_ahead + p * step_ahead);
                UNROLL for (int j = 0; j < outputs; j++) sum[i][j] += xi * wj[j];
            }
        }
        for (int i = 0; i < rows; i++)
            UNROLL for (int j = 0; j < outputs; j++)
            {
                wide *all = sums + i * outputs + j;
                *all = begin > 0 ? *all + sum[i][j] : sum[i][j];
            }
    }
    if (p > 0)
        KERNEL(sum_lines)((int64_t)rows * outputs, WIDTH, sums, WIDTH, totals);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < outputs; j++) {
            real total = totals[i * outputs + j];
            for (int64_t q = p; q < k; q++)
                total += x[i * ld + q] * w[j * ld + q];
            y[i * ldy + j] = total + (start ? start[j] : y[i * ldy + j]);
        }
}

/* `outputs` at a time for `rows` rows at a time, out of `all` rows. */
#define DOTS(all, rows, outputs)                                                                 \
    for (; j + (outputs) <= n; j += (outputs))                                                   \
        for (int i = 0; i < (all); i += (rows)) {                                                \
            dots(rows, outputs, j == 0, k, ld, x + i * ld, w + j * ld, start ? start + j : NULL, \
                 y + i * n + j, n);                                                              \
        }

__attribute__((always_inline)) static inline void dots_of_rows(int rows, int64_t n, int64_t k,
                                                               int64_t ld, const real *x,
                                                               const real *w, const real *start,
                                                               real *y)
{
    int64_t j = 0;
    DOTS(rows, rows < 2 ? rows : 2, GROUP)
    DOTS(rows, rows, FEW)
    DOTS(rows, rows, 2)
    DOTS(rows, rows, 1)
}

/* Columns are taken in blocks whose weights stay in the cache while all rows go by; there are no
 * more than LONG blocks, for their sums are added one after another. */
void KERNEL(thin_linear)(int64_t m, int64_t n, int64_t k, const void *px, const void *pw,
                         const void *bias, void *py)
{
    static const real zeros[TN__THIN] = {0};
    const real *x = px, *w = pw, *start = bias ? bias : zeros;
    real *y = py;
    int64_t block = CACHED / (n + 1) / 64 * 64;
    while (k / block > LONG)
        block *= 2;
    for (int64_t begin = 0; begin == 0 || begin < k; begin += block, start = NULL) {
        int64_t cols = block < k - begin ? block : k - begin, i = 0;
        for (; i + ROWS <= m; i += ROWS)
            dots_of_rows(ROWS, n, cols, k, x + i * k + begin, w + begin, start, y + i * n);
        for (; i < m; i++)
            dots_of_rows(1, n, cols, k, x + i * k + begin, w + begin, start, y + i * n);
    }
}

#define DEPTH 96     /* rows of x whose products are added before the sum goes back to memory */
#define FEW_DEPTH 32 /* the same if one group of outputs is all there is */
#define PANEL 1024   /* columns that are finished before the next ones */
#define PIECES (2 * LANES / WIDTH) /* vectors of the columns that are summed at a time */

/* w[j][0 .. 2 LANES) += sum_i dy[i][j] x[i][0 .. 2 LANES) for `depth` rows, `outputs` outputs. The
 * rows are added up by themselves first: dw of m rows is a sum of m / depth sums. */
__attribute__((always_inline)) static inline void outer(int64_t depth, int outputs, int64_t n,
                                                        int64_t k, const real *dy, const real *x,
                                                        int64_t ldx, real *w)
{
    wide sum[GROUP][PIECES] = {{{0}}};
    for (int64_t i = 0; i < depth; i++)
        UNROLL for (int v = 0; v < PIECES; v++)
        {
            wide xv = load_wide(x + i * ldx + v * WIDTH);
            UNROLL for (int j = 0; j < outputs; j++) sum[j][v] += dy[i * n + j] * xv;
        }
    UNROLL for (int j = 0; j < outputs; j++) UNROLL for (int v = 0; v < PIECES; v++)
    {
        real *to = w + j * k + v * WIDTH;
        store_wide(to, load_wide(to) + sum[j][v]);
    }
}

static void outer_tail(int64_t depth, int64_t n, int64_t k, const real *dy, const real *x,
                       int64_t cols, real *w)
{
    for (int64_t j = 0; j < n; j++) {
        real sum[2 * LANES] = {0};
        for (int64_t i = 0; i < depth; i++)
            for (int64_t p = 0; p < cols; p++)
                sum[p] += dy[i * n + j] * x[i * k + p];
        for (int64_t p = 0; p < cols; p++)
            w[j * k + p] += sum[p];
    }
}

/* The columns are copied side by side: rows that are a multiple of 4096 bytes apart share a few
 * places of the cache. */
static void pack(int64_t depth, int64_t k, const real *x, real *packed)
{
    for (int64_t i = 0; i < depth; i++) {
        store(packed + 2 * LANES * i, load(x + i * k));
        store(packed + 2 * LANES * i + LANES, load(x + i * k + LANES));
        prefetch(x + i * k + 8 * LANES);
    }
}

/* What is read once need not be packed. */
static void fetch_next(int64_t depth, int64_t k, const real *x)
{
    for (int64_t i = depth; i < 2 * depth; i++)
        prefetch(x + i * k);
}

static void outer_block(int64_t depth, int64_t n, int64_t k, const real *dy, const real *x,
                        int64_t begin, int64_t end, real *w)
{
    real packed[2 * LANES * DEPTH];
    bool few = n <= GROUP;
    int64_t p = begin, ldx = few ? k : 2 * LANES;
    for (; p + 2 * LANES <= end; p += 2 * LANES) {
        const real *from = few ? x + p : packed;
        int64_t j = 0;
        if (few)
            fetch_next(depth, k, x + p);
        else
            pack(depth, k, x + p, packed);
        for (; j + GROUP <= n; j += GROUP)
            outer(depth, GROUP, n, k, dy + j, from, ldx, w + j * k + p);
        for (; j + 2 <= n; j += 2)
            outer(depth, 2, n, k, dy + j, from, ldx, w + j * k + p);
        for (; j < n; j++)
            outer(depth, 1, n, k, dy + j, from, ldx, w + j * k + p);
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
    int64_t depth = n <= GROUP ? FEW_DEPTH : DEPTH;
    for (int64_t p = begin; p < end; p += PANEL)
        for (int64_t i = 0; i < m; i += depth)
            outer_block(m - i < depth ? m - i : depth, n, k, dy + i * n, x + i * k, p,
                        p + PANEL < end ? p + PANEL : end, w);
}
