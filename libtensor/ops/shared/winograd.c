/* winograd.c - convolutions of 3 x 3 with many channels, by products of matrices that are 16 / 36
 * as large (kernels/winograd.c has the formulas). Images are taken in groups whose transforms stay
 * in the last-level cache; 16 products share the threads. */
#include <limits.h>
#include <string.h>
#include "base/isa.h"
#include "base/memory.h"
#include "base/threads.h"
#include "ops/shared/winograd.h"
#include "tensor/blas.h"
#include "tensor/long_sum.h"
#include "tensor/tensor.h"

#define PARTS 16
#define MIN_CHANNELS 32 /* on both sides, and tiles: with fewer the transforms cost too much */
#define MIN_TILES 32
#define GROUP_TILES 512 /* about: of the images that are taken at a time */
#define RUN 16          /* groups whose dw are added one after another */

typedef struct winograd {
    tn_ctx *ctx;
    const tn__kernels *k;
    tn_dtype dtype;
    int64_t size, c, o, plane, points;
    tn__winograd g;
    int64_t tiles;      /* of an image */
    int64_t n0, images; /* of the group */
    int64_t stride;     /* tiles of a whole group */
    bool adds;          /* to u, which an earlier group has begun */
    const char *x, *dy, *bias;
    char *y, *u, *v, *m;
} winograd;

bool tn__winograd_fits(const tn__winograd_args *a)
{
    const tn__window *w = &a->w;
    return w->kernel_h == 3 && w->kernel_w == 3 && w->stride_h == 1 && w->stride_w == 1 &&
           w->dilation_h == 1 && w->dilation_w == 1 && w->padding_h <= 2 && w->padding_w <= 2 &&
           a->c >= MIN_CHANNELS && a->o >= MIN_CHANNELS && w->out_w <= TN__WINOGRAD_WIDTH - 2 &&
           a->n * ((w->out_h + 1) / 2) * ((w->out_w + 1) / 2) >= MIN_TILES &&
           a->c <= INT_MAX / PARTS && a->o <= INT_MAX / PARTS;
}

static winograd winograd_new(const tn__winograd_args *a)
{
    const tn__window *w = &a->w;
    winograd f = {.ctx = a->ctx,
                  .k = tn__kernels_of(a->ctx, a->dtype),
                  .dtype = a->dtype,
                  .size = (int64_t)tn_dtype_size(a->dtype),
                  .c = a->c,
                  .o = a->o,
                  .plane = w->h * w->w,
                  .points = w->out_h * w->out_w,
                  .g = {.h = w->h,
                        .w = w->w,
                        .out_h = w->out_h,
                        .out_w = w->out_w,
                        .padding_h = w->padding_h,
                        .padding_w = w->padding_w,
                        .rows = (w->out_h + 1) / 2,
                        .columns = (w->out_w + 1) / 2},
                  .x = a->x,
                  .dy = a->dy,
                  .bias = a->bias,
                  .y = a->y};
    f.tiles = f.g.rows * f.g.columns;
    f.images = GROUP_TILES / f.tiles > 1 ? GROUP_TILES / f.tiles : 1;
    f.images = f.images < a->n ? f.images : a->n;
    f.stride = f.images * f.tiles;
    return f;
}

static bool get_space(winograd *f)
{
    size_t part = PARTS * (size_t)f->size;
    f->u = tn__alloc(f->ctx, part * (size_t)(f->o * f->c));
    f->v = tn__alloc(f->ctx, part * (size_t)(f->c * f->stride) + TN__SLACK);
    f->m = tn__alloc(f->ctx, part * (size_t)(f->o * f->stride) + TN__SLACK);
    return f->u && f->v && f->m && tn__gemm_ready(f->ctx);
}

static void free_space(winograd *f)
{
    tn__free(f->ctx, f->u);
    tn__free(f->ctx, f->v);
    tn__free(f->ctx, f->m);
}

/* ---- parts that threads share ---------------------------------------------------------------- */

/* Number i of the planes of a group is channel i / images of image i % images; its tiles begin
 * there in each part, whose rows are channels. */
static char *tiles_of(const winograd *f, char *parts, int64_t channel, int64_t image)
{
    return parts + (channel * f->stride + image * f->tiles) * f->size;
}

static void input_planes(int64_t begin, int64_t end, void *payload)
{
    const winograd *f = payload;
    for (int64_t i = begin; i < end; i++) {
        int64_t c = i / f->images, image = i % f->images;
        f->k->winograd_input(&f->g, f->x + ((f->n0 + image) * f->c + c) * f->plane * f->size,
                             f->c * f->stride, tiles_of(f, f->v, c, image));
    }
}

static void output_planes(int64_t begin, int64_t end, void *payload)
{
    const winograd *f = payload;
    for (int64_t i = begin; i < end; i++) {
        int64_t o = i / f->images, image = i % f->images;
        f->k->winograd_output(&f->g, tiles_of(f, f->m, o, image), f->o * f->stride,
                              f->bias ? f->bias + o * f->size : NULL,
                              f->y + ((f->n0 + image) * f->o + o) * f->points * f->size);
    }
}

static void gradient_planes(int64_t begin, int64_t end, void *payload)
{
    const winograd *f = payload;
    for (int64_t i = begin; i < end; i++) {
        int64_t o = i / f->images, image = i % f->images;
        f->k->winograd_output_back(&f->g,
                                   f->dy + ((f->n0 + image) * f->o + o) * f->points * f->size,
                                   f->o * f->stride, tiles_of(f, f->m, o, image));
    }
}

/* m = u v, of some of the parts. */
static void multiply_parts(int64_t begin, int64_t end, void *payload)
{
    const winograd *f = payload;
    for (int64_t k = begin; k < end; k++)
        tn__gemm_serial(&(tn__gemm_args){.dtype = f->dtype,
                                         .m = f->o,
                                         .n = f->images * f->tiles,
                                         .k = f->c,
                                         .alpha = 1,
                                         .a = f->u + k * f->o * f->c * f->size,
                                         .lda = f->c,
                                         .b = f->v + k * f->c * f->stride * f->size,
                                         .ldb = f->stride,
                                         .c = f->m + k * f->o * f->stride * f->size,
                                         .ldc = f->stride});
}

/* u += m v^T. */
static void add_parts(int64_t begin, int64_t end, void *payload)
{
    const winograd *f = payload;
    for (int64_t k = begin; k < end; k++)
        tn__gemm_serial(&(tn__gemm_args){.dtype = f->dtype,
                                         .trans_b = true,
                                         .m = f->o,
                                         .n = f->c,
                                         .k = f->images * f->tiles,
                                         .alpha = 1,
                                         .beta = f->adds,
                                         .a = f->m + k * f->o * f->stride * f->size,
                                         .lda = f->stride,
                                         .b = f->v + k * f->c * f->stride * f->size,
                                         .ldb = f->stride,
                                         .c = f->u + k * f->o * f->c * f->size,
                                         .ldc = f->c});
}

/* ---- the products ---------------------------------------------------------------------------- */

/* The images of the group that begins at n0. */
static void choose_group(winograd *f, int64_t n, int64_t n0, int64_t most)
{
    f->n0 = n0;
    f->images = most < n - n0 ? most : n - n0;
}

void tn__winograd_forward(const tn__winograd_args *a)
{
    winograd f = winograd_new(a);
    int64_t most = f.images;
    if (get_space(&f)) {
        f.k->winograd_weight(f.o, f.c, a->turned, a->weight, f.u);
        for (int64_t n0 = 0; n0 < a->n; n0 += most) {
            choose_group(&f, a->n, n0, most);
            tn__parallel(a->ctx, f.images * f.c, 8, input_planes, &f);
            tn__parallel(a->ctx, PARTS, 1, multiply_parts, &f);
            tn__parallel(a->ctx, f.images * f.o, 8, output_planes, &f);
        }
    }
    free_space(&f);
}

/* The first run makes dw, later ones a part to be added. */
static void end_run(const winograd *f, const tn__long_sum *dw, bool first)
{
    f->k->winograd_weight_back(f->o, f->c, f->u, first ? dw->to : dw->part);
    if (!first)
        tn__long_sum_add(dw, 0, dw->cols);
}

void tn__winograd_weight_grad(const tn__winograd_args *a)
{
    winograd f = winograd_new(a);
    int64_t most = f.images, groups = (a->n + most - 1) / most;
    bool is_long = groups > 2 * RUN;
    tn__long_sum dw = {.k = f.k, .dtype = f.dtype, .rows = 1, .cols = f.o * f.c * 9, .to = a->dw};
    if (get_space(&f) && (!is_long || tn__long_sum_alloc(a->ctx, &dw))) {
        for (int64_t i = 0; i < groups; i++) {
            choose_group(&f, a->n, i * most, most);
            f.adds = is_long ? i % RUN > 0 : i > 0;
            tn__parallel(a->ctx, f.images * f.c, 8, input_planes, &f);
            tn__parallel(a->ctx, f.images * f.o, 8, gradient_planes, &f);
            tn__parallel(a->ctx, PARTS, 1, add_parts, &f);
            if (i == groups - 1 || (is_long && i % RUN == RUN - 1))
                end_run(&f, &dw, i < RUN || !is_long);
        }
    }
    tn__long_sum_free(a->ctx, &dw);
    free_space(&f);
}
