/* ask.c - what a tensor says of itself, and its elements. */
#include <math.h>
#include "tensor/dtype.h"
#include "tensor/tensor.h"

tn_dtype tn_dtype_of(const tn_tensor *t)
{
    return tn__is_live(t) ? t->dtype : TN_F32;
}

int tn_ndim(const tn_tensor *t)
{
    return tn__is_live(t) ? t->ndim : 0;
}

const int64_t *tn_shape(const tn_tensor *t)
{
    return tn__is_live(t) ? t->shape : NULL;
}

const int64_t *tn_strides(const tn_tensor *t)
{
    return tn__is_live(t) ? t->strides : NULL;
}

int64_t tn_size(const tn_tensor *t, int dim)
{
    int ndim = tn_ndim(t);
    if (dim < 0)
        dim += ndim;
    return dim >= 0 && dim < ndim ? t->shape[dim] : 0;
}

int64_t tn_numel(const tn_tensor *t)
{
    if (!tn__is_live(t))
        return 0;
    int64_t n = 1;
    for (int i = 0; i < t->ndim; i++)
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
    return tn__is_live(t) ? tn__ptr(t) : NULL;
}

const float *tn_data_f32(const tn_tensor *t)
{
    return tn__is_live(t) && t->dtype == TN_F32 ? tn__ptr(t) : NULL;
}

const double *tn_data_f64(const tn_tensor *t)
{
    return tn__is_live(t) && t->dtype == TN_F64 ? tn__ptr(t) : NULL;
}

const int64_t *tn_data_i64(const tn_tensor *t)
{
    return tn__is_live(t) && t->dtype == TN_I64 ? tn__ptr(t) : NULL;
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
