/* planes.c - planes with zeros around them. */
#include "base/integers.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "ops/conv2d/planes.h"

#define RUN_BYTES 1048576 /* of a run, about */
#define OWN_BYTES 262144  /* of the weights of a worker that has images of its own */
#define OWN_IMAGES 4      /* of a worker */
#define MOST_TIMES 4.0    /* as many numbers as there are may be read, */
#define FEW 4096.0        /* or a few more */
#define LINE 64           /* bytes of a cache line */
#define LANES 16          /* output channels that a vector has, at most */
#define FEWEST_POINTS 128 /* of y */

tn__window tn__padded_planes(int64_t h, int64_t w, int64_t padding_h, int64_t padding_w,
                             int64_t rows, int64_t columns)
{
    return (tn__window){.h = h,
                        .w = w,
                        .out_h = rows,
                        .out_w = columns,
                        .kernel_h = 1,
                        .kernel_w = 1,
                        .stride_h = 1,
                        .stride_w = 1,
                        .padding_h = padding_h,
                        .padding_w = padding_w,
                        .dilation_h = 1,
                        .dilation_w = 1};
}

tn__window tn__reach_of_y(const tn__window *w)
{
    int64_t rows = (w->out_h - 1) * w->stride_h + (w->kernel_h - 1) * w->dilation_h + 1;
    int64_t columns = (w->out_w - 1) * w->stride_w + (w->kernel_w - 1) * w->dilation_w + 1;
    return tn__padded_planes(w->h, w->w, w->padding_h, w->padding_w, rows, columns);
}

bool tn__planes_fit(const tn__window *pad)
{
    return (double)pad->out_h * (double)pad->out_w <=
           MOST_TIMES * (double)pad->h * (double)pad->w + FEW;
}

static bool is_matrix(const tn__window *w)
{
    return w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 &&
           w->padding_h == 0 && w->padding_w == 0;
}

bool tn__pays_in_place(const tn__conv2d_plan *p, int64_t channels)
{
    return !is_matrix(&p->window) && p->images * p->out_points >= FEWEST_POINTS &&
           4 * channels >= 3 * LANES * tn__divide_up(channels, LANES);
}

/* From plane to plane: an odd number of cache lines, so that planes do not compete for the same
 * places in the cache. */
static int64_t size_of(const tn__planes *p)
{
    int64_t bytes = p->pad.out_h * p->row * p->plan->element_size;
    return (tn__divide_up(bytes, LINE) | 1) * LINE / p->plan->element_size;
}

static int64_t bytes_of_image(const tn__planes *p)
{
    return p->count * p->size * p->plan->element_size;
}

void tn__planes_without_zeros(tn__planes *p)
{
    p->in_place = true;
    p->row = p->pad.w;
    p->size = p->pad.h * p->pad.w;
}

tn__planes tn__planes_new(const tn__conv2d_plan *plan, const char *data, int64_t count,
                          const tn__window *pad)
{
    tn__planes p = {.plan = plan, .data = data, .count = count, .pad = *pad, .row = pad->out_w};
    p.size = size_of(&p);
    if (pad->padding_h == 0 && pad->padding_w == 0 && pad->out_h <= pad->h && pad->out_w <= pad->w)
        tn__planes_without_zeros(&p);
    int64_t bytes = tn__max(1, bytes_of_image(&p));
    p.run = tn__min(tn__max(1, RUN_BYTES / bytes), plan->images);
    return p;
}

bool tn__planes_apart(const tn__planes *p, int64_t bytes)
{
    const tn__conv2d_plan *plan = p->plan;
    return plan->workers > 1 && plan->images >= OWN_IMAGES * plan->workers && bytes <= OWN_BYTES &&
           bytes_of_image(p) <= RUN_BYTES;
}

bool tn__planes_alloc(tn__planes *p, int64_t workers)
{
    p->run = tn__min(p->run, tn__divide_up(p->plan->images, workers));
    if (!p->in_place)
        p->padded = tn__alloc(p->plan->ctx, tn__bytes(workers * p->run * bytes_of_image(p)));
    return p->in_place || p->padded;
}

void tn__planes_free(tn__planes *p)
{
    tn__free(p->plan->ctx, p->padded);
}

tn__planes tn__planes_of_worker(const tn__planes *p, int64_t worker)
{
    tn__planes own = *p;
    if (!p->in_place)
        own.padded += worker * p->run * bytes_of_image(p);
    return own;
}

static void pad_some(int64_t begin, int64_t end, void *payload)
{
    const tn__planes *p = payload;
    int64_t size = p->plan->element_size, from = p->pad.h * p->pad.w * size;
    for (int64_t i = begin; i < end; i++)
        p->plan->kernels->pad_planes(&p->pad, 1, 0, p->pad.out_h,
                                     p->data + (p->n0 * p->count + i) * from,
                                     p->padded + i * p->size * size);
}

void tn__planes_read(tn__planes *p, int64_t n0, int64_t end)
{
    p->n0 = n0;
    p->images = tn__min(p->run, end - n0);
    int64_t grain = tn__grain(TN__GRAIN_SUMMED, (double)p->size);
    if (!p->in_place)
        tn__parallel(p->plan->ctx, p->images * p->count, grain, pad_some, p);
}

const char *tn__plane(const tn__planes *p, int64_t n, int64_t c)
{
    const char *first = p->in_place ? p->data : p->padded;
    int64_t image = p->in_place ? p->n0 + n : n;
    return first + (image * p->count + c) * p->size * p->plan->element_size;
}
