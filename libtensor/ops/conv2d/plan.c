/* plan.c - the facts of one convolution. */
#include "base/isa.h"
#include "base/threads.h"
#include "ops/conv2d/plan.h"
#include "ops/shared/window.h"
#include "tensor/tensor.h"

/* A double, for the count of multiply-adds may not fit an integer. */
static int64_t workers_of(const tn__conv2d_plan *p)
{
    double work = (double)p->images * (double)(p->groups * p->out_channels) * (double)p->depth *
                  (double)p->out_points / TN__GRAIN_MULTIPLY_ADDS;
    return work < p->ctx->threads ? (int64_t)work + 1 : p->ctx->threads;
}

tn__window tn__conv2d_window(const tn_tensor *weight, const tn_conv2d_opts *opts)
{
    return (tn__window){.kernel_h = weight->shape[2],
                        .kernel_w = weight->shape[3],
                        .stride_h = tn__option(opts->stride_h, opts->stride, 1),
                        .stride_w = tn__option(opts->stride_w, opts->stride, 1),
                        .padding_h = tn__option(opts->padding_h, opts->padding, 0),
                        .padding_w = tn__option(opts->padding_w, opts->padding, 0),
                        .dilation_h = tn__option(opts->dilation_h, opts->dilation, 1),
                        .dilation_w = tn__option(opts->dilation_w, opts->dilation, 1)};
}

tn__conv2d_plan tn__conv2d_plan_new(tn_ctx *ctx, const tn__window *window, int64_t groups,
                                    const tn_tensor *x, const tn_tensor *weight)
{
    tn__conv2d_plan p = {.ctx = ctx,
                         .kernels = tn__kernels_of(ctx, x->dtype),
                         .dtype = x->dtype,
                         .element_size = (int64_t)tn_dtype_size(x->dtype),
                         .window = *window,
                         .images = x->ndim == 4 ? x->shape[0] : 1,
                         .groups = groups,
                         .in_channels = weight->shape[1],
                         .out_channels = weight->shape[0] / groups,
                         .in_points = window->h * window->w,
                         .out_points = window->out_h * window->out_w,
                         .kernel_points = window->kernel_h * window->kernel_w,
                         .x = tn__ptr(x),
                         .weight = tn__ptr(weight)};
    p.form = (tn__form){.kernels = p.kernels, .layout = {groups}};
    p.depth = p.in_channels * p.kernel_points;
    p.workers = workers_of(&p);
    return p;
}

void tn__conv2d_end(const tn__conv2d_plan *p, int64_t o, int64_t n, char *y)
{
    int64_t channels = p->groups * p->out_channels;
    if (p->norm)
        p->kernels->norm_in_place(n, p->norm[o], p->norm[channels + o], p->norm[2 * channels + o],
                                  y);
    if (p->relu)
        p->kernels->relu(n, y);
}

tn__conv2d_plan tn__conv2d_turned(const tn__conv2d_plan *p)
{
    const tn__window *w = &p->window;
    tn__conv2d_plan t = *p;
    t.window.h = w->out_h;
    t.window.w = w->out_w;
    t.window.out_h = w->h;
    t.window.out_w = w->w;
    t.window.padding_h = (w->kernel_h - 1) * w->dilation_h - w->padding_h;
    t.window.padding_w = (w->kernel_w - 1) * w->dilation_w - w->padding_w;
    t.in_channels = p->out_channels;
    t.out_channels = p->in_channels;
    t.in_points = p->out_points;
    t.out_points = p->in_points;
    t.depth = t.in_channels * p->kernel_points;
    t.x = p->dy;
    t.y = p->dx;
    t.bias = NULL;
    t.form.of = NULL;
    return t;
}
