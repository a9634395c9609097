/* tensor.c - storage, tensor objects and who owns them, making tensors and asking about them. */
#include <math.h>
#include <string.h>
#include "core/core.h"

/* ---- data types ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    size_t size;
} dtypes[TN_DTYPES] = {{"f32", 4}, {"f64", 8}, {"i64", 8}, {"i32", 4}, {"u8", 1}, {"bool", 1}};

static bool is_dtype(tn_dtype dtype)
{
    return (unsigned)dtype < TN_DTYPES;
}

const char *tn_dtype_name(tn_dtype dtype)
{
    return is_dtype(dtype) ? dtypes[dtype].name : "unknown dtype";
}

size_t tn_dtype_size(tn_dtype dtype)
{
    return is_dtype(dtype) ? dtypes[dtype].size : 0;
}

bool tn__is_float(tn_dtype dtype)
{
    return dtype == TN_F32 || dtype == TN_F64;
}

bool tn__is_index(tn_dtype dtype)
{
    return dtype == TN_I64 || dtype == TN_I32 || dtype == TN_U8;
}

double tn__load_f64(tn_dtype dtype, const void *p)
{
    switch (dtype) {
    case TN_F32:
        return (double)*(const float *)p;
    case TN_F64:
        return *(const double *)p;
    default:
        return (double)tn__load_i64(dtype, p);
    }
}

/* The nearest integer towards zero that fits [low, high]; 0 for NaN. */
static int64_t saturate(double value, double low, double high)
{
    if (isnan(value))
        return 0;
    if (value <= low)
        return (int64_t)low;
    if (value >= high)
        return high >= 0x1p63 ? INT64_MAX : (int64_t)high;
    return (int64_t)value;
}

int64_t tn__load_i64(tn_dtype dtype, const void *p)
{
    switch (dtype) {
    case TN_I64:
        return *(const int64_t *)p;
    case TN_I32:
        return *(const int32_t *)p;
    case TN_U8:
    case TN_BOOL:
        return *(const uint8_t *)p;
    default:
        return saturate(tn__load_f64(dtype, p), -0x1p63, 0x1p63);
    }
}

void tn__store_f64(tn_dtype dtype, void *p, double value)
{
    switch (dtype) {
    case TN_F32:
        *(float *)p = (float)value;
        return;
    case TN_F64:
        *(double *)p = value;
        return;
    case TN_I64:
        *(int64_t *)p = saturate(value, -0x1p63, 0x1p63);
        return;
    case TN_I32:
        *(int32_t *)p = (int32_t)saturate(value, INT32_MIN, INT32_MAX);
        return;
    case TN_U8:
        *(uint8_t *)p = (uint8_t)saturate(value, 0, UINT8_MAX);
        return;
    case TN_BOOL:
        *(uint8_t *)p = value != 0;
        return;
    }
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

void tn__store_i64(tn_dtype dtype, void *p, int64_t value)
{
    switch (dtype) {
    case TN_I64:
        *(int64_t *)p = value;
        return;
    case TN_I32:
        *(int32_t *)p = (int32_t)clamp(value, INT32_MIN, INT32_MAX);
        return;
    case TN_U8:
        *(uint8_t *)p = (uint8_t)clamp(value, 0, UINT8_MAX);
        return;
    case TN_BOOL:
        *(uint8_t *)p = value != 0;
        return;
    case TN_F32:
        *(float *)p = (float)value;
        return;
    case TN_F64:
        *(double *)p = (double)value;
        return;
    }
}

/* ---- storage --------------------------------------------------------------------------------- */

static tn__storage *storage_new(tn_ctx *ctx, void *data)
{
    tn__storage *s = tn__alloc_zeroed(ctx, sizeof *s);
    if (!s)
        return NULL;
    s->refs = 1;
    s->ctx = ctx;
    s->data = data;
    return s;
}

static void storage_release(tn__storage *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    if (s->release)
        s->release(s->data, s->payload);
    else if (!s->borrowed)
        tn__free(s->ctx, s->data);
    tn__free(s->ctx, s);
}

/* ---- tensor objects -------------------------------------------------------------------------- */

/* An object without an owner; takes over one reference of `storage`. */
static tn_tensor *object_new(tn_ctx *ctx, tn__storage *storage, tn_dtype dtype)
{
    tn_tensor *t = tn__alloc_zeroed(ctx, sizeof *t);
    if (!t) {
        storage_release(storage);
        return NULL;
    }
    t->ctx = ctx;
    t->storage = storage;
    t->dtype = dtype;
    t->scope = -1;
    ctx->memory.stats.tensors++;
    return t;
}

void tn__own(tn_tensor *t, int64_t scope)
{
    tn__list *list = &t->ctx->scopes[scope];
    t->scope = scope;
    t->next = NULL;
    t->prev = list->last;
    if (list->last)
        list->last->next = t;
    else
        list->first = t;
    list->last = t;
}

void tn__disown(tn_tensor *t)
{
    if (t->scope < 0)
        return;
    tn__list *list = &t->ctx->scopes[t->scope];
    *(t->prev ? &t->prev->next : &list->first) = t->next;
    *(t->next ? &t->next->prev : &list->last) = t->prev;
    t->scope = -1;
}

void tn__release(tn_tensor *t)
{
    if (!t)
        return;
    tn__disown(t);
    tn__var_release(t->var);
    storage_release(t->storage);
    t->ctx->memory.stats.tensors--;
    tn__free(t->ctx, t);
}

/* From the last one made to the first, so that a node mostly dies before its inputs. */
void tn__free_scope(tn_ctx *ctx, int64_t scope)
{
    while (ctx->scopes[scope].last)
        tn__release(ctx->scopes[scope].last);
}

void tn_free(tn_tensor *tensor)
{
    if (tensor && tensor->scope >= 0)
        tn__release(tensor);
}

void tn__contiguous_strides(int ndim, const int64_t *shape, int64_t *strides)
{
    int64_t step = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        strides[i] = step;
        step *= shape[i] > 0 ? shape[i] : 1;
    }
}

/* Sizes of 0 do not hide an overflow of the others: strides are products, too. */
int64_t tn__numel_of(int ndim, const int64_t *shape, size_t size)
{
    int64_t product = (int64_t)size;
    bool empty = false;
    for (int i = 0; i < ndim; i++) {
        empty = empty || shape[i] == 0;
        if (shape[i] > 0 && __builtin_mul_overflow(product, shape[i], &product))
            return -1;
    }
    return empty ? 0 : product / (int64_t)size;
}

bool tn__check_dims(tn_ctx *ctx, const char *what, int ndim, const int64_t *shape)
{
    if (ndim < 0 || ndim > TN_MAX_DIMS) {
        tn_fail(ctx, TN_ERR_SHAPE, "%s: %d dimensions, but a tensor has 0 to %d", what, ndim,
                TN_MAX_DIMS);
        return false;
    }
    if (ndim > 0 && !shape) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: shape is NULL for %d dimensions", what, ndim);
        return false;
    }
    return true;
}

static bool check_shape(tn_ctx *ctx, const char *what, tn_dtype dtype, int ndim,
                        const int64_t *shape)
{
    if (!tn_ok(ctx))
        return false;
    if (!is_dtype(dtype)) {
        tn_fail(ctx, TN_ERR_DTYPE, "%s: %d is no dtype", what, (int)dtype);
        return false;
    }
    if (!tn__check_dims(ctx, what, ndim, shape))
        return false;
    for (int i = 0; i < ndim; i++)
        if (shape[i] < 0) {
            tn_fail(ctx, TN_ERR_SHAPE, "%s: shape %s has a negative size", what,
                    tn_shape_text(ndim, shape).s);
            return false;
        }
    if (tn__numel_of(ndim, shape, tn_dtype_size(dtype)) < 0) {
        tn_fail(ctx, TN_ERR_MEMORY, "%s: %s of %s does not fit 63 bits", what,
                tn_shape_text(ndim, shape).s, tn_dtype_name(dtype));
        return false;
    }
    return true;
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
    if (!check_shape(ctx, what, dtype, ndim, shape))
        return NULL;
    size_t size = (size_t)tn__numel_of(ndim, shape, tn_dtype_size(dtype)) * tn_dtype_size(dtype);
    void *data = tn__try_alloc(ctx, size);
    if (!data) {
        tn_fail(ctx, TN_ERR_MEMORY, "%s: out of memory: no %zu bytes for %s of %s", what, size,
                tn_shape_text(ndim, shape).s, tn_dtype_name(dtype));
        return NULL;
    }
    tn__storage *storage = storage_new(ctx, data);
    if (!storage) {
        tn__free(ctx, data);
        return NULL;
    }
    tn_tensor *t = object_new(ctx, storage, dtype);
    if (!t)
        return NULL;
    tn__own(t, ctx->n_scopes - 1);
    return with_shape(t, ndim, shape, NULL);
}

tn_tensor *tn__view(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape,
                    const int64_t *strides, int64_t offset)
{
    atomic_fetch_add(&t->storage->refs, 1);
    tn_tensor *view = object_new(ctx, t->storage, t->dtype);
    if (!view)
        return NULL;
    tn__own(view, ctx->n_scopes - 1);
    view->offset = offset;
    return with_shape(view, ndim, shape, strides);
}

tn_tensor *tn__swap_dims(tn_ctx *ctx, const tn_tensor *t, int dim0, int dim1)
{
    if (!t)
        return NULL;
    int64_t shape[TN_MAX_DIMS], strides[TN_MAX_DIMS];
    memcpy(shape, t->shape, sizeof shape);
    memcpy(strides, t->strides, sizeof strides);
    if (t->ndim > 0) {
        shape[dim0] = t->shape[dim1], shape[dim1] = t->shape[dim0];
        strides[dim0] = t->strides[dim1], strides[dim1] = t->strides[dim0];
    }
    return tn__view(ctx, t, t->ndim, shape, strides, t->offset);
}

tn_tensor *tn__reshaped(tn_ctx *ctx, const tn_tensor *t, int ndim, const int64_t *shape)
{
    return t ? tn__view(ctx, t, ndim, shape, NULL, t->offset) : NULL;
}

tn_tensor *tn__alias(tn_ctx *ctx, const tn_tensor *t, bool with_var)
{
    tn_tensor *alias = tn__view(ctx, t, t->ndim, t->shape, t->strides, t->offset);
    if (!alias)
        return NULL;
    tn__disown(alias);
    if (with_var && t->var) {
        tn__var_retain(t->var);
        alias->var = t->var;
    }
    return alias;
}

/* ---- making tensors -------------------------------------------------------------------------- */

tn_tensor *tn_empty(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape)
{
    return tn__new(ctx, "empty", dtype, ndim, shape);
}

tn_tensor *tn_zeros(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape)
{
    tn_tensor *t = tn__new(ctx, "zeros", dtype, ndim, shape);
    if (t)
        memset(tn__ptr(t), 0, (size_t)tn_numel(t) * tn_dtype_size(dtype));
    return t;
}

static tn_tensor *filled(tn_ctx *ctx, const char *what, tn_dtype dtype, int ndim,
                         const int64_t *shape, double value)
{
    tn_tensor *t = tn__new(ctx, what, dtype, ndim, shape);
    if (t)
        tn__fill(t, value);
    return t;
}

tn_tensor *tn_ones(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape)
{
    return filled(ctx, "ones", dtype, ndim, shape, 1);
}

tn_tensor *tn_full(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape, double value)
{
    return filled(ctx, "full", dtype, ndim, shape, value);
}

tn_tensor *tn_scalar(tn_ctx *ctx, tn_dtype dtype, double value)
{
    return filled(ctx, "scalar", dtype, TN_SCALAR, value);
}

tn_tensor *tn_arange(tn_ctx *ctx, tn_dtype dtype, double start, double end, double step)
{
    if (!tn_ok(ctx))
        return NULL;
    double count = ceil((end - start) / step);
    if (!(step != 0) || isnan(count) || count >= 0x1p53) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "arange: no range from %g to %g in steps of %g", start, end,
                step);
        return NULL;
    }
    int64_t n = count > 0 ? (int64_t)count : 0;
    tn_tensor *t = tn__new(ctx, "arange", dtype, 1, &n);
    for (int64_t i = 0; t && i < n; i++)
        tn__store_f64(dtype, (char *)tn__ptr(t) + (size_t)i * tn_dtype_size(dtype),
                      start + (double)i * step);
    return t;
}

tn_tensor *tn_from_data(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape,
                        const void *data)
{
    tn_tensor *t = tn__new(ctx, "from_data", dtype, ndim, shape);
    if (!t)
        return NULL;
    size_t size = (size_t)tn_numel(t) * tn_dtype_size(dtype);
    if (size && !data) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "from_data: data is NULL");
        return NULL;
    }
    if (size)
        memcpy(tn__ptr(t), data, size);
    return t;
}

tn_tensor *tn_from_blob(tn_ctx *ctx, tn_dtype dtype, int ndim, const int64_t *shape, void *data,
                        void (*release)(void *data, void *payload), void *payload)
{
    if (!check_shape(ctx, "from_blob", dtype, ndim, shape))
        return NULL;
    if (!data || (uintptr_t)data % tn_dtype_size(dtype)) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "from_blob: data is %s",
                data ? "not aligned to its elements" : "NULL");
        return NULL;
    }
    tn__storage *storage = storage_new(ctx, data);
    if (!storage)
        return NULL;
    storage->borrowed = true;
    tn_tensor *t = object_new(ctx, storage, dtype);
    if (!t)
        return NULL;
    storage->release = release;
    storage->payload = payload;
    tn__own(t, ctx->n_scopes - 1);
    return with_shape(t, ndim, shape, NULL);
}

/* ---- asking ---------------------------------------------------------------------------------- */

tn_dtype tn_dtype_of(const tn_tensor *t)
{
    return t ? t->dtype : TN_F32;
}

int tn_ndim(const tn_tensor *t)
{
    return t ? t->ndim : 0;
}

const int64_t *tn_shape(const tn_tensor *t)
{
    return t ? t->shape : NULL;
}

const int64_t *tn_strides(const tn_tensor *t)
{
    return t ? t->strides : NULL;
}

int64_t tn_size(const tn_tensor *t, int dim)
{
    if (t && dim < 0)
        dim += t->ndim;
    return t && dim >= 0 && dim < t->ndim ? t->shape[dim] : 0;
}

int64_t tn_numel(const tn_tensor *t)
{
    int64_t n = t != NULL;
    for (int i = 0; t && i < t->ndim; i++)
        n *= t->shape[i];
    return n;
}

bool tn_is_contiguous(const tn_tensor *t)
{
    int64_t step = 1;
    for (int i = tn_ndim(t) - 1; i >= 0; i--) {
        if (t->shape[i] != 1 && t->strides[i] != step)
            return tn_numel(t) == 0;
        step *= t->shape[i];
    }
    return true;
}

const void *tn_data(const tn_tensor *t)
{
    return t ? tn__ptr(t) : NULL;
}

const float *tn_data_f32(const tn_tensor *t)
{
    return t && t->dtype == TN_F32 ? tn__ptr(t) : NULL;
}

const double *tn_data_f64(const tn_tensor *t)
{
    return t && t->dtype == TN_F64 ? tn__ptr(t) : NULL;
}

const int64_t *tn_data_i64(const tn_tensor *t)
{
    return t && t->dtype == TN_I64 ? tn__ptr(t) : NULL;
}

void *tn_data_mut(tn_tensor *t)
{
    if (!t)
        return NULL;
    t->storage->version++;
    return tn__ptr(t);
}

double tn_item(tn_ctx *ctx, const tn_tensor *t)
{
    if (!tn_check_input(ctx, "item", "tensor", t))
        return NAN;
    if (tn_numel(t) != 1) {
        tn_fail(ctx, TN_ERR_SHAPE, "item: a tensor of shape %s has %lld elements, not 1",
                TN_SHAPE_TEXT(t), (long long)tn_numel(t));
        return NAN;
    }
    return tn__load_f64(t->dtype, tn__ptr(t));
}

double tn_at(tn_ctx *ctx, const tn_tensor *t, const int64_t *index)
{
    if (!tn_check_input(ctx, "at", "tensor", t))
        return NAN;
    int64_t offset = 0;
    for (int i = 0; i < t->ndim; i++) {
        if (!index || index[i] < 0 || index[i] >= t->shape[i]) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "at: index %s is outside a tensor of shape %s",
                    index ? tn_shape_text(t->ndim, index).s : "NULL", TN_SHAPE_TEXT(t));
            return NAN;
        }
        offset += index[i] * t->strides[i];
    }
    return tn__load_f64(t->dtype,
                        (const char *)tn__ptr(t) + offset * (int64_t)tn_dtype_size(t->dtype));
}

bool tn__same_shape(const tn_tensor *a, const tn_tensor *b)
{
    return a->ndim == b->ndim &&
           memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

int tn__dim(tn_ctx *ctx, const char *what, int dim, int ndim)
{
    if (dim >= -ndim && dim < ndim)
        return dim < 0 ? dim + ndim : dim;
    tn_fail(ctx, TN_ERR_ARGUMENT, "%s: dimension %d is outside a tensor of %d dimensions", what,
            dim, ndim);
    return -1;
}

int tn__dim_of(tn_ctx *ctx, const char *what, int dim, const tn_tensor *x)
{
    return x->ndim == 0 && (dim == 0 || dim == -1) ? 0 : tn__dim(ctx, what, dim, x->ndim);
}
