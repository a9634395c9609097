/* outer.c - the gradient of the weight, straight from the image.
 *
 *     dw[k][o] = sum over images and points p of x[stride p + places[k]] dy[p][o]    k = (c, i, j)
 *
 * is a product of matrices whose left one need not be made. Of its rows a tile has those that lie
 * in equal steps, the channels c for one (i, j), or the j for one (c, i) where there are few
 * channels: then number p of a row is where it is in x, as in direct.c. dy is packed, in panels of
 * as many output channels as a tile has columns, and dw comes out with its channels side by side
 * and is turned at the end.
 *
 * Images are taken in runs that stay in the cache. The threads share the planes and panels of a
 * run, then rows of dw, each of which is summed by one thread. Where dw is small, they share the
 * images, of which a fixed number of shares have a dw each, so that its sum depends on no number of
 * threads. Sums of many points are added up so that what rounding takes from them is kept. */
#include <string.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/conv2d/plan.h"
#include "ops/conv2d/planes.h"
#include "tensor/long_sum.h"

#define BLOCK_BYTES 2048  /* of the terms that are added one after another */
#define LONG 8192         /* terms, about, whose blocks are */
#define FEW_CHANNELS 8    /* which fill no tile */
#define SHARES 16         /* of images, if there are as many, */
#define SMALL 65536       /* bytes of a dw that each of them may have, */
#define OWN_BYTES 2097152 /* and of the dy of a run of each maker */

/* Blocks of points: some rows of y, or a part of one. Rows of a tile, which are `step` apart in x
 * and in dw, and the units that they come in. */
typedef struct outer {
    const tn__conv2d_plan *plan;
    tn__tile_size tile;
    tn__planes planes;
    int64_t panels; /* of a group */
    int64_t rows, step_in_x, step_in_dw;
    bool by_channels;
    int64_t units;                     /* of rows that dw has for a panel */
    int64_t block_rows, block_columns; /* points of a block */
    int64_t row_blocks, column_blocks; /* of an image */
    int64_t begin, end;                /* blocks that are added at a time */
    int64_t *places;                   /* [block_rows, block_columns] */
    int64_t shares, makers;            /* of images; workers that have some of their own, or 1 */
    char *dy;                          /* [run, groups, panels, points, tile.columns], of a maker */
    char *dw, *lost;                   /* [groups, panels, depth, tile.columns], of a share */
    char *part, *target;               /* the same, of a maker; dw or part */
} outer;

/* ---- memory ---------------------------------------------------------------------------------- */

static int64_t row_bytes(const outer *v)
{
    return v->tile.columns * v->plan->element_size;
}

static size_t bytes_of_dw(const outer *v)
{
    const tn__conv2d_plan *p = v->plan;
    return tn__bytes(p->groups * v->panels * p->depth * row_bytes(v));
}

static bool is_long(const tn__conv2d_plan *p)
{
    return (double)p->images * (double)p->out_points > 2 * LONG;
}

/* As many whole rows as a block may have, or about equal parts of a long one. */
static void cut_points(outer *v)
{
    const tn__window *w = &v->plan->window;
    int64_t most = BLOCK_BYTES / v->plan->element_size;
    v->column_blocks = tn__divide_up(w->out_w, most);
    v->block_columns = tn__divide_up(w->out_w, v->column_blocks);
    v->block_rows = tn__min(tn__max(1, most / w->out_w), w->out_h);
    v->row_blocks = tn__divide_up(w->out_h, v->block_rows);
    for (int64_t i = 0; i < v->block_rows * v->block_columns; i++)
        v->places[i] =
            i / v->block_columns * w->stride_h * v->planes.row + i % v->block_columns * w->stride_w;
}

static void choose_rows(outer *v)
{
    const tn__conv2d_plan *p = v->plan;
    const tn__window *w = &p->window;
    v->by_channels = p->in_channels >= FEW_CHANNELS || p->in_channels >= w->kernel_w;
    v->rows = v->by_channels ? p->in_channels : w->kernel_w;
    v->step_in_x = v->by_channels ? v->planes.size : w->dilation_w;
    v->step_in_dw = v->by_channels ? p->kernel_points : 1;
    v->units = p->depth / v->rows;
}

static size_t bytes_of_dy(const outer *v)
{
    const tn__conv2d_plan *p = v->plan;
    return tn__bytes(v->planes.run * p->groups * v->panels * p->out_points * row_bytes(v));
}

/* Makers have several shares each, so that none of them waits long, and runs that stay in their
 * caches. */
static void share_images(outer *v)
{
    const tn__conv2d_plan *p = v->plan;
    bool small = is_long(p) && p->images >= SHARES && bytes_of_dw(v) <= SMALL;
    v->shares = small ? SHARES : 1;
    bool apart = tn__planes_apart(&v->planes, (int64_t)bytes_of_dw(v)) &&
                 2 * p->workers <= v->shares && bytes_of_dy(v) <= OWN_BYTES;
    v->makers = apart ? p->workers : 1;
}

static bool outer_new(const tn__conv2d_plan *p, outer *v)
{
    tn_ctx *ctx = p->ctx;
    tn__window reach = tn__reach_of_y(&p->window);
    *v = (outer){.plan = p,
                 .tile = p->kernels->product_tile(),
                 .planes = tn__planes_new(p, p->x, p->groups * p->in_channels, &reach)};
    v->planes.run = tn__min(v->planes.run, tn__max(1, LONG / p->out_points));
    v->panels = tn__divide_up(p->out_channels, v->tile.columns);
    share_images(v);
    if (!tn__planes_alloc(&v->planes, v->makers))
        return false;
    v->places = tn__alloc(ctx, BLOCK_BYTES * sizeof *v->places);
    v->dy = tn__alloc(ctx, (size_t)v->makers * bytes_of_dy(v));
    v->dw = tn__alloc_zeroed(ctx, (size_t)v->shares * bytes_of_dw(v));
    if (is_long(p)) {
        v->part = tn__alloc(ctx, (size_t)v->makers * bytes_of_dw(v));
        v->lost = tn__alloc_zeroed(ctx, (size_t)v->shares * bytes_of_dw(v));
    }
    return v->places && v->dy && v->dw && (!is_long(p) || (v->part && v->lost));
}

static void outer_free(outer *v)
{
    tn_ctx *ctx = v->plan->ctx;
    tn__planes_free(&v->planes);
    tn__free(ctx, v->places);
    tn__free(ctx, v->dy);
    tn__free(ctx, v->dw);
    tn__free(ctx, v->part);
    tn__free(ctx, v->lost);
}

/* ---- what threads share ---------------------------------------------------------------------- */

/* Output channels of panel number `panel` of a group. */
static int64_t lines_of(const outer *v, int64_t panel)
{
    return tn__min(v->tile.columns, v->plan->out_channels - panel * v->tile.columns);
}

/* The first output channel of a panel of all groups, or images and groups. */
static int64_t channel_of(const outer *v, int64_t panel)
{
    return panel / v->panels * v->plan->out_channels + panel % v->panels * v->tile.columns;
}

static void pack_dy(int64_t begin, int64_t end, void *payload)
{
    const outer *v = payload;
    const tn__conv2d_plan *p = v->plan;
    for (int64_t i = begin; i < end; i++) {
        int64_t plane = v->planes.n0 * p->groups * p->out_channels + channel_of(v, i);
        p->kernels->pack_columns(p->out_points, lines_of(v, i % v->panels),
                                 p->dy + plane * p->out_points * p->element_size, p->out_points,
                                 v->dy + i * p->out_points * row_bytes(v));
    }
}

/* Rows of y that row i of the kernel takes from x, not from the padding, of r0 .. r1. */
static void meet(const tn__window *w, int64_t i, int64_t *r0, int64_t *r1)
{
    int64_t before = w->padding_h - i * w->dilation_h, last = before + w->h;
    *r0 = tn__max(*r0, before > 0 ? tn__divide_up(before, w->stride_h) : 0);
    *r1 = tn__min(*r1, last > 0 ? tn__divide_up(last, w->stride_h) : 0);
}

/* dw += the block's part, for one unit of rows. */
static void add_block(const outer *v, int64_t image, int64_t panel, int64_t block, int64_t unit)
{
    const tn__conv2d_plan *p = v->plan;
    const tn__window *w = &p->window;
    int64_t i = unit / (v->by_channels ? w->kernel_w : 1) % w->kernel_h;
    int64_t j = v->by_channels ? unit % w->kernel_w : 0, group = panel / v->panels;
    int64_t c = group * p->in_channels + (v->by_channels ? 0 : unit / w->kernel_h);
    int64_t r0 = block / v->column_blocks * v->block_rows,
            r1 = tn__min(w->out_h, r0 + v->block_rows);
    int64_t c0 = block % v->column_blocks * v->block_columns;
    int64_t columns = tn__min(w->out_w - c0, v->block_columns);
    meet(w, i, &r0, &r1);
    if (r0 >= r1)
        return;
    int64_t from = (r0 * w->stride_h + i * w->dilation_h) * v->planes.row + c0 * w->stride_w +
                   j * w->dilation_w;
    int64_t lines = image * p->groups * v->panels + panel;
    int64_t to = panel * p->depth + unit * (v->by_channels ? 1 : w->kernel_w);
    p->kernels->direct(&(tn__direct){
        .m = v->rows,
        .n = lines_of(v, panel % v->panels),
        .k = (r1 - r0) * columns,
        .a = tn__plane(&v->planes, image, c) + from * p->element_size,
        .a_row = v->step_in_x,
        .places = v->places,
        .b = v->dy + (lines * p->out_points + r0 * w->out_w + c0) * row_bytes(v),
        .c = v->target + to * row_bytes(v),
        .ldc = v->step_in_dw * v->tile.columns,
        .adds = true,
    });
}

/* Units begin .. end of all panels. A block of dy is in the cache for those of its panel. */
static void add_units(int64_t begin, int64_t end, void *payload)
{
    const outer *v = payload;
    for (int64_t at = begin; at < end;) {
        int64_t panel = at / v->units, last = tn__min(end, (panel + 1) * v->units);
        for (int64_t image = 0; image < v->planes.images; image++)
            for (int64_t block = v->begin; block < v->end; block++)
                for (int64_t i = at; i < last; i++)
                    add_block(v, image, panel, block, i % v->units);
        at = last;
    }
}

static void turn(int64_t begin, int64_t end, void *payload)
{
    const outer *v = payload;
    const tn__conv2d_plan *p = v->plan;
    for (int64_t i = begin; i < end; i++)
        p->kernels->transpose(lines_of(v, i % v->panels), p->depth,
                              v->dw + i * p->depth * row_bytes(v), v->tile.columns,
                              p->dw + channel_of(v, i) * p->depth * p->element_size, p->depth);
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* The first part of a long sum is dw, and later ones are added to it. */
static void begin_part(outer *v, bool first)
{
    v->target = first ? v->dw : v->part;
    if (!first)
        memset(v->part, 0, bytes_of_dw(v));
}

static void add_part(const outer *v, char *part)
{
    tn__long_sum sum = {.k = v->plan->kernels,
                        .dtype = v->plan->dtype,
                        .rows = 1,
                        .cols = (int64_t)bytes_of_dw(v) / v->plan->element_size,
                        .to = v->dw,
                        .part = part,
                        .lost = v->lost};
    tn__long_sum_add(&sum, 0, sum.cols);
}

/* Blocks of the run; of an image with many points some at a time. */
static void add_run(outer *v, bool first)
{
    const tn__conv2d_plan *p = v->plan;
    int64_t blocks = v->row_blocks * v->column_blocks, parts = 1;
    int64_t units = p->groups * v->panels * v->units;
    if (p->out_points > 2 * LONG)
        parts = tn__min(blocks, tn__divide_up(p->out_points, LONG));
    for (int64_t i = 0; i < parts; i++) {
        tn__cut_out(blocks, parts, i, &v->begin, &v->end);
        if (is_long(p))
            begin_part(v, first && i == 0);
        tn__parallel(p->ctx, units, tn__max(1, units / p->workers), add_units, v);
        if (v->target == v->part)
            add_part(v, v->part);
    }
}

/* Images first .. end, in runs. */
static void add_images(outer *v, int64_t first, int64_t end)
{
    const tn__conv2d_plan *p = v->plan;
    double cost = (double)v->tile.columns * (double)p->out_points;
    v->target = v->dw;
    for (int64_t n0 = first; n0 < end; n0 += v->planes.run) {
        tn__planes_read(&v->planes, n0, end);
        tn__parallel(p->ctx, v->planes.images * p->groups * v->panels,
                     tn__grain(TN__GRAIN_SUMMED, cost), pack_dy, v);
        add_run(v, n0 == first);
    }
}

/* Shares begin .. end; where there is another maker, this one makes them by itself. */
static void add_shares(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const outer *all = payload;
    size_t bytes = bytes_of_dw(all);
    outer v = *all;
    v.planes = tn__planes_of_worker(&all->planes, worker);
    v.dy += (size_t)worker * bytes_of_dy(all);
    if (v.part)
        v.part += (size_t)worker * bytes;
    for (int64_t i = begin, n0, n1; i < end; i++) {
        tn__cut_out(v.plan->images, v.shares, i, &n0, &n1);
        v.dw = all->dw + (size_t)i * bytes;
        v.lost = all->lost ? all->lost + (size_t)i * bytes : NULL;
        add_images(&v, n0, n1);
    }
}

static void grad_weight(const tn__conv2d_plan *p)
{
    outer v;
    if (outer_new(p, &v)) {
        cut_points(&v);
        choose_rows(&v);
        tn__share(p->ctx, v.shares, v.makers, add_shares, &v);
        for (int64_t i = 1; i < v.shares; i++)
            add_part(&v, v.dw + (size_t)i * bytes_of_dw(&v));
        tn__parallel(p->ctx, p->groups * v.panels,
                     tn__grain(TN__GRAIN_SUMMED, (double)v.tile.columns * (double)p->depth), turn,
                     &v);
    }
    outer_free(&v);
}

/* ---- where it pays --------------------------------------------------------------------------- */

static bool applies(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    tn__window reach = tn__reach_of_y(&p->window);
    return product == TN__CONV2D_GRAD_WEIGHT && p->depth > 0 && tn__planes_fit(&reach);
}

static bool pays(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    (void)product;
    return tn__pays_in_place(p, p->out_channels);
}

const tn__conv2d_method tn__conv2d_outer = {
    .name = "outer", .applies = applies, .pays = pays, .grad_weight = grad_weight};
