/* entries.c - numbers and text as entries of dictionaries, so that what is read is exactly what was
 * written: doubles as TN_F64, integers as TN_I64. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "dict/dict.h"
#include "dict/entries.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

tn_text tn__name(const char *prefix, const char *name)
{
    tn_text text;
    snprintf(text.s, sizeof text.s, "%s%s", prefix, name);
    return text;
}

static void put(tn_dict *dict, const char *name, tn_dtype dtype, int ndim, int64_t count,
                const void *data)
{
    tn_tensor *t = tn_from_data(tn__dict_ctx(dict), dtype, ndim, &count, data);
    if (t)
        tn_dict_set(dict, name, t);
    tn_free(t);
}

static bool fail(const tn_dict *dict, const char *what, const char *name, const char *reason)
{
    tn_fail(tn__dict_ctx(dict), TN_ERR_FORMAT, "%s: %s %s", what, name, reason);
    return false;
}

tn_tensor *tn__get_entry(const tn_dict *dict, const char *what, const char *name, tn_dtype dtype,
                         int ndim, const int64_t *shape)
{
    tn_tensor *t = tn_dict_get(dict, name);
    if (!t) {
        fail(dict, what, name, "is missing");
        return NULL;
    }
    bool same = t->dtype == dtype && t->ndim == ndim;
    for (int i = 0; same && i < ndim; i++)
        same = t->shape[i] == shape[i];
    if (same)
        return t;
    tn_fail(tn__dict_ctx(dict), TN_ERR_FORMAT, "%s: %s is %s %s, but should be %s %s", what, name,
            tn_dtype_name(t->dtype), TN_SHAPE_TEXT(t), tn_dtype_name(dtype),
            tn_shape_text(ndim, shape).s);
    return NULL;
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* A field is kept as a double or as an integer. */
static tn_dtype field_dtype(const tn__field *field)
{
    return field->type == TN__FIELD_F64 ? TN_F64 : TN_I64;
}

void tn__put_fields(tn_dict *dict, const char *prefix, const tn__field *fields, int count,
                    const void *object)
{
    for (int i = 0; i < count; i++) {
        const char *from = (const char *)object + fields[i].offset;
        int64_t flag = fields[i].type == TN__FIELD_BOOL && *(const bool *)(const void *)from;
        put(dict, tn__name(prefix, fields[i].name).s, field_dtype(&fields[i]), 0, 1,
            fields[i].type == TN__FIELD_BOOL ? (const void *)&flag : from);
    }
}

static double field_value(const tn__field *field, const void *p)
{
    return field->type == TN__FIELD_BOOL ? *(const bool *)p : tn__load_f64(field_dtype(field), p);
}

static bool check_field(const tn_dict *dict, const char *what, const char *name,
                        const tn__field *field, double value, const void *to)
{
    double here = field_value(field, to);
    if (field->fixed ? value == here : value >= field->low && value <= field->high)
        return true;
    char reason[96];
    snprintf(reason, sizeof reason, field->fixed ? "is %g, but %g here" : "is %g", value, here);
    return fail(dict, what, name, reason);
}

static bool get_field(const tn_dict *dict, const char *what, const char *name,
                      const tn__field *field, void *to, bool apply)
{
    tn_dtype dtype = field_dtype(field);
    const tn_tensor *t = tn__get_entry(dict, what, name, dtype, TN_SCALAR);
    if (!t || !check_field(dict, what, name, field, tn__load_f64(dtype, tn__ptr(t)), to))
        return false;
    if (apply && !field->fixed)
        memcpy(to, tn__ptr(t), tn_dtype_size(dtype));
    return true;
}

bool tn__get_fields(const tn_dict *dict, const char *what, const char *prefix,
                    const tn__field *fields, int count, void *object, bool apply)
{
    for (int i = 0; i < count; i++)
        if (!get_field(dict, what, tn__name(prefix, fields[i].name).s, &fields[i],
                       (char *)object + fields[i].offset, apply))
            return false;
    return true;
}

/* ---- integers and text ----------------------------------------------------------------------- */

void tn__put_integers(tn_dict *dict, const char *name, int64_t count, const int64_t *values)
{
    put(dict, name, TN_I64, 1, count, values);
}

bool tn__get_integers(const tn_dict *dict, const char *what, const char *name, int64_t count,
                      int64_t low, int64_t high, int64_t *out)
{
    const tn_tensor *t = tn__get_entry(dict, what, name, TN_I64, 1, &count);
    for (int64_t i = 0; t && i < count; i++) {
        int64_t value = ((const int64_t *)tn__ptr(t))[i * t->strides[0]];
        if (value < low || value > high) {
            tn_fail(tn__dict_ctx(dict), TN_ERR_FORMAT, "%s: %s[%lld] is %lld", what, name,
                    (long long)i, (long long)value);
            return false;
        }
        if (out)
            out[i] = value;
    }
    return t != NULL;
}

void tn__put_text(tn_dict *dict, const char *name, const char *text)
{
    put(dict, name, TN_U8, 1, (int64_t)strlen(text), text);
}

/* In the place of the expected text there may be any bytes: messages show the first ones, and '?'
 * for each that cannot be printed. */
static tn_text shown(const tn_tensor *t)
{
    tn_text text = {""};
    for (int64_t i = 0; t->ndim == 1 && t->dtype == TN_U8 && i < t->shape[0] && i < 40; i++) {
        unsigned char c = ((const unsigned char *)tn__ptr(t))[i * t->strides[0]];
        text.s[i] = (char)(c < 0x20 || c >= 0x7f ? '?' : c);
        text.s[i + 1] = '\0';
    }
    return text;
}

bool tn__check_text(const tn_dict *dict, const char *what, const char *name, const char *expected)
{
    const tn_tensor *t = tn_dict_get(dict, name);
    if (!t)
        return fail(dict, what, name, "is missing");
    tn_text text = shown(t);
    if (strcmp(text.s, expected) == 0)
        return true;
    tn_fail(tn__dict_ctx(dict), TN_ERR_FORMAT, "%s: %s is '%s', but '%s' here", what, name, text.s,
            expected);
    return false;
}
