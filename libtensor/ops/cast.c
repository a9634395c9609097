/* cast(x, dtype):  y = x as dtype;  dx = dy as x's dtype. clone and contiguous:  y = x, copied;
 * dx = dy. */
#include "core/core.h"

static void copy_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0, dy);
}

static void cast_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    tn_add_grad(ctx, node, 0, tn_cast(ctx, dy, *(const tn_dtype *)tn_node_data(node)));
}

static const tn_op clone_op = {.name = "clone", .backward = copy_backward};
static const tn_op contiguous_op = {.name = "contiguous", .backward = copy_backward};
static const tn_op cast_op = {.name = "cast", .backward = cast_backward};

tn_tensor *tn_clone(tn_ctx *ctx, const tn_tensor *x)
{
    if (!tn_check_input(ctx, "clone", "input", x))
        return NULL;
    tn_tensor *y = tn__new(ctx, "clone", x->dtype, x->ndim, x->shape);
    if (y)
        tn__copy(ctx, y, x);
    return tn_record(ctx, &clone_op, y, (tn_record_args){.inputs = {x}});
}

tn_tensor *tn_contiguous(tn_ctx *ctx, const tn_tensor *x)
{
    if (!tn_check_input(ctx, "contiguous", "input", x))
        return NULL;
    return tn_record(ctx, &contiguous_op, tn__contiguous(ctx, x), (tn_record_args){.inputs = {x}});
}

typedef struct cast_args {
    tn_dtype to, from;
} cast_args;

static void cast_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const cast_args *args = payload;
    int64_t to = strides[0] * (int64_t)tn_dtype_size(args->to);
    int64_t from = strides[1] * (int64_t)tn_dtype_size(args->from);
    char *y = p[0];
    const char *x = p[1];
    for (int64_t i = 0; i < n; i++, y += to, x += from)
        if (tn__is_float(args->from))
            tn__store_f64(args->to, y, tn__load_f64(args->from, x));
        else
            tn__store_i64(args->to, y, tn__load_i64(args->from, x));
}

tn_tensor *tn_cast(tn_ctx *ctx, const tn_tensor *x, tn_dtype dtype)
{
    if (!tn_check_input(ctx, "cast", "input", x))
        return NULL;
    tn_tensor *y = tn__new(ctx, "cast", dtype, x->ndim, x->shape);
    if (!y)
        return NULL;
    cast_args args = {.to = dtype, .from = x->dtype};
    tn__iter it = tn__iter_new(y->ndim, y->shape, 2, (const tn_tensor *[]){y, x});
    tn__iter_run(ctx, &it, cast_row, &args);
    tn_record_args record = {.data = &x->dtype, .size = sizeof x->dtype};
    if (tn__is_float(dtype))
        record.inputs[0] = x;
    return tn_record(ctx, &cast_op, y, record);
}
