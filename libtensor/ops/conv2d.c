/* conv2d(x, w, b):  y[n, o, p] = b[o] + sum over channels c and kernel elements (i, j) of
 *     w[o, c, i, j] x[n, c, stride p + dilation (i, j) - padding], x being 0 outside;
 *     the channels of x and of y are in groups, which know nothing of each other.
 * With m the matrix of windows, a row for each (c, i, j) and a column for each p
 * (kernels/im2col.c), y = w m + b;  dw = dy m^T;  dx = the columns of w^T dy, put back and added
 * up; db = the sum of dy over n and p.
 *
 * Only a tile of m is made at a time, small enough for a core's second-level cache and multiplied
 * while it is there: some rows of it, for a block of columns. A block is a few rows of y of one
 * image, or several images where they are small. */
#include <limits.h>
#include <string.h>
#include <tn/op.h>
#include "base/isa.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/threads.h"
#include "ops/shared/window.h"
#include "ops/shared/winograd.h"
#include "tensor/blas.h"
#include "tensor/copy.h"
#include "tensor/long_sum.h"
#include "tensor/shape.h"

#define TILE_BYTES 393216 /* of a tile of m, */
#define ROW_BYTES 2048    /* and of a row of it, about */
#define MIN_ROWS 64       /* that a tile has for the sake of the workers */
#define GRAIN 500000      /* multiply-adds that are worth a thread of their own */
#define RUN 8             /* products that are added one after another */
#define RUN_OF_TAPS 128   /* and elements of dm that are */

typedef struct conv {
    tn_ctx *ctx;
    const tn__kernels *k;
    tn_dtype dtype;
    int64_t size; /* of an element */
    tn__window w;
    int64_t n, groups, c, o; /* images; groups; channels of x and of y in each of them */
    int64_t taps, depth;     /* elements of a plane of the kernel; rows of m */
    int64_t plane, points;   /* elements of a plane of x and of y */

    int64_t workers;
    int64_t image_blocks, row_blocks; /* into which the columns are cut, */
    int64_t tiles, channel_tiles;     /* and the rows of m, and the channels */
    int64_t parts;                    /* of the columns, whose dw are added at the end */
    char *space;                      /* for each worker: padded rows, a tile, y or dy, */
    int64_t padded_bytes, tile_bytes, block_bytes;
    int64_t sum_bytes; /* and twice this for sums of many products, or of many taps */

    const char *x, *weight, *bias, *dy;
    char *y, *dx, *dw;
} conv;

/* The columns of a task: images n0 .. n0 + images, rows r0 .. r0 + rows of y. */
typedef struct block {
    int64_t group, n0, images, r0, rows, columns;
} block;

/* Rows of elements, `ld` elements apart. */
typedef struct matrix {
    char *data;
    int64_t ld;
} matrix;

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* ---- cutting the work ------------------------------------------------------------------------ */

/* `parts` or a few more of them, for the workers to share evenly; at most `limit`. */
static int64_t evenly(const conv *a, int64_t parts, int64_t limit)
{
    return max(1, min(divide_up(parts, a->workers) * a->workers, limit));
}

static int64_t images_of_block(const conv *a)
{
    return divide_up(a->n, a->image_blocks);
}

static int64_t columns_of_block(const conv *a)
{
    return images_of_block(a) * divide_up(a->w.out_h, a->row_blocks) * a->w.out_w;
}

/* First by images, then by rows where there are too few of them for the workers. */
static void cut_columns(conv *a)
{
    int64_t columns = ROW_BYTES / a->size;
    int64_t images = max(1, columns / a->points);
    a->image_blocks = evenly(a, divide_up(a->n, images), a->n);
    a->row_blocks = min(divide_up(a->points, columns), a->w.out_h);
    if (a->image_blocks * a->groups < a->workers)
        a->row_blocks = evenly(a, a->row_blocks, a->w.out_h);
}

static void cut_rows(conv *a)
{
    int64_t rows = max(1, TILE_BYTES / a->size / columns_of_block(a));
    int64_t channels = max(1, rows / a->taps);
    int64_t tiles = max(1, divide_up(a->depth, rows));
    a->tiles = evenly(a, tiles, max(tiles, a->depth / MIN_ROWS));
    a->channel_tiles = max(1, divide_up(a->c, channels));
    if (a->image_blocks * a->groups < a->workers)
        a->channel_tiles = evenly(a, a->channel_tiles, a->c);
    a->parts = divide_up(a->workers, a->groups * a->tiles);
    a->parts = min(a->parts, a->image_blocks * a->row_blocks);
}

/* The bytes of an array of these sizes, to the next multiple of the alignment; more than there can
 * be if that is what it takes. */
static int64_t bytes_of(const conv *a, int64_t images, int64_t planes, int64_t rows, int64_t cols)
{
    const int64_t limit = PTRDIFF_MAX / 2 / TN_MAX_THREADS;
    int64_t numel = tn__numel_of(4, (int64_t[]){images, planes, rows, cols}, (size_t)a->size);
    if (numel < 0 || numel > limit / 16)
        return limit + 1;
    return divide_up(numel * a->size + TN__SLACK, TN_ALIGNMENT) * TN_ALIGNMENT;
}

static int64_t space_of_worker(const conv *a)
{
    return a->padded_bytes + a->tile_bytes + a->block_bytes + 2 * a->sum_bytes;
}

/* Does an element of dx get so many taps that rounding must be made good? */
static bool has_many_taps(const conv *a)
{
    return tn__windows_over(&a->w) > 2 * RUN_OF_TAPS;
}

/* Tiles are of whole channels for dx, whose padded images are needed from top to bottom. */
static bool get_space(conv *a, bool for_dx)
{
    int64_t images = images_of_block(a), rows = divide_up(a->w.out_h, a->row_blocks);
    int64_t depth = divide_up(a->depth, a->tiles);
    int64_t channels = min(a->c, depth / a->taps + 2);
    if (for_dx) {
        channels = divide_up(a->c, a->channel_tiles);
        depth = channels * a->taps;
        rows = a->w.out_h;
    }
    a->padded_bytes =
        bytes_of(a, images, channels, tn__window_rows(&a->w, rows), tn__window_line(&a->w));
    a->tile_bytes = bytes_of(a, 1, 1, depth, columns_of_block(a));
    a->block_bytes = images > 1 ? bytes_of(a, 1, 1, a->o, columns_of_block(a)) : 0;
    if (for_dx)
        a->sum_bytes = has_many_taps(a) ? a->padded_bytes : 0;
    int64_t bytes = space_of_worker(a);
    bool fits = bytes <= PTRDIFF_MAX / 2 / TN_MAX_THREADS;
    a->space = tn__alloc(a->ctx, fits ? (size_t)(a->workers * bytes) : SIZE_MAX);
    return a->space != NULL;
}

/* ---- parts of it ----------------------------------------------------------------------------- */

/* Part number i of `parts` of 0 .. n. */
static void cut(int64_t n, int64_t parts, int64_t i, int64_t *begin, int64_t *end)
{
    *begin = tn__cut(n, parts, i);
    *end = tn__cut(n, parts, i + 1);
}

static block block_of(const conv *a, int64_t group, int64_t number)
{
    int64_t n1, r1;
    block b = {.group = group};
    cut(a->n, a->image_blocks, number / a->row_blocks, &b.n0, &n1);
    cut(a->w.out_h, a->row_blocks, number % a->row_blocks, &b.r0, &r1);
    b.images = n1 - b.n0;
    b.rows = r1 - b.r0;
    b.columns = b.images * b.rows * a->w.out_w;
    return b;
}

/* Channel c of the block's group in image n of x, or of dx. */
static int64_t x_offset(const conv *a, const block *b, int64_t n, int64_t c)
{
    return ((n * a->groups + b->group) * a->c + c) * a->plane * a->size;
}

/* The rows of the block in image n of y, or of dy. */
static int64_t y_offset(const conv *a, const block *b, int64_t n)
{
    return ((n * a->groups + b->group) * a->o * a->points + b->r0 * a->w.out_w) * a->size;
}

/* Where a kernel of one element takes every element of x once, m is x itself: there is no padding,
 * and no step passes over an element, so that the planes of y are as large. */
static bool is_x(const conv *a, const block *b)
{
    const tn__window *w = &a->w;
    return b->images == 1 && a->taps == 1 && w->padding_h == 0 && w->padding_w == 0 &&
           w->out_h == w->h && w->out_w == w->w;
}

/* Rows begin .. end of m. */
static matrix tile_of(const conv *a, const block *b, int64_t begin, int64_t end, char *space)
{
    int64_t c0 = begin / a->taps, c1 = divide_up(end, a->taps);
    if (is_x(a, b))
        return (matrix){(char *)a->x + x_offset(a, b, b->n0, begin) + b->r0 * a->w.out_w * a->size,
                        a->points};
    tn__columns columns = {.begin = begin - c0 * a->taps,
                           .end = end - c0 * a->taps,
                           .images = b->images,
                           .planes = c1 - c0,
                           .rows = tn__window_rows(&a->w, b->rows),
                           .out_rows = b->rows};
    int64_t image = columns.planes * columns.rows * tn__window_line(&a->w);
    for (int64_t i = 0; i < b->images; i++)
        a->k->pad_planes(&a->w, columns.planes, b->r0 * a->w.stride_h, columns.rows,
                         a->x + x_offset(a, b, b->n0 + i, c0), space + i * image * a->size);
    matrix m = {space + a->padded_bytes, b->columns};
    a->k->im2col(&a->w, &columns, space, m.data);
    return m;
}

/* The block of y or dy where it is, or the place in the worker's space for several images of it. */
static matrix block_matrix(const conv *a, const block *b, const char *y, char *space)
{
    if (b->images == 1)
        return (matrix){(char *)y + y_offset(a, b, b->n0), a->points};
    return (matrix){space + a->padded_bytes + a->tile_bytes, b->columns};
}

/* Copies images of y to the matrix, or back. */
static void copy_block(const conv *a, const block *b, char *y, matrix m, bool back)
{
    int64_t bytes = a->points * a->size;
    for (int64_t i = 0; b->images > 1 && i < b->images; i++)
        for (int64_t o = 0; o < a->o; o++) {
            char *image = y + y_offset(a, b, b->n0 + i) + o * bytes;
            char *row = m.data + o * m.ld * a->size + i * bytes;
            memcpy(back ? image : row, back ? row : image, (size_t)bytes);
        }
}

static matrix block_of_dy(const conv *a, const block *b, char *space)
{
    matrix m = block_matrix(a, b, a->dy, space);
    copy_block(a, b, (char *)a->dy, m, false);
    return m;
}

/* ---- the three products ---------------------------------------------------------------------- */

/* A sum of products in `to` [o, columns], in the worker's space. */
static tn__long_sum sum_in(const conv *a, int64_t columns, matrix to, char *space)
{
    char *part = space + a->padded_bytes + a->tile_bytes + a->block_bytes;
    return (tn__long_sum){.k = a->k,
                          .dtype = a->dtype,
                          .rows = a->o,
                          .cols = columns,
                          .ld = to.ld,
                          .to = to.data,
                          .part = part,
                          .lost = part + a->sum_bytes};
}

static bool is_long(int64_t products)
{
    return products > 2 * RUN;
}

/* Adds product number i of n; the first one to beta times what is there. The first run of a long
 * sum is added up in place, later ones apart. */
static void add_product(const tn__long_sum *s, int64_t i, int64_t n, double beta, tn__gemm_args g)
{
    bool apart = is_long(n) && i >= RUN;
    g.alpha = 1;
    g.beta = i == 0 ? beta : !apart || i % RUN > 0;
    g.c = apart ? s->part : s->to;
    g.ldc = apart ? s->cols : s->ld;
    if (is_long(n) && i == 0)
        memset(s->lost, 0, (size_t)(s->rows * s->cols) * tn_dtype_size(s->dtype));
    tn__gemm_serial(&g);
    if (apart && (i % RUN == RUN - 1 || i == n - 1))
        tn__long_sum_add(s, 0, s->cols);
}

static void fill_with_bias(const conv *a, const block *b, matrix y)
{
    for (int64_t o = 0; o < a->o; o++) {
        char *row = y.data + o * y.ld * a->size;
        if (a->bias)
            a->k->fill(b->columns, a->bias + (b->group * a->o + o) * a->size, row);
        else
            memset(row, 0, (size_t)(b->columns * a->size));
    }
}

static void forward_task(const conv *a, int64_t task, char *space)
{
    int64_t blocks = a->image_blocks * a->row_blocks;
    block b = block_of(a, task / blocks, task % blocks);
    matrix y = block_matrix(a, &b, a->y, space);
    tn__long_sum sum = sum_in(a, b.columns, y, space);
    fill_with_bias(a, &b, y);
    for (int64_t i = 0, begin, end; i < a->tiles; i++) {
        cut(a->depth, a->tiles, i, &begin, &end);
        matrix m = tile_of(a, &b, begin, end, space);
        add_product(&sum, i, a->tiles, 1,
                    (tn__gemm_args){.dtype = a->dtype,
                                    .m = a->o,
                                    .n = b.columns,
                                    .k = end - begin,
                                    .a = a->weight + (b.group * a->o * a->depth + begin) * a->size,
                                    .lda = a->depth,
                                    .b = m.data,
                                    .ldb = m.ld});
    }
    copy_block(a, &b, a->y, y, true);
}

/* A tile of dw from one part of the columns. */
static void weight_task(const conv *a, int64_t task, char *space)
{
    int64_t part = task % a->parts, tile = task / a->parts % a->tiles;
    int64_t group = task / a->parts / a->tiles, begin, end, first, last;
    cut(a->depth, a->tiles, tile, &begin, &end);
    cut(a->image_blocks * a->row_blocks, a->parts, part, &first, &last);
    int64_t row = (part * a->groups + group) * a->o;
    matrix dw = {a->dw + (row * a->depth + begin) * a->size, a->depth};
    tn__long_sum sum = sum_in(a, end - begin, dw, space);
    for (int64_t i = first; i < last; i++) {
        block b = block_of(a, group, i);
        matrix m = tile_of(a, &b, begin, end, space), dy = block_of_dy(a, &b, space);
        add_product(&sum, i - first, last - first, 0,
                    (tn__gemm_args){.dtype = a->dtype,
                                    .trans_b = true,
                                    .m = a->o,
                                    .n = end - begin,
                                    .k = b.columns,
                                    .a = dy.data,
                                    .lda = dy.ld,
                                    .b = m.data,
                                    .ldb = m.ld});
    }
}

/* Rows begin .. end of w^T dy, for the columns of the block. */
static void multiply_back(const conv *a, const block *b, int64_t begin, int64_t end, matrix dm,
                          char *space)
{
    matrix dy = block_of_dy(a, b, space);
    tn__gemm_serial(
        &(tn__gemm_args){.dtype = a->dtype,
                         .trans_a = true,
                         .m = end - begin,
                         .n = b->columns,
                         .k = a->o,
                         .alpha = 1,
                         .a = a->weight + (b->group * a->o * a->depth + begin) * a->size,
                         .lda = a->depth,
                         .b = dy.data,
                         .ldb = dy.ld,
                         .c = dm.data,
                         .ldc = dm.ld});
}

/* Adds `part`, the taps of channel c that are apart from padded rows p, to them. */
static void add_taps(const conv *a, const tn__columns *columns, int64_t c, char *part, char *p)
{
    int64_t line = tn__window_line(&a->w), plane = columns->rows * line;
    int64_t n = tn__window_rows(&a->w, columns->out_rows) * line;
    for (int64_t i = 0; i < columns->images; i++) {
        int64_t at = (i * columns->planes + c) * plane * a->size;
        a->k->add_part(n, part + at, p + at, part + a->sum_bytes + at);
        memset(part + at, 0, (size_t)(n * a->size));
    }
}

/* Padded rows p += dm. Of many taps, runs are added up apart, and what rounding takes from their
 * sum is kept: `part` is padded rows of zeros for the one, and as many for the other. */
static void put_back(const conv *a, const tn__columns *columns, matrix dm, char *part, char *p)
{
    tn__columns run = *columns;
    if (!has_many_taps(a)) {
        a->k->col2im(&a->w, columns, dm.data, p);
        return;
    }
    for (run.begin = 0; run.begin < columns->end; run.begin = run.end) {
        int64_t c = run.begin / a->taps;
        run.end = min(run.begin + RUN_OF_TAPS, (c + 1) * a->taps);
        a->k->col2im(&a->w, &run, dm.data + run.begin * dm.ld * a->size, part);
        add_taps(a, columns, c, part, p);
    }
}

/* Some channels of dx, of one image or several small ones, from all of their rows of dy. */
static void input_task(const conv *a, int64_t task, char *space)
{
    const tn__window *w = &a->w;
    int64_t tile = task % a->channel_tiles, images = task / a->channel_tiles % a->image_blocks;
    int64_t group = task / a->channel_tiles / a->image_blocks, c0, c1;
    int64_t line = tn__window_line(w);
    tn__columns columns = {.rows = tn__window_rows(w, w->out_h)};
    block b = block_of(a, group, images * a->row_blocks);
    cut(a->c, a->channel_tiles, tile, &c0, &c1);
    columns.end = (c1 - c0) * a->taps;
    columns.planes = c1 - c0;
    columns.images = b.images;
    int64_t image = columns.planes * columns.rows * line * a->size;
    bool in_place = is_x(a, &b);
    char *part = space + a->padded_bytes + a->tile_bytes + a->block_bytes;
    if (!in_place)
        memset(space, 0, (size_t)(b.images * image));
    memset(part, 0, (size_t)(2 * a->sum_bytes));
    for (int64_t i = 0; i < a->row_blocks; i++) {
        b = block_of(a, group, images * a->row_blocks + i);
        matrix dm = {space + a->padded_bytes, b.columns};
        if (in_place)
            dm = (matrix){a->dx + x_offset(a, &b, b.n0, c0) + b.r0 * w->out_w * a->size, a->points};
        multiply_back(a, &b, c0 * a->taps, c1 * a->taps, dm, space);
        columns.out_rows = b.rows;
        int64_t first = b.r0 * w->stride_h * line * a->size;
        if (!in_place)
            put_back(a, &columns, dm, part + first, space + first);
    }
    for (int64_t i = 0; !in_place && i < b.images; i++)
        a->k->unpad_planes(w, columns.planes, columns.rows, space + i * image,
                           a->dx + x_offset(a, &b, b.n0 + i, c0));
}

/* ---- sharing the tasks ----------------------------------------------------------------------- */

typedef struct share {
    const conv *a;
    void (*task)(const conv *a, int64_t task, char *space);
    int64_t tasks;
} share;

static void run_workers(int64_t begin, int64_t end, void *payload)
{
    const share *s = payload;
    const conv *a = s->a;
    int64_t bytes = space_of_worker(a);
    for (int64_t worker = begin; worker < end; worker++) {
        int64_t first, last;
        cut(s->tasks, a->workers, worker, &first, &last);
        for (int64_t i = first; i < last; i++)
            s->task(a, i, a->space + worker * bytes);
    }
}

static void run_tasks(conv *a, int64_t tasks, bool for_dx,
                      void (*task)(const conv *a, int64_t task, char *space))
{
    share s = {a, task, tasks};
    if (!tn__gemm_ready(a->ctx) || !get_space(a, for_dx))
        return;
    tn__parallel(a->ctx, a->workers, 1, run_workers, &s);
    tn__free(a->ctx, a->space);
}

/* Is there an element of y? Without one the gradients are 0. */
static bool has_result(const conv *a)
{
    return a->n > 0 && a->o > 0;
}

static conv conv_new(tn_ctx *ctx, const tn__window *w, int64_t groups, const tn_tensor *x,
                     const tn_tensor *weight)
{
    conv a = {.ctx = ctx,
              .k = tn__kernels_of(ctx, x->dtype),
              .dtype = x->dtype,
              .size = (int64_t)tn_dtype_size(x->dtype),
              .w = *w,
              .n = x->ndim == 4 ? x->shape[0] : 1,
              .groups = groups,
              .c = weight->shape[1],
              .o = weight->shape[0] / groups,
              .taps = w->kernel_h * w->kernel_w,
              .depth = weight->shape[1] * w->kernel_h * w->kernel_w,
              .plane = w->h * w->w,
              .points = w->out_h * w->out_w,
              .x = tn__ptr(x),
              .weight = tn__ptr(weight)};
    double work =
        (double)a.n * (double)weight->shape[0] * (double)a.depth * (double)a.points / GRAIN;
    a.workers = work < ctx->threads ? (int64_t)work + 1 : ctx->threads;
    if (has_result(&a)) {
        cut_columns(&a);
        cut_rows(&a);
    }
    return a;
}

/* ---- Winograd's method, where it pays -------------------------------------------------------- */

static tn__winograd_args winograd_of(const conv *a)
{
    return (tn__winograd_args){.ctx = a->ctx,
                               .dtype = a->dtype,
                               .w = a->w,
                               .n = a->n,
                               .c = a->c,
                               .o = a->o,
                               .x = a->x,
                               .weight = a->weight,
                               .bias = a->bias,
                               .dy = a->dy,
                               .y = a->y,
                               .dw = a->dw};
}

/* dx is the convolution of dy with the kernels turned, padded by what is left of 2. */
static tn__winograd_args winograd_of_dx(const conv *a)
{
    tn__winograd_args t = winograd_of(a);
    t.w.h = a->w.out_h;
    t.w.w = a->w.out_w;
    t.w.out_h = a->w.h;
    t.w.out_w = a->w.w;
    t.w.padding_h = 2 - a->w.padding_h;
    t.w.padding_w = 2 - a->w.padding_w;
    t.c = a->o;
    t.o = a->c;
    t.turned = true;
    t.x = a->dy;
    t.bias = NULL;
    t.y = a->dx;
    return t;
}

static bool fits(const conv *a, const tn__winograd_args *t)
{
    return a->groups == 1 && a->w.padding_h <= 2 && a->w.padding_w <= 2 && tn__winograd_fits(t);
}

static void run_forward(conv *a)
{
    tn__winograd_args t = winograd_of(a);
    if (is_long(a->tiles))
        a->sum_bytes = bytes_of(a, 1, 1, a->o, columns_of_block(a));
    if (fits(a, &t))
        tn__winograd_forward(&t);
    else
        run_tasks(a, a->groups * a->image_blocks * a->row_blocks, false, forward_task);
}

static void run_input_grad(conv *a)
{
    tn__winograd_args t = winograd_of_dx(a);
    if (fits(a, &t))
        tn__winograd_forward(&t);
    else
        run_tasks(a, a->groups * a->image_blocks * a->channel_tiles, true, input_task);
}

/* ---- the operator ---------------------------------------------------------------------------- */

typedef struct conv_data {
    tn__window w;
    int64_t groups;
} conv_data;

static tn_tensor *grad_of_x(tn_ctx *ctx, conv *a, const tn_tensor *x)
{
    tn_tensor *dx = tn__new(ctx, "conv2d", x->dtype, x->ndim, x->shape);
    if (!dx)
        return NULL;
    a->dx = tn__ptr(dx);
    if (has_result(a))
        run_input_grad(a);
    else
        tn__fill(dx, 0);
    return tn_ok(ctx) ? dx : NULL;
}

static tn_tensor *grad_of_weight(tn_ctx *ctx, conv *a, const tn_tensor *weight)
{
    if (!has_result(a))
        return tn_zeros(ctx, weight->dtype, weight->ndim, weight->shape);
    tn__winograd_args t = winograd_of(a);
    bool by_winograd = fits(a, &t);
    int64_t shape[] = {a->parts, weight->shape[0], weight->shape[1], weight->shape[2],
                       weight->shape[3]};
    bool alone = a->parts == 1 || by_winograd;
    tn_tensor *dw = tn__new(ctx, "conv2d", weight->dtype, alone ? 4 : 5, shape + alone);
    if (!dw)
        return NULL;
    a->dw = t.dw = tn__ptr(dw);
    if (is_long(divide_up(a->image_blocks * a->row_blocks, a->parts)))
        a->sum_bytes = bytes_of(a, 1, 1, a->o, divide_up(a->depth, a->tiles));
    if (by_winograd)
        tn__winograd_weight_grad(&t);
    else
        run_tasks(a, a->groups * a->tiles * a->parts, false, weight_task);
    if (!tn_ok(ctx))
        return NULL;
    return alone ? dw : tn_sum(ctx, dw, TN_DIMS(0));
}

static void conv2d_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const conv_data *data = tn_node_data(node);
    const tn_tensor *x = tn_saved(node, 0), *weight = tn_saved(node, 1);
    dy = tn__contiguous(ctx, dy);
    if (!dy)
        return;
    conv a = conv_new(ctx, &data->w, data->groups, x, weight);
    a.dy = tn__ptr(dy);
    if (tn_wants_grad(node, 0))
        tn_add_grad(ctx, node, 0, grad_of_x(ctx, &a, x));
    if (tn_wants_grad(node, 1))
        tn_add_grad(ctx, node, 1, grad_of_weight(ctx, &a, weight));
    if (tn_wants_grad(node, 2))
        tn_add_grad(ctx, node, 2, tn_sum(ctx, dy, x->ndim == 4 ? TN_DIMS(0, 2, 3) : TN_DIMS(1, 2)));
}

static const tn_op conv2d_op = {.name = "conv2d", .backward = conv2d_backward};

static bool check_channels(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                           const tn_tensor *bias, int64_t groups)
{
    int64_t c = tn_size(x, -3), out = weight->shape[0];
    if (groups < 1 || out % groups != 0 || c % groups != 0) {
        tn_fail(ctx, groups < 1 ? TN_ERR_ARGUMENT : TN_ERR_SHAPE,
                "conv2d: %lld groups do not divide the %lld channels of input %s and the %lld of "
                "weight %s",
                (long long)groups, (long long)c, TN_SHAPE_TEXT(x), (long long)out,
                TN_SHAPE_TEXT(weight));
        return false;
    }
    if (c / groups != weight->shape[1]) {
        tn_fail(ctx, TN_ERR_SHAPE, "conv2d: input %s has %lld channels but weight %s expects %lld",
                TN_SHAPE_TEXT(x), (long long)c, TN_SHAPE_TEXT(weight),
                (long long)(weight->shape[1] * groups));
        return false;
    }
    if (bias && (bias->ndim != 1 || bias->shape[0] != out)) {
        tn_fail(ctx, TN_ERR_SHAPE, "conv2d: weight %s has %lld outputs but bias is %s",
                TN_SHAPE_TEXT(weight), (long long)out, TN_SHAPE_TEXT(bias));
        return false;
    }
    return true;
}

/* Fills in the window and checks that the products fit the int of CBLAS. */
static bool check_window(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight, tn__window *w)
{
    if (!tn__slide(ctx, "conv2d", x, w, false))
        return false;
    double depth = (double)w->kernel_h * (double)w->kernel_w * (double)weight->shape[1];
    double points = (double)w->out_h * (double)w->out_w;
    if (depth > INT_MAX || points > INT_MAX || weight->shape[0] > INT_MAX) {
        tn_fail(ctx, TN_ERR_SHAPE,
                "conv2d: weight %s or the result's planes [%lld,%lld] have a size above %d",
                TN_SHAPE_TEXT(weight), (long long)w->out_h, (long long)w->out_w, INT_MAX);
        return false;
    }
    return true;
}

static bool check_kernel(tn_ctx *ctx, const tn_tensor *weight, const tn_conv2d_opts *opts)
{
    int64_t h = tn__int_option(opts->kernel_h, weight->shape[2]);
    int64_t w = tn__int_option(opts->kernel_w, weight->shape[3]);
    if (h != weight->shape[2] || w != weight->shape[3])
        tn_fail(ctx, TN_ERR_ARGUMENT, "conv2d: kernel [%lld,%lld], but weight %s", (long long)h,
                (long long)w, TN_SHAPE_TEXT(weight));
    return tn_ok(ctx);
}

static bool check_arguments(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                            const tn_tensor *bias, int64_t groups)
{
    if (!tn_check_float(ctx, "conv2d", "input", x) ||
        !tn_check_float(ctx, "conv2d", "weight", weight) ||
        !tn_check_same_dtype(ctx, "conv2d", "input", x, "weight", weight) ||
        (bias && !tn_check_same_dtype(ctx, "conv2d", "input", x, "bias", bias)) ||
        !tn__check_planes(ctx, "conv2d", x))
        return false;
    if (weight->ndim != 4) {
        tn_fail(ctx, TN_ERR_SHAPE, "conv2d: weight %s; expected [out,channels/groups,h,w]",
                TN_SHAPE_TEXT(weight));
        return false;
    }
    return check_channels(ctx, x, weight, bias, groups);
}

tn_tensor *tn_conv2d(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *weight,
                     const tn_tensor *bias, tn_conv2d_opts opts)
{
    tn_begin(ctx, &conv2d_op);
    conv_data data = {.groups = tn__option(0, opts.groups, 1)};
    if (!check_arguments(ctx, x, weight, bias, data.groups) || !check_kernel(ctx, weight, &opts))
        return NULL;
    data.w = (tn__window){.kernel_h = weight->shape[2],
                          .kernel_w = weight->shape[3],
                          .stride_h = tn__option(opts.stride_h, opts.stride, 1),
                          .stride_w = tn__option(opts.stride_w, opts.stride, 1),
                          .padding_h = tn__option(opts.padding_h, opts.padding, 0),
                          .padding_w = tn__option(opts.padding_w, opts.padding, 0),
                          .dilation_h = tn__option(opts.dilation_h, opts.dilation, 1),
                          .dilation_w = tn__option(opts.dilation_w, opts.dilation, 1)};
    if (!check_window(ctx, x, weight, &data.w))
        return NULL;
    int64_t shape[TN_MAX_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[x->ndim - 3] = weight->shape[0];
    shape[x->ndim - 2] = data.w.out_h;
    shape[x->ndim - 1] = data.w.out_w;
    const tn_tensor *plain = tn__contiguous(ctx, x), *w = tn__contiguous(ctx, weight);
    const tn_tensor *b = bias ? tn__contiguous(ctx, bias) : NULL;
    tn_tensor *y = tn__new(ctx, "conv2d", x->dtype, x->ndim, shape);
    if (!tn_ok(ctx))
        return NULL;
    conv a = conv_new(ctx, &data.w, data.groups, plain, w);
    a.bias = b ? tn__ptr(b) : NULL;
    a.y = tn__ptr(y);
    if (has_result(&a))
        run_forward(&a);
    return tn_ok(ctx) ? tn_record(ctx, &conv2d_op, y,
                                  (tn_record_args){.inputs = {x, weight, bias},
                                                   .saved = {plain, w},
                                                   .data = &data,
                                                   .size = sizeof data})
                      : NULL;
}
