/* pad(x):  y = x with constants around it, or without its edges where a padding is negative;
 * dx = dy padded the other way, with zeros. */
#include <string.h>
#include <tn/op.h>
#include <tn/ops.h>
#include "tensor/copy.h"
#include "tensor/tensor.h"

typedef struct padding {
    int64_t count;
    int64_t pad[2 * TN_MAX_DIMS]; /* before and after the last dimension, the one before it... */
} padding;

/* A view of the elements that the input and the result of padding by p share. t is the result if
 * `padded`, otherwise the input. */
static tn_tensor *inside(tn_ctx *ctx, const tn_tensor *t, const padding *p, bool padded)
{
    int64_t shape[TN_MAX_DIMS], offset = t->offset;
    memcpy(shape, t->shape, sizeof shape);
    for (int i = 0; i < p->count; i += 2) {
        int dim = t->ndim - 1 - i / 2;
        int64_t before = padded ? p->pad[i] : -p->pad[i];
        int64_t after = padded ? p->pad[i + 1] : -p->pad[i + 1];
        shape[dim] -= (before > 0 ? before : 0) + (after > 0 ? after : 0);
        offset += before > 0 ? before * t->strides[dim] : 0;
    }
    return tn__view(ctx, t, t->ndim, shape, t->strides, offset);
}

/* The size that n becomes; false if more than all is cut off, or it does not fit 63 bits. */
static bool padded_size(int64_t n, int64_t before, int64_t after, int64_t *size)
{
    int64_t kept = n + (before < 0 ? before : 0);
    return !__builtin_add_overflow(kept, after < 0 ? after : 0, &kept) && kept >= 0 &&
           !__builtin_add_overflow(kept, before > 0 ? before : 0, size) &&
           !__builtin_add_overflow(*size, after > 0 ? after : 0, size);
}

static tn_tensor *padded(tn_ctx *ctx, const tn_tensor *x, const padding *p, const int64_t *shape,
                         double value)
{
    tn_tensor *y = tn__new(ctx, "pad", x->dtype, x->ndim, shape);
    tn_tensor *to = y ? inside(ctx, y, p, true) : NULL;
    tn_tensor *from = to ? inside(ctx, x, p, false) : NULL;
    if (!from)
        return NULL;
    if (tn_numel(to) < tn_numel(y))
        tn__fill(y, value);
    tn__copy(ctx, to, from);
    tn_free(from);
    tn_free(to);
    return y;
}

static void pad_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy)
{
    padding back = *(const padding *)tn_node_data(node);
    for (int i = 0; i < back.count; i++)
        back.pad[i] = -back.pad[i];
    tn_add_grad(ctx, node, 0, padded(ctx, dy, &back, tn_input_shape(node, 0), 0));
}

static const tn_op pad_op = {.name = "pad", .backward = pad_backward};

static bool check_padding(tn_ctx *ctx, const tn_tensor *x, int64_t count, const int64_t *pad,
                          int64_t *shape)
{
    if (count < 0 || count % 2 || count > 2 * x->ndim || (count > 0 && !pad)) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "pad: %lld numbers%s for %s; expected two for a dimension",
                (long long)count, pad ? "" : " at NULL", TN_SHAPE_TEXT(x));
        return false;
    }
    memcpy(shape, x->shape, sizeof x->shape);
    for (int i = 0; i < count; i += 2) {
        int dim = x->ndim - 1 - i / 2;
        if (!padded_size(x->shape[dim], pad[i], pad[i + 1], &shape[dim])) {
            tn_fail(ctx, TN_ERR_SHAPE, "pad: %lld before and %lld after dimension %d of %s",
                    (long long)pad[i], (long long)pad[i + 1], dim, TN_SHAPE_TEXT(x));
            return false;
        }
    }
    return true;
}

tn_tensor *tn_pad(tn_ctx *ctx, const tn_tensor *x, int64_t count, const int64_t *pad, double value)
{
    tn_begin(ctx, &pad_op);
    int64_t shape[TN_MAX_DIMS];
    if (!tn_check_input(ctx, "pad", "input", x) || !check_padding(ctx, x, count, pad, shape))
        return NULL;
    padding p = {.count = count};
    for (int i = 0; i < count; i++)
        p.pad[i] = pad[i];
    return tn_record(ctx, &pad_op, padded(ctx, x, &p, shape, value),
                     (tn_record_args){.inputs = {x}, .data = &p, .size = sizeof p});
}
