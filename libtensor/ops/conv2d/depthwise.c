/* depthwise.c - convolutions in groups of one channel of x: no sum over channels, so that a product
 * of matrices would be as thin as a kernel.
 *
 * kernels/depthwise.c has the formulas. A plane of x is padded once and serves all planes of y that
 * come from it; dx is gathered in padded rows, too. The threads share the planes of x, dx or the
 * groups of dw, whose kernels are summed by one thread each, in the order of the images. */
#include <string.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/conv2d/plan.h"

#define MOST_TERMS 512         /* that are added one after another, in y and in dx */
#define MOST_PASSES 4          /* over dx */
#define MOST_NUMBERS 4194304.0 /* of a padded plane, whose padding may be wider than the plane */
#define MANY 4                 /* planes for each worker, which need not be cut */

/* What one call needs besides the plan. `run` does the parts begin .. end. */
typedef struct work work;
typedef void (*work_fn)(const work *k, int64_t begin, int64_t end, char *padded);
struct work {
    const tn__conv2d_plan *plan;
    work_fn run;
    int64_t parts; /* of what comes from one plane of x: so many of its planes of y or kernels */
    int64_t *taps; /* [kernel_points]: where each element of the kernel begins in padded rows */
    int64_t rows;  /* padded rows of a plane */
    int64_t bytes; /* of a padded plane */
    char *padded;  /* a padded plane for each worker */
    char *lost;    /* like dw: what rounding takes from it */
};

static int64_t rows_of(const tn__window *w)
{
    return tn__window_rows(w, w->out_h);
}

static bool applies(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    const tn__window *w = &p->window;
    int64_t sums = product == TN__CONV2D_GRAD_INPUT ? p->out_channels : 1;
    return p->in_channels == 1 && p->kernel_points <= MOST_TERMS / sums &&
           (double)rows_of(w) * (double)tn__window_line(w) <= MOST_NUMBERS;
}

/* Each plane of dy passes over dx once more. */
static bool pays(const tn__conv2d_plan *p, tn__conv2d_product product)
{
    return product != TN__CONV2D_GRAD_INPUT || p->out_channels <= MOST_PASSES;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void fill_taps(const tn__window *w, int64_t *taps)
{
    for (int64_t i = 0; i < w->kernel_h; i++)
        for (int64_t j = 0; j < w->kernel_w; j++)
            *taps++ = tn__window_place(w, i, j);
}

static bool work_new(const tn__conv2d_plan *p, work *k)
{
    const tn__window *w = &p->window;
    *k = (work){.plan = p, .rows = rows_of(w)};
    k->bytes = k->rows * tn__window_line(w) * p->element_size + TN__SLACK;
    k->taps = tn__alloc(p->ctx, (size_t)p->kernel_points * sizeof *k->taps);
    k->padded = tn__alloc_zeroed(p->ctx, tn__bytes(p->workers * k->bytes));
    if (k->taps)
        fill_taps(w, k->taps);
    return k->taps && k->padded;
}

static void work_free(work *k)
{
    tn__free(k->plan->ctx, k->taps);
    tn__free(k->plan->ctx, k->padded);
    tn__free(k->plan->ctx, k->lost);
}

/* ---- what each worker does ------------------------------------------------------------------- */

/* Part i % parts of the planes of y that come from plane i / parts of x. */
static void planes_of_y(const work *k, int64_t begin, int64_t end, char *padded)
{
    const tn__conv2d_plan *p = k->plan;
    int64_t size = p->element_size, channels = p->out_channels;
    for (int64_t i = begin, first, last; i < end; i++) {
        int64_t plane = i / k->parts;
        tn__cut_out(channels, k->parts, i % k->parts, &first, &last);
        int64_t o = plane % p->groups * channels + first, at = plane * channels + first;
        p->kernels->pad_planes(&p->window, 1, 0, k->rows, p->x + plane * p->in_points * size,
                               padded);
        p->kernels->depthwise(
            &p->window, k->taps, last - first, padded, p->weight + o * p->kernel_points * size,
            p->bias ? p->bias + o * size : NULL, p->y + at * p->out_points * size);
        for (int64_t j = 0; j < last - first; j++)
            tn__conv2d_end(p, o + j, p->out_points, p->y + (at + j) * p->out_points * size);
    }
}

/* The planes begin .. end of dx. */
static void planes_of_dx(const work *k, int64_t begin, int64_t end, char *padded)
{
    const tn__conv2d_plan *p = k->plan;
    int64_t size = p->element_size, channels = p->out_channels;
    for (int64_t i = begin; i < end; i++) {
        memset(padded, 0, (size_t)k->bytes);
        for (int64_t c = 0; c < channels; c++)
            p->kernels->depthwise_input(
                &p->window, k->taps, p->dy + (i * channels + c) * p->out_points * size,
                p->weight + (i % p->groups * channels + c) * p->kernel_points * size, padded);
        p->kernels->unpad_planes(&p->window, 1, k->rows, padded, p->dx + i * p->in_points * size);
    }
}

/* Part i % parts of the kernels of group i / parts, each over all images. */
static void kernels_of_dw(const work *k, int64_t begin, int64_t end, char *padded)
{
    const tn__conv2d_plan *p = k->plan;
    int64_t size = p->element_size, channels = p->out_channels, all = p->groups * channels;
    for (int64_t i = begin, first, last; i < end; i++) {
        int64_t group = i / k->parts;
        tn__cut_out(channels, k->parts, i % k->parts, &first, &last);
        for (int64_t n = 0; n < p->images; n++) {
            p->kernels->pad_planes(&p->window, 1, 0, k->rows,
                                   p->x + (n * p->groups + group) * p->in_points * size, padded);
            for (int64_t o = group * channels + first; o < group * channels + last; o++) {
                int64_t at = o * p->kernel_points * size;
                p->kernels->depthwise_weight(&p->window, k->taps, padded,
                                             p->dy + (n * all + o) * p->out_points * size,
                                             p->dw + at, k->lost + at);
            }
        }
    }
}

static void run_worker(int64_t worker, int64_t begin, int64_t end, void *payload)
{
    const work *k = payload;
    k->run(k, begin, end, k->padded + worker * k->bytes);
}

/* ---- the products ---------------------------------------------------------------------------- */

/* What comes from so many planes of x, each of which is padded once for each part: there is one of
 * them, or as many as give all workers the same, and no more than there are results of a plane. */
static void share(work *k, int64_t planes, int64_t results, work_fn run)
{
    int64_t workers = k->plan->workers;
    k->run = run;
    k->parts = 1;
    while (planes < MANY * workers && planes * k->parts % workers > 0 && k->parts < results)
        k->parts++;
    tn__share(k->plan->ctx, planes * k->parts, workers, run_worker, k);
}

static void forward(const tn__conv2d_plan *p)
{
    work k;
    if (work_new(p, &k))
        share(&k, p->images * p->groups, p->out_channels, planes_of_y);
    work_free(&k);
}

/* Of one plane of dy in steps of one, dx is y of that plane under the kernel turned by half a turn,
 * whose elements lie the other way round. Its padding may be negative above and below, where rows
 * are left out, but not at the sides. */
static bool is_one_plane(const tn__conv2d_plan *p, const tn__window *turned)
{
    return p->out_channels == 1 && p->window.stride_h == 1 && p->window.stride_w == 1 &&
           turned->padding_w >= 0;
}

static void turn(int64_t n, int64_t *taps)
{
    for (int64_t i = 0; i < n / 2; i++) {
        int64_t tap = taps[i];
        taps[i] = taps[n - 1 - i];
        taps[n - 1 - i] = tap;
    }
}

static void grad_input(const tn__conv2d_plan *p)
{
    work k;
    tn__conv2d_plan turned = tn__conv2d_turned(p);
    bool gathers = is_one_plane(p, &turned.window), ready = work_new(gathers ? &turned : p, &k);
    if (ready && gathers)
        turn(p->kernel_points, k.taps);
    if (ready)
        share(&k, p->images * p->groups, 1, gathers ? planes_of_y : planes_of_dx);
    work_free(&k);
}

static void grad_weight(const tn__conv2d_plan *p)
{
    work k;
    size_t bytes = (size_t)(p->groups * p->out_channels * p->kernel_points * p->element_size);
    bool ready = work_new(p, &k);
    if (ready && (k.lost = tn__alloc_zeroed(p->ctx, bytes))) {
        memset(p->dw, 0, bytes);
        share(&k, p->groups, p->out_channels, kernels_of_dw);
    }
    work_free(&k);
}

const tn__conv2d_method tn__conv2d_depthwise = {.name = "depthwise",
                                                .applies = applies,
                                                .pays = pays,
                                                .forward = forward,
                                                .grad_input = grad_input,
                                                .grad_weight = grad_weight};
