/* loss.c - what the losses share: checking targets, and reduction. */
#include "base/exact_sum.h"
#include "ops/shared/loss.h"
#include "tensor/dtype.h"
#include "tensor/reduce.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"
#include "tensor/view.h"

bool tn__check_reduction(tn_ctx *ctx, const char *what, tn_reduction reduction)
{
    bool known = (unsigned)reduction <= TN_REDUCE_NONE;
    if (!known)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: reduction %d", what, (int)reduction);
    return known;
}

bool tn__check_numbers(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *x,
                       const tn_tensor *target, bool broadcast, const char *hint)
{
    if (!tn_check_float(ctx, what, name, x) || !tn_check_float(ctx, what, "target", target) ||
        !tn_check_same_dtype(ctx, what, name, x, "target", target))
        return false;
    bool fits = broadcast || tn__same_shape(x, target);
    if (!fits)
        tn_fail(ctx, TN_ERR_SHAPE, "%s: %s %s and target %s have different shapes%s", what, name,
                TN_SHAPE_TEXT(x), TN_SHAPE_TEXT(target), hint);
    return fits;
}

static bool check_shapes(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *x,
                         const tn_tensor *target, const tn_tensor *weight)
{
    if (x->ndim < 1 || x->ndim > 2 || target->ndim != x->ndim - 1 ||
        (x->ndim == 2 && x->shape[0] != target->shape[0])) {
        tn_fail(ctx, TN_ERR_SHAPE,
                "%s: %s %s and target %s; expected [n,classes] and [n], or [classes] and []", what,
                name, TN_SHAPE_TEXT(x), TN_SHAPE_TEXT(target));
        return false;
    }
    if (tn_size(x, -1) == 0) {
        tn_fail(ctx, TN_ERR_SHAPE, "%s: %s %s: there are no classes", what, name, TN_SHAPE_TEXT(x));
        return false;
    }
    if (weight && (weight->ndim != 1 || weight->shape[0] != tn_size(x, -1))) {
        tn_fail(ctx, TN_ERR_SHAPE, "%s: weight %s does not match %s %s", what,
                TN_SHAPE_TEXT(weight), name, TN_SHAPE_TEXT(x));
        return false;
    }
    return true;
}

bool tn__check_classes(tn_ctx *ctx, const char *what, const char *name, const tn_tensor *x,
                       const tn_tensor *target, const tn_tensor *weight)
{
    if (!tn_check_float(ctx, what, name, x) || !tn_check_input(ctx, what, "target", target))
        return false;
    if (!tn__is_index(target->dtype)) {
        tn_fail(ctx, TN_ERR_DTYPE, "%s: target is %s but must be i64, i32 or u8", what,
                tn_dtype_name(target->dtype));
        return false;
    }
    if (weight && !tn_check_same_dtype(ctx, what, name, x, "weight", weight))
        return false;
    return check_shapes(ctx, what, name, x, target, weight);
}

/* The sum of the weights of the targets. */
static double total_weight(int64_t n, const int64_t *class, int64_t ignore, const tn_tensor *weight)
{
    const char *weights = tn__ptr(weight);
    size_t size = tn_dtype_size(weight->dtype);
    tn__exact_sum sum = {0};
    for (int64_t i = 0; i < n; i++)
        if (class[i] != ignore)
            tn__exact_add(&sum, tn__load_f64(weight->dtype, weights + (size_t) class[i] * size));
    return tn__exact_total(&sum);
}

bool tn__check_targets(tn_ctx *ctx, const char *what, const tn_tensor *target, int64_t classes,
                       int64_t ignore, const tn_tensor *weight, double *total)
{
    const int64_t *class = tn__ptr(target), n = tn_numel(target);
    int64_t counted = 0;
    for (int64_t i = 0; i < n; i++) {
        if (class[i] == ignore)
            continue;
        if (class[i] < 0 || class[i] >= classes) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s: target[%lld] is %lld, not one of %lld classes", what,
                    (long long)i, (long long)class[i], (long long)classes);
            return false;
        }
        counted++;
    }
    *total = weight ? total_weight(n, class, ignore, weight) : (double)counted;
    return true;
}

tn_tensor *tn__reduce_losses(tn_ctx *ctx, tn_tensor *losses, tn_reduction reduction, double total)
{
    if (!losses || reduction == TN_REDUCE_NONE)
        return losses;
    static const bool all[TN_MAX_DIMS] = {true, true, true, true, true, true, true, true};
    tn_tensor *sum = tn__sum_dims(ctx, losses, all), *y = sum ? tn__drop_dims(ctx, sum, all) : NULL;
    if (y && reduction == TN_REDUCE_MEAN)
        tn__store_f64(y->dtype, tn__ptr(y), tn__load_f64(y->dtype, tn__ptr(y)) / total);
    return y;
}
