/* adaptive_avg_pool2d(x):  y_p = the mean of x over window p; along a dimension of size n, windows
 * are floor(i n / out) .. ceil((i + 1) n / out);  dx as in avg_pool2d. */
#include <math.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "kernels/window.h"
#include "ops/shared/pool.h"
#include "ops/shared/window.h"

static void forward(const tn__pool_planes *p)
{
    p->kernels->adaptive_avg_pool2d(&p->data->window, p->planes, p->x, p->y);
}

static void backward(const tn__pool_planes *p)
{
    p->kernels->adaptive_avg_pool2d_backward(&p->data->window, p->planes, p->dy, p->dx, p->lost);
}

/* The windows cover the plane, and overlap little. */
static double work(const tn__window *w)
{
    return (double)w->h * (double)w->w + (double)w->out_h * (double)w->out_w;
}

static double windows_over(const tn__window *w)
{
    return (ceil((double)w->out_h / (double)w->h) + 1) *
           (ceil((double)w->out_w / (double)w->w) + 1);
}

static const tn__pooling pooling = {.name = "adaptive_avg_pool2d",
                                    .forward = forward,
                                    .backward = backward,
                                    .work = work,
                                    .windows_over = windows_over};

static void adaptive_avg_pool2d_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn__pool_backward(ctx, &pooling, node, dy);
}

static const tn_op adaptive_avg_pool2d_op = {.name = "adaptive_avg_pool2d",
                                             .backward = adaptive_avg_pool2d_backward};

static bool check_arguments(tn_ctx *ctx, const tn_tensor *x, int64_t out_h, int64_t out_w)
{
    if (!tn_check_float(ctx, "adaptive_avg_pool2d", "input", x) ||
        !tn__check_planes(ctx, "adaptive_avg_pool2d", x))
        return false;
    if (out_h < 0 || out_w < 0 || out_h > INT32_MAX || out_w > INT32_MAX) {
        tn_fail(ctx, TN_ERR_ARGUMENT,
                "adaptive_avg_pool2d: output size [%lld,%lld] is not between 0 and %d",
                (long long)out_h, (long long)out_w, INT32_MAX);
        return false;
    }
    if (tn_size(x, -2) < 1 || tn_size(x, -1) < 1) {
        tn_fail(ctx, TN_ERR_SHAPE, "adaptive_avg_pool2d: input %s has planes without elements",
                TN_SHAPE_TEXT(x));
        return false;
    }
    return true;
}

tn_tensor *tn_adaptive_avg_pool2d(tn_ctx *ctx, const tn_tensor *x, int64_t out_h, int64_t out_w)
{
    tn_begin(ctx, &adaptive_avg_pool2d_op);
    if (!check_arguments(ctx, x, out_h, out_w))
        return NULL;
    tn__pool_data data = {
        .window = {.h = tn_size(x, -2), .w = tn_size(x, -1), .out_h = out_h, .out_w = out_w}};
    return tn__pool_forward(ctx, &adaptive_avg_pool2d_op, &pooling, x, &data);
}
