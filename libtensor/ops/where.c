/* where(c, a, b):  y = a where c, b elsewhere;  da = dy where c, 0 elsewhere;  db = 0 where c, dy
 * elsewhere.  Shapes broadcast. */
#include <tn/op.h>
#include <tn/ops.h>
#include "tensor/broadcast.h"
#include "tensor/iter.h"
#include "tensor/tensor.h"

/* Both numbers are read, so that vectors can choose. */
#define CHOOSE_LOOP(type, to, step, step_a, step_b)      \
    {                                                    \
        type *restrict y = p[0];                         \
        for (int64_t i = 0; i < n; i++) {                \
            type a = ((const type *)p[2])[i * (step_a)]; \
            type b = ((const type *)p[3])[i * (step_b)]; \
            y[i * (to)] = condition[i * (step)] ? a : b; \
        }                                                \
    }

/* Side by side, with numbers that are the same for all. */
#define CHOOSE(type)                                    \
    if (s[0] != 1 || s[1] != 1 || s[2] > 1 || s[3] > 1) \
        CHOOSE_LOOP(type, s[0], s[1], s[2], s[3])       \
    else if (s[2] && s[3])                              \
        CHOOSE_LOOP(type, 1, 1, 1, 1)                   \
    else if (s[2])                                      \
        CHOOSE_LOOP(type, 1, 1, 1, 0)                   \
    else if (s[3])                                      \
        CHOOSE_LOOP(type, 1, 1, 0, 1)                   \
    else                                                \
        CHOOSE_LOOP(type, 1, 1, 0, 0)

static void where_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    size_t size = *(const size_t *)payload;
    const uint8_t *condition = p[1];
    if (size == 8)
        CHOOSE(uint64_t)
    else if (size == 4)
        CHOOSE(uint32_t)
    else
        CHOOSE(uint8_t)
}

static void where_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    const tn_tensor *condition = tn_saved(node, 0), *zero = tn_scalar(ctx, dy->dtype, 0);
    if (tn_wants_grad(node, 0))
        tn_add_grad(ctx, node, 0, tn_where(ctx, condition, dy, zero));
    if (tn_wants_grad(node, 1))
        tn_add_grad(ctx, node, 1, tn_where(ctx, condition, zero, dy));
}

static const tn_op where_op = {.name = "where", .backward = where_backward};

static bool check_arguments(tn_ctx *ctx, const tn_tensor *condition, const tn_tensor *a,
                            const tn_tensor *b)
{
    if (!tn_check_input(ctx, "where", "condition", condition) ||
        !tn_check_same_dtype(ctx, "where", "input", a, "other", b))
        return false;
    if (condition->dtype != TN_BOOL)
        tn_fail(ctx, TN_ERR_DTYPE, "where: condition is %s but must be bool",
                tn_dtype_name(condition->dtype));
    return condition->dtype == TN_BOOL;
}

tn_tensor *tn_where(tn_ctx *ctx, const tn_tensor *condition, const tn_tensor *a, const tn_tensor *b)
{
    tn_begin(ctx, &where_op);
    int ndim, ndim_ab;
    int64_t shape[TN_MAX_DIMS], shape_ab[TN_MAX_DIMS];
    if (!check_arguments(ctx, condition, a, b) ||
        !tn__broadcast(ctx, "where", a->ndim, a->shape, b->ndim, b->shape, &ndim_ab, shape_ab) ||
        !tn__broadcast(ctx, "where", condition->ndim, condition->shape, ndim_ab, shape_ab, &ndim,
                       shape))
        return NULL;
    tn_tensor *y = tn__new(ctx, "where", a->dtype, ndim, shape);
    if (!y)
        return NULL;
    size_t size = tn_dtype_size(a->dtype);
    tn__iter it = tn__iter_new(ndim, shape, 4, (const tn_tensor *[]){y, condition, a, b});
    tn__iter_run_joined(ctx, &it, where_row, &size);
    return tn_record(ctx, &where_op, y, (tn_record_args){.inputs = {a, b}, .saved = {condition}});
}
