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

static void log_sums(int64_t cols, columns *s)
{
    EACH_COLUMN (c)
        s->sum[c] = TN_LOG(s->sum[c]);
}

static void log_softmax(int64_t n, int64_t cols, int64_t ld, const real *x, real *y)
{
    real m[TILE];
    columns s;
    largest(n, cols, ld, x, m);
    sum_exp(n, cols, ld, false, x, m, y, &s);
    log_sums(cols, &s);
    for (int64_t i = 0; i < n; i++)
        EACH_COLUMN (c)
            y[i * ld + c] = (x[i * ld + c] - m[c]) - s.sum[c];
}

/* ---- short rows: PIECE of them are turned, and stand side by side ---------------------------- */

typedef real turned[TN__SHORT_ROW][PIECE];

/* From x to t, or back from t to y where that is there. */
INLINE void turn_rows(int64_t rows, int64_t n, const real *x, int64_t ldx, turned t, real *y)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t row = 0; row < rows; row++)
            if (y)
                y[row * n + i] = t[i][row];
            else
                t[i][row] = x[row * ldx + i];
}

/* Columns without a row keep what they have, which nobody reads. A constant number of rows is taken
 * by vectors. */
static void turn(int64_t rows, int64_t n, const real *x, int64_t ldx, turned t)
{
    if (rows == PIECE)
        turn_rows(PIECE, n, x, ldx, t, NULL);
    else
        turn_rows(rows, n, x, ldx, t, NULL);
}

static void turn_back(int64_t rows, int64_t n, turned t, real *y)
{
    if (rows == PIECE)
        turn_rows(PIECE, n, NULL, 0, t, y);
    else
        turn_rows(rows, n, NULL, 0, t, y);
}

void KERNEL(softmax_short)(int64_t rows, int64_t n, bool log, const void *px, void *py)
{
    turned t = {{0}};
    for (int64_t row = 0; row < rows; row += PIECE) {
        int64_t now = at_most(rows - row, PIECE);
        turn(now, n, (const real *)px + row * n, n, t);
        (log ? log_softmax : softmax)(n, PIECE, PIECE, t[0], t[0]);
        turn_back(now, n, t, (real *)py + row * n);
    }
}

void KERNEL(log_sum_exp_short)(int64_t rows, int64_t n, const void *px, int64_t ldx, void *plse)
{
    turned t = {{0}};
    real m[PIECE], *lse = plse;
    columns s;
    for (int64_t row = 0; row < rows; row += PIECE) {
        int64_t now = at_most(rows - row, PIECE);
        turn(now, n, (const real *)px + row * ldx, ldx, t);
        largest(n, PIECE, PIECE, t[0], m);
        sum_exp(n, PIECE, PIECE, false, t[0], m, t[0], &s);
        log_sums(PIECE, &s);
        for (int64_t i = 0; i < now; i++) {
            lse[2 * (row + i)] = m[i];
            lse[2 * (row + i) + 1] = s.sum[i];
        }
    }
}

/* ---- columns where they are ------------------------------------------------------------------ */

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
