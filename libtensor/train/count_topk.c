/* count_topk.c - rows whose target is among their largest scores. */
#include <math.h>
#include <tn/train.h>
#include "tensor/copy.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

/* Element i of a tensor that is contiguous. */
static double score_at(const tn_tensor *t, int64_t i)
{
    return tn__load_f64(t->dtype, (const char *)tn__ptr(t) + (size_t)i * tn_dtype_size(t->dtype));
}

static bool check(tn_ctx *ctx, const tn_tensor *scores, const tn_tensor *targets, int64_t k)
{
    if (!tn_check_float(ctx, "count_topk", "scores", scores) ||
        !tn_check_input(ctx, "count_topk", "targets", targets))
        return false;
    if (!tn__is_index(targets->dtype))
        tn_fail(ctx, TN_ERR_DTYPE, "count_topk: targets are %s, not i64, i32 or u8",
                tn_dtype_name(targets->dtype));
    else if (scores->ndim != 2 || targets->ndim != 1 || targets->shape[0] != scores->shape[0])
        tn_fail(ctx, TN_ERR_SHAPE,
                "count_topk: scores %s and targets %s; expected [n,classes] and "
                "[n]",
                TN_SHAPE_TEXT(scores), TN_SHAPE_TEXT(targets));
    else if (k < 1 || k > scores->shape[1])
        tn_fail(ctx, TN_ERR_ARGUMENT, "count_topk: k is %lld, not 1 to %lld", (long long)k,
                (long long)scores->shape[1]);
    return tn_ok(ctx);
}

static bool comes_before(double a, double b)
{
    return isnan(a) ? !isnan(b) : a > b;
}

/* The place of the target in the order of tn_topk: how many scores come before its own. */
static int64_t rank_of(const tn_tensor *scores, int64_t row, int64_t target)
{
    int64_t classes = scores->shape[1], rank = 0;
    double own = score_at(scores, row * classes + target);
    for (int64_t c = 0; c < classes; c++) {
        double other = score_at(scores, row * classes + c);
        rank += comes_before(other, own) || (c < target && !comes_before(own, other));
    }
    return rank;
}

int64_t tn_count_topk(tn_ctx *ctx, const tn_tensor *scores, const tn_tensor *targets, int64_t k)
{
    if (!check(ctx, scores, targets, k))
        return -1;
    int64_t count = 0, classes = scores->shape[1];
    tn_scope scope = tn_scope_begin(ctx);
    const tn_tensor *rows = tn__contiguous(ctx, scores);
    for (int64_t i = 0; tn_ok(ctx) && i < targets->shape[0]; i++) {
        int64_t target = tn__load_i64(targets->dtype, tn__at(targets, i));
        if (target < 0 || target >= classes)
            tn_fail(ctx, TN_ERR_ARGUMENT, "count_topk: targets[%lld] is %lld, with %lld classes",
                    (long long)i, (long long)target, (long long)classes);
        else
            count += rank_of(rows, i, target) < k;
    }
    tn_scope_end(ctx, scope);
    return tn_ok(ctx) ? count : -1;
}
