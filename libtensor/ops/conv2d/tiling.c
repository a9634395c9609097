/* tiling.c - cutting the work of a convolution into blocks, tiles and tasks, and sharing it. */
#include "base/integers.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "ops/conv2d/tiling.h"
#include "tensor/gemm.h"
#include "tensor/shape.h"

#define TILE_BYTES 393216 /* of a tile, for a second-level cache, */
#define ROW_BYTES 2048    /* and of a row of it, about */
#define MIN_ROWS 64       /* the fewest that a tile has, so that workers have enough to do */

/* ---- cutting the work ------------------------------------------------------------------------ */

/* `parts` or a few more of them, for the workers to share evenly; at most `limit`. */
static int64_t evenly(const tn__conv2d_plan *p, int64_t parts, int64_t limit)
{
    return tn__max(1, tn__min(tn__divide_up(parts, p->workers) * p->workers, limit));
}

int64_t tn__blocks_of(const tn__tiling *t)
{
    return t->image_blocks * t->row_blocks;
}

/* Of the largest block; its columns. */
static int64_t most_images(const tn__tiling *t)
{
    return tn__divide_up(t->plan->images, t->image_blocks);
}

static int64_t most_rows(const tn__tiling *t)
{
    return tn__divide_up(t->plan->window.out_h, t->row_blocks);
}

int64_t tn__most_columns(const tn__tiling *t)
{
    return most_images(t) * most_rows(t) * t->plan->window.out_w;
}

/* First by images, then by rows where there are too few of them for the workers. */
static void cut_columns(tn__tiling *t)
{
    const tn__conv2d_plan *p = t->plan;
    int64_t columns = ROW_BYTES / p->element_size, out_h = p->window.out_h;
    int64_t images = tn__max(1, columns / p->out_points);
    t->image_blocks = evenly(p, tn__divide_up(p->images, images), p->images);
    t->row_blocks = tn__min(tn__divide_up(p->out_points, columns), out_h);
    if (t->image_blocks * p->groups < p->workers)
        t->row_blocks = evenly(p, t->row_blocks, out_h);
}

static void cut_rows(tn__tiling *t)
{
    const tn__conv2d_plan *p = t->plan;
    int64_t rows = tn__max(1, TILE_BYTES / p->element_size / tn__most_columns(t));
    int64_t channels = tn__max(1, rows / p->kernel_points);
    int64_t tiles = tn__max(1, tn__divide_up(p->depth, rows));
    t->tiles = evenly(p, tiles, tn__max(tiles, p->depth / MIN_ROWS));
    t->channel_tiles = tn__max(1, tn__divide_up(p->in_channels, channels));
    if (t->image_blocks * p->groups < p->workers)
        t->channel_tiles = evenly(p, t->channel_tiles, p->in_channels);
    t->parts = tn__min(tn__divide_up(p->workers, p->groups * t->tiles), tn__blocks_of(t));
}

tn__tiling tn__tiling_new(const tn__conv2d_plan *plan)
{
    tn__tiling t = {.plan = plan};
    cut_columns(&t);
    cut_rows(&t);
    return t;
}

tn__column_block tn__block_of(const tn__tiling *t, int64_t group, int64_t number)
{
    const tn__conv2d_plan *p = t->plan;
    int64_t n1, r1;
    tn__column_block b = {.group = group};
    tn__cut_out(p->images, t->image_blocks, number / t->row_blocks, &b.n0, &n1);
    tn__cut_out(p->window.out_h, t->row_blocks, number % t->row_blocks, &b.r0, &r1);
    b.images = n1 - b.n0;
    b.rows = r1 - b.r0;
    b.columns = b.images * b.rows * p->window.out_w;
    return b;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* The memory that one worker may have, so that all of them together can be addressed. */
#define MOST_BYTES (INT64_MAX / 2 / TN_MAX_THREADS)

int64_t tn__bytes_of(const tn__conv2d_plan *p, int64_t images, int64_t planes, int64_t rows,
                     int64_t cols)
{
    int64_t shape[] = {images, planes, rows, cols};
    int64_t numel = tn__numel_of(4, shape, (size_t)p->element_size);
    if (numel < 0 || numel > MOST_BYTES / 16)
        return MOST_BYTES + 1;
    return tn__divide_up(numel * p->element_size + TN__SLACK, TN_ALIGNMENT) * TN_ALIGNMENT;
}

static int64_t bytes_of_worker(const tn__tiling *t)
{
    return t->padded_bytes + t->tile_bytes + t->block_bytes + 2 * t->sum_bytes + t->product_bytes;
}

/* Padded images of so many channels, for so many rows of y; tiles of `depth` rows. */
static void size_space(tn__tiling *t, int64_t channels, int64_t rows, int64_t depth)
{
    const tn__conv2d_plan *p = t->plan;
    const tn__window *w = &p->window;
    int64_t images = most_images(t), columns = tn__most_columns(t);
    t->padded_bytes =
        tn__bytes_of(p, images, channels, tn__window_rows(w, rows), tn__window_line(w));
    t->tile_bytes = tn__bytes_of(p, 1, 1, depth, columns);
    t->block_bytes = images > 1 ? tn__bytes_of(p, 1, 1, p->out_channels, columns) : 0;
}

/* A tile that begins and ends within a channel touches two channels more than its rows would
 * fill. */
void tn__space_for_tiles(tn__tiling *t)
{
    const tn__conv2d_plan *p = t->plan;
    int64_t depth = tn__divide_up(p->depth, t->tiles);
    size_space(t, tn__min(p->in_channels, depth / p->kernel_points + 2), most_rows(t), depth);
}

void tn__space_for_channels(tn__tiling *t, int64_t channels)
{
    size_space(t, channels, t->plan->window.out_h, channels * t->plan->kernel_points);
}

static tn__tile_space space_of(const tn__tiling *t, int64_t worker)
{
    tn__tile_space s = {.padded = t->memory + worker * bytes_of_worker(t)};
    s.tile = s.padded + t->padded_bytes;
    s.block = s.tile + t->tile_bytes;
    s.part = s.block + t->block_bytes;
    s.lost = s.part + t->sum_bytes;
    s.product = s.lost + t->sum_bytes;
    return s;
}

typedef struct tasks {
    const tn__tiling *tiling;
    tn__task_fn run;
} tasks;

static void run_tasks(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const tasks *all = payload;
    tn__tile_space s = space_of(all->tiling, worker);
    for (int64_t i = begin; i < end; i++)
        all->run(all->tiling, i, &s);
}

void tn__run_tasks(tn__tiling *t, int64_t count, tn__task_fn run)
{
    tn_ctx *ctx = t->plan->ctx;
    tasks all = {t, run};
    int64_t bytes = bytes_of_worker(t), workers = t->plan->workers;
    if (!tn__gemm_ready(ctx))
        return;
    t->memory = tn__alloc(ctx, bytes <= MOST_BYTES ? tn__bytes(workers * bytes) : SIZE_MAX);
    if (t->memory)
        tn__share(ctx, count, workers, run_tasks, &all);
    tn__free(ctx, t->memory);
}
