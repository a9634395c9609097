/* product.c - the blocks of a product, and what threads share of it.
 *
 * Kernels multiply tiles of C (kernels/product.c). Around them are the loops of Goto and van de
 * Geijn ("Anatomy of high-performance matrix multiplication", 2008):
 *
 *     for blocks of columns of C
 *         for blocks of p = 0 .. k
 *             pack a block of B in panels            in the third-level cache
 *             for blocks of rows of C
 *                 pack a block of A                  in the second-level cache
 *                 C += A B                           a panel of B in the first-level cache
 *
 * Where all rows fit one block of A, that stays in the second-level cache, and small blocks of B
 * pass by, which are there still when they are multiplied.
 *
 * Packing costs time for each number of an operand, which a small product does not earn back; so an
 * operand that lies well is used in place. Each thread has a part of C to itself and packs what it
 * needs: no thread waits for another. */
#include <string.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "tensor/long_sum.h"
#include "tensor/product.h"
#include "tensor/tensor.h"

#define DEPTH_BYTES 2048  /* of a row of A in a block: a panel of B is 16 to 64 KiB */
#define SHALLOW 64        /* the depth of a block of B that is in place and read once */
#define TILES_DOWN 24     /* of a block of A: 300 to 700 KiB */
#define COLUMNS_MOST 2048 /* of a block of B: 4 MiB */
#define PASSING 262144    /* bytes of a block of B that meets all of A at once */
#define LONG 8192         /* terms, at most 2 LONG, whose blocks are added one after another */

#define ROWS_READ_ONCE 14     /* of C: one tile of v4 */
#define ROWS_IN_PLACE 64      /* of C, that meet a B which lies by rows, */
#define ROWS_ASTRIDE 48       /* whose vectors lie in two cache lines each */
#define COLUMNS_IN_PLACE 768  /* of C, that meet an A which lies by rows */
#define PANELS_IN_PLACE 2     /* of B, that meet an A which lies by columns */
#define BYTES_IN_PLACE 262144 /* of any operand that is small */
#define CONFLICT 4096         /* bytes from row to row, or a multiple */
#define ROWS_TO_TURN 128 /* of C, at most, and at least twice as many columns: see pays_to_turn() */
#define TURNING_COST 4   /* of a number of C, in numbers that are packed */
#define PACKING_COST 16  /* of a number, in multiply-adds */

/* A product with what follows from its sizes, and the memory of a thread. */
typedef struct work {
    const tn__product *p;
    tn__tile_size tile;
    int64_t size;   /* of a number */
    int64_t depth;  /* of the deepest block */
    int64_t pieces; /* of k, which are summed apart */
    bool a_in_place;
    int64_t b_in_place; /* whole panels of columns */
    char *a, *b, *part, *lost;
} work;

/* ---- sizes ----------------------------------------------------------------------------------- */

static int64_t round_up(int64_t bytes)
{
    return tn__divide_up(bytes, TN_ALIGNMENT) * TN_ALIGNMENT;
}

static bool is_small(const work *w, int64_t lines)
{
    return (double)lines * (double)w->p->k * (double)w->size <= BYTES_IN_PLACE;
}

static bool is_a_in_place(const work *w)
{
    const tn__product *p = w->p;
    if (p->a.pack)
        return false;
    if (p->a.step == 1)
        return p->n < COLUMNS_IN_PLACE;
    return p->n <= PANELS_IN_PLACE * w->tile.columns || is_small(w, p->m);
}

/* Rows of B that are a large power of two apart get in each other's way in the caches, and only the
 * first tile would find them there. Where rows do not begin with a cache line, vectors take two
 * lines each, which packed ones do not. */
static bool is_b_in_place(const work *w)
{
    const tn__product *p = w->p;
    if (p->b.pack || p->b.packed || p->b.line != 1)
        return false;
    int64_t apart = p->b.step * w->size;
    int64_t most = apart % CONFLICT == 0       ? w->tile.rows
                   : apart % TN_ALIGNMENT != 0 ? ROWS_ASTRIDE
                                               : ROWS_IN_PLACE;
    return p->m <= most || is_small(w, p->n);
}

/* A B that lies by rows, is too large for the cache and meets one tile of v4 is read once: a
 * shallow block of it is so many streams of memory, which the processor foresees. */
static int64_t depth_of(const tn__product *p)
{
    work w = {.p = p, .size = (int64_t)tn_dtype_size(p->dtype)};
    bool read_once = !p->b.pack && !p->b.packed && p->b.line == 1 && p->m <= ROWS_READ_ONCE &&
                     !is_small(&w, p->n);
    return read_once ? SHALLOW : DEPTH_BYTES / w.size;
}

/* It is filled where it is. A copy of a struct reads in one piece what was just written in several,
 * which the processor cannot hand on: the copy waits until all of it has reached the cache. */
static void plan(work *w, const tn__product *p)
{
    w->p = p;
    w->tile = p->kernels->product_tile();
    w->size = (int64_t)tn_dtype_size(p->dtype);
    w->depth = tn__min(p->k, p->depth > 0 ? p->depth : depth_of(p));
    w->pieces = p->k > 2 * LONG ? tn__divide_up(p->k, LONG) : 1;
    w->a_in_place = is_a_in_place(w);
    w->b_in_place = is_b_in_place(w) ? p->n / w->tile.columns * w->tile.columns : 0;
    w->a = w->b = w->part = w->lost = NULL;
}

bool tn__product_copies_b(const tn__product *p)
{
    work w;
    plan(&w, p);
    return !is_b_in_place(&w);
}

/* How many parts of n that are not longer than `most` there must be; all of them are about as
 * long. */
static int64_t parts_of(int64_t n, int64_t most)
{
    return n <= most ? 1 : tn__divide_up(n, most);
}

/* Part i of them; a single one, as most are, without divisions. */
static void cut_out(int64_t n, int64_t parts, int64_t i, int64_t *begin, int64_t *end)
{
    *begin = 0;
    *end = n;
    if (parts > 1)
        tn__cut_out(n, parts, i, begin, end);
}

/* From row to row of a packed A: an odd number of cache lines, and, for blocks of half the usual
 * depth or more, at least what the kernel likes best. */
static int64_t pitch_of(const work *w, int64_t depth)
{
    int64_t pitch = (tn__divide_up(depth * w->size, TN_ALIGNMENT) | 1) * TN_ALIGNMENT / w->size;
    return depth * w->size * 2 < DEPTH_BYTES ? pitch : tn__max(pitch, w->tile.pitch);
}

/* Do all rows of A fit one block? It stays while blocks of B pass by. */
static bool is_one_a(const work *w)
{
    return w->p->m <= TILES_DOWN * w->tile.rows;
}

/* Of a block of B, whose panels may have no rows. */
static int64_t columns_most(const work *w)
{
    int64_t panel = tn__max(1, w->depth * w->size * w->tile.columns);
    int64_t passing = tn__max(1, PASSING / panel) * w->tile.columns;
    return is_one_a(w) ? tn__min(passing, COLUMNS_MOST) : COLUMNS_MOST;
}

/* For a block of A of so many rows, and one of B of so many columns. */
static int64_t bytes_of_a(const work *w, int64_t rows)
{
    int64_t most = tn__min(rows, TILES_DOWN * w->tile.rows) + w->tile.rows;
    return round_up(most * pitch_of(w, w->depth) * w->size);
}

static int64_t bytes_of_b(const work *w, int64_t columns)
{
    int64_t panels = tn__divide_up(tn__min(columns, COLUMNS_MOST), w->tile.columns);
    return round_up(panels * w->tile.columns * w->depth * w->size);
}

static int64_t bytes_of_part(const work *w)
{
    return w->pieces > 1 ? round_up(w->p->m * w->p->n * w->size) : 0;
}

static int64_t bytes_of_packed_a(const work *w)
{
    return w->a_in_place ? 0 : bytes_of_a(w, w->p->m);
}

static int64_t bytes_of_packed_b(const work *w)
{
    bool none = w->p->b.packed || w->b_in_place == w->p->n;
    return none ? 0 : bytes_of_b(w, tn__min(w->p->n - w->b_in_place, columns_most(w)));
}

/* What the product needs as it is. */
static int64_t bytes_needed(const work *w)
{
    return w->p->k == 0 ? 0 : bytes_of_packed_a(w) + bytes_of_packed_b(w) + 2 * bytes_of_part(w);
}

/* What a product needs that packs everything, the one way or the other, in the deepest blocks: a
 * smaller one may do either. */
size_t tn__product_space(const tn__product *p)
{
    work w;
    plan(&w, p);
    w.depth = tn__min(p->k, DEPTH_BYTES / w.size);
    int64_t one = bytes_of_a(&w, p->m) + bytes_of_b(&w, p->n);
    int64_t other = bytes_of_a(&w, p->n) + bytes_of_b(&w, p->m);
    return (size_t)(tn__max(one, other) + 2 * bytes_of_part(&w));
}

/* Where nothing is packed there is no space, and C has no sum of NULL and zero. */
static void give_space(work *w, char *space)
{
    if (!space)
        return;
    w->a = space;
    w->b = w->a + bytes_of_packed_a(w);
    w->part = w->b + bytes_of_packed_b(w);
    w->lost = w->part + bytes_of_part(w);
}

/* Where both operands lie so that the numbers of a line are neighbours, that of B is transposed as
 * it is packed, and that of A may stay in place; so B should be the smaller one: m k numbers are
 * packed, not n k. But C is then written by columns, which costs time for each of m n numbers:
 *
 *     (n - m) k >= TURNING_COST m n */
static bool pays_to_turn(const tn__product *p)
{
    bool plain = !p->a.pack && !p->b.pack && !p->b.packed && p->a.step == 1 && p->b.step == 1;
    return plain && !p->c_by_columns && p->m <= ROWS_TO_TURN && p->n >= 2 * p->m &&
           (p->n - p->m) * p->k >= TURNING_COST * p->m * p->n;
}

/* C^T = B^T A^T, in t, or the product as it is. */
static const tn__product *turned(const tn__product *p, tn__product *t)
{
    if (!pays_to_turn(p))
        return p;
    *t = *p;
    t->m = p->n;
    t->n = p->m;
    t->a = p->b;
    t->b = p->a;
    t->c_by_columns = true;
    t->row_bias = p->column_bias;
    t->column_bias = p->row_bias;
    return t;
}

/* ---- operands -------------------------------------------------------------------------------- */

static const char *number_of(const work *w, const tn__operand *o, int64_t line, int64_t p)
{
    return o->data + (line * o->line + p * o->step) * w->size;
}

/* Lines and numbers of a packer from where the part of the operand begins. */
static void pack_by_function(const tn__operand *o, const tn__piece *piece, int64_t pitch, char *to)
{
    tn__piece moved = {.first = piece->first + o->first,
                       .lines = piece->lines,
                       .begin = piece->begin + o->begin,
                       .end = piece->end + o->begin};
    o->pack(o->payload, moved, pitch, to);
}

/* A of the block that is packed: by rows, or by columns in tiles. */
static void pack_a(const work *w, const tn__piece *piece, tn__product_block *block)
{
    const tn__operand *a = &w->p->a;
    int64_t depth = piece->end - piece->begin, pitch = pitch_of(w, depth);
    const char *from = a->pack ? NULL : number_of(w, a, piece->first, piece->begin);
    block->a = w->a;
    block->a_row = pitch;
    block->a_step = 1;
    if (a->pack) {
        pack_by_function(a, piece, pitch, w->a);
    } else if (a->step == 1) {
        for (int64_t i = 0; i < piece->lines; i++)
            memcpy(w->a + i * pitch * w->size, from + i * a->line * w->size,
                   (size_t)(depth * w->size));
    } else {
        w->p->kernels->pack_tiles(depth, piece->lines, from, a->step, w->a);
        block->a_row = 1;
        block->a_step = w->tile.rows;
        block->a_tile = w->tile.rows * depth;
    }
}

static void put_a(const work *w, const tn__piece *piece, tn__product_block *block)
{
    const tn__operand *a = &w->p->a;
    if (!w->a_in_place) {
        pack_a(w, piece, block);
        return;
    }
    block->a = number_of(w, a, piece->first, piece->begin);
    block->a_row = a->line;
    block->a_step = a->step;
}

/* B of the block: in panels, whole ones of a B that is packed already, or by rows in place. */
static void put_b(const work *w, const tn__piece *piece, bool in_place, tn__product_block *block)
{
    const tn__operand *b = &w->p->b;
    int64_t depth = piece->end - piece->begin;
    const char *from = b->pack ? NULL : number_of(w, b, piece->first, piece->begin);
    block->b = w->b;
    block->b_step = w->tile.columns;
    block->b_panel = w->tile.columns * depth;
    if (b->packed) {
        block->b = b->packed +
                   ((b->first + piece->first) * w->p->k + piece->begin * w->tile.columns) * w->size;
        block->b_panel = w->tile.columns * w->p->k;
    } else if (b->pack) {
        pack_by_function(b, piece, w->tile.columns, w->b);
    } else if (in_place) {
        block->b = from;
        block->b_step = b->step;
        block->b_panel = w->tile.columns;
    } else if (b->line == 1) {
        w->p->kernels->pack_rows(depth, piece->lines, from, b->step, w->b);
    } else {
        w->p->kernels->pack_columns(depth, piece->lines, from, b->line, w->b);
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* A matrix that gets a product. */
typedef struct target {
    char *c;
    int64_t row, step; /* from row to row, and from column to column */
    bool adds;
    const char *row_bias, *column_bias;
} target;

static target target_of(const tn__product *p)
{
    bool by_columns = p->c_by_columns;
    return (target){.c = p->c,
                    .row = by_columns ? 1 : p->ldc,
                    .step = by_columns ? p->ldc : 1,
                    .adds = p->adds,
                    .row_bias = p->row_bias,
                    .column_bias = p->column_bias};
}

static const char *move(const char *bias, int64_t elements, int64_t size)
{
    return bias ? bias + elements * size : NULL;
}

/* All rows of the columns of B, of which numbers begin .. end are packed or in place. An A of one
 * block may be there, from the columns before. */
static void multiply_rows(const work *w, const target *to, const tn__piece *b, bool a_is_there,
                          tn__product_block *block)
{
    int64_t parts = parts_of(w->p->m, TILES_DOWN * w->tile.rows);
    for (int64_t i = 0, begin, end; i < parts; i++) {
        cut_out(w->p->m, parts, i, &begin, &end);
        if (parts > 1 || !a_is_there)
            put_a(w, &(tn__piece){begin, end - begin, b->begin, b->end}, block);
        block->m = end - begin;
        block->c = to->c + (begin * to->row + b->first * to->step) * w->size;
        block->row_bias = move(to->row_bias, begin, w->size);
        w->p->kernels->product(block);
    }
}

/* Part i of so many columns, in whole panels, in `some`; all of them if there is one part. */
static const tn__piece *columns_of(const work *w, const tn__piece *all, int64_t parts, int64_t i,
                                   tn__piece *some)
{
    int64_t width = w->tile.columns, begin, end;
    if (parts == 1)
        return all;
    tn__cut_out(tn__divide_up(all->lines, width), parts, i, &begin, &end);
    some->first = all->first + begin * width;
    some->lines = tn__min(end * width, all->lines) - begin * width;
    some->begin = all->begin;
    some->end = all->end;
    return some;
}

/* Columns of any number and terms of one block. */
static void multiply_columns(const work *w, const target *to, const tn__piece *all, bool in_place)
{
    int64_t parts = in_place ? 1 : parts_of(all->lines, columns_most(w));
    tn__product_block block = {
        .k = all->end - all->begin, .c_row = to->row, .c_step = to->step, .adds = to->adds};
    for (int64_t i = 0; i < parts; i++) {
        tn__piece some;
        const tn__piece *b = columns_of(w, all, parts, i, &some);
        block.n = b->lines;
        block.column_bias = move(to->column_bias, b->first, w->size);
        put_b(w, b, in_place, &block);
        multiply_rows(w, to, b, i > 0, &block);
    }
}

/* All terms of so many columns; later ones are added. The kernel adds a bias to no C that it adds
 * to. */
static void multiply_terms(const work *w, const target *to, const tn__piece *all, bool in_place)
{
    int64_t depth = all->end - all->begin, parts = parts_of(depth, w->depth);
    for (int64_t i = 0, begin, end; i < parts; i++) {
        cut_out(depth, parts, i, &begin, &end);
        tn__piece some = {all->first, all->lines, all->begin + begin, all->begin + end};
        target t = {.c = to->c, .row = to->row, .step = to->step, .adds = true};
        multiply_columns(w, i > 0 ? &t : to, &some, in_place);
    }
}

/* Terms begin .. end. Of a B in place, columns that fill no panel are packed. */
static void multiply(const work *w, const target *to, int64_t begin, int64_t end)
{
    int64_t whole = w->b_in_place, left = w->p->n - whole;
    if (whole > 0)
        multiply_terms(w, to, &(tn__piece){0, whole, begin, end}, true);
    int64_t parts = left == 0 ? 0 : is_one_a(w) ? 1 : parts_of(left, COLUMNS_MOST);
    tn__piece rest = {whole, left, begin, end};
    for (int64_t i = 0; i < parts; i++) {
        tn__piece some;
        multiply_terms(w, to, columns_of(w, &rest, parts, i, &some), false);
    }
}

/* Later pieces of a long sum are added so that what rounding takes from the sum is kept. */
static void multiply_pieces(const work *w, const target *to)
{
    const tn__product *p = w->p;
    bool by_columns = p->c_by_columns;
    tn__long_sum sum = {.k = p->kernels,
                        .dtype = p->dtype,
                        .rows = by_columns ? p->n : p->m,
                        .cols = by_columns ? p->m : p->n,
                        .ld = p->ldc,
                        .to = p->c,
                        .part = w->part,
                        .lost = w->lost};
    target part = {
        .c = w->part, .row = by_columns ? 1 : sum.cols, .step = by_columns ? sum.cols : 1};
    memset(w->lost, 0, (size_t)(p->m * p->n * w->size));
    for (int64_t i = 0; i < w->pieces; i++) {
        multiply(w, i > 0 ? &part : to, tn__cut(p->k, w->pieces, i),
                 tn__cut(p->k, w->pieces, i + 1));
        if (i > 0)
            tn__long_sum_add(&sum, 0, sum.cols);
    }
}

/* Operands without numbers may have no address, and nothing of them is packed. */
static void multiply_nothing(const work *w, const target *to)
{
    w->p->kernels->product(&(tn__product_block){.m = w->p->m,
                                                .n = w->p->n,
                                                .c = to->c,
                                                .c_row = to->row,
                                                .c_step = to->step,
                                                .adds = to->adds,
                                                .row_bias = to->row_bias,
                                                .column_bias = to->column_bias});
}

static void run(work *w, char *space)
{
    target to = target_of(w->p);
    give_space(w, space);
    if (w->p->k == 0)
        multiply_nothing(w, &to);
    else if (w->pieces > 1)
        multiply_pieces(w, &to);
    else
        multiply(w, &to, 0, w->p->k);
}

void tn__product_serial(const tn__product *p, void *space)
{
    tn__product t;
    work w;
    plan(&w, turned(p, &t));
    if (p->m > 0 && p->n > 0)
        run(&w, space);
}

/* ---- B packed beforehand --------------------------------------------------------------------- */

/* Panel after panel, each with all k rows. */
typedef struct packing {
    const tn__product *p;
    int64_t size, width;
    char *to;
} packing;

static packing packing_of(const tn__product *p, char *to)
{
    return (packing){p, (int64_t)tn_dtype_size(p->dtype), p->kernels->product_tile().columns, to};
}

static void pack_panels(int64_t begin, int64_t end, void *payload)
{
    const packing *a = payload;
    const tn__product *p = a->p;
    for (int64_t i = begin * a->width; i < end * a->width; i += a->width)
        p->kernels->pack_columns(p->k, tn__min(a->width, p->n - i),
                                 p->b.data + i * p->b.line * a->size, p->b.line,
                                 a->to + i * p->k * a->size);
}

size_t tn__product_packed_bytes(const tn__product *p)
{
    packing a = packing_of(p, NULL);
    return (size_t)(tn__divide_up(p->n, a.width) * a.width * p->k * a.size);
}

void tn__product_pack(tn_ctx *ctx, const tn__product *p, char *to)
{
    packing a = packing_of(p, to);
    tn__parallel(ctx, tn__divide_up(p->n, a.width),
                 tn__grain(TN__GRAIN_ELEMENTS, (double)a.width * (double)p->k), pack_panels, &a);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* The depth of blocks is that of the whole, so that a part has the same bits. */
static int64_t depth_of_whole(const tn__product *p)
{
    tn__product t;
    return p->depth > 0 ? p->depth : depth_of(turned(p, &t));
}

static tn__operand lines_from(const tn__operand *o, int64_t line, int64_t size)
{
    tn__operand part = *o;
    part.first += line;
    part.data = o->data ? o->data + line * o->line * size : NULL;
    return part;
}

tn__product tn__product_part(const tn__product *p, int64_t i0, int64_t i1, int64_t j0, int64_t j1)
{
    int64_t size = (int64_t)tn_dtype_size(p->dtype);
    tn__product part = *p;
    part.depth = depth_of_whole(p);
    part.m = i1 - i0;
    part.n = j1 - j0;
    part.a = lines_from(&p->a, i0, size);
    part.b = lines_from(&p->b, j0, size);
    part.c = p->c + (p->c_by_columns ? j0 * p->ldc + i0 : i0 * p->ldc + j0) * size;
    part.row_bias = move(p->row_bias, i0, size);
    part.column_bias = move(p->column_bias, j0, size);
    return part;
}

/* C is cut into so many rows and columns of parts. */
typedef struct grid {
    const tn__product *p;
    int64_t down, right;
    tn__tile_size tile;
    char *space; /* of all parts */
    int64_t bytes;
} grid;

/* The time of the largest part: to multiply, and to pack what it needs. */
static double time_of(const grid *g)
{
    double rows =
        (double)(tn__divide_up(tn__divide_up(g->p->m, g->tile.rows), g->down) * g->tile.rows);
    double columns = (double)(tn__divide_up(tn__divide_up(g->p->n, g->tile.columns), g->right) *
                              g->tile.columns);
    return rows * columns + PACKING_COST * (rows + columns);
}

static grid grid_of(const tn__product *p, int64_t threads)
{
    grid g = {.p = p, .down = 1, .right = 1, .tile = p->kernels->product_tile()};
    grid best = g;
    for (g.down = 1; g.down <= threads; g.down++) {
        g.right = threads / g.down;
        if (time_of(&g) < time_of(&best))
            best = g;
    }
    best.down = tn__min(best.down, p->m);
    best.right = tn__min(best.right, tn__divide_up(p->n, g.tile.columns));
    return best;
}

static tn__product part_of(const grid *g, int64_t number)
{
    int64_t panels = tn__divide_up(g->p->n, g->tile.columns), i0, i1, j0, j1;
    tn__cut_out(g->p->m, g->down, number / g->right, &i0, &i1);
    tn__cut_out(panels, g->right, number % g->right, &j0, &j1);
    return tn__product_part(g->p, i0, i1, j0 * g->tile.columns,
                            tn__min(j1 * g->tile.columns, g->p->n));
}

static void run_parts(int64_t begin, int64_t end, void *payload)
{
    const grid *g = payload;
    for (int64_t i = begin; i < end; i++) {
        tn__product part = part_of(g, i);
        work w;
        plan(&w, &part);
        run(&w, g->space ? g->space + i * g->bytes : NULL);
    }
}

/* A product that is not worth a second thread. */
static void run_alone(tn_ctx *ctx, const tn__product *p)
{
    work w;
    plan(&w, p);
    int64_t bytes = bytes_needed(&w);
    char *space = bytes > 0 ? tn__alloc(ctx, tn__bytes(bytes)) : NULL;
    if (space || bytes == 0)
        run(&w, space);
    tn__free(ctx, space);
}

static void run_together(tn_ctx *ctx, const tn__product *p, int64_t threads)
{
    grid g = grid_of(p, threads);
    int64_t parts = g.down * g.right;
    for (int64_t i = 0; i < parts; i++) {
        tn__product part = part_of(&g, i);
        work w;
        plan(&w, &part);
        g.bytes = tn__max(g.bytes, bytes_needed(&w));
    }
    if (g.bytes > 0)
        g.space = tn__alloc(ctx, tn__bytes(parts * g.bytes));
    if (g.space || g.bytes == 0)
        tn__parallel(ctx, parts, 1, run_parts, &g);
    tn__free(ctx, g.space);
}

void tn__product_run(tn_ctx *ctx, const tn__product *p)
{
    double worth = (double)p->m * (double)p->n * (double)p->k / TN__GRAIN_MULTIPLY_ADDS;
    tn__product t;
    if (p->m == 0 || p->n == 0)
        return;
    if (ctx->threads == 1 || worth < 2)
        run_alone(ctx, turned(p, &t));
    else
        run_together(ctx, turned(p, &t), worth < ctx->threads ? (int64_t)worth : ctx->threads);
}
