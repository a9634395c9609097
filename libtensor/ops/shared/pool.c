/* pool.c - what the pooling operators share: results, and planes for the threads. */
#include "base/isa.h"
#include "base/memory.h"
#include "base/threads.h"
#include "ops/shared/pool.h"
#include "ops/shared/window.h"
#include "tensor/copy.h"
#include "tensor/tensor.h"

double tn__elements_under(const tn__window *w)
{
    double windows = (double)w->out_h * (double)w->out_w;
    return windows * (double)w->kernel_h * (double)w->kernel_w;
}

typedef struct pool_args {
    const tn__pool_planes *all;
    void (*run)(const tn__pool_planes *p);
    int64_t size; /* of an element */
} pool_args;

static char *moved(const char *p, int64_t bytes)
{
    return p ? (char *)p + bytes : NULL;
}

static void run_planes(int64_t begin, int64_t end, void *payload)
{
    const pool_args *a = payload;
    tn__pool_planes p = *a->all;
    const tn__window *w = &p.data->window;
    int64_t x = begin * w->h * w->w, y = begin * w->out_h * w->out_w;
    p.planes = end - begin;
    p.x = moved(p.x, x * a->size);
    p.dx = moved(p.dx, x * a->size);
    p.lost = moved(p.lost, x * a->size);
    p.y = moved(p.y, y * a->size);
    p.dy = moved(p.dy, y * a->size);
    p.index = moved(p.index, y * tn__index_bytes(w));
    a->run(&p);
}

static void share_planes(tn_ctx *ctx, const tn__pooling *how, tn_dtype dtype, tn__pool_planes *all)
{
    pool_args args = {.all = all,
                      .run = all->x ? how->forward : how->backward,
                      .size = (int64_t)tn_dtype_size(dtype)};
    int64_t grain = tn__grain(TN__GRAIN_ELEMENTS, how->work(&all->data->window));
    all->kernels = tn__kernels_of(ctx, dtype);
    tn__parallel(ctx, all->planes, grain, run_planes, &args);
}

/* As bytes, for there is no dtype of two. */
static tn_tensor *new_index(tn_ctx *ctx, const tn__pooling *how, const tn_tensor *x,
                            const tn__window *w)
{
    tn__window bytes = *w;
    bytes.out_w *= tn__index_bytes(w);
    return tn__new_planes(ctx, how->name, x, TN_U8, &bytes);
}

tn_tensor *tn__pool_forward(tn_ctx *ctx, const tn_op *op, const tn__pooling *how,
                            const tn_tensor *x, const tn__pool_data *data)
{
    const tn__window *w = &data->window;
    const tn_tensor *plain = tn__contiguous(ctx, x);
    tn_tensor *y = tn__new_planes(ctx, how->name, x, x->dtype, w);
    bool keeps = how->has_index && tn_will_record(ctx, 1, &x);
    tn_tensor *index = keeps ? new_index(ctx, how, x, w) : NULL;
    if (!tn_ok(ctx))
        return NULL;
    tn__pool_planes all = {.data = data,
                           .planes = tn__planes_of(x),
                           .x = tn__ptr(plain),
                           .y = tn__ptr(y),
                           .index = index ? tn__ptr(index) : NULL};
    share_planes(ctx, how, x->dtype, &all);
    y = tn_record(
        ctx, op, y,
        (tn_record_args){.inputs = {x}, .saved = {index}, .data = data, .size = sizeof *data});
    tn_free(index);
    return y;
}

void tn__pool_backward(tn_ctx *ctx, const tn__pooling *how, tn_node *node, const tn_tensor *dy)
{
    const tn__pool_data *data = tn_node_data(node);
    const tn_tensor *index = tn_saved(node, 0), *plain = tn__contiguous(ctx, dy);
    tn_tensor *dx =
        tn__new(ctx, how->name, dy->dtype, tn_input_ndim(node, 0), tn_input_shape(node, 0));
    if (!plain || !dx)
        return;
    char *lost = tn__new_lost(ctx, dx, how->windows_over(&data->window));
    if (!tn_ok(ctx))
        return;
    tn__pool_planes all = {.data = data,
                           .planes = tn__planes_of(dx),
                           .dy = tn__ptr(plain),
                           .dx = tn__ptr(dx),
                           .lost = lost,
                           .index = index ? tn__ptr(index) : NULL};
    share_planes(ctx, how, dy->dtype, &all);
    tn__free(ctx, lost);
    tn_add_grad(ctx, node, 0, dx);
}
