/* product.c - products of matrices, in tiles that stay in registers while they are summed.
 *
 *     C[i][j] = or += sum_p A[i][p] B[p][j]        p = 0 .. k
 *
 *                   b: panels of COLUMNS columns, each of them row after row
 *                   +--------+--------+--------+
 *                   | p      |        |        |
 *                   +--------+--------+--------+
 *     a: +------+   +--------+--------+--------+
 *        |    p |   | tile   |        |        |  c
 *        +------+   +--------+--------+--------+
 *
 * For each p two vectors of B are read, and each is multiplied by one number of every row of A: by
 * AVX-512 28 multiplications for 16 numbers, of which 7 may be read twice (see kernels/tile.h), so
 * that the multipliers never wait. A panel of B stays in the first-level cache while all rows of A
 * meet it. A may lie by rows or by columns, for its numbers are read one at a time.
 *
 * Each element of C is one sum over p from the first to the last, whatever tile it is in: how C is
 * cut changes no bit. */
#include "kernels/tile.h"

tn__tile_size KERNEL(product_tile)(void)
{
    return (tn__tile_size){ROWS, COLUMNS, PITCH};
}

#if defined(TN_ISA_v4)
#define MOST_VECTORS 4 /* of columns in a tile */
#define PAIR_ROWS 6    /* rows of a tile of two panels */
#define PAIR_DEPTH 192 /* terms of two panels that stay near */
#define EACH_PAIR_ROWS(M) M(1) M(2) M(3) M(4) M(5) M(6)
#else
#define MOST_VECTORS 2
#endif

/* A tile of the block, from row i and column j on. */
typedef struct place {
    int64_t i, j, columns;
    const real *a, *b;
    real *c;
    const char *ahead;  /* the part of the next panel that is fetched meanwhile, */
    int64_t ahead_step; /* so far apart for each p */
} place;

#define INLINE __attribute__((always_inline)) static inline

/* Numbers of C that lie side by side. Their sums are added to them, or each has its own bias beside
 * its sum, or all have the same one. */
INLINE void finish_line(int64_t n, const real *restrict sums, int64_t step, bool adds,
                        const real *restrict biases, real bias, real *restrict c)
{
    if (adds)
        for (int64_t s = 0; s < n; s++)
            c[s] += sums[s * step];
    else if (biases)
        for (int64_t s = 0; s < n; s++)
            c[s] = sums[s * step] + biases[s];
    else
        for (int64_t s = 0; s < n; s++)
            c[s] = sums[s * step] + bias;
}

/* A tile at the right edge of C, or one of a C that lies by columns, line after line. */
__attribute__((noinline)) static void finish(const tn__product_block *x, const place *at, int rows,
                                             const real *sums)
{
    const real *row_bias = x->row_bias ? (const real *)x->row_bias + at->i : NULL;
    const real *column_bias = x->column_bias ? (const real *)x->column_bias + at->j : NULL;
    if (x->c_step == 1)
        for (int64_t r = 0; r < rows; r++)
            finish_line(at->columns, sums + r * COLUMNS, 1, x->adds, column_bias,
                        row_bias ? row_bias[r] : 0, at->c + r * x->c_row);
    else
        for (int64_t j = 0; j < at->columns; j++)
            finish_line(rows, sums + j, COLUMNS, x->adds, row_bias,
                        column_bias ? column_bias[j] : 0, at->c + j * x->c_step);
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* How A lies; whether its rows and terms are constants apart. */
typedef struct layout {
    bool constant;
    int64_t row, step;
} layout;

/* Where the next term is read, and what is fetched meanwhile. */
typedef struct term {
    const real *upper, *other, *b;
    const char *ahead;
} term;

INLINE term first_term(int rows, const place *at, layout a)
{
    return (term){at->a, other_of(at->a, rows, a.row, a.constant), at->b, at->ahead};
}

INLINE void add_term(int rows, int vectors, const tn__product_block *x, const place *at, layout a,
                     term *t, wide sums[ROWS][MOST_VECTORS])
{
    wide b[MOST_VECTORS];
    if (vectors <= 2)
        __builtin_prefetch(t->ahead, 0, 2);
    EACH (v, vectors)
        b[v] = load_wide(t->b + v / 2 * x->b_panel + v % 2 * WIDTH);
    EACH (r, rows)
        EACH (v, vectors)
            sums[r][v] += number_of(t->upper, t->other, a.row, a.constant, r, v) * b[v];
    t->upper += a.step;
    t->other += a.step;
    t->b += x->b_step;
    t->ahead += at->ahead_step;
}

INLINE void add_terms(int rows, int vectors, const tn__product_block *x, const place *at, layout a,
                      wide sums[ROWS][MOST_VECTORS])
{
    const int turn = a.constant ? 2 : 1;
    term t = first_term(rows, at, a);
    int64_t p = x->k;
    for (; p >= turn; p -= turn)
        EACH (u, turn)
            add_term(rows, vectors, x, at, a, &t, sums);
    if (p > 0)
        add_term(rows, vectors, x, at, a, &t, sums);
}

/* C is asked for before it is needed, for it comes from far away. The compiler is made to take its
 * addresses for others than those that are written to: it would keep them, where registers are
 * scarce, while the tile is summed. */
INLINE void ask_for(int rows, int vectors, const real *c, int64_t ldc)
{
    __asm__("" : "+r"(c));
    EACH (r, rows) {
        EACH (v, vectors)
            __builtin_prefetch(c + v * WIDTH);
        c += ldc;
    }
}

/* Rows that are so far apart: those of C, or 0 for a bias of the columns. */
INLINE void add_rows(int rows, int vectors, const real *row, int64_t step,
                     wide sums[ROWS][MOST_VECTORS])
{
    EACH (r, rows) {
        EACH (v, vectors)
            sums[r][v] += load_wide(row + v * WIDTH);
        row += step;
    }
}

/* A number to each row. */
INLINE void add_column(int rows, int vectors, const real *column, wide sums[ROWS][MOST_VECTORS])
{
    EACH (r, rows)
        EACH (v, vectors)
            sums[r][v] += column[r];
}

INLINE void store_tile(int rows, int vectors, wide sums[ROWS][MOST_VECTORS], real *c, int64_t ldc)
{
    EACH (r, rows) {
        EACH (v, vectors)
            store_wide(c + v * WIDTH, sums[r][v]);
        c += ldc;
    }
}

/* Of a tile that has all its columns, in rows as they lie in C. */
INLINE void finish_whole(int rows, int vectors, const tn__product_block *x, const place *at,
                         wide sums[ROWS][MOST_VECTORS])
{
    const real *row_bias = x->row_bias, *column_bias = x->column_bias;
    if (x->adds)
        add_rows(rows, vectors, at->c, x->c_row, sums);
    else if (column_bias)
        add_rows(rows, vectors, column_bias + at->j, 0, sums);
    else if (row_bias)
        add_column(rows, vectors, row_bias + at->i, sums);
    store_tile(rows, vectors, sums, at->c, x->c_row);
}

/* The numbers of rows and vectors are constants after inlining, and so is how a packed A lies, by
 * rows or in tiles. */
INLINE void multiply(int rows, int vectors, const tn__product_block *x, const place *at)
{
    const bool large = rows > HALF && vectors == 2;
    wide sums[ROWS][MOST_VECTORS] = {0};
    if (vectors <= 2 || x->adds)
        ask_for(rows, vectors, at->c, x->c_row);
    if (large && x->a_row == PITCH && x->a_step == 1)
        add_terms(rows, vectors, x, at, (layout){true, PITCH, 1}, sums);
    else if (large && x->a_row == 1 && x->a_step == ROWS)
        add_terms(rows, vectors, x, at, (layout){true, 1, ROWS}, sums);
    else
        add_terms(rows, vectors, x, at, (layout){false, x->a_row, x->a_step}, sums);
    if (vectors > 2 || (at->columns == vectors * WIDTH && x->c_step == 1)) {
        finish_whole(rows, vectors, x, at, sums);
    } else {
        real all[ROWS * COLUMNS];
        store_tile(rows, vectors, sums, all, COLUMNS);
        finish(x, at, rows, all);
    }
}

typedef void (*multiply_fn)(const tn__product_block *x, const place *at);

#define MULTIPLY(rows)                                                  \
    static void one_##rows(const tn__product_block *x, const place *at) \
    {                                                                   \
        multiply(rows, 1, x, at);                                       \
    }                                                                   \
    static void two_##rows(const tn__product_block *x, const place *at) \
    {                                                                   \
        multiply(rows, 2, x, at);                                       \
    }
EACH_ROWS(MULTIPLY)

#define ONE(rows) one_##rows,
#define TWO(rows) two_##rows,
static const multiply_fn multipliers[2][ROWS] = {{EACH_ROWS(ONE)}, {EACH_ROWS(TWO)}};

/* What is fetched of the next panel while tile t of so many is multiplied. A packed panel is one
 * piece of memory, of which each tile has a part; of one in place there are two cache lines in each
 * row. An address that nobody needs does no harm. */
static void look_ahead(const tn__product_block *x, int64_t t, int64_t tiles, place *at)
{
    const char *next = (const char *)(at->b + x->b_panel);
    if (x->b_step == COLUMNS) {
        at->ahead_step = COLUMNS * (int64_t)sizeof(real) / tiles + 1;
        at->ahead = next + t * x->k * at->ahead_step;
    } else {
        at->ahead_step = t < 2 ? x->b_step * (int64_t)sizeof(real) : 0;
        at->ahead = next + (t < 2 ? t * 64 : 0);
    }
}

/* One or two panels from column j on with all rows of A, in tiles of about as many rows, at most
 * `most`. */
INLINE void multiply_panels(const tn__product_block *x, int64_t j, int64_t columns, int64_t most,
                            const multiply_fn *fn)
{
    int64_t tiles = tiles_of(x->m, most);
    place at = {.j = j, .columns = columns, .b = (const real *)x->b + j / COLUMNS * x->b_panel};
    for (int64_t t = 0; t < tiles; t++) {
        int64_t end = tile_row(x->m, tiles, t + 1);
        at.a = (const real *)x->a + (x->a_tile ? t * x->a_tile : at.i * x->a_row);
        at.c = (real *)x->c + at.i * x->c_row + j * x->c_step;
        look_ahead(x, t, tiles, &at);
        fn[end - at.i - 1](x, &at);
        at.i = end;
    }
}

static void multiply_panel(const tn__product_block *x, int64_t j)
{
    int64_t columns = at_most(x->n - j, COLUMNS);
    multiply_panels(x, j, columns, ROWS, multipliers[columns > WIDTH]);
}

/* A product of no terms. An A and a B without numbers may be NULL, from which there is no way to
 * the next panel. */
static void start(const tn__product_block *x)
{
    const real *row_bias = x->row_bias, *column_bias = x->column_bias;
    real *c = x->c;
    for (int64_t i = 0; i < x->m && !x->adds; i++)
        for (int64_t j = 0; j < x->n; j++)
            c[i * x->c_row + j * x->c_step] = 0 + (column_bias ? column_bias[j]
                                                   : row_bias  ? row_bias[i]
                                                               : 0);
}

/* ---- two panels ------------------------------------------------------------------------------ */

#if defined(TN_ISA_v4)

/* Where rows of A are no constant apart, as in place, each of its numbers takes an instruction of
 * its own. A tile of six rows and two panels reads ten times for 24 multiplications, one of 14 rows
 * and a panel 16 times for 28, which counts while a neighbour works on the core's other half. But B
 * is read more often: both panels must stay near, and where a single tile has all rows it reads B
 * once. */
#define MULTIPLY_PAIR(rows)                                              \
    static void four_##rows(const tn__product_block *x, const place *at) \
    {                                                                    \
        multiply(rows, 4, x, at);                                        \
    }
EACH_PAIR_ROWS(MULTIPLY_PAIR)

#define FOUR(rows) four_##rows,
static const multiply_fn pair_multipliers[PAIR_ROWS] = {EACH_PAIR_ROWS(FOUR)};

static bool pays_to_pair(const tn__product_block *x)
{
    bool is_constant = x->a_tile > 0 || x->a_row == PITCH;
    return !is_constant && x->m > ROWS && x->c_step == 1 && x->k <= PAIR_DEPTH;
}

/* Returns the columns that are done. */
static int64_t multiply_pairs(const tn__product_block *x)
{
    int64_t columns = pays_to_pair(x) ? x->n / (2 * COLUMNS) * (2 * COLUMNS) : 0;
    for (int64_t j = 0; j < columns; j += 2 * COLUMNS)
        multiply_panels(x, j, 2 * COLUMNS, PAIR_ROWS, pair_multipliers);
    return columns;
}

#else

static int64_t multiply_pairs(const tn__product_block *x)
{
    (void)x;
    return 0;
}

#endif

void KERNEL(product)(const tn__product_block *x)
{
    if (x->k == 0) {
        start(x);
        return;
    }
    for (int64_t j = multiply_pairs(x); j < x->n; j += COLUMNS)
        multiply_panel(x, j);
}
