/* count_equal(a, b):  how many elements are the same;  no gradient. What both repeat is compared
 * once. */
#include <tn/ops.h>
#include "tensor/dtype.h"
#include "tensor/iter.h"
#include "tensor/reduce.h"
#include "tensor/shape.h"

typedef struct count_args {
    tn_dtype a, b;
    int64_t count;
} count_args;

#define COUNT(type)                 \
    for (int64_t i = 0; i < n; i++) \
        count += ((const type *)p[0])[i * strides[0]] == ((const type *)p[1])[i * strides[1]];

static int64_t count_of_one_type(tn_dtype dtype, int64_t n, void *const *p, const int64_t *strides)
{
    int64_t count = 0;
    if (dtype == TN_I64)
        COUNT(int64_t)
    else if (dtype == TN_I32)
        COUNT(int32_t)
    else
        COUNT(uint8_t)
    return count;
}

static int64_t count_of_two_types(const count_args *args, int64_t n, void *const *p,
                                  const int64_t *strides)
{
    int64_t step_a = strides[0] * (int64_t)tn_dtype_size(args->a), count = 0;
    int64_t step_b = strides[1] * (int64_t)tn_dtype_size(args->b);
    for (int64_t i = 0; i < n; i++)
        count += tn__load_i64(args->a, (const char *)p[0] + i * step_a) ==
                 tn__load_i64(args->b, (const char *)p[1] + i * step_b);
    return count;
}

static void count_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    count_args *args = payload;
    int64_t count = args->a == args->b ? count_of_one_type(args->a, n, p, strides)
                                       : count_of_two_types(args, n, p, strides);
    __atomic_fetch_add(&args->count, count, __ATOMIC_RELAXED);
}

static bool check(tn_ctx *ctx, const char *name, const tn_tensor *t)
{
    if (!tn_check_input(ctx, "count_equal", name, t))
        return false;
    if (tn__is_float(t->dtype))
        tn_fail(ctx, TN_ERR_DTYPE, "count_equal: %s is %s but must be an integer or bool", name,
                tn_dtype_name(t->dtype));
    return !tn__is_float(t->dtype);
}

int64_t tn_count_equal(tn_ctx *ctx, const tn_tensor *a, const tn_tensor *b)
{
    if (!check(ctx, "input", a) || !check(ctx, "other", b))
        return -1;
    if (!tn__same_shape(a, b)) {
        tn_fail(ctx, TN_ERR_SHAPE, "count_equal: shapes %s and %s differ", TN_SHAPE_TEXT(a),
                TN_SHAPE_TEXT(b));
        return -1;
    }
    const tn_tensor *once = tn__once(ctx, a, b), *other = once ? tn__within(ctx, b, once) : NULL;
    if (!other || tn_numel(once) == 0)
        return other ? 0 : -1;
    count_args args = {.a = a->dtype, .b = b->dtype};
    tn__iter it = tn__iter_new(once->ndim, once->shape, 2, (const tn_tensor *[]){once, other});
    tn__iter_run(ctx, &it, count_row, &args);
    return args.count * (tn_numel(a) / tn_numel(once));
}
