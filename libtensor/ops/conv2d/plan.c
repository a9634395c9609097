/* plan.c - the facts of one convolution. */
#include "base/isa.h"
#include "base/threads.h"
#include "ops/conv2d/plan.h"
#include "tensor/tensor.h"

/* A double, for the count of multiply-adds may not fit an integer. */
static int64_t workers_of(const tn__conv2d_plan *p)
{
    double work = (double)p->images * (double)(p->groups * p->out_channels) * (double)p->depth *
                  (double)p->out_points / TN__GRAIN_MULTIPLY_ADDS;
    return work < p->ctx->threads ? (int64_t)work + 1 : p->ctx->threads;
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
    p.depth = p.in_channels * p.kernel_points;
    p.workers = workers_of(&p);
    return p;
}
