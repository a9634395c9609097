/* winograd.c - kernels of 3 x 3 in steps of one, between many channels, by Winograd's method.
 *
 * kernels/winograd.c has the formulas. Planes are cut into tiles of 2 x 2 elements of y, and each
 * tile is transformed into 16 numbers, as each kernel is. Then element k of a tile of y is the sum
 * over the channels of element k of the kernel times element k of the tile of x, so that the whole
 * convolution is 16 products of matrices, which have 16 multiplications where windows have 36:
 *
 *     m_k = u_k v_k        u_k [out_channels, in_channels]  of the kernels
 *                          v_k [in_channels, tiles]         of x
 *                          m_k [out_channels, tiles]        of y
 *
 * The gradient of the weight is u_k = m_k v_k^T, with m of dy. The gradient of x is the convolution
 * of dy with the kernels turned by half a turn and the roles of the channels exchanged.
 *
 * Images are taken in runs whose transforms stay in the last-level cache. The threads share the
 * planes of a transform, and the 16 products. */
#include "base/integers.h"
#include "base/isa.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "ops/conv2d/plan.h"
#include "tensor/blas.h"
#include "tensor/gemm.h"
#include "tensor/long_sum.h"

#define ELEMENTS 16      /* of a transformed tile */
#define MIN_CHANNELS 128 /* on both sides, and tiles: with fewer the transforms cost too much */
#define MIN_TILES 1024
#define MIN_TILES_OF_DW 32
#define MOST_COVER 1.125 /* elements of the tiles for each point of a plane */
#define RUN_TILES 512    /* about: of the images that are taken at a time */
#define RUNS 16          /* whose dw are added one after another */

/* The images n0 .. n0 + images of a run, and the transforms of them all. */
typedef struct run run;
typedef tn__gemm_args (*product_fn)(const run *r, int64_t k);
struct run {
    const tn__conv2d_plan *plan;
    int64_t n0, images;
    int64_t tiles;     /* of an image */
    int64_t all_tiles; /* of a whole run: from one row of v_k or m_k to the next */
    bool adds;         /* to u, which an earlier run has begun */
    bool turned;       /* kernels, by half a turn */
    char *u, *v, *m;
    char *dw; /* what u becomes */
    product_fn product;
    int64_t workers, space_bytes; /* that share the products; of each */
    char *space;
};

/* ---- where it pays --------------------------------------------------------------------------- */

static int64_t tiles_of(const tn__window *w)
{
    return tn__winograd_rows(w) * tn__winograd_columns(w);
}

static bool is_3x3(const tn__window *w)
{
    return w->kernel_h == 3 && w->kernel_w == 3 && w->stride_h == 1 && w->stride_w == 1 &&
           w->dilation_h == 1 && w->dilation_w == 1 && w->padding_h <= 2 && w->padding_w <= 2;
}

/* The convolution that makes the result, for dx one of dy. */
static tn__conv2d_plan plan_of(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    return product == TN__CONV2D_GRAD_INPUT ? tn__conv2d_turned(p) : *p;
}

/* No more channels than one product adds up well. */
static bool applies(const tn__conv2d_plan *plan, tn__conv2d_product product)
{
    if (plan->groups > 1 || !is_3x3(&plan->window))
        return false;
    tn__conv2d_plan p = plan_of(plan, product);
    return p.in_channels <= TN__GEMM_LONG && p.out_channels <= TN__GEMM_LONG &&
           p.window.out_w <= TN__WINOGRAD_WIDTH - 2;
}

/* Transforms take as long for few channels as for many, and tiles may reach far beyond a plane. */
static bool pays(const tn__conv2d_plan *plan, tn__conv2d_product product)
{
    tn__conv2d_plan p = plan_of(plan, product);
    int64_t tiles = tiles_of(&p.window);
    if (p.in_channels < MIN_CHANNELS || p.out_channels < MIN_CHANNELS)
        return false;
    if (product == TN__CONV2D_GRAD_WEIGHT)
        return p.images * tiles >= MIN_TILES_OF_DW;
    return p.images * tiles >= MIN_TILES &&
           4.0 * (double)tiles <= MOST_COVER * (double)p.out_points;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool run_new(const tn__conv2d_plan *p, product_fn product, run *r)
{
    int64_t tiles = tiles_of(&p->window), images = tn__max(1, RUN_TILES / tiles);
    *r = (run){.plan = p,
               .tiles = tiles,
               .images = tn__min(images, p->images),
               .product = product,
               .workers = tn__min(p->ctx->threads, ELEMENTS)};
    r->all_tiles = r->images * tiles;
    size_t bytes = ELEMENTS * (size_t)p->element_size;
    r->u = tn__alloc(p->ctx, bytes * (size_t)(p->out_channels * p->in_channels));
    r->v = tn__alloc(p->ctx, bytes * (size_t)(p->in_channels * r->all_tiles) + TN__SLACK);
    r->m = tn__alloc(p->ctx, bytes * (size_t)(p->out_channels * r->all_tiles) + TN__SLACK);
    if (!r->u || !r->v || !r->m || !tn__gemm_ready(p->ctx))
        return false;
    tn__gemm_args largest = product(r, 0);
    r->space_bytes = (int64_t)tn__gemm_space(p->ctx, &largest);
    r->space = tn__alloc(p->ctx, (size_t)(r->workers * r->space_bytes));
    return r->space != NULL;
}

static void run_free(run *r)
{
    tn__free(r->plan->ctx, r->u);
    tn__free(r->plan->ctx, r->v);
    tn__free(r->plan->ctx, r->m);
    tn__free(r->plan->ctx, r->space);
}

/* u_k, v_k and m_k are `rows` times `columns` numbers each, one after another. */
static char *element(const run *r, char *first, int64_t k, int64_t rows, int64_t columns)
{
    return first + k * rows * columns * r->plan->element_size;
}

/* A plane of a run, of x or of y. */
typedef struct plane {
    int64_t offset; /* in bytes, of the plane in all images, */
    int64_t tiles;  /* and of its tiles in v_0 or m_0, whose rows are channels */
} plane;

/* Number i of them is channel i / images of image i % images. */
static plane plane_of(const run *r, int64_t i, int64_t channels, int64_t points)
{
    int64_t channel = i / r->images, image = i % r->images, size = r->plan->element_size;
    return (plane){.offset = ((r->n0 + image) * channels + channel) * points * size,
                   .tiles = (channel * r->all_tiles + image * r->tiles) * size};
}

/* ---- what threads share ---------------------------------------------------------------------- */

static void transform_weight(int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    p->kernels->winograd_weight(begin, end, p->out_channels, p->in_channels, r->turned, p->weight,
                                r->u);
}

static void transform_weight_back(int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    p->kernels->winograd_weight_back(begin, end, p->out_channels * p->in_channels, r->u, r->dw);
}

static void transform_x(int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    for (int64_t i = begin; i < end; i++) {
        plane at = plane_of(r, i, p->in_channels, p->in_points);
        p->kernels->winograd_input(&p->window, p->x + at.offset, p->in_channels * r->all_tiles,
                                   r->v + at.tiles);
    }
}

static void transform_dy(int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    for (int64_t i = begin; i < end; i++) {
        plane at = plane_of(r, i, p->out_channels, p->out_points);
        p->kernels->winograd_output_back(&p->window, p->dy + at.offset,
                                         p->out_channels * r->all_tiles, r->m + at.tiles);
    }
}

static void transform_y_back(int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    const tn__conv2d_plan *p = r->plan;
    for (int64_t i = begin; i < end; i++) {
        plane at = plane_of(r, i, p->out_channels, p->out_points);
        int64_t o = i / r->images;
        p->kernels->winograd_output(&p->window, r->m + at.tiles, p->out_channels * r->all_tiles,
                                    p->bias ? p->bias + o * p->element_size : NULL,
                                    p->y + at.offset);
        tn__conv2d_end(p, p->out_points, p->y + at.offset);
    }
}

/* m_k = u_k v_k. */
static tn__gemm_args product_for_y(const run *r, int64_t k)
{
    const tn__conv2d_plan *p = r->plan;
    return (tn__gemm_args){.dtype = p->dtype,
                           .m = p->out_channels,
                           .n = r->images * r->tiles,
                           .k = p->in_channels,
                           .a = element(r, r->u, k, p->out_channels, p->in_channels),
                           .lda = p->in_channels,
                           .b = element(r, r->v, k, p->in_channels, r->all_tiles),
                           .ldb = r->all_tiles,
                           .c = element(r, r->m, k, p->out_channels, r->all_tiles),
                           .ldc = r->all_tiles};
}

/* u_k = m_k v_k^T, or u_k += that. */
static tn__gemm_args product_for_weight(const run *r, int64_t k)
{
    const tn__conv2d_plan *p = r->plan;
    return (tn__gemm_args){.dtype = p->dtype,
                           .trans_b = true,
                           .m = p->out_channels,
                           .n = p->in_channels,
                           .k = r->images * r->tiles,
                           .adds = r->adds,
                           .a = element(r, r->m, k, p->out_channels, r->all_tiles),
                           .lda = r->all_tiles,
                           .b = element(r, r->v, k, p->in_channels, r->all_tiles),
                           .ldb = r->all_tiles,
                           .c = element(r, r->u, k, p->out_channels, p->in_channels),
                           .ldc = p->in_channels};
}

/* Each worker has its elements, and memory to multiply in. */
static void multiply(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const run *r = payload;
    for (int64_t k = begin; k < end; k++) {
        tn__gemm_args g = r->product(r, k);
        tn__gemm_serial(r->plan->ctx, &g, r->space + worker * r->space_bytes);
    }
}

/* ---- the products ---------------------------------------------------------------------------- */

/* Runs begin at multiples of `most` images. */
static void move_to(run *r, int64_t n0, int64_t most)
{
    r->n0 = n0;
    r->images = tn__min(most, r->plan->images - n0);
}

static void convolve(const tn__conv2d_plan *p, bool is_turned)
{
    run r;
    if (run_new(p, product_for_y, &r)) {
        int64_t most = r.images;
        r.turned = is_turned;
        tn__parallel(p->ctx, p->out_channels,
                     tn__grain(TN__GRAIN_ELEMENTS, ELEMENTS * (double)p->in_channels),
                     transform_weight, &r);
        for (int64_t n0 = 0; n0 < p->images; n0 += most) {
            move_to(&r, n0, most);
            tn__parallel(p->ctx, r.images * p->in_channels, TN__GRAIN_PLANES, transform_x, &r);
            tn__share(p->ctx, ELEMENTS, r.workers, multiply, &r);
            tn__parallel(p->ctx, r.images * p->out_channels, TN__GRAIN_PLANES, transform_y_back,
                         &r);
        }
    }
    run_free(&r);
}

static void forward(const tn__conv2d_plan *plan)
{
    convolve(plan, false);
}

static void grad_input(const tn__conv2d_plan *plan)
{
    tn__conv2d_plan p = tn__conv2d_turned(plan);
    convolve(&p, true);
}

/* u becomes the first part of dw, or a part to be added. */
static void end_runs(run *r, const tn__long_sum *dw, bool first)
{
    const tn__conv2d_plan *p = r->plan;
    r->dw = first ? dw->to : dw->part;
    tn__parallel(p->ctx, p->out_channels * p->in_channels, tn__grain(TN__GRAIN_ELEMENTS, ELEMENTS),
                 transform_weight_back, r);
    if (!first)
        tn__long_sum_add(dw, 0, dw->cols);
}

/* The runs add to u. Where there are many, they do so RUNS at a time, and the dw of those are
 * summed without the error that grows with their number. */
static void sum_runs(run *r, const tn__long_sum *dw, bool is_long)
{
    const tn__conv2d_plan *p = r->plan;
    int64_t most = r->images, runs = tn__divide_up(p->images, most);
    for (int64_t i = 0; i < runs; i++) {
        move_to(r, i * most, most);
        r->adds = is_long ? i % RUNS > 0 : i > 0;
        tn__parallel(p->ctx, r->images * p->in_channels, TN__GRAIN_PLANES, transform_x, r);
        tn__parallel(p->ctx, r->images * p->out_channels, TN__GRAIN_PLANES, transform_dy, r);
        tn__share(p->ctx, ELEMENTS, r->workers, multiply, r);
        if (i == runs - 1 || (is_long && i % RUNS == RUNS - 1))
            end_runs(r, dw, i < RUNS || !is_long);
    }
}

static void grad_weight(const tn__conv2d_plan *p)
{
    run r;
    tn__long_sum dw = {.k = p->kernels,
                       .dtype = p->dtype,
                       .rows = 1,
                       .cols = p->out_channels * p->depth,
                       .to = p->dw};
    bool ready = run_new(p, product_for_weight, &r);
    bool is_long = tn__divide_up(p->images, r.images) > 2 * RUNS;
    if (ready && (!is_long || tn__long_sum_alloc(p->ctx, &dw)))
        sum_runs(&r, &dw, is_long);
    tn__long_sum_free(p->ctx, &dw);
    run_free(&r);
}

const tn__conv2d_method tn__conv2d_winograd = {.name = "winograd",
                                               .applies = applies,
                                               .pays = pays,
                                               .forward = forward,
                                               .grad_input = grad_input,
                                               .grad_weight = grad_weight};
