/* direct.c - products of matrices whose left one lies in pieces, such as the windows of an image.
 *
 *     C[i][j] = or += sum_p a[from + i a_row + places[p]] B[p][j]        p = 0 .. k
 *
 * It is the product of kernels/product.c but for where the numbers of A are. They are read one at
 * a time, so that they may be anywhere: a convolution multiplies points of an image by a panel of
 * kernels without copying its windows, and loses nothing where they are strided or few in a row. B
 * is one panel, COLUMNS numbers a row. */
#include "kernels/tile.h"

#define INLINE __attribute__((always_inline)) static inline

/* A multiplication that adds to a sum waits for the one before it; so many of them are under way at
 * a time. Small tiles have about as many sums: chains, each of every second term, or third ... */
#define UNDER_WAY 8
#define MOST_CHAINS 4

/* What a tile reads; whether its rows are a constant apart. */
typedef struct operands {
    const real *a, *b;
    const int64_t *places;
    int64_t from, k, a_row;
    bool constant;
} operands;

/* sums += the products of term p. */
INLINE void add_products(int rows, int vectors, const operands *o, int64_t p, wide sums[ROWS][2])
{
    const real *upper = o->a + (o->from + o->places[p]);
    const real *other = other_of(upper, rows, o->a_row, o->constant);
    wide b[2];
    EACH (v, vectors)
        b[v] = load_wide(o->b + p * COLUMNS + v * WIDTH);
    EACH (r, rows)
        EACH (v, vectors)
            sums[r][v] += number_of(upper, other, o->a_row, o->constant, r, v) * b[v];
}

INLINE operands at_step(operands o, int64_t step)
{
    o.a_row = step;
    o.constant = true;
    return o;
}

/* Terms are added in turns of one for each chain, or of two at a constant step. */
INLINE void add_terms(int rows, int vectors, int chains, operands o, wide sums[][ROWS][2])
{
    const int turn = o.constant ? 2 * chains : chains;
    int64_t p = 0;
    for (; p + turn <= o.k; p += turn)
        EACH (u, turn)
            add_products(rows, vectors, &o, p + u, sums[u % chains]);
    for (; p < o.k; p++)
        add_products(rows, vectors, &o, p, sums[0]);
}

/* Rows i .. i + rows, the numbers of rows and vectors being constants after inlining, and usual
 * steps of windows, too. */
INLINE void multiply(int rows, int vectors, const tn__direct *x, int64_t i)
{
    const bool large = rows > HALF && vectors == 2;
    const int wanted = (UNDER_WAY + rows * vectors - 1) / (rows * vectors);
    const int chains = wanted < MOST_CHAINS ? wanted : MOST_CHAINS;
    wide sums[MOST_CHAINS][ROWS][2];
    operands o = {x->a, x->b, x->places, x->from + i * x->a_row, x->k, x->a_row, false};
    real *c = (real *)x->c + i * x->ldc;
    int64_t ldc = x->ldc;
    EACH (u, chains)
        EACH (r, rows)
            EACH (v, vectors)
                sums[u][r][v] = (wide){0};
    if (large && o.a_row == 2)
        add_terms(rows, vectors, chains, at_step(o, 2), sums);
    else if (large && o.a_row == 4)
        add_terms(rows, vectors, chains, at_step(o, 4), sums);
    else
        add_terms(rows, vectors, chains, o, sums);
    EACH (u, chains - 1)
        EACH (r, rows)
            EACH (v, vectors)
                sums[0][r][v] += sums[u + 1][r][v];
    const real *start = x->adds ? c : x->bias;
    int64_t next = x->adds ? ldc : 0;
    if (start)
        EACH (r, rows)
            EACH (v, vectors)
                sums[0][r][v] += load_wide(start + r * next + v * WIDTH);
    EACH (r, rows)
        EACH (v, vectors)
            store_wide(c + r * ldc + v * WIDTH, sums[0][r][v]);
}

typedef void (*multiply_fn)(const tn__direct *x, int64_t i);

#define MULTIPLY(rows)                                     \
    static void one_##rows(const tn__direct *x, int64_t i) \
    {                                                      \
        multiply(rows, 1, x, i);                           \
    }                                                      \
    static void two_##rows(const tn__direct *x, int64_t i) \
    {                                                      \
        multiply(rows, 2, x, i);                           \
    }
EACH_ROWS(MULTIPLY)

#define ONE(rows) one_##rows,
#define TWO(rows) two_##rows,
static const multiply_fn multipliers[2][ROWS] = {{EACH_ROWS(ONE)}, {EACH_ROWS(TWO)}};

void KERNEL(direct)(const tn__direct *x)
{
    int64_t tiles = tiles_of(x->m, ROWS);
    const multiply_fn *fn = multipliers[x->n > WIDTH];
    for (int64_t t = 0, i = 0, end; t < tiles; t++, i = end) {
        end = tile_row(x->m, tiles, t + 1);
        fn[end - i - 1](x, i);
    }
}

void KERNEL(spread)(int64_t n, const void *px, int64_t step, void *py)
{
    const real *x = px;
    real *y = py;
    for (int64_t i = 0; i < n; i++)
        y[i * step] = x[i];
}
