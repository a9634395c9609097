/* avg_pool2d(x):  y_p = sum of x under window p / n_p, n_p the number of elements in the window;
 * dx_i = sum of dy_p / n_p over the windows p that i is in. */
#include <tn/op.h>
#include <tn/ops.h>
#include "base/options.h"
#include "ops/shared/pool.h"
#include "ops/shared/window.h"

static void forward(const tn__pool_planes *p)
{
    const tn__pool_data *d = p->data;
    p->kernels->avg_pool2d(&d->window, p->planes, d->exclude_padding, d->divisor, p->x, p->y);
}

static void backward(const tn__pool_planes *p)
{
    const tn__pool_data *d = p->data;
    p->kernels->avg_pool2d_backward(&d->window, p->planes, d->exclude_padding, d->divisor, p->dy,
                                    p->dx, p->lost);
}

static const tn__pooling pooling = {.name = "avg_pool2d",
                                    .forward = forward,
                                    .backward = backward,
                                    .work = tn__elements_under,
                                    .windows_over = tn__windows_over};

static void avg_pool2d_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn__pool_backward(ctx, &pooling, node, dy);
}

static const tn_op avg_pool2d_op = {.name = "avg_pool2d", .backward = avg_pool2d_backward};

static bool check_options(tn_ctx *ctx, const tn_pool2d_opts *opts)
{
    if (opts->divisor < 0) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "avg_pool2d: the divisor %lld is not positive",
                (long long)tn__int_option(opts->divisor, 0));
        return false;
    }
    if (opts->dilation > 1 || opts->dilation_h > 1 || opts->dilation_w > 1) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "avg_pool2d: dilation is for max_pool2d alone");
        return false;
    }
    return true;
}

tn_tensor *tn_avg_pool2d(tn_ctx *ctx, const tn_tensor *x, int64_t kernel_size, tn_pool2d_opts opts)
{
    tn_begin(ctx, &avg_pool2d_op);
    tn__pool_data data = {.exclude_padding = opts.exclude_padding, .divisor = opts.divisor};
    if (!tn_check_float(ctx, "avg_pool2d", "input", x) || !check_options(ctx, &opts) ||
        !tn__pool_window(ctx, "avg_pool2d", x, kernel_size, &opts, &data.window))
        return NULL;
    return tn__pool_forward(ctx, &avg_pool2d_op, &pooling, x, &data);
}
