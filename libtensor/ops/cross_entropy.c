/* cross_entropy(x, t):  loss_i = (1 - s) w_t (lse_i - x_it) + s/C sum_c w_c (lse_i - x_ic),
 * lse_i = ln sum_c e^x_ic, s the label smoothing, C the number of classes; targets that are ignored
 * count for nothing. The mean is sum_i loss_i / sum_i w_t.
 *
 *     dx_ic = dy_i ((1 - s) w_t (p_ic - [c = t]) + s/C (p_ic sum_k w_k - w_c)),  p = e^(x -
 * lse). */
#include <tn/op.h>
#include <tn/ops.h>
#include "base/integers.h"
#include "base/isa.h"
#include "base/options.h"
#include "base/threads.h"
#include "kernels/args.h"
#include "kernels/kernels.h"
#include "ops/shared/elements.h"
#include "ops/shared/loss.h"
#include "tensor/copy.h"
#include "tensor/tensor.h"

typedef struct loss_data {
    tn_cross_entropy_opts opts;
    double scale; /* of the sum: 1, or 1 / sum_i w_t */
} loss_data;

typedef struct loss_args {
    tn__cross_entropy e;
    const tn__kernels *k;
    const void *x, *dy;
    void *loss, *lse, *dx;
    int64_t size; /* of an element */
    bool one_dy;
    double scale;
} loss_args;

/* Runs of rows that stay in the cache. */
static void forward_range(int64_t begin, int64_t end, void *payload)
{
    enum { RUN = 256 };
    const loss_args *a = payload;
    for (int64_t i = begin; i < end; i += RUN) {
        int64_t rows = tn__min(end - i, RUN), classes = a->e.classes;
        const char *x = (const char *)a->x + i * a->e.ldx * a->size;
        char *lse = (char *)a->lse + 2 * i * a->size;
        (classes <= TN__SHORT_ROW ? a->k->log_sum_exp_short : a->k->log_sum_exp)(rows, classes, x,
                                                                                 a->e.ldx, lse);
        a->k->cross_entropy(&a->e, i, i + rows, a->x, a->lse, a->loss);
    }
}

static void backward_range(int64_t begin, int64_t end, void *payload)
{
    const loss_args *a = payload;
    a->k->cross_entropy_backward(&a->e, begin, end, a->x, a->lse, a->dy, a->one_dy, a->scale,
                                 a->dx);
}

/* x as [n, classes] with classes side by side; targets and weights are contiguous. */
static loss_args arguments(tn_ctx *ctx, const tn_cross_entropy_opts *opts, const tn_tensor *x,
                           const tn_tensor *target, const tn_tensor *weight)
{
    return (loss_args){.e = {.classes = tn_size(x, -1),
                             .ldx = x->ndim == 2 ? x->strides[0] : 0,
                             .target = tn__ptr(target),
                             .weight = weight ? tn__ptr(weight) : NULL,
                             .smoothing = opts->label_smoothing,
                             .ignore = opts->ignore_index},
                       .k = tn__kernels_of(ctx, x->dtype),
                       .x = tn__ptr(x),
                       .size = (int64_t)tn_dtype_size(x->dtype)};
}

static int64_t grain(const loss_args *a)
{
    return tn__grain(TN__GRAIN_EXPONENTIALS, (double)a->e.classes);
}

static void cross_entropy_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const loss_data *data = tn_node_data(node);
    const tn_tensor *x = tn_saved(node, 0), *plain = tn__contiguous(ctx, dy);
    tn_tensor *dx =
        tn__new(ctx, "cross_entropy", x->dtype, tn_input_ndim(node, 0), tn_input_shape(node, 0));
    if (!plain || !dx)
        return;
    loss_args args = arguments(ctx, &data->opts, x, tn_saved(node, 1), tn_saved(node, 3));
    args.lse = tn__ptr(tn_saved(node, 2));
    args.dy = tn__ptr(plain);
    args.one_dy = data->opts.reduction != TN_REDUCE_NONE;
    args.scale = data->scale;
    args.dx = tn__ptr(dx);
    tn__parallel(ctx, tn_numel(tn_saved(node, 1)), grain(&args), backward_range, &args);
    tn_add_grad(ctx, node, 0, dx);
}

static const tn_op cross_entropy_op = {.name = "cross_entropy", .backward = cross_entropy_backward};

static bool check_arguments(tn_ctx *ctx, const tn_tensor *x, const tn_tensor *target,
                            const tn_cross_entropy_opts *opts)
{
    if (!tn__check_classes(ctx, "cross_entropy", "logits", x, target, opts->weight))
        return false;
    bool fits = opts->label_smoothing >= 0 && opts->label_smoothing <= 1 &&
                (unsigned)opts->reduction <= TN_REDUCE_NONE;
    if (!fits)
        tn_fail(ctx, TN_ERR_ARGUMENT, "cross_entropy: label smoothing %g, reduction %d",
                opts->label_smoothing, (int)opts->reduction);
    return fits;
}

/* x, whose rows may be apart or the same. */
static const tn_tensor *side_by_side(tn_ctx *ctx, const tn_tensor *x)
{
    return x->strides[x->ndim - 1] == 1 ? x : tn__contiguous(ctx, x);
}

tn_tensor *tn_cross_entropy(tn_ctx *ctx, const tn_tensor *logits, const tn_tensor *target,
                            tn_cross_entropy_opts opts)
{
    tn_begin(ctx, &cross_entropy_op);
    opts.label_smoothing = tn__real_option(opts.label_smoothing, 0);
    opts.ignore_index = tn__int_option(opts.ignore_index, -100);
    if (!check_arguments(ctx, logits, target, &opts))
        return NULL;
    int64_t n = tn_numel(target);
    const tn_tensor *x = side_by_side(ctx, logits);
    const tn_tensor *t = tn__plain_i64(ctx, target);
    const tn_tensor *w = opts.weight ? tn__contiguous(ctx, opts.weight) : NULL;
    tn_tensor *losses = tn__new(ctx, "cross_entropy", logits->dtype, target->ndim, target->shape);
    tn_tensor *lse = tn__new(ctx, "cross_entropy", logits->dtype, 2, (int64_t[]){n, 2});
    if (!tn_ok(ctx))
        return NULL;
    loss_args args = arguments(ctx, &opts, x, t, w);
    loss_data data = {.opts = opts, .scale = 1};
    double total;
    if (!tn__check_targets(ctx, "cross_entropy", t, args.e.classes, args.e.ignore, w, &total))
        return NULL;
    args.loss = tn__ptr(losses);
    args.lse = tn__ptr(lse);
    tn__parallel(ctx, n, grain(&args), forward_range, &args);
    if (opts.reduction == TN_REDUCE_MEAN)
        data.scale = 1 / total;
    tn_tensor *y = tn__reduce_losses(ctx, losses, opts.reduction, total);
    return tn_record(
        ctx, &cross_entropy_op, y,
        (tn_record_args){
            .inputs = {logits}, .saved = {x, t, lse, w}, .data = &data, .size = sizeof data});
}
