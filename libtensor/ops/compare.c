/* eq(a, b), ne, lt, le, gt, ge:  y = is a equal to b, different, less...;  no gradient.
 * Shapes broadcast. */
#include <tn/ops.h>
#include "tensor/broadcast.h"
#include "tensor/iter.h"
#include "tensor/tensor.h"

typedef enum relation {
    EQUAL,
    DIFFERENT,
    LESS,
    LESS_OR_EQUAL,
    GREATER, /* and so on: less, with the sides exchanged */
    GREATER_OR_EQUAL
} relation;

typedef struct compare_args {
    relation relation;
    tn_dtype dtype;
} compare_args;

#define COMPARE_LOOP(type, relation, to, step_a, step_b)            \
    {                                                               \
        const type *restrict a = p[1], *restrict b = p[2];          \
        for (int64_t i = 0; i < n; i++)                             \
            y[i * (to)] = a[i * (step_a)] relation b[i * (step_b)]; \
    }

/* Numbers side by side are compared by vectors, with each other or with one. */
#define COMPARE_BY(type, relation)                \
    if (s[0] == 1 && s[1] == 1 && s[2] == 1)      \
        COMPARE_LOOP(type, relation, 1, 1, 1)     \
    else if (s[0] == 1 && s[1] == 1 && s[2] == 0) \
        COMPARE_LOOP(type, relation, 1, 1, 0)     \
    else if (s[0] == 1 && s[1] == 0 && s[2] == 1) \
        COMPARE_LOOP(type, relation, 1, 0, 1)     \
    else                                          \
        COMPARE_LOOP(type, relation, s[0], s[1], s[2])

#define COMPARE(type)         \
    switch (args->relation) { \
    case EQUAL:               \
        COMPARE_BY(type, ==)  \
        break;                \
    case DIFFERENT:           \
        COMPARE_BY(type, !=)  \
        break;                \
    case LESS:                \
        COMPARE_BY(type, <)   \
        break;                \
    default:                  \
        COMPARE_BY(type, <=)  \
    }

static void compare_row(int64_t n, void *const *p, const int64_t *s, void *payload)
{
    const compare_args *args = payload;
    uint8_t *restrict y = p[0];
    switch (args->dtype) {
    case TN_F32:
        COMPARE(float)
        break;
    case TN_F64:
        COMPARE(double)
        break;
    case TN_I64:
        COMPARE(int64_t)
        break;
    case TN_I32:
        COMPARE(int32_t)
        break;
    default:
        COMPARE(uint8_t)
    }
}

static tn_tensor *compare(tn_ctx *ctx, const char *what, relation how, const tn_tensor *a,
                          const tn_tensor *b)
{
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    if (!tn_check_same_dtype(ctx, what, "input", a, "other", b) ||
        !tn__broadcast(ctx, what, a->ndim, a->shape, b->ndim, b->shape, &ndim, shape))
        return NULL;
    tn_tensor *y = tn__new(ctx, what, TN_BOOL, ndim, shape);
    if (!y)
        return NULL;
    bool exchange = how >= GREATER;
    compare_args args = {.relation = exchange ? how - GREATER + LESS : how, .dtype = a->dtype};
    const tn_tensor *operands[] = {y, exchange ? b : a, exchange ? a : b};
    tn__iter it = tn__iter_new(ndim, shape, 3, operands);
    tn__iter_run_joined(ctx, &it, compare_row, &args);
    return y;
}

tn_tensor *tn_eq(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return compare(ctx, "eq", EQUAL, a, b);
}

tn_tensor *tn_ne(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return compare(ctx, "ne", DIFFERENT, a, b);
}

tn_tensor *tn_lt(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return compare(ctx, "lt", LESS, a, b);
}

tn_tensor *tn_le(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return compare(ctx, "le", LESS_OR_EQUAL, a, b);
}

tn_tensor *tn_gt(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return compare(ctx, "gt", GREATER, a, b);
}

tn_tensor *tn_ge(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    return compare(ctx, "ge", GREATER_OR_EQUAL, a, b);
}
