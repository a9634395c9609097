/* im2col.c - any convolution, as products with the matrix of windows.
 *
 * Take one group of channels. Its matrix of windows m has a row for each channel c and element
 * (i, j) of the kernel, and a column for each point p of each image of y:
 *
 *     m[(c, i, j), p] = x[c, stride p + dilation (i, j) - padding], or 0 in the padding
 *
 * so that column p is the window of x that makes y[p]. With the weight as a matrix w
 * [out_channels, depth] and y and dy as [out_channels, points],
 *
 *     y = w m + b        dw = dy m^T        dm = w^T dy
 *
 * and dx is the sum of the elements of dm that belong to it, for each number of x is in m as many
 * times as there are windows over it.
 *
 * m is kernel_points times as large as x. Therefore only a tile of it is made at a time, for a
 * block of columns, and multiplied while it is in the cache (tiling.h draws it). The tasks are
 *
 *     forward   a block. Its y is the sum over all tiles.
 *     dw        a tile. Its columns of dw are the sum over all blocks. Where there are fewer tiles
 *               than workers, the blocks are cut into parts; each part has a dw of its own, and
 *               these are added at the end.
 *     dx        some channels of the images of a block, from all rows of their dy.
 *
 * Where a sum has many terms, runs of them are added up apart, and what rounding takes from the
 * sum of the runs is kept and added, so that errors do not grow with the number of terms. */
#include <string.h>
#include <tn/ops.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/threads.h"
#include "ops/conv2d/plan.h"
#include "ops/conv2d/tiling.h"
#include "ops/shared/window.h"
#include "tensor/blas.h"
#include "tensor/gemm.h"
#include "tensor/long_sum.h"
#include "tensor/tensor.h"

#define RUN 8           /* products, at most, that are added one after another */
#define RUN_OF_TAPS 128 /* and elements of dm that are */

/* Rows of elements, `ld` elements apart. */
typedef struct matrix {
    char *data;
    int64_t ld;
} matrix;

/* ---- the three matrices ---------------------------------------------------------------------- */

/* Where channel c of the block's group begins in image n of x, or of dx. */
static int64_t x_offset(const tn__conv2d_plan *p, const tn__column_block *b, int64_t n, int64_t c)
{
    return ((n * p->groups + b->group) * p->in_channels + c) * p->in_points * p->element_size;
}

/* Where the rows of the block begin in image n of y, or of dy. */
static int64_t y_offset(const tn__conv2d_plan *p, const tn__column_block *b, int64_t n)
{
    int64_t plane = (n * p->groups + b->group) * p->out_channels;
    return (plane * p->out_points + b->r0 * p->window.out_w) * p->element_size;
}

/* The columns of w for rows of m from `row` on. */
static const char *weight_at(const tn__conv2d_plan *p, int64_t group, int64_t row)
{
    return p->weight + (group * p->out_channels * p->depth + row) * p->element_size;
}

/* Where a kernel of one element takes every element of x once, m is x itself: there is no padding,
 * and no step passes over an element, so that the planes of y are as large. */
static bool is_x(const tn__conv2d_plan *p, const tn__column_block *b)
{
    const tn__window *w = &p->window;
    return b->images == 1 && p->kernel_points == 1 && w->padding_h == 0 && w->padding_w == 0 &&
           w->out_h == w->h && w->out_w == w->w;
}

/* Rows of m, or of dm, that are x or dx itself, from channel c on. */
static matrix planes_of(const tn__conv2d_plan *p, const tn__column_block *b, const char *x,
                        int64_t c)
{
    int64_t rows = b->r0 * p->window.out_w * p->element_size;
    return (matrix){(char *)x + x_offset(p, b, b->n0, c) + rows, p->in_points};
}

/* Rows begin .. end of m. */
static matrix tile_of(const tn__conv2d_plan *p, const tn__column_block *b, int64_t begin,
                      int64_t end, const tn__tile_space *s)
{
    const tn__window *w = &p->window;
    int64_t c0 = begin / p->kernel_points, c1 = tn__divide_up(end, p->kernel_points);
    if (is_x(p, b))
        return planes_of(p, b, p->x, begin);
    tn__columns columns = {.begin = begin - c0 * p->kernel_points,
                           .end = end - c0 * p->kernel_points,
                           .images = b->images,
                           .planes = c1 - c0,
                           .rows = tn__window_rows(w, b->rows),
                           .out_rows = b->rows};
    int64_t image = columns.planes * columns.rows * tn__window_line(w) * p->element_size;
    for (int64_t i = 0; i < b->images; i++)
        p->kernels->pad_planes(w, columns.planes, b->r0 * w->stride_h, columns.rows,
                               p->x + x_offset(p, b, b->n0 + i, c0), s->padded + i * image);
    p->kernels->im2col(w, &columns, s->padded, s->tile);
    return (matrix){s->tile, b->columns};
}

/* The block of y or dy where it is, or the worker's memory for one of several images. */
static matrix block_matrix(const tn__conv2d_plan *p, const tn__column_block *b, const char *y,
                           const tn__tile_space *s)
{
    if (b->images == 1)
        return (matrix){(char *)y + y_offset(p, b, b->n0), p->out_points};
    return (matrix){s->block, b->columns};
}

/* Copies several images of y to the matrix, or back. */
static void copy_block(const tn__conv2d_plan *p, const tn__column_block *b, char *y, matrix m,
                       bool back)
{
    int64_t bytes = p->out_points * p->element_size;
    for (int64_t i = 0; b->images > 1 && i < b->images; i++)
        for (int64_t o = 0; o < p->out_channels; o++) {
            char *image = y + y_offset(p, b, b->n0 + i) + o * bytes;
            char *row = m.data + o * m.ld * p->element_size + i * bytes;
            memcpy(back ? image : row, back ? row : image, (size_t)bytes);
        }
}

static matrix block_of_dy(const tn__conv2d_plan *p, const tn__column_block *b,
                          const tn__tile_space *s)
{
    matrix m = block_matrix(p, b, p->dy, s);
    copy_block(p, b, (char *)p->dy, m, false);
    return m;
}

/* ---- sums of products ------------------------------------------------------------------------ */

/* How a sum of products is added up: each of them in pieces that are added up well, and `run` of
 * the pieces one after another. */
typedef struct product_sum {
    tn_ctx *ctx;
    tn__long_sum sum;
    size_t space_bytes; /* for a piece to be multiplied in */
    char *space;
    int64_t pieces, run;
    bool is_long; /* later runs are added up apart */
} product_sum;

/* A sum of so many products, each with at most `terms` terms, in a matrix of so many rows and
 * columns. A run has about as many terms as a piece may have, but at least one piece. */
static product_sum sum_of(const tn__conv2d_plan *p, int64_t products, int64_t terms, int64_t rows,
                          int64_t columns)
{
    product_sum s = {.ctx = p->ctx,
                     .sum = {.k = p->kernels, .dtype = p->dtype, .rows = rows, .cols = columns}};
    s.pieces = tn__max(1, tn__divide_up(terms, TN__GEMM_LONG));
    int64_t piece = tn__max(1, tn__divide_up(terms, s.pieces));
    s.run = tn__min(RUN, TN__GEMM_LONG / piece);
    s.is_long = products * s.pieces > 2 * s.run;
    s.space_bytes = tn__gemm_space(
        p->ctx, &(tn__gemm_args){.dtype = p->dtype, .m = rows, .n = columns, .k = piece});
    return s;
}

/* The memory for what the sum adds up apart. */
static int64_t bytes_of_sum(const tn__conv2d_plan *p, const product_sum *s)
{
    return s->is_long ? tn__bytes_of(p, 1, 1, s->sum.rows, s->sum.cols) : 0;
}

/* The sum begins in `to`; `part` and `lost` are such memory. */
static void begin_sum(product_sum *s, matrix to, char *part, char *lost, char *space)
{
    s->space = space;
    s->sum.to = to.data;
    s->sum.ld = to.ld;
    s->sum.part = part;
    s->sum.lost = lost;
    if (s->is_long)
        memset(lost, 0, (size_t)(s->sum.rows * s->sum.cols) * tn_dtype_size(s->sum.dtype));
}

/* Adds piece number i. The first run of a long sum is added up in place, later ones apart; its last
 * piece ends a run. */
static void add_piece(const product_sum *s, int64_t i, bool last, tn__gemm_args g)
{
    bool apart = s->is_long && i >= s->run;
    g.adds = i > 0 && (!apart || i % s->run > 0);
    g.row_bias = i > 0 ? NULL : g.row_bias;
    g.c = apart ? s->sum.part : s->sum.to;
    g.ldc = apart ? s->sum.cols : s->sum.ld;
    tn__gemm_serial(s->ctx, &g, s->space);
    if (apart && (last || i % s->run == s->run - 1))
        tn__long_sum_add(&s->sum, 0, s->sum.cols);
}

/* Adds product number i of n; the first one, with its bias, is what the sum begins with. */
static void add_product(const product_sum *s, int64_t i, int64_t n, tn__gemm_args g)
{
    g.m = s->sum.rows;
    g.n = s->sum.cols;
    for (int64_t j = 0, begin, end; j < s->pieces; j++) {
        tn__cut_out(g.k, s->pieces, j, &begin, &end);
        add_piece(s, i * s->pieces + j, i == n - 1 && j == s->pieces - 1,
                  tn__gemm_middle(&g, begin, end));
    }
}

/* ---- forward: y = w m + b -------------------------------------------------------------------- */

static const char *bias_of(const tn__conv2d_plan *p, int64_t group)
{
    return p->bias ? p->bias + group * p->out_channels * p->element_size : NULL;
}

/* Over all tiles, for a block of so many columns. */
static product_sum sum_in_y(const tn__tiling *t, int64_t columns)
{
    const tn__conv2d_plan *p = t->plan;
    return sum_of(p, t->tiles, tn__divide_up(p->depth, t->tiles), p->out_channels, columns);
}

static void forward_task(const tn__tiling *t, int64_t task, const tn__tile_space *s)
{
    const tn__conv2d_plan *p = t->plan;
    tn__column_block b = tn__block_of(t, task / tn__blocks_of(t), task % tn__blocks_of(t));
    matrix y = block_matrix(p, &b, p->y, s);
    product_sum sum = sum_in_y(t, b.columns);
    begin_sum(&sum, y, s->part, s->lost, s->product);
    for (int64_t i = 0, begin, end; i < t->tiles; i++) {
        tn__cut_out(p->depth, t->tiles, i, &begin, &end);
        matrix m = tile_of(p, &b, begin, end, s);
        add_product(&sum, i, t->tiles,
                    (tn__gemm_args){.dtype = p->dtype,
                                    .k = end - begin,
                                    .a = weight_at(p, b.group, begin),
                                    .lda = p->depth,
                                    .b = m.data,
                                    .ldb = m.ld,
                                    .row_bias = bias_of(p, b.group)});
    }
    for (int64_t o = 0; o < p->out_channels; o++)
        tn__conv2d_end(p, b.group * p->out_channels + o, b.columns,
                       y.data + o * y.ld * p->element_size);
    copy_block(p, &b, p->y, y, true);
}

static void forward(const tn__conv2d_plan *p)
{
    tn__tiling t = tn__tiling_new(p);
    tn__space_for_tiles(&t);
    product_sum sum = sum_in_y(&t, tn__most_columns(&t));
    t.sum_bytes = bytes_of_sum(p, &sum);
    t.product_bytes = (int64_t)sum.space_bytes;
    tn__run_tasks(&t, p->groups * tn__blocks_of(&t), forward_task);
}

/* ---- the gradient of the weight: dw = dy m^T ------------------------------------------------- */

/* Over so many blocks, for a tile of so many rows. */
static product_sum sum_in_dw(const tn__tiling *t, int64_t blocks, int64_t rows)
{
    return sum_of(t->plan, blocks, tn__most_columns(t), t->plan->out_channels, rows);
}

/* A tile's columns of dw, from one part of the blocks. */
static void weight_task(const tn__tiling *t, int64_t task, const tn__tile_space *s)
{
    const tn__conv2d_plan *p = t->plan;
    int64_t part = task % t->parts, tile = task / t->parts % t->tiles;
    int64_t group = task / t->parts / t->tiles, begin, end, first, last;
    tn__cut_out(p->depth, t->tiles, tile, &begin, &end);
    tn__cut_out(tn__blocks_of(t), t->parts, part, &first, &last);
    int64_t row = (part * p->groups + group) * p->out_channels;
    matrix dw = {t->dw + (row * p->depth + begin) * p->element_size, p->depth};
    product_sum sum = sum_in_dw(t, last - first, end - begin);
    begin_sum(&sum, dw, s->part, s->lost, s->product);
    for (int64_t i = first; i < last; i++) {
        tn__column_block b = tn__block_of(t, group, i);
        matrix m = tile_of(p, &b, begin, end, s), dy = block_of_dy(p, &b, s);
        add_product(&sum, i - first, last - first,
                    (tn__gemm_args){.dtype = p->dtype,
                                    .trans_b = true,
                                    .k = b.columns,
                                    .a = dy.data,
                                    .lda = dy.ld,
                                    .b = m.data,
                                    .ldb = m.ld});
    }
}

static void run_weight_tasks(tn__tiling *t)
{
    const tn__conv2d_plan *p = t->plan;
    tn__space_for_tiles(t);
    product_sum sum =
        sum_in_dw(t, tn__divide_up(tn__blocks_of(t), t->parts), tn__divide_up(p->depth, t->tiles));
    t->sum_bytes = bytes_of_sum(p, &sum);
    t->product_bytes = (int64_t)sum.space_bytes;
    tn__run_tasks(t, p->groups * t->tiles * t->parts, weight_task);
}

/* Several parts are written to the rows of a tensor, and dw is the sum of the rows. */
static void grad_weight(const tn__conv2d_plan *p)
{
    tn__tiling t = tn__tiling_new(p);
    t.dw = p->dw;
    if (t.parts == 1) {
        run_weight_tasks(&t);
        return;
    }
    int64_t numel = p->groups * p->out_channels * p->depth;
    tn_tensor *parts = tn__new(p->ctx, "conv2d", p->dtype, 2, (int64_t[]){t.parts, numel});
    if (!parts)
        return;
    t.dw = tn__ptr(parts);
    run_weight_tasks(&t);
    const tn_tensor *sum = tn_sum(p->ctx, parts, TN_DIMS(0));
    if (sum)
        memcpy(p->dw, tn__ptr(sum), (size_t)(numel * p->element_size));
}

/* ---- the gradient of x: dm = w^T dy, put back ------------------------------------------------ */

/* Does an element of dx get so many taps that their rounding errors must be kept? */
static bool has_many_taps(const tn__conv2d_plan *p)
{
    return tn__windows_over(&p->window) > 2 * RUN_OF_TAPS;
}

/* The sum that makes dm, which has so many channels and columns, of one product. */
static product_sum sum_in_dm(const tn__conv2d_plan *p, int64_t channels, int64_t columns)
{
    return sum_of(p, 1, p->out_channels, channels * p->kernel_points, columns);
}

/* The memory for taps that are added up apart; the memory for dm follows it. */
static int64_t bytes_of_taps(const tn__tiling *t)
{
    return has_many_taps(t->plan) ? t->padded_bytes : 0;
}

/* Rows of dm, from channels c0 .. c1, for the columns of the block. */
static void multiply_back(const tn__tiling *t, const tn__column_block *b, int64_t c0, int64_t c1,
                          matrix dm, const tn__tile_space *s)
{
    const tn__conv2d_plan *p = t->plan;
    matrix dy = block_of_dy(p, b, s);
    product_sum sum = sum_in_dm(p, c1 - c0, b->columns);
    begin_sum(&sum, dm, s->part + bytes_of_taps(t), s->lost + bytes_of_taps(t), s->product);
    add_product(&sum, 0, 1,
                (tn__gemm_args){.dtype = p->dtype,
                                .trans_a = true,
                                .k = p->out_channels,
                                .a = weight_at(p, b->group, c0 * p->kernel_points),
                                .lda = p->depth,
                                .b = dy.data,
                                .ldb = dy.ld});
}

/* Adds the taps of channel c that are apart to the padded rows, from `first` bytes on. */
static void add_taps(const tn__conv2d_plan *p, const tn__columns *columns, int64_t c, int64_t first,
                     const tn__tile_space *s)
{
    int64_t line = tn__window_line(&p->window), plane = columns->rows * line;
    int64_t n = tn__window_rows(&p->window, columns->out_rows) * line;
    for (int64_t i = 0; i < columns->images; i++) {
        int64_t at = first + (i * columns->planes + c) * plane * p->element_size;
        p->kernels->add_part(n, s->part + at, s->padded + at, s->lost + at);
        memset(s->part + at, 0, (size_t)(n * p->element_size));
    }
}

/* Padded rows, from `first` bytes on, += dm. Of many taps, runs of one channel are added up apart,
 * in `part`, which is zeros before and after. */
static void put_back(const tn__conv2d_plan *p, const tn__columns *columns, matrix dm, int64_t first,
                     const tn__tile_space *s)
{
    const tn__window *w = &p->window;
    tn__columns run = *columns;
    if (!has_many_taps(p)) {
        p->kernels->col2im(w, columns, dm.data, s->padded + first);
        return;
    }
    for (run.begin = 0; run.begin < columns->end; run.begin = run.end) {
        int64_t c = run.begin / p->kernel_points;
        run.end = tn__min(run.begin + RUN_OF_TAPS, (c + 1) * p->kernel_points);
        char *rows = dm.data + run.begin * dm.ld * p->element_size;
        p->kernels->col2im(w, &run, rows, s->part + first);
        add_taps(p, columns, c, first, s);
    }
}

/* dm is dx itself: there is nothing to add up. */
static void input_in_place(const tn__tiling *t, int64_t group, int64_t first_block, int64_t c0,
                           int64_t c1, const tn__tile_space *s)
{
    const tn__conv2d_plan *p = t->plan;
    for (int64_t i = 0; i < t->row_blocks; i++) {
        tn__column_block b = tn__block_of(t, group, first_block + i);
        multiply_back(t, &b, c0, c1, planes_of(p, &b, p->dx, c0), s);
    }
}

/* The padded images are all zeros first, get the dm of one block after another, and lose their
 * padding at the end. */
static void input_by_taps(const tn__tiling *t, int64_t group, int64_t first_block, int64_t c0,
                          int64_t c1, const tn__tile_space *s)
{
    const tn__conv2d_plan *p = t->plan;
    const tn__window *w = &p->window;
    tn__column_block b = tn__block_of(t, group, first_block);
    tn__columns columns = {.end = (c1 - c0) * p->kernel_points,
                           .images = b.images,
                           .planes = c1 - c0,
                           .rows = tn__window_rows(w, w->out_h)};
    int64_t line = tn__window_line(w) * p->element_size;
    int64_t image = columns.planes * columns.rows * line;
    memset(s->padded, 0, (size_t)(b.images * image));
    memset(s->part, 0, (size_t)bytes_of_taps(t));
    memset(s->lost, 0, (size_t)bytes_of_taps(t));
    for (int64_t i = 0; i < t->row_blocks; i++) {
        b = tn__block_of(t, group, first_block + i);
        columns.out_rows = b.rows;
        matrix dm = {s->tile, b.columns};
        multiply_back(t, &b, c0, c1, dm, s);
        put_back(p, &columns, dm, b.r0 * w->stride_h * line, s);
    }
    for (int64_t i = 0; i < b.images; i++)
        p->kernels->unpad_planes(w, columns.planes, columns.rows, s->padded + i * image,
                                 p->dx + x_offset(p, &b, b.n0 + i, c0));
}

/* Some channels of dx, of one image or several small ones, from all of their rows of dy. */
static void input_task(const tn__tiling *t, int64_t task, const tn__tile_space *s)
{
    int64_t tile = task % t->channel_tiles, images = task / t->channel_tiles % t->image_blocks;
    int64_t group = task / t->channel_tiles / t->image_blocks, c0, c1;
    int64_t first_block = images * t->row_blocks;
    tn__cut_out(t->plan->in_channels, t->channel_tiles, tile, &c0, &c1);
    tn__column_block b = tn__block_of(t, group, first_block);
    if (is_x(t->plan, &b))
        input_in_place(t, group, first_block, c0, c1, s);
    else
        input_by_taps(t, group, first_block, c0, c1, s);
}

/* Tiles hold whole channels, since each task needs the padded images from top to bottom. */
static void grad_input(const tn__conv2d_plan *p)
{
    tn__tiling t = tn__tiling_new(p);
    int64_t channels = tn__divide_up(p->in_channels, t.channel_tiles);
    tn__space_for_channels(&t, channels);
    product_sum sum = sum_in_dm(p, channels, tn__most_columns(&t));
    t.sum_bytes = bytes_of_taps(&t) + bytes_of_sum(p, &sum);
    t.product_bytes = (int64_t)sum.space_bytes;
    tn__run_tasks(&t, p->groups * t.image_blocks * t.channel_tiles, input_task);
}

static bool applies(const tn__conv2d_plan *plan, tn__conv2d_product product)
{
    (void)plan, (void)product;
    return true;
}

const tn__conv2d_method tn__conv2d_im2col = {.name = "im2col",
                                             .applies = applies,
                                             .forward = forward,
                                             .grad_input = grad_input,
                                             .grad_weight = grad_weight};
