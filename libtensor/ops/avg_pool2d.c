/* avg_pool2d(x):  y_p = sum of x under window p / n_p, n_p the number of elements in the window;
 * dx_i = sum of dy_p / n_p over the windows p that i is in. */
#include <tn/op.h>
#include "base/isa.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/threads.h"
#include "ops/shared/window.h"
#include "tensor/copy.h"

#define GRAIN 16384 /* elements under windows that are worth a thread of their own */

typedef struct pool_data {
    tn__window w;
    bool exclude_padding;
    int64_t divisor;
} pool_data;

typedef struct pool_args {
    const tn__kernels *k;
    const pool_data *data;
    int64_t size;
    const char *x, *dy;
    char *y, *dx, *lost;
} pool_args;

static int64_t grain(const tn__window *w)
{
    double windows = (double)w->out_h * (double)w->out_w;
    return tn__grain(GRAIN, windows * (double)w->kernel_h * (double)w->kernel_w);
}

static void run_planes(int64_t begin, int64_t end, void *payload)
{
    const pool_args *a = payload;
    const pool_data *data = a->data;
    const tn__window *w = &data->w;
    int64_t x = begin * w->h * w->w * a->size, y = begin * w->out_h * w->out_w * a->size;
    if (a->x)
        a->k->avg_pool2d(w, end - begin, data->exclude_padding, data->divisor, a->x + x, a->y + y);
    else
        a->k->avg_pool2d_backward(w, end - begin, data->exclude_padding, data->divisor, a->dy + y,
                                  a->dx + x, a->lost ? a->lost + x : NULL);
}

static void avg_pool2d_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *plain = tn__contiguous(ctx, dy);
    tn_tensor *dx =
        tn__new(ctx, "avg_pool2d", dy->dtype, tn_input_ndim(node, 0), tn_input_shape(node, 0));
    if (!plain || !dx)
        return;
    char *lost =
        tn__new_lost(ctx, dx, tn__windows_over(&((const pool_data *)tn_node_data(node))->w));
    if (!tn_ok(ctx))
        return;
    pool_args args = {.k = tn__kernels_of(ctx, dy->dtype),
                      .data = tn_node_data(node),
                      .size = (int64_t)tn_dtype_size(dy->dtype),
                      .dy = tn__ptr(plain),
                      .lost = lost,
                      .dx = tn__ptr(dx)};
    tn__parallel(ctx, tn__planes(dx), grain(&args.data->w), run_planes, &args);
    tn__free(ctx, lost);
    tn_add_grad(ctx, node, 0, dx);
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
    pool_data data = {.exclude_padding = opts.exclude_padding, .divisor = opts.divisor};
    if (!tn_check_float(ctx, "avg_pool2d", "input", x) || !check_options(ctx, &opts) ||
        !tn__pool_window(ctx, "avg_pool2d", x, kernel_size, &opts, &data.w))
        return NULL;
    const tn_tensor *plain = tn__contiguous(ctx, x);
    tn_tensor *y = tn__new_planes(ctx, "avg_pool2d", x, x->dtype, &data.w);
    if (!tn_ok(ctx))
        return NULL;
    pool_args args = {.k = tn__kernels_of(ctx, x->dtype),
                      .data = &data,
                      .size = (int64_t)tn_dtype_size(x->dtype),
                      .x = tn__ptr(plain),
                      .y = tn__ptr(y)};
    tn__parallel(ctx, tn__planes(x), grain(&data.w), run_planes, &args);
    return tn_record(ctx, &avg_pool2d_op, y,
                     (tn_record_args){.inputs = {x}, .data = &data, .size = sizeof data});
}
