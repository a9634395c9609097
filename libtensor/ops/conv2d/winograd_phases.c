/* winograd_phases.c - Winograd's method for kernels that are two to three steps wide.
 *
 * Element i = s a + f of a kernel in steps of s is element a of its phase f, and meets element
 * p + a of the same phase of the padded row, which holds every element s r + f of it:
 *
 *     y[p] = sum_i w[i] x[s p + i] = sum_f sum_a w[s a + f] x[s (p + a) + f]
 *
 * So phases are channels of a convolution in steps of one, with stride_h stride_w for each channel
 * of x, whose kernels are 3 x 3, with zeros where the last phases have no third element. AlexNet's
 * first layer, 11 x 11 in steps of 4 over 3 channels, is one over 48: 144 products for its 121, of
 * which tiles of 4 x 4 leave a quarter.
 *
 * Only y is made so: dx and dw have other methods. */
#include <stdint.h>
#include <string.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/window.h"
#include "ops/conv2d/plan.h"
#include "ops/conv2d/planes.h"
#include "ops/conv2d/winograd.h"
#include "tensor/prepared.h"

#define RUN_BYTES 4194304 /* of the phases of some images, about */
#define COST_OF_PHASES 40 /* of a number of them, in multiply-adds, as measured */
#define TAPS 3

/* A run of images, and what the plan becomes for them. */
typedef struct phases {
    const tn__conv2d_plan *plan;
    tn__conv2d_plan inner;
    int64_t n0;   /* the first image */
    char *x;      /* [images, in_channels, stride_h, stride_w, out_h + 2, out_w + 2] */
    char *weight; /* [out_channels, in_channels, stride_h, stride_w, 3, 3] */
    char *u;      /* that transformed */
} phases;

static tn__conv2d_plan inner_plan(const tn__conv2d_plan *p)
{
    const tn__window *w = &p->window;
    tn__conv2d_plan inner = *p;
    inner.window = (tn__window){.h = w->out_h + TAPS - 1,
                                .w = w->out_w + TAPS - 1,
                                .out_h = w->out_h,
                                .out_w = w->out_w,
                                .kernel_h = TAPS,
                                .kernel_w = TAPS,
                                .stride_h = 1,
                                .stride_w = 1,
                                .dilation_h = 1,
                                .dilation_w = 1};
    inner.in_channels = p->in_channels * w->stride_h * w->stride_w;
    inner.in_points = inner.window.h * inner.window.w;
    inner.kernel_points = TAPS * TAPS;
    inner.depth = inner.in_channels * inner.kernel_points;
    return inner;
}

/* ---- phases ---------------------------------------------------------------------------------- */

/* Elements begin .. end of a phase of a line. */
typedef struct range {
    int64_t begin, end;
} range;

/* Those of phase f that are in a line of n elements, and before `reach` of the line with its
 * padding: what no window meets is taken for zeros. */
static range range_of(int64_t n, int64_t padding, int64_t reach, int64_t step, int64_t f)
{
    return (range){tn__divide_up(padding - f, step),
                   tn__divide_up(tn__min(padding + n, reach) - f, step)};
}

#define COPY_LOOP(type)                                       \
    for (int64_t r = rows.begin; r < rows.end; r++)           \
        for (int64_t q = columns.begin; q < columns.end; q++) \
            ((type *)to)[r * width + q] =                     \
                ((const type *)x)[(r * w->stride_h + down) * w->w + q * w->stride_w + right];

/* Phase [f, g] of a plane. */
static void fill_phase(const phases *s, int64_t f, int64_t g, const char *x, char *to)
{
    const tn__window *w = &s->plan->window;
    int64_t size = s->plan->element_size, width = s->inner.window.w;
    int64_t down = f - w->padding_h, right = g - w->padding_w;
    tn__window met = tn__reach_of_y(w);
    range rows = range_of(w->h, w->padding_h, met.out_h, w->stride_h, f);
    range columns = range_of(w->w, w->padding_w, met.out_w, w->stride_w, g);
    memset(to, 0, (size_t)(s->inner.in_points * size));
    if (size == 4)
        COPY_LOOP(uint32_t)
    else
        COPY_LOOP(uint64_t)
}

/* Those of channels begin .. end, counted through all images of the run. */
static void fill_channels(int64_t begin, int64_t end, void *payload)
{
    const phases *s = payload;
    const tn__window *w = &s->plan->window;
    int64_t from = s->plan->in_points * s->plan->element_size;
    int64_t phase = s->inner.in_points * s->plan->element_size;
    const char *x = s->plan->x + (s->n0 * s->plan->in_channels + begin) * from;
    char *to = s->x + begin * w->stride_h * w->stride_w * phase;
    for (int64_t c = begin; c < end; c++, x += from)
        for (int64_t f = 0; f < w->stride_h; f++)
            for (int64_t g = 0; g < w->stride_w; g++, to += phase)
                fill_phase(s, f, g, x, to);
}

/* Kernels begin .. end, of a channel of x and one of y each. */
static void fill_kernels(int64_t begin, int64_t end, void *payload)
{
    const phases *s = payload;
    const tn__window *w = &s->plan->window;
    int64_t size = s->plan->element_size, points = s->inner.kernel_points;
    int64_t count = w->stride_h * w->stride_w;
    memset(s->weight + begin * count * points * size, 0,
           (size_t)((end - begin) * count * points * size));
    for (int64_t k = begin; k < end; k++)
        for (int64_t i = 0; i < w->kernel_h; i++)
            for (int64_t j = 0; j < w->kernel_w; j++) {
                int64_t phase = i % w->stride_h * w->stride_w + j % w->stride_w;
                int64_t tap = i / w->stride_h * TAPS + j / w->stride_w;
                memcpy(s->weight + ((k * count + phase) * points + tap) * size,
                       s->plan->weight + ((k * w->kernel_h + i) * w->kernel_w + j) * size,
                       (size_t)size);
            }
}

/* ---- y --------------------------------------------------------------------------------------- */

static void convolve_run(phases *s, int64_t n0, int64_t end)
{
    const tn__conv2d_plan *p = s->plan;
    double cost = (double)(s->inner.in_channels / p->in_channels) * (double)s->inner.in_points;
    s->n0 = n0;
    s->inner.images = end - n0;
    s->inner.y = p->y + n0 * p->out_channels * p->out_points * p->element_size;
    tn__parallel(p->ctx, s->inner.images * p->in_channels, tn__grain(TN__GRAIN_SUMMED, cost),
                 fill_channels, s);
    tn__winograd_convolve(&s->inner, s->u);
}

static void convolve(phases *s)
{
    const tn__conv2d_plan *p = s->plan;
    int64_t image = s->inner.in_channels * s->inner.in_points * p->element_size;
    int64_t run = tn__min(p->images, tn__max(1, RUN_BYTES / image));
    s->x = tn__alloc(p->ctx, tn__bytes(run * image));
    s->inner.x = s->x;
    for (int64_t n0 = 0; s->x && n0 < p->images; n0 += run)
        convolve_run(s, n0, tn__min(n0 + run, p->images));
    tn__free(p->ctx, s->x);
}

/* Phases of the weight are needed no more once they are transformed. */
static void transform(phases *s)
{
    const tn__conv2d_plan *p = s->plan;
    int64_t bytes = p->out_channels * s->inner.depth * p->element_size;
    s->weight = tn__alloc(p->ctx, tn__bytes(bytes));
    s->inner.weight = s->weight;
    if (s->weight) {
        tn__parallel(p->ctx, p->out_channels * p->in_channels,
                     tn__grain(TN__GRAIN_ELEMENTS, (double)p->kernel_points), fill_kernels, s);
        tn__winograd_transform(&s->inner, s->u);
    }
    tn__free(p->ctx, s->weight);
}

/* What the weight becomes is another form for each step. */
static void forward(const tn__conv2d_plan *p)
{
    phases s = {.plan = p, .inner = inner_plan(p)};
    tn__form form = p->form;
    tn__prepared weight;
    form.layout[1] = p->window.stride_h << 32 | p->window.stride_w;
    if (!tn__prepare(p->ctx, &form, tn__bytes(tn__winograd_bytes(&s.inner)), &weight))
        return;
    s.u = weight.data;
    if (!weight.ready)
        transform(&s);
    if (tn_ok(p->ctx))
        convolve(&s);
    tn__prepared_done(p->ctx, &weight);
}

/* ---- where it pays --------------------------------------------------------------------------- */

/* In a window that is mostly padding, what others of its tile leave to rounding would be much
 * beside its own sum, which may have no term at all. */
static bool is_line(int64_t kernel, int64_t stride, int64_t padding)
{
    return tn__divide_up(kernel, stride) == TAPS && 2 * padding <= kernel;
}

static bool applies(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    const tn__window *w = &p->window;
    if (product != TN__CONV2D_FORWARD || (w->stride_h == 1 && w->stride_w == 1) ||
        w->dilation_h != 1 || w->dilation_w != 1 ||
        !is_line(w->kernel_h, w->stride_h, w->padding_h) ||
        !is_line(w->kernel_w, w->stride_w, w->padding_w))
        return false;
    tn__conv2d_plan inner = inner_plan(p);
    return tn__winograd_applies(&inner);
}

static bool pays(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    (void)product;
    tn__conv2d_plan inner = inner_plan(p);
    double numbers = (double)p->images * (double)inner.in_channels * (double)inner.in_points;
    double windows = (double)p->images * (double)p->out_points * (double)p->depth;
    return tn__winograd_cost(&inner) + COST_OF_PHASES * numbers < windows * (double)p->out_channels;
}

const tn__conv2d_method tn__conv2d_winograd_phases = {
    .name = "winograd_phases", .applies = applies, .pays = pays, .mixes = true, .forward = forward};
