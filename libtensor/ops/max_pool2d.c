/* max_pool2d(x):  y_p = max of x under window p;  dx_i = sum of dy_p over the windows p that took
 * element i. */
#include <tn/op.h>
#include "base/isa.h"
#include "base/memory.h"
#include "base/threads.h"
#include "ops/shared/window.h"
#include "tensor/copy.h"

#define GRAIN 16384 /* elements under windows that are worth a thread of their own */

typedef struct pool_args {
    const tn__kernels *k;
    const tn__window *w;
    int64_t size;
    const char *x, *dy;
    char *y, *dx, *lost;
    int32_t *index;
} pool_args;

static int64_t grain(const tn__window *w)
{
    double windows = (double)w->out_h * (double)w->out_w;
    return tn__grain(GRAIN, windows * (double)w->kernel_h * (double)w->kernel_w);
}

static void forward_range(int64_t begin, int64_t end, void *payload)
{
    const pool_args *a = payload;
    int64_t x = begin * a->w->h * a->w->w, y = begin * a->w->out_h * a->w->out_w;
    a->k->max_pool2d(a->w, end - begin, a->x + x * a->size, a->y + y * a->size, a->index + y);
}

static void backward_range(int64_t begin, int64_t end, void *payload)
{
    const pool_args *a = payload;
    int64_t x = begin * a->w->h * a->w->w, y = begin * a->w->out_h * a->w->out_w;
    a->k->max_pool2d_backward(a->w, end - begin, a->index + y, a->dy + y * a->size,
                              a->dx + x * a->size, a->lost ? a->lost + x * a->size : NULL);
}

static void max_pool2d_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *index = tn_saved(node, 0), *plain = tn__contiguous(ctx, dy);
    tn_tensor *dx =
        tn__new(ctx, "max_pool2d", dy->dtype, tn_input_ndim(node, 0), tn_input_shape(node, 0));
    if (!plain || !dx)
        return;
    char *lost = tn__new_lost(ctx, dx, tn__windows_over(tn_node_data(node)));
    if (!tn_ok(ctx))
        return;
    pool_args args = {.k = tn__kernels_of(ctx, dy->dtype),
                      .w = tn_node_data(node),
                      .size = (int64_t)tn_dtype_size(dy->dtype),
                      .dy = tn__ptr(plain),
                      .lost = lost,
                      .dx = tn__ptr(dx),
                      .index = tn__ptr(index)};
    tn__parallel(ctx, tn__planes(dx), grain(args.w), backward_range, &args);
    tn__free(ctx, lost);
    tn_add_grad(ctx, node, 0, dx);
}

static const tn_op max_pool2d_op = {.name = "max_pool2d", .backward = max_pool2d_backward};

tn_tensor *tn_max_pool2d(tn_ctx *ctx, const tn_tensor *x, int64_t kernel_size, tn_pool2d_opts opts)
{
    tn_begin(ctx, &max_pool2d_op);
    tn__window w;
    if (!tn_check_float(ctx, "max_pool2d", "input", x) ||
        !tn__pool_window(ctx, "max_pool2d", x, kernel_size, &opts, &w))
        return NULL;
    const tn_tensor *plain = tn__contiguous(ctx, x);
    tn_tensor *y = tn__new_planes(ctx, "max_pool2d", x, x->dtype, &w);
    tn_tensor *index = tn__new_planes(ctx, "max_pool2d", x, TN_I32, &w);
    if (!tn_ok(ctx))
        return NULL;
    pool_args args = {.k = tn__kernels_of(ctx, x->dtype),
                      .w = &w,
                      .size = (int64_t)tn_dtype_size(x->dtype),
                      .x = tn__ptr(plain),
                      .y = tn__ptr(y),
                      .index = tn__ptr(index)};
    tn__parallel(ctx, tn__planes(x), grain(&w), forward_range, &args);
    y = tn_record(ctx, &max_pool2d_op, y,
                  (tn_record_args){.inputs = {x}, .saved = {index}, .data = &w, .size = sizeof w});
    tn_free(index);
    return y;
}
