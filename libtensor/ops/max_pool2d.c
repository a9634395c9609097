/* max_pool2d(x):  y_p = max of x under window p;  dx_i = sum of dy_p over the windows p that took
 * element i. */
#include <tn/op.h>
#include <tn/ops.h>
#include "ops/shared/pool.h"
#include "ops/shared/window.h"

static void forward(const tn__pool_planes *p)
{
    p->kernels->max_pool2d(&p->data->window, p->planes, p->x, p->y, p->index);
}

static void backward(const tn__pool_planes *p)
{
    p->kernels->max_pool2d_backward(&p->data->window, p->planes, p->index, p->dy, p->dx, p->lost);
}

static const tn__pooling pooling = {.name = "max_pool2d",
                                    .has_index = true,
                                    .forward = forward,
                                    .backward = backward,
                                    .work = tn__elements_under,
                                    .windows_over = tn__windows_over};

static void max_pool2d_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn__pool_backward(ctx, &pooling, node, dy);
}

static const tn_op max_pool2d_op = {.name = "max_pool2d", .backward = max_pool2d_backward};

tn_tensor *tn_max_pool2d(tn_ctx *ctx, const tn_tensor *x, int64_t kernel_size, tn_pool2d_opts opts)
{
    tn_begin(ctx, &max_pool2d_op);
    tn__pool_data data = {0};
    if (!tn_check_float(ctx, "max_pool2d", "input", x) ||
        !tn__pool_window(ctx, "max_pool2d", x, kernel_size, &opts, &data.window))
        return NULL;
    return tn__pool_forward(ctx, &max_pool2d_op, &pooling, x, &data);
}
