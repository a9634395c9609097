/* anomaly.c - finding the operator that made the first NaN or infinity. */
#include <math.h>
#include <tn/op.h>
#include "autograd/tape.h"
#include "base/error.h"
#include "base/text.h"
#include "inspect/inspect.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

/* The elements of a tensor: how many are not finite, the first of these, the range of the
 * others. */
typedef struct survey {
    int64_t bad;
    int64_t index[TN_MAX_DIMS];
    double value;
    double low, high; /* low > high if no element is finite */
} survey;

static double load(const tn_tensor *t, const int64_t *index)
{
    int64_t offset = 0;
    for (int i = 0; i < t->ndim; i++)
        offset += index[i] * t->strides[i];
    return tn__load_f64(t->dtype,
                        (const char *)tn__ptr(t) + offset * (int64_t)tn_dtype_size(t->dtype));
}

static void step(const tn_tensor *t, int64_t *index)
{
    for (int i = t->ndim - 1; i >= 0; i--) {
        if (++index[i] < t->shape[i])
            return;
        index[i] = 0;
    }
}

/* Expanded dimensions, where the same numbers come again, are walked once. */
static survey survey_of(const tn_tensor *t)
{
    survey s = {.low = INFINITY, .high = -INFINITY};
    tn_tensor once = *t;
    for (int i = 0; i < t->ndim; i++)
        once.shape[i] = t->shape[i] > 1 && t->strides[i] == 0 ? 1 : t->shape[i];
    int64_t index[TN_MAX_DIMS] = {0}, n = tn_numel(&once);
    for (int64_t i = 0; i < n; i++, step(&once, index)) {
        double value = load(t, index);
        if (isfinite(value)) {
            s.low = fmin(s.low, value);
            s.high = fmax(s.high, value);
        } else if (s.bad++ == 0) {
            s.value = value;
            for (int j = 0; j < t->ndim; j++)
                s.index[j] = index[j];
        }
    }
    s.bad *= n > 0 ? tn_numel(t) / n : 1;
    return s;
}

/* "2 of the 6 elements of a result [2,3] are not finite, the first is inf at [0,1]" */
static void describe_finding(tn__text *text, const char *what, const tn_tensor *t, const survey *s)
{
    tn__append(text, "%lld of %lld elements of the %s %s are not finite, the first is %s at %s",
               (long long)s->bad, (long long)tn_numel(t), what, TN_SHAPE_TEXT(t),
               isnan(s->value) ? "nan"
               : s->value > 0  ? "inf"
                               : "-inf",
               tn_shape_text(t->ndim, s->index).s);
}

/* "; input 0 [2,3] from -1 to 4" */
static void describe_range(tn__text *text, const char *what, int i, const tn_tensor *t)
{
    if (!t)
        return;
    survey s = survey_of(t);
    tn__append(text, "; %s", what);
    if (i >= 0)
        tn__append(text, " %d", i);
    tn__append(text, " %s", TN_SHAPE_TEXT(t));
    if (s.low <= s.high)
        tn__append(text, " from %g to %g", s.low, s.high);
    if (s.bad)
        tn__append(text, s.low <= s.high ? " and %lld not finite" : ", %lld not finite",
                   (long long)s.bad);
}

bool tn__check_result(tn_ctx *ctx, const tn_op *op, const tn_tensor *y, const tn_record_args *args)
{
    if (ctx->tape->passing ||
        !tn__is_float(y->dtype)) /* in backward, gradients are looked at instead */
        return true;
    survey s = survey_of(y);
    if (s.bad == 0)
        return true;
    char buffer[TN_ERROR_SIZE] = "";
    tn__text text = {.buffer = buffer, .size = sizeof buffer};
    if (tn_will_record(ctx, TN_MAX_INPUTS, args->inputs))
        tn__append(&text, "step %lld on the tape, ", (long long)ctx->tape->count);
    tn__append(&text, "forward: ");
    describe_finding(&text, "result", y, &s);
    for (int i = 0; i < TN_MAX_INPUTS; i++)
        describe_range(&text, "input", i, args->inputs[i]);
    tn_fail(ctx, TN_ERR_NUMBER, "%s: %s", op->name, buffer);
    return false;
}

bool tn__check_gradient(tn_ctx *ctx, const tn_node *node, int i, const tn_tensor *dx)
{
    survey s = survey_of(dx);
    if (s.bad == 0)
        return true;
    char buffer[TN_ERROR_SIZE] = "", what[32] = "";
    tn__text text = {.buffer = buffer, .size = sizeof buffer};
    tn__append(&(tn__text){.buffer = what, .size = sizeof what}, "gradient of input %d", i);
    tn__append(&text, "step %lld on the tape, backward: ", (long long)node->position);
    describe_finding(&text, what, dx, &s);
    describe_range(&text, "gradient of the result", -1, node->output->grad.sum);
    for (int j = 0; j < node->n_saved; j++)
        describe_range(&text, "saved", j, node->saved[j]);
    tn_fail(ctx, TN_ERR_NUMBER, "%s: %s", node->op->name, buffer);
    return false;
}
