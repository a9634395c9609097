/* thin.c - products of a tall matrix with a thin one, such as a classifier's last layer.
 *
 * BLAS packs its operands into blocks before it multiplies, which costs as much as the product
 * itself when one side is as thin as ten. These loops read the tall matrix once, in order. */
#include "kernels/square.h"

#if defined(TN_ISA_v4)
#define GROUP 10   /* outputs that two rows are multiplied with; with five outputs four rows are */
#define NEAR 49152 /* bytes of weights that stay near while these go by: in the first-level cache */
#else
#define GROUP 5
#define NEAR 262144
#endif
#define FEW 5
#define MOST_ROWS 5

/* How many outputs a number of x is multiplied with at a time for dw. */
#define OUTPUTS_5(M) M(1) M(2) M(3) M(4) M(5)
#if defined(TN_ISA_v4)
#define MOST_OUTPUTS 24
#define OUTPUTS_10(M) OUTPUTS_5(M) M(6) M(7) M(8) M(9) M(10)
#define OUTPUTS_15(M) OUTPUTS_10(M) M(11) M(12) M(13) M(14) M(15)
#define OUTPUTS_20(M) OUTPUTS_15(M) M(16) M(17) M(18) M(19) M(20)
#define EACH_OUTPUTS(M) OUTPUTS_20(M) M(21) M(22) M(23) M(24)
#else
#define MOST_OUTPUTS 5
#define EACH_OUTPUTS OUTPUTS_5
#endif

#define BLOCK 8                      /* rows whose sums become numbers at a time */
#define MOST_SUMS (BLOCK * TN__THIN) /* vectors */
#define LONG 256                     /* products that are added one after another */
#define NEAR_MANY 81920              /* the same for five rows, which read half as much */

/* A block of rows of x, `columns` of them, which are `ld` apart as those of w are. */
typedef struct block {
    int64_t n, columns, ld;
    const real *x, *w;
    wide *sums; /* [rows, n] */
} block;

/* Into a register: the compiler would read memory for each product of what is used but twice. */
static inline wide load_once(const real *p)
{
    return *(const volatile wide_unaligned *)p;
}

/* sums[i][j] = x[i] . w[j], a vector of sums for each, for `rows` rows from row i on and `outputs`
 * outputs from j on, constants after inlining. The rows of x that follow are fetched
 * meanwhile, in the order in which memory has them: two with each FEW outputs, so that memory has
 * as much time as all of the multiplying takes. Where that is long they come to the second-level
 * cache, for more may be on their way then. An address past the end does no harm. */
__attribute__((always_inline)) static inline void dots(int rows, int outputs, const block *b,
                                                       int64_t i, int64_t j)
{
    int64_t ld = b->ld, left = b->columns / WIDTH;
    const real *x = b->x + i * ld, *w = b->w + j * ld, *next = x + rows * ld;
    bool whole = b->columns == ld;
    int64_t next_row = whole ? WIDTH : ld, next_step = whole ? rows * WIDTH : WIDTH;
    wide *to = b->sums + i * b->n + j;
    int64_t fetched = j / FEW * 2, last = b->n <= FEW ? rows : at_most(fetched + 2, rows);
    bool first = true, is_slow = rows == MOST_ROWS || outputs == GROUP;
    do {
        wide sum[MOST_ROWS][GROUP] = {{{0}}};
        int64_t end = left - at_most(left, LONG);
        for (; left > end; left--, x += WIDTH, w += WIDTH, next += next_step) {
            wide xs[MOST_ROWS];
            EACH (r, rows) {
                xs[r] = load_wide(x + r * ld);
                if (fetched + r < last && is_slow)
                    __builtin_prefetch(next + (fetched + r) * next_row, 0, 2);
                else if (fetched + r < last)
                    __builtin_prefetch(next + (fetched + r) * next_row);
            }
            EACH (c, outputs) {
                wide wc = load_once(w + c * ld);
                EACH (r, rows)
                    sum[r][c] += xs[r] * wc;
            }
        }
        EACH (r, rows)
            EACH (c, outputs) {
                wide *at = to + r * b->n + c;
                *at = first ? sum[r][c] : *at + sum[r][c];
            }
        first = false;
    } while (left > 0);
}

/* The tiles are functions of their own: together they would not have registers enough. */
typedef void (*dots_fn)(const block *b, int64_t i, int64_t j);

#define DOTS(rows, outputs)                                                                  \
    __attribute__((noinline)) static void dots_##rows##_##outputs(const block *b, int64_t i, \
                                                                  int64_t j)                 \
    {                                                                                        \
        dots(rows, outputs, b, i, j);                                                        \
    }
#define DOTS_OF(rows) DOTS(rows, 1) DOTS(rows, 2) DOTS(rows, 3) DOTS(rows, 4) DOTS(rows, 5)
#define NAME(rows, outputs) dots_##rows##_##outputs
#define NAMES_OF(rows) NAME(rows, 1), NAME(rows, 2), NAME(rows, 3), NAME(rows, 4), NAME(rows, 5)

typedef struct tiles {
    int rows;
    dots_fn fn[FEW]; /* for 1, 2 .. outputs */
} tiles;

DOTS_OF(1)
static const tiles single = {1, {NAMES_OF(1)}};
#if defined(TN_ISA_v4)
DOTS_OF(4)
DOTS_OF(5)
DOTS(2, 10)
static const dots_fn pair = NAME(2, 10);
static const tiles for_few = {4, {NAMES_OF(4)}}, for_many = {5, {NAMES_OF(5)}};
#else
DOTS_OF(2)
static const tiles for_few = {2, {NAMES_OF(2)}}, for_many = {2, {NAMES_OF(2)}};
#endif

/* Rows that are near are multiplied with all outputs. */
static void multiply_tile(const tiles *t, const block *b, int64_t i)
{
    int64_t j = 0;
#if defined(TN_ISA_v4)
    if (t == &for_few)
        for (; j + GROUP <= b->n; j += GROUP) {
            pair(b, i, j);
            pair(b, i + 2, j);
        }
#endif
    for (; j < b->n; j += FEW)
        t->fn[at_most(FEW, b->n - j) - 1](b, i, j);
}

/* As many of m rows as a block has, or those that are left of m. */
static int64_t multiply(int64_t m, const block *b)
{
    const tiles *t = b->n > GROUP ? &for_many : &for_few;
    t = t->rows <= m ? t : for_few.rows <= m ? &for_few : &single;
    int64_t rows = at_most(m, BLOCK) / t->rows * t->rows;
    for (int64_t i = 0; i < rows; i += t->rows)
        multiply_tile(t, b, i);
    return rows;
}

/* y[i][j] = the sum of the vector sums[i][j] + the products of the columns behind the last vector +
 * start[j]; y + .. without a start. */
static void finish(int64_t rows, const block *b, const real *start, real *y)
{
    real totals[MOST_SUMS + WIDTH];
    int64_t n = b->n, count = rows * n, columns = b->columns, ld = b->ld;
    for (int64_t i = count; i % WIDTH > 0; i++)
        b->sums[i] = (wide){0};
    for (int64_t i = 0; i < count; i += WIDTH)
        store_wide(totals + i, sums_of(b->sums + i));
    for (int64_t p = columns / WIDTH * WIDTH; p < columns; p++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < n; j++)
                totals[i * n + j] += b->x[i * ld + p] * b->w[j * ld + p];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++)
            y[i * n + j] = totals[i * n + j] + (start ? start[j] : y[i * n + j]);
}

/* Columns are taken in blocks of about as many each, whose weights stay near while all rows go by;
 * there are no more than LONG blocks, for their sums are added one after another. */
static int64_t columns_of_block(int64_t n, int64_t k)
{
    int64_t bytes = n > GROUP ? NEAR_MANY : NEAR;
    int64_t blocks = at_most(k * n * (int64_t)sizeof(real) / bytes + 1, LONG);
    return (k / blocks / WIDTH + 1) * WIDTH;
}

void KERNEL(thin_linear)(int64_t m, int64_t n, int64_t k, const void *px, const void *pw,
                         const void *bias, void *py)
{
    static const real zeros[TN__THIN] = {0};
    const real *x = px, *w = pw, *start = bias ? bias : zeros;
    wide sums[MOST_SUMS + WIDTH];
    int64_t columns = columns_of_block(n, k), begin = 0;
    do {
        for (int64_t i = 0, rows; i < m; i += rows) {
            block b = {.n = n,
                       .columns = at_most(columns, k - begin),
                       .ld = k,
                       .x = x + i * k + begin,
                       .w = w + begin,
                       .sums = sums};
            rows = multiply(m - i, &b);
            finish(rows, &b, start, (real *)py + i * n);
        }
        begin += columns;
        start = NULL;
    } while (begin < k);
}

#define PANEL 1024                 /* columns of dw that are finished before the next ones */
#define DEPTH 32                   /* rows of x whose products are added before dw goes to memory */
#define PIECES (2 * LANES / WIDTH) /* vectors of the columns that are summed at a time: a line */
#define LINE (PIECES * WIDTH)

/* A few rows of x and dy, `depth` of them. */
typedef struct slab {
    int64_t depth, n, k;
    int64_t ahead; /* what is fetched lies so many numbers ahead of what is read */
    const real *dy, *x;
    real *w;
} slab;

/* w[j ..][p .. p + LINE) += sum_i dy[i][j ..] x[i][p .. p + LINE) for `outputs` outputs, a constant
 * after inlining. The rows are added up by themselves first: dw of m rows is a sum of m / depth
 * sums. */
__attribute__((always_inline)) static inline void outer(int outputs, const slab *s, int64_t j,
                                                        int64_t p)
{
    wide sum[TN__THIN][PIECES] = {{{0}}};
    const real *x = s->x + p, *dy = s->dy + j, *next = x + (j == 0 ? s->ahead : 0);
    for (int64_t i = s->depth; i > 0; i--, x += s->k, next += s->k, dy += s->n) {
        __builtin_prefetch(next, 0, 2);
        EACH (v, PIECES) {
            wide xv = load_wide(x + v * WIDTH);
            EACH (c, outputs)
                sum[c][v] += dy[c] * xv;
        }
    }
    real *w = s->w + j * s->k + p;
    EACH (c, outputs)
        EACH (v, PIECES)
            store_wide(w + c * s->k + v * WIDTH, load_wide(w + c * s->k + v * WIDTH) + sum[c][v]);
}

typedef void (*outer_fn)(const slab *s, int64_t j, int64_t p);

#define OUTER(outputs)                                                                         \
    __attribute__((noinline)) static void outer_##outputs(const slab *s, int64_t j, int64_t p) \
    {                                                                                          \
        outer(outputs, s, j, p);                                                               \
    }
#define OUTER_NAME(outputs) outer_##outputs,
EACH_OUTPUTS(OUTER)
static const outer_fn outers[MOST_OUTPUTS] = {EACH_OUTPUTS(OUTER_NAME)};

/* Columns that are no whole line. */
static void outer_tail(const slab *s, int64_t begin, int64_t end)
{
    for (int64_t j = 0; j < s->n; j++) {
        real sum[LINE] = {0};
        for (int64_t i = 0; i < s->depth; i++)
            for (int64_t p = begin; p < end; p++)
                sum[p - begin] += s->dy[i * s->n + j] * s->x[i * s->k + p];
        for (int64_t p = begin; p < end; p++)
            s->w[j * s->k + p] += sum[p - begin];
    }
}

int64_t KERNEL(thin_outputs)(void)
{
    return at_most(TN__THIN, 2 * MOST_OUTPUTS);
}

/* Rows are cut into slabs of about as many each. Where a row is one piece of memory with those that
 * follow, they are fetched ahead, else the columns that follow. */
void KERNEL(thin_outer)(int64_t m, int64_t n, int64_t k, const void *pdy, const void *px,
                        int64_t begin, int64_t end, void *pw)
{
    slab s = {.n = n, .k = k, .w = pw};
    int64_t slabs = (m + DEPTH - 1) / DEPTH;
    for (int64_t j = 0; j < n; j++)
        for (int64_t p = begin; p < end; p++)
            s.w[j * k + p] = 0;
    for (int64_t from = begin; from < end; from += PANEL)
        for (int64_t i = 0; i < slabs; i++) {
            int64_t row = m * i / slabs, to = at_most(from + PANEL, end), p = from;
            s.depth = m * (i + 1) / slabs - row;
            s.ahead = k <= PANEL ? s.depth * k : 4 * LINE;
            s.dy = (const real *)pdy + row * n;
            s.x = (const real *)px + row * k;
            for (; p + LINE <= to; p += LINE)
                for (int64_t j = 0; j < n; j += MOST_OUTPUTS)
                    outers[at_most(MOST_OUTPUTS, n - j) - 1](&s, j, p);
            outer_tail(&s, p, to);
        }
}
