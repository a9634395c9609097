/* mat.c - Level 5 MAT-files (MathWorks: MAT-File Format): a header of 128 bytes, then one element
 * for each array, itself made of elements: flags, dimensions, name, numbers. An element is a type
 * and a size, the data, and padding to 8 bytes; up to 4 bytes of data fit into the tag. */
#include <string.h>
#include <tn/io.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "io/file.h"
#include "io/numbers.h"
#include "io/stream.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"
#include "tensor/tensor.h"

#define HEADER_SIZE 128
#define MAX_NAME 4095 /* MATLAB's own have 63 bytes at most */

enum { MI_UTF8 = 16, MI_MATRIX = 14, MI_COMPRESSED = 15 };
enum { MX_CHAR = 4, MX_OPAQUE = 17 };
enum { FLAG_COMPLEX = 0x0800, FLAG_LOGICAL = 0x0200 };

/* How the numbers of an element are stored, by its type; a size of 0 marks other types. */
static const tn__number storages[] = {
    [1] = {TN__SIGNED, 1, false},    [2] = {TN__UNSIGNED, 1, false},
    [3] = {TN__SIGNED, 2, false},    [4] = {TN__UNSIGNED, 2, false},
    [5] = {TN__SIGNED, 4, false},    [6] = {TN__UNSIGNED, 4, false},
    [7] = {TN__FLOAT, 4, false},     [9] = {TN__FLOAT, 8, false},
    [12] = {TN__SIGNED, 8, false},   [13] = {TN__UNSIGNED, 8, false},
    [16] = {TN__UNSIGNED, 1, false}, [17] = {TN__UNSIGNED, 2, false},
    [18] = {TN__UNSIGNED, 4, false},
};

/* The classes of arrays, by number. */
static const struct {
    const char *name;
    bool has_numbers;
    tn_dtype dtype;
} classes[] = {
    [1] = {"cell", false, TN_F64},    [2] = {"struct", false, TN_F64},
    [3] = {"object", false, TN_F64},  [4] = {"char", true, TN_I32},
    [5] = {"sparse", false, TN_F64},  [6] = {"double", true, TN_F64},
    [7] = {"single", true, TN_F32},   [8] = {"int8", true, TN_I32},
    [9] = {"uint8", true, TN_U8},     [10] = {"int16", true, TN_I32},
    [11] = {"uint16", true, TN_I32},  [12] = {"int32", true, TN_I32},
    [13] = {"uint32", true, TN_I64},  [14] = {"int64", true, TN_I64},
    [15] = {"uint64", true, TN_I64},  [16] = {"function", false, TN_F64},
    [17] = {"object", false, TN_F64},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct reader {
    tn__file file;
    tn__stream *s; /* of one array */
    bool big_endian;
    const char *const *names; /* that are wanted; NULL: all */
    tn_dict *dict;
} reader;

typedef struct element {
    uint32_t type;
    int64_t size;
    bool is_small;
    unsigned char data[4]; /* of a small one */
} element;

typedef struct array {
    uint32_t class;
    uint32_t flags;
    int64_t ndim; /* may be more than fit the shape */
    int64_t shape[TN_MAX_DIMS];
    char *name;
} array;

/* ---- elements -------------------------------------------------------------------------------- */

static uint32_t load32(const reader *r, const unsigned char *p)
{
    return (uint32_t)tn__load_bytes(p, 4, r->big_endian);
}

static bool read_tag(reader *r, element *e)
{
    unsigned char tag[8];
    if (!tn__stream_take(r->s, tag, sizeof tag))
        return false;
    uint32_t word = load32(r, tag);
    e->is_small = word >> 16 != 0;
    e->type = e->is_small ? word & 0xffff : word;
    e->size = e->is_small ? word >> 16 : load32(r, tag + 4);
    int64_t left = e->is_small ? 4 : tn__stream_left(r->s);
    memcpy(e->data, tag + 4, 4);
    return e->size <= left ||
           tn__file_fail(&r->file, "an element of %lld bytes begins where %lld are left",
                         (long long)e->size, (long long)left);
}

/* The data of an element, all of it, with the padding. */
static bool read_data(reader *r, const element *e, void *out)
{
    if (!e->is_small)
        return tn__stream_take(r->s, out, e->size) && tn__stream_skip(r->s, -e->size & 7);
    memcpy(out, e->data, (size_t)e->size);
    return true;
}

/* ---- the header of an array ------------------------------------------------------------------ */

static bool read_flags(reader *r, array *a)
{
    element e;
    unsigned char flags[8];
    if (!read_tag(r, &e))
        return false;
    if (e.is_small || e.size != sizeof flags)
        return tn__file_fail(&r->file, "an array begins with %lld bytes instead of its flags",
                             (long long)e.size);
    if (!read_data(r, &e, flags))
        return false;
    a->flags = load32(r, flags) & 0xff00;
    a->class = load32(r, flags) & 0xff;
    return true;
}

static bool read_shape(reader *r, array *a)
{
    element e;
    unsigned char sizes[4 * TN_MAX_DIMS];
    if (!read_tag(r, &e))
        return false;
    a->ndim = e.size / 4;
    if (e.is_small || e.size % 4 != 0 || a->ndim < 2)
        return tn__file_fail(&r->file, "the dimensions of an array take %lld bytes",
                             (long long)e.size);
    if (a->ndim > TN_MAX_DIMS)
        return tn__stream_skip(r->s, e.size + (-e.size & 7));
    if (!read_data(r, &e, sizes))
        return false;
    for (int64_t d = 0; d < a->ndim; d++) {
        a->shape[d] = load32(r, sizes + 4 * d);
        if (a->shape[d] > INT32_MAX)
            return tn__file_fail(&r->file, "dimension %lld of an array is negative", (long long)d);
    }
    return true;
}

/* Names of dictionaries end with a zero byte and are UTF-8. */
static bool check_name(const reader *r, const char *name, int64_t size)
{
    int64_t length = tn__utf8_length(name, size), zero = (int64_t)strlen(name);
    if (zero < size)
        return tn__file_fail(&r->file, "byte %lld of an array's name is zero", (long long)zero);
    return length == size ||
           tn__file_fail(&r->file, "byte %lld of an array's name is not UTF-8", (long long)length);
}

static bool read_name(reader *r, array *a)
{
    element e;
    if (!read_tag(r, &e))
        return false;
    if (e.size > MAX_NAME)
        return tn__file_fail(&r->file,
                             "the name of an array has %lld bytes, but at most %d can be read",
                             (long long)e.size, MAX_NAME);
    a->name = tn__alloc(r->file.ctx, tn__bytes(e.size + 1));
    if (!a->name)
        return false;
    a->name[e.size] = '\0';
    return read_data(r, &e, a->name) && check_name(r, a->name, e.size);
}

static bool is_wanted(const reader *r, const char *name)
{
    for (int64_t i = 0; r->names && r->names[i]; i++)
        if (strcmp(r->names[i], name) == 0)
            return true;
    return !r->names;
}

static bool check_array(const reader *r, const array *a)
{
    const char *class = a->class < COUNT(classes) ? classes[a->class].name : NULL;
    if (!class)
        return tn__file_fail(&r->file, "arrays of class %u cannot be read", (unsigned)a->class);
    if (!classes[a->class].has_numbers)
        return tn__file_fail(&r->file, "%s arrays cannot be read", class);
    if (a->flags & FLAG_COMPLEX)
        return tn__file_fail(&r->file, "complex arrays cannot be read");
    if (a->ndim > TN_MAX_DIMS)
        return tn__file_fail(&r->file, "it has %lld dimensions, but at most %d can be read",
                             (long long)a->ndim, TN_MAX_DIMS);
    if (tn__numel_of((int)a->ndim, a->shape, 8) < 0)
        return tn__file_fail(&r->file, "its size %s is too large",
                             tn_shape_text((int)a->ndim, a->shape).s);
    if (tn_dict_get(r->dict, a->name))
        return tn__file_fail(&r->file, "there are two arrays of this name");
    return true;
}

/* ---- its numbers ----------------------------------------------------------------------------- */

static bool fill_utf8(reader *r, tn_tensor *t, const unsigned char *text, int64_t size)
{
    tn__filler f = tn__filler_new(t, (tn__number){TN__UNSIGNED, 4, true}, true);
    int64_t count = tn_numel(t), at = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t code = 0;
        int n = at < size ? tn__decode_utf8(text + at, size - at, &code) : 0;
        if (n == 0)
            return tn__file_fail(&r->file, "byte %lld of its text is not UTF-8", (long long)at);
        at += n;
        const unsigned char bytes[4] = {0, (unsigned char)(code >> 16), (unsigned char)(code >> 8),
                                        (unsigned char)code};
        tn__filler_put(&r->file, &f, bytes, 1);
    }
    return at == size ||
           tn__file_fail(&r->file, "its text has more than %lld characters", (long long)count);
}

static bool read_utf8(reader *r, const element *e, tn_tensor *t)
{
    unsigned char *text = tn__alloc(r->file.ctx, tn__bytes(e->size));
    bool ok = text && read_data(r, e, text) && fill_utf8(r, t, text, e->size);
    tn__free(r->file.ctx, text);
    return ok;
}

static bool read_stored(reader *r, const element *e, tn__number number, tn_tensor *t)
{
    if (e->is_small) {
        tn__filler f = tn__filler_new(t, number, true);
        return tn__filler_put(&r->file, &f, e->data, e->size / number.size);
    }
    int64_t n = tn__read_numbers(r->s, t, number, true);
    return n == e->size || (n >= 0 && tn__file_fail(&r->file, "it ends after %lld of %lld bytes",
                                                    (long long)n, (long long)e->size));
}

static tn_dtype dtype_of(const array *a, tn__number number)
{
    if (a->class == MX_CHAR && number.size == 1)
        return TN_U8;
    return a->flags & FLAG_LOGICAL ? TN_BOOL : classes[a->class].dtype;
}

/* MATLAB stores numbers in a smaller type than their class where they fit, and text as UTF-8. */
static tn_tensor *read_numbers(reader *r, const array *a)
{
    element e;
    if (!read_tag(r, &e))
        return NULL;
    tn__number number = e.type < COUNT(storages) ? storages[e.type] : (tn__number){0};
    number.big_endian = r->big_endian;
    tn_dtype dtype = dtype_of(a, number);
    if (number.size == 0 || (number.kind == TN__FLOAT && !tn__is_float(dtype))) {
        tn__file_fail(&r->file, "%snumbers of class %s are stored as type %u",
                      a->flags & FLAG_LOGICAL ? "logical " : "", classes[a->class].name,
                      (unsigned)e.type);
        return NULL;
    }
    int64_t numel = tn__numel_of((int)a->ndim, a->shape, 8);
    bool is_utf8 = e.type == MI_UTF8 && numel < e.size && e.size <= 4 * numel;
    if (!is_utf8 && numel * number.size != e.size) {
        tn__file_fail(&r->file, "header says %s of %s, %lld bytes, but the element holds %lld",
                      tn_shape_text((int)a->ndim, a->shape).s, tn__number_name(number),
                      (long long)(numel * number.size), (long long)e.size);
        return NULL;
    }
    if (!tn__stream_confirm(r->s, e.size))
        return NULL;
    tn_tensor *t =
        tn__new(r->file.ctx, r->file.what, is_utf8 ? TN_I32 : dtype, (int)a->ndim, a->shape);
    if (t && (is_utf8 ? read_utf8(r, &e, t) : read_stored(r, &e, number, t)))
        return t;
    tn_free(t);
    return NULL;
}

static bool check_rest(reader *r)
{
    int64_t rest = tn__stream_drain(r->s);
    return rest >= 0 &&
           (rest < 8 || tn__file_fail(&r->file, "%lld bytes follow its numbers", (long long)rest));
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool add_array(reader *r, const array *a)
{
    r->file.part = a->name;
    tn_tensor *t = check_array(r, a) ? read_numbers(r, a) : NULL;
    bool ok = t && check_rest(r) && tn_dict_set(r->dict, a->name, t) == TN_OK;
    tn_free(t);
    r->file.part = NULL;
    return ok;
}

/* An array without a name is MATLAB's own: it belongs to what the file cannot show as arrays. */
static bool read_array(reader *r)
{
    array a = {0};
    bool ok = read_flags(r, &a) && (a.class == MX_OPAQUE || read_shape(r, &a)) && read_name(r, &a);
    if (ok && a.name[0] && is_wanted(r, a.name))
        ok = add_array(r, &a);
    tn__free(r->file.ctx, a.name);
    return ok;
}

/* In a compressed element there is another one, of an array. */
static bool begin_compressed(reader *r)
{
    element e;
    if (!read_tag(r, &e))
        return false;
    if (e.type != MI_MATRIX || e.is_small)
        return tn__file_fail(&r->file, "a compressed element of type %u", (unsigned)e.type);
    return tn__stream_promise(r->s, e.size + 8);
}

static bool read_element(reader *r, int64_t offset, int64_t size, uint32_t type)
{
    r->s = tn__stream_new(&r->file, offset, size, type == MI_COMPRESSED ? TN__ZLIB : TN__PLAIN);
    if (!r->s)
        return false;
    bool ok = (type == MI_MATRIX || begin_compressed(r)) && read_array(r);
    tn__stream_free(r->s);
    return ok;
}

static bool read_elements(reader *r)
{
    unsigned char tag[8];
    int64_t size = 0;
    for (int64_t at = HEADER_SIZE; at < r->file.size; at += 8 + size) {
        if (!tn__file_read(&r->file, at, tag, sizeof tag))
            return false;
        uint32_t type = load32(r, tag);
        size = load32(r, tag + 4);
        if (type != MI_MATRIX && type != MI_COMPRESSED)
            return tn__file_fail(&r->file, "an element of type %u at byte %lld", (unsigned)type,
                                 (long long)at);
        if (size > r->file.size - at - 8)
            return tn__file_fail(
                &r->file, "the array at byte %lld has %lld bytes, but the file holds %lld",
                (long long)at, (long long)size, (long long)(r->file.size - at - 8));
        if (!read_element(r, at + 8, size, type))
            return false;
    }
    return true;
}

/* The last four bytes: the version, and "MI" as a number of 16 bits. */
static bool read_header(reader *r)
{
    unsigned char p[4];
    if (r->file.size < HEADER_SIZE)
        return tn__file_fail(&r->file, "not a Level 5 MAT-file: it has %lld bytes",
                             (long long)r->file.size);
    if (!tn__file_read(&r->file, HEADER_SIZE - 4, p, sizeof p))
        return false;
    r->big_endian = memcmp(p + 2, "MI", 2) == 0;
    if (!r->big_endian && memcmp(p + 2, "IM", 2) != 0)
        return tn__file_fail(&r->file, "not a Level 5 MAT-file: no mark of its byte order");
    unsigned version = (unsigned)tn__load_bytes(p, 2, r->big_endian);
    if (version != 0x0100)
        return tn__file_fail(&r->file, "version %u.%u of MAT-files cannot be read%s", version >> 8,
                             version & 0xff, version == 0x0200 ? "; save it with -v7" : "");
    return true;
}

static bool check_names(const reader *r)
{
    for (int64_t i = 0; r->names && r->names[i]; i++)
        if (!tn_dict_get(r->dict, r->names[i]))
            return tn__file_fail(&r->file, "there is no array '%.60s'", r->names[i]);
    return true;
}

static tn_dict *load(reader *r)
{
    r->dict = tn_dict_new(r->file.ctx);
    bool ok = r->dict && read_header(r) && read_elements(r) && check_names(r);
    tn__file_close(&r->file);
    if (ok)
        return r->dict;
    tn_dict_free(r->dict);
    return NULL;
}

tn_dict *tn_load_mat(tn_ctx *ctx, const char *path, tn_mat_opts opts)
{
    reader r = {.names = opts.names};
    return tn__file_open(&r.file, ctx, "load_mat", path) ? load(&r) : NULL;
}

tn_dict *tn_load_mat_from(tn_ctx *ctx, tn_source source, tn_mat_opts opts)
{
    reader r = {.names = opts.names};
    return tn__file_from(&r.file, ctx, "load_mat_from", source) ? load(&r) : NULL;
}
