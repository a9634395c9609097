/* softmax_columns.c - soft-max and its logarithm down the columns of a matrix, side by side. The
 * formulas are those of softmax.c. */
#include <tn/vector_math.h>
#include "kernels/pairs.h"

#define TILE 256 /* columns, at most, of which sums stay in the cache */
#define PIECE 16 /* columns of which they are a multiple; the last may be those before once more */
#define INLINE __attribute__((always_inline)) static inline

#define EACH_OF_PIECE(c) _Pragma("omp simd") for (int64_t c = piece; c < piece + PIECE; c++)
#define EACH_COLUMN(c)                                    \
    for (int64_t piece = 0; piece < cols; piece += PIECE) \
        EACH_OF_PIECE (c)

/* Sums of columns: of BLOCK terms one after another, and of the sums of blocks compensated. */
typedef struct columns {
    real sum[TILE], lost[TILE], block[TILE];
} columns;

static void begin_block(columns *s, int64_t cols)
{
    EACH_COLUMN (c)
        s->block[c] = 0;
}

static void end_block(columns *s, int64_t cols, bool first)
{
    EACH_COLUMN (c)
        s->lost[c] = first ? 0 : s->lost[c];
    EACH_COLUMN (c)
        s->sum[c] = add_exactly(first ? 0 : s->sum[c], s->block[c], s->lost + c);
}

/* A NaN may be passed over, as in softmax.c. */
static void largest(int64_t n, int64_t cols, int64_t ld, const real *x, real *m)
{
    EACH_COLUMN (c)
        m[c] = x[c];
    for (int64_t i = 1; i < n; i++)
        EACH_COLUMN (c)
            m[c] = x[i * ld + c] > m[c] ? x[i * ld + c] : m[c];
}

/* sum_i e^(x_i - m), and the terms in y if they are to be kept. */
INLINE void sum_exp(int64_t n, int64_t cols, int64_t ld, bool keep, const real *x, const real *m,
                    real *y, columns *s)
{
    for (int64_t begin = 0; begin < n; begin += BLOCK) {
        begin_block(s, cols);
        for (int64_t i = begin; i < at_most(n, begin + BLOCK); i++)
            EACH_COLUMN (c) {
                real e = TN_EXP(x[i * ld + c] - m[c]);
                s->block[c] += e;
                if (keep)
                    y[i * ld + c] = e;
            }
        end_block(s, cols, begin == 0);
    }
}

static void softmax(int64_t n, int64_t cols, int64_t ld, const real *x, real *y)
{
    real m[TILE];
    columns s;
    largest(n, cols, ld, x, m);
    sum_exp(n, cols, ld, true, x, m, y, &s);
    for (int64_t i = 0; i < n; i++)
        EACH_COLUMN (c)
            y[i * ld + c] /= s.sum[c];
}

static void log_softmax(int64_t n, int64_t cols, int64_t ld, const real *x, real *y)
{
    real m[TILE];
    columns s;
    largest(n, cols, ld, x, m);
    sum_exp(n, cols, ld, false, x, m, y, &s);
    EACH_COLUMN (c)
        s.sum[c] = TN_LOG(s.sum[c]);
    for (int64_t i = 0; i < n; i++)
        EACH_COLUMN (c)
            y[i * ld + c] = (x[i * ld + c] - m[c]) - s.sum[c];
}

/* The columns of the next call, of those that are left. */
static int64_t next_columns(int64_t left)
{
    return left >= TILE ? TILE : left < PIECE ? PIECE : left - left % PIECE;
}

void KERNEL(softmax_columns)(int64_t n, int64_t cols, int64_t ld, bool log, const void *px,
                             void *py)
{
    const real *x = px;
    real *y = py;
    for (int64_t left = cols, now; left > 0; left -= now) {
        now = next_columns(left);
        int64_t at = left < now ? cols - now : cols - left;
        (log ? log_softmax : softmax)(n, now, ld, x + at, y + at);
    }
}

/* sum_i y_i dy_i, or sum_i dy_i. */
INLINE void sum_back(int64_t n, int64_t cols, int64_t ld, bool log, const real *y, const real *dy,
                     columns *s)
{
    for (int64_t begin = 0; begin < n; begin += BLOCK) {
        begin_block(s, cols);
        for (int64_t i = begin; i < at_most(n, begin + BLOCK); i++)
            EACH_COLUMN (c)
                s->block[c] += log ? dy[i * ld + c] : y[i * ld + c] * dy[i * ld + c];
        end_block(s, cols, begin == 0);
    }
}

static void back(int64_t n, int64_t cols, int64_t ld, const real *y, const real *dy, real *dx)
{
    columns s;
    sum_back(n, cols, ld, false, y, dy, &s);
    for (int64_t i = 0; i < n; i++)
        EACH_COLUMN (c)
            dx[i * ld + c] = y[i * ld + c] * (dy[i * ld + c] - s.sum[c]);
}

static void log_back(int64_t n, int64_t cols, int64_t ld, const real *y, const real *dy, real *dx)
{
    columns s;
    sum_back(n, cols, ld, true, y, dy, &s);
    for (int64_t i = 0; i < n; i++)
        EACH_COLUMN (c)
            dx[i * ld + c] = dy[i * ld + c] - TN_EXP(y[i * ld + c]) * s.sum[c];
}

void KERNEL(softmax_columns_backward)(int64_t n, int64_t cols, int64_t ld, bool log, const void *py,
                                      const void *pdy, void *pdx)
{
    const real *y = py, *dy = pdy;
    real *dx = pdx;
    for (int64_t left = cols, now; left > 0; left -= now) {
        now = next_columns(left);
        int64_t at = left < now ? cols - now : cols - left;
        (log ? log_back : back)(n, now, ld, y + at, dy + at, dx + at);
    }
}
