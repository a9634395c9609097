/* change.c - changing tensors in place, and copying between them. */
#include <string.h>
#include "core/core.h"

bool tn__has_own_elements(const tn_tensor *t)
{
    for (int i = 0; i < t->ndim; i++)
        if (t->shape[i] > 1 && t->strides[i] == 0)
            return false;
    return true;
}

bool tn__check_change(tn_ctx *ctx, const char *what, const tn_tensor *t)
{
    if (!tn_check_input(ctx, what, "tensor", t))
        return false;
    if (t->var && ctx->grad_enabled) {
        tn_fail(ctx, TN_ERR_STATE,
                "%s: a tensor of shape %s that requires a gradient is changed in place while "
                "gradients are enabled",
                what, TN_SHAPE_TEXT(t));
        return false;
    }
    if (!tn__has_own_elements(t)) {
        tn_fail(ctx, TN_ERR_ARGUMENT,
                "%s: a tensor of shape %s is expanded: its elements share memory", what,
                TN_SHAPE_TEXT(t));
        return false;
    }
    return true;
}

void tn__count_change(const tn_tensor *t)
{
    t->storage->version++;
}

/* n elements that are all what `value` points to, as bits: loops over numbers of that size do. */
static void repeat(tn_ctx *ctx, int64_t n, size_t size, const void *value, void *to)
{
    if (size == 1)
        memset(to, *(const unsigned char *)value, (size_t)n);
    else
        tn__kernels_of(ctx, size == 4 ? TN_F32 : TN_F64)->fill(n, value, to);
}

typedef struct fill_args {
    tn_ctx *ctx;
    size_t size;
    char value[8];
} fill_args;

static void fill_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const fill_args *args = payload;
    if (strides[0] == 1)
        repeat(args->ctx, n, args->size, args->value, p[0]);
    for (int64_t i = 0; strides[0] != 1 && i < n; i++)
        memcpy((char *)p[0] + i * strides[0] * (int64_t)args->size, args->value, args->size);
}

void tn__fill(const tn_tensor *t, double value)
{
    tn__iter it = tn__iter_new(t->ndim, t->shape, 1, &t);
    fill_args args = {.ctx = t->ctx, .size = tn_dtype_size(t->dtype)};
    tn__store_f64(t->dtype, args.value, value);
    tn__iter_run(t->ctx, &it, fill_row, &args);
}

tn_status tn_fill_(tn_ctx *ctx, tn_tensor *t, double value)
{
    if (!tn__check_change(ctx, "fill_", t))
        return tn_error_status(ctx);
    tn__count_change(t);
    tn__fill(t, value);
    return TN_OK;
}

#define COPY_LOOP(type)             \
    for (int64_t i = 0; i < n; i++) \
    ((type *)p[0])[i * strides[0]] = ((const type *)p[1])[i * strides[1]]

typedef struct copy_args {
    tn_ctx *ctx;
    size_t size;
} copy_args;

static void copy_row(int64_t n, void *const *p, const int64_t *strides, void *payload)
{
    const copy_args *args = payload;
    size_t size = args->size;
    if (strides[0] == 1 && strides[1] == 1)
        memcpy(p[0], p[1], (size_t)n * size);
    else if (strides[0] == 1 && strides[1] == 0)
        repeat(args->ctx, n, size, p[1], p[0]);
    else if (size == 8)
        COPY_LOOP(uint64_t);
    else if (size == 4)
        COPY_LOOP(uint32_t);
    else
        COPY_LOOP(uint8_t);
}

void tn__copy(tn_ctx *ctx, const tn_tensor *dst, const tn_tensor *src)
{
    copy_args args = {.ctx = ctx, .size = tn_dtype_size(dst->dtype)};
    tn__iter it = tn__iter_new(dst->ndim, dst->shape, 2, (const tn_tensor *[]){dst, src});
    tn__iter_run(ctx, &it, copy_row, &args);
}

tn_tensor *tn__contiguous(tn_ctx *ctx, const tn_tensor *t)
{
    if (!t)
        return NULL;
    if (tn_is_contiguous(t))
        return tn__view(ctx, t, t->ndim, t->shape, NULL, t->offset);
    tn_tensor *copy = tn__new(ctx, "contiguous", t->dtype, t->ndim, t->shape);
    if (copy)
        tn__copy(ctx, copy, t);
    return copy;
}

/* src, or a copy of it if its elements may share memory with dst's. */
static const tn_tensor *apart(tn_ctx *ctx, const tn_tensor *dst, const tn_tensor *src)
{
    if (dst->storage != src->storage)
        return src;
    tn_tensor *copy = tn__new(ctx, "copy_", src->dtype, src->ndim, src->shape);
    if (copy)
        tn__copy(ctx, copy, src);
    return copy;
}

tn_status tn_copy_(tn_ctx *ctx, tn_tensor *dst, const tn_tensor *src)
{
    if (!tn_check_same_dtype(ctx, "copy_", "dst", dst, "src", src))
        return tn_error_status(ctx);
    if (!tn__broadcasts_to(src, dst->ndim, dst->shape))
        return tn_fail(ctx, TN_ERR_SHAPE, "copy_: src %s does not broadcast to dst %s",
                       TN_SHAPE_TEXT(src), TN_SHAPE_TEXT(dst));
    if (!tn__check_change(ctx, "copy_", dst))
        return tn_error_status(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    src = apart(ctx, dst, src);
    if (tn_ok(ctx)) {
        tn__count_change(dst);
        tn__copy(ctx, dst, src);
    }
    tn_scope_end(ctx, scope);
    return tn_error_status(ctx);
}
