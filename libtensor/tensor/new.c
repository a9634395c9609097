/* new.c - tensor objects: new ones, views of a storage, and tensors over memory of the caller. */
#include <string.h>
#include "base/integers.h"
#include "base/memory.h"
#include "tensor/scope.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

/* An object without an owner; takes over one reference of `storage`. */
static tn_tensor *object_new(tn_ctx *ctx, tn__storage *storage, tn_dtype dtype)
{
    tn_tensor *t = tn__alloc_zeroed(ctx, sizeof *t);
    if (!t) {
        tn__storage_release(storage);
        return NULL;
    }
    t->ctx = ctx;
    t->storage = storage;
    t->dtype = dtype;
    t->scope = -1;
    ctx->memory->stats.tensors++;
    return t;
}

static tn_tensor *with_shape(tn_tensor *t, int ndim, const int64_t *shape, const int64_t *strides)
{
    t->ndim = ndim;
    for (int i = 0; i < ndim; i++)
        t->shape[i] = shape[i];
    if (strides)
        memcpy(t->strides, strides, (size_t)ndim * sizeof *strides);
    else
        tn__contiguous_strides(ndim, t->shape, t->strides);
    return t;
}

tn_tensor *tn__new(tn_ctx *ctx, const char *what, tn_dtype dtype, int ndim, const int64_t *shape)
{
    if (!tn__check_shape(ctx, what, dtype, ndim, shape))
        return NULL;
    int64_t size = (int64_t)tn_dtype_size(dtype);
    int64_t bytes = tn__numel_of(ndim, shape, tn_dtype_size(dtype)) * size;
    void *data = tn__try_alloc(ctx, tn__bytes(bytes));
    if (!data) {
        tn_fail(ctx, TN_ERR_MEMORY, "%s: out of memory: no %lld bytes for %s of %s", what,
                (long long)bytes, tn_shape_text(ndim, shape).s, tn_dtype_name(dtype));
        return NULL;
    }
    tn__storage *storage = tn__storage_new(ctx, data);
    if (!storage) {
        tn__free(ctx, data);
        return NULL;
    }
    storage->bytes = bytes;
    tn_tensor *t = object_new(ctx, storage, dtype);
    if (!t)
        return NULL;
    tn__own(t);
    return with_shape(t, ndim, shape, NULL);
}

tn_tensor *tn__view(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape,
                    const int64_t *strides, int64_t offset)
{
    atomic_fetch_add(&t->storage->refs, 1);
    tn_tensor *view = object_new(ctx, t->storage, t->dtype);
    if (!view)
        return NULL;
    tn__own(view);
    view->offset = offset;
    return with_shape(view, ndim, shape, strides);
}

tn_tensor *tn_from_blob(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape, void *data,
                        void (*release)(void *data, void *payload), void *payload)
{
    if (!tn__check_shape(ctx, "from_blob", dtype, ndim, shape))
        return NULL;
    if (!data || (uintptr_t)data % tn_dtype_size(dtype)) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "from_blob: data is %s",
                data ? "not aligned to its elements" : "NULL");
        return NULL;
    }
    tn__storage *storage = tn__storage_new(ctx, data);
    if (!storage)
        return NULL;
    storage->borrowed = storage->exposed = true;
    tn_tensor *t = object_new(ctx, storage, dtype);
    if (!t)
        return NULL;
    storage->release = release;
    storage->payload = payload;
    tn__own(t);
    return with_shape(t, ndim, shape, NULL);
}
