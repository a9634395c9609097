/* dtype.c - data types, and elements of any of them as doubles and integers. */
#include <math.h>
#include "tensor/dtype.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[TN_DTYPES] = {{"f32", 4}, {"f64", 8}, {"i64", 8}, {"i32", 4}, {"u8", 1}, {"bool", 1}};

bool tn__is_dtype(tn_dtype dtype)
{
    return (unsigned)dtype < TN_DTYPES;
}

const char *tn_dtype_name(tn_dtype dtype)
{
    return tn__is_dtype(dtype) ? dtypes[dtype].name : "unknown dtype";
}

size_t tn_dtype_size(tn_dtype dtype)
{
    return tn__is_dtype(dtype) ? dtypes[dtype].size : 0;
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
