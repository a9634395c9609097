/* adaptive_avg_pool2d(x):  y_p = the mean of x over window p; along a dimension of size n, windows
 * are floor(i n / out) .. ceil((i + 1) n / out);  dx as that of avg_pool2d. */
#include <math.h>
#include <tn/op.h>
#include "base/isa.h"
#include "base/memory.h"
#include "base/threads.h"
#include "ops/shared/window.h"
#include "tensor/copy.h"

#define GRAIN 16384 /* elements of x that are worth a thread of their own */

typedef struct pool_args {
    const tn__kernels *k;
    const tn__window *w;
    int64_t size;
    const char *x, *dy;
    char *y, *dx, *lost;
} pool_args;

/* At most, over an element of x. */
static double windows_over(const tn__window *w)
{
    return (ceil((double)w->out_h / (double)w->h) + 1) *
           (ceil((double)w->out_w / (double)w->w) + 1);
}

static void run_planes(int64_t begin, int64_t end, void *payload)
{
    const pool_args *a = payload;
    int64_t x = begin * a->w->h * a->w->w * a->size;
    int64_t y = begin * a->w->out_h * a->w->out_w * a->size;
    if (a->x)
        a->k->adaptive_avg_pool2d(a->w, end - begin, a->x + x, a->y + y);
    else
        a->k->adaptive_avg_pool2d_backward(a->w, end - begin, a->dy + y, a->dx + x,
                                           a->lost ? a->lost + x : NULL);
}

static int64_t grain(const tn__window *w)
{
    double elements = (double)w->h * (double)w->w, windows = (double)w->out_h * (double)w->out_w;
    return tn__grain(GRAIN, elements + windows);
}

static void adaptive_avg_pool2d_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *plain = tn__contiguous(ctx, dy);
    tn_tensor *dx = tn__new(ctx, "adaptive_avg_pool2d", dy->dtype, tn_input_ndim(node, 0),
                            tn_input_shape(node, 0));
    if (!plain || !dx)
        return;
    char *lost = tn__new_lost(ctx, dx, windows_over(tn_node_data(node)));
    if (!tn_ok(ctx))
        return;
    pool_args args = {.k = tn__kernels_of(ctx, dy->dtype),
                      .w = tn_node_data(node),
                      .size = (int64_t)tn_dtype_size(dy->dtype),
                      .dy = tn__ptr(plain),
                      .lost = lost,
                      .dx = tn__ptr(dx)};
    tn__parallel(ctx, tn__planes(dx), grain(args.w), run_planes, &args);
    tn__free(ctx, lost);
    tn_add_grad(ctx, node, 0, dx);
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
    tn__window w = {.h = tn_size(x, -2), .w = tn_size(x, -1), .out_h = out_h, .out_w = out_w};
    const tn_tensor *plain = tn__contiguous(ctx, x);
    tn_tensor *y = tn__new_planes(ctx, "adaptive_avg_pool2d", x, x->dtype, &w);
    if (!tn_ok(ctx))
        return NULL;
    pool_args args = {.k = tn__kernels_of(ctx, x->dtype),
                      .w = &w,
                      .size = (int64_t)tn_dtype_size(x->dtype),
                      .x = tn__ptr(plain),
                      .y = tn__ptr(y)};
    tn__parallel(ctx, tn__planes(x), grain(&w), run_planes, &args);
    return tn_record(ctx, &adaptive_avg_pool2d_op, y,
                     (tn_record_args){.inputs = {x}, .data = &w, .size = sizeof w});
}
