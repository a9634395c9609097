/* safetensors.c - the safetensors format (Hugging Face: safetensors, format): the size of a header
 * in 64 bits, the header in JSON, and the numbers, all of it least significant byte first. The
 * header is one object:
 *
 *     {"__metadata__": {"key": "value", ...},
 *      "0.weight": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]}, ...}
 *
 * The offsets count from the end of the header, and the parts follow each other without gaps. */
#include <stdio.h>
#include <string.h>
#include <tn/io.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "dict/dict.h"
#include "io/file.h"
#include "io/formats.h"
#include "io/numbers.h"
#include "io/output.h"
#include "io/sink.h"
#include "io/stream.h"
#include "tensor/shape.h"

#define METADATA "__metadata__"
#define MAX_HEADER 100000000 /* bytes, and */
#define MAX_DEPTH 125        /* values in each other that the reference reads within an entry */

static const struct {
    const char *name;
    tn__number type;
} types[] = {
    {"BOOL", {TN__LOGICAL, 1, false}}, {"U8", {TN__UNSIGNED, 1, false}},
    {"I8", {TN__SIGNED, 1, false}},    {"U16", {TN__UNSIGNED, 2, false}},
    {"I16", {TN__SIGNED, 2, false}},   {"U32", {TN__UNSIGNED, 4, false}},
    {"I32", {TN__SIGNED, 4, false}},   {"U64", {TN__UNSIGNED, 8, false}},
    {"I64", {TN__SIGNED, 8, false}},   {"F16", {TN__FLOAT, 2, false}},
    {"BF16", {TN__BFLOAT, 2, false}},  {"F32", {TN__FLOAT, 4, false}},
    {"F64", {TN__FLOAT, 8, false}},
};

/* ---- reading: JSON --------------------------------------------------------------------------- */

/* A tensor as the header describes it. */
typedef struct part {
    const char *name;
    bool has_type, has_shape, has_offsets;
    tn__number type;
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    int64_t offsets[2];
} part;

typedef struct reader {
    tn__file *file;
    char *text, *p; /* the header, and how far it is read; names are unescaped in place */
    part *parts;
    int64_t count, capacity;
    bool has_metadata;
    bool passing_over;       /* what is read is not used */
    int64_t data, data_size; /* where the numbers are in the file, and how many bytes */
} reader;

static bool fail_at(const reader *r, const char *expected)
{
    tn__file_fail(r->file, "header: %s is expected at byte %lld", expected,
                  (long long)(r->p - r->text));
    return false;
}

/* Skips `c` and what space is before it, if it is next. */
static bool accept(reader *r, char c)
{
    r->p += strspn(r->p, " \t\r\n");
    if (*r->p != c)
        return false;
    r->p++;
    return true;
}

static bool expect(reader *r, char c)
{
    return accept(r, c) || fail_at(r, (char[]){'\'', c, '\'', '\0'});
}

/* Four hexadecimal digits; -1 if they are not that. */
static int32_t parse_hex4(const char *p)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *digit = p[i] ? strchr(digits, p[i]) : NULL;
        if (!digit)
            return -1;
        value = value << 4 | (int32_t)((digit - digits) & 15);
    }
    return value;
}

/* Four digits after \u, or two such numbers for what is beyond 16 bits. */
static bool parse_unicode(reader *r, unsigned char **out)
{
    int32_t code = parse_hex4(r->p);
    r->p += code < 0 ? 0 : 4;
    if (code >= 0xd800 && code < 0xdc00 && r->p[0] == '\\' && r->p[1] == 'u') {
        int32_t low = parse_hex4(r->p + 2);
        bool is_pair = low >= 0xdc00 && low < 0xe000;
        code = is_pair ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
        r->p += is_pair ? 6 : 0;
    }
    if (code < 0 || (code >= 0xd800 && code < 0xe000))
        return fail_at(r, "a code point");
    if (code == 0 && !r->passing_over)
        return fail_at(r, "a name without zeros");
    *out += tn__encode_utf8(code, *out);
    return true;
}

static bool parse_escape(reader *r, unsigned char **out)
{
    static const char codes[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *code = *r->p ? strchr(codes, *r->p) : NULL;
    if (*r->p == 'u')
        return r->p++, parse_unicode(r, out);
    if (!code)
        return fail_at(r, "an escape");
    r->p++;
    *(*out)++ = (unsigned char)values[code - codes];
    return true;
}

/* Unescaped text is never longer than the escaped one. */
static char *parse_string(reader *r)
{
    if (!accept(r, '"')) {
        fail_at(r, "a string");
        return NULL;
    }
    char *start = r->p;
    unsigned char *out = (unsigned char *)start;
    while (*r->p != '"') {
        unsigned char c = (unsigned char)*r->p;
        if (c < 0x20) {
            fail_at(r, "the end of a string");
            return NULL;
        }
        r->p++;
        if (c != '\\')
            *out++ = c;
        else if (!parse_escape(r, &out))
            return NULL;
    }
    r->p++;
    *out = '\0';
    return start;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool parse_integer(reader *r, int64_t *value)
{
    r->p += strspn(r->p, " \t\r\n");
    if (!is_digit(*r->p))
        return fail_at(r, "an integer");
    if (*r->p == '0' && is_digit(r->p[1]))
        return fail_at(r, "a number without a zero before it");
    for (*value = 0; is_digit(*r->p); r->p++) {
        if (*value > (INT64_MAX - 9) / 10)
            return fail_at(r, "an integer of 63 bits");
        *value = *value * 10 + (*r->p - '0');
    }
    return true;
}

/* A list of at most `most` integers. */
static bool parse_integers(reader *r, int64_t *values, int most, int *count)
{
    *count = 0;
    if (!expect(r, '['))
        return false;
    if (accept(r, ']'))
        return true;
    do {
        if (*count == most)
            return tn__file_fail(r->file, "it has more than %d %s", most,
                                 most == 2 ? "offsets" : "dimensions");
        if (!parse_integer(r, &values[(*count)++]))
            return false;
    } while (accept(r, ','));
    return expect(r, ']');
}

/* Calls parse_value for each key of an object. */
static bool parse_object(reader *r, bool (*parse_value)(reader *r, char *key))
{
    if (!expect(r, '{'))
        return false;
    if (accept(r, '}'))
        return true;
    do {
        char *key = parse_string(r);
        if (!key || !expect(r, ':') || !parse_value(r, key))
            return false;
    } while (accept(r, ','));
    return expect(r, '}');
}

/* ---- reading: values that are passed over ---------------------------------------------------- */

static bool skip_digits(reader *r)
{
    if (!is_digit(*r->p))
        return fail_at(r, "a digit");
    while (is_digit(*r->p))
        r->p++;
    return true;
}

/* -12.5e+3, where the whole part is 0 or begins with another digit. */
static bool skip_number(reader *r)
{
    r->p += *r->p == '-';
    if (*r->p == '0')
        r->p++;
    else if (!skip_digits(r))
        return false;
    if (*r->p == '.' && (r->p++, !skip_digits(r)))
        return false;
    if (*r->p != 'e' && *r->p != 'E')
        return true;
    r->p++;
    r->p += *r->p == '+' || *r->p == '-';
    return skip_digits(r);
}

static bool accept_word(reader *r, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(r->p, word, length) != 0)
        return false;
    r->p += length;
    return true;
}

static bool skip_scalar(reader *r)
{
    if (*r->p == '"')
        return parse_string(r) != NULL;
    if (*r->p == '-' || is_digit(*r->p))
        return skip_number(r);
    return accept_word(r, "true") || accept_word(r, "false") || accept_word(r, "null") ||
           fail_at(r, "a value");
}

/* The ends of the lists and objects that are open, the outermost first. */
typedef struct nesting {
    char ends[MAX_DEPTH];
    int depth;
} nesting;

/* In an object, the key of the next value. */
static bool skip_key(reader *r, const nesting *n)
{
    return n->depth == 0 || n->ends[n->depth - 1] == ']' || (parse_string(r) && expect(r, ':'));
}

/* Enters lists and objects down to the first value that is neither, or that is empty. */
static bool skip_beginnings(reader *r, nesting *n)
{
    while (accept(r, '[') || accept(r, '{')) {
        if (n->depth == MAX_DEPTH)
            return tn__file_fail(r->file, "header: more than %d lists and objects in each other",
                                 MAX_DEPTH);
        char end = r->p[-1] == '[' ? ']' : '}';
        if (accept(r, end))
            return true;
        n->ends[n->depth++] = end;
        if (!skip_key(r, n))
            return false;
    }
    return skip_scalar(r);
}

/* Any value. The depth is counted, not left to the stack. */
static bool skip_value(reader *r)
{
    nesting n = {.depth = 0};
    r->passing_over = true;
    do {
        if (!skip_beginnings(r, &n))
            return false;
        while (n.depth > 0 && !accept(r, ','))
            if (!expect(r, n.ends[--n.depth]))
                return false;
    } while (n.depth > 0 && skip_key(r, &n));
    r->passing_over = false;
    return n.depth == 0;
}

/* ---- reading: the header --------------------------------------------------------------------- */

static bool parse_type(reader *r, part *p)
{
    const char *name = parse_string(r);
    for (size_t i = 0; name && i < sizeof types / sizeof *types; i++)
        if (strcmp(name, types[i].name) == 0) {
            p->type = types[i].type;
            return true;
        }
    return name && tn__file_fail(r->file, "numbers of type '%.40s' cannot be read", name);
}

static bool parse_offsets(reader *r, part *p)
{
    int count;
    return parse_integers(r, p->offsets, 2, &count) &&
           (count == 2 || tn__file_fail(r->file, "it has %d offsets, not 2", count));
}

static bool parse_field(reader *r, char *key)
{
    part *p = &r->parts[r->count];
    bool *has = strcmp(key, "dtype") == 0          ? &p->has_type
                : strcmp(key, "shape") == 0        ? &p->has_shape
                : strcmp(key, "data_offsets") == 0 ? &p->has_offsets
                                                   : NULL;
    if (!has)
        return skip_value(r); /* as the reference does */
    if (*has)
        return tn__file_fail(r->file, "header: a second key '%.40s'", key);
    *has = true;
    if (has == &p->has_type)
        return parse_type(r, p);
    if (has == &p->has_offsets)
        return parse_offsets(r, p);
    return parse_integers(r, p->shape, TN_MAX_DIMS, &p->ndim);
}

static bool parse_metadata(reader *r, char *key)
{
    (void)key;
    return parse_string(r) != NULL;
}

static bool read_metadata(reader *r)
{
    if (r->has_metadata)
        return tn__file_fail(r->file, "header: a second '" METADATA "'");
    r->has_metadata = r->passing_over = true;
    r->p += strspn(r->p, " \t\r\n");
    bool ok = accept_word(r, "null") || parse_object(r, parse_metadata);
    r->passing_over = false;
    return ok;
}

static bool check_part(const reader *r, const part *p)
{
    if (!p->has_type || !p->has_shape || !p->has_offsets)
        return tn__file_fail(r->file, "header: no '%s'",
                             !p->has_type    ? "dtype"
                             : !p->has_shape ? "shape"
                                             : "data_offsets");
    int64_t numel = tn__numel_of(p->ndim, p->shape, 8), size = p->offsets[1] - p->offsets[0];
    tn_text shape = tn_shape_text(p->ndim, p->shape);
    if (numel < 0)
        return tn__file_fail(r->file, "header says %s of %s, which is too large", shape.s,
                             tn__number_name(p->type));
    if (p->offsets[0] > p->offsets[1] || p->offsets[1] > r->data_size)
        return tn__file_fail(r->file, "offsets [%lld,%lld], but the file holds %lld bytes of data",
                             (long long)p->offsets[0], (long long)p->offsets[1],
                             (long long)r->data_size);
    return numel * p->type.size == size ||
           tn__file_fail(r->file, "header says %s of %s, %lld bytes, but offsets [%lld,%lld]",
                         shape.s, tn__number_name(p->type), (long long)(numel * p->type.size),
                         (long long)p->offsets[0], (long long)p->offsets[1]);
}

static bool parse_entry(reader *r, char *key)
{
    if (strcmp(key, METADATA) == 0)
        return read_metadata(r);
    if (!tn__reserve(r->file->ctx, &r->parts, &r->capacity, r->count + 1, sizeof *r->parts))
        return false;
    r->parts[r->count] = (part){.name = key};
    r->file->part = key;
    bool ok = parse_object(r, parse_field) && check_part(r, &r->parts[r->count]);
    r->file->part = NULL;
    r->count += ok;
    return ok;
}

static bool parse_header(reader *r)
{
    int64_t size = r->data - 8, length = tn__utf8_length(r->text, size);
    if (length < size)
        return tn__file_fail(r->file, "header: byte %lld is not UTF-8", (long long)length);
    if (*r->p != '{')
        return fail_at(r, "'{'"); /* the format allows spaces behind the object alone */
    if (!parse_object(r, parse_entry))
        return false;
    r->p += strspn(r->p, " \t\r\n");
    return r->p == r->text + size || fail_at(r, "the end");
}

static bool check_size(const tn__file *file, uint64_t size)
{
    if (size > (uint64_t)file->size - 8)
        return tn__file_fail(file, "a header of %llu bytes is promised, but the file holds %lld",
                             (unsigned long long)size, (long long)file->size - 8);
    return size <= MAX_HEADER ||
           tn__file_fail(file, "a header of %llu bytes, but the format allows %d",
                         (unsigned long long)size, MAX_HEADER);
}

static bool read_header(reader *r)
{
    unsigned char bytes[8];
    if (!tn__file_read(r->file, 0, bytes, sizeof bytes))
        return false;
    uint64_t size = tn__load_bytes(bytes, 8, false);
    if (!check_size(r->file, size))
        return false;
    r->text = r->p = tn__alloc(r->file->ctx, tn__bytes((int64_t)size + 1));
    if (!r->text || !tn__file_read(r->file, 8, r->text, (int64_t)size))
        return false;
    r->text[size] = '\0';
    r->data = 8 + (int64_t)size;
    r->data_size = r->file->size - r->data;
    return parse_header(r);
}

/* ---- reading: the order of the parts --------------------------------------------------------- */

/* Empty parts come before what begins where they do. */
static bool comes_after(const part *a, const part *b)
{
    return a->offsets[0] > b->offsets[0] ||
           (a->offsets[0] == b->offsets[0] && a->offsets[1] > b->offsets[1]);
}

static void sift_down(const part *parts, int64_t *heap, int64_t i, int64_t count)
{
    for (int64_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && comes_after(&parts[heap[child + 1]], &parts[heap[child]]))
            child++;
        if (!comes_after(&parts[heap[child]], &parts[heap[i]]))
            return;
        int64_t other = heap[i];
        heap[i] = heap[child];
        heap[child] = other;
    }
}

/* The numbers of the parts in the order of their data (heapsort, Williams 1964). To be freed. */
static int64_t *sort_parts(const reader *r)
{
    int64_t *order = tn__alloc(r->file->ctx, (size_t)r->count * sizeof *order);
    for (int64_t i = 0; order && i < r->count; i++)
        order[i] = i;
    for (int64_t i = r->count / 2; order && i-- > 0;)
        sift_down(r->parts, order, i, r->count);
    for (int64_t last = r->count; order && --last > 0;) {
        int64_t largest = order[0];
        order[0] = order[last];
        order[last] = largest;
        sift_down(r->parts, order, 0, last);
    }
    return order;
}

/* Each byte of the data belongs to one part. */
static bool check_order(const reader *r)
{
    int64_t *order = sort_parts(r);
    int64_t end = 0;
    bool ok = order != NULL;
    for (int64_t i = 0; ok && i < r->count; i++) {
        const part *p = &r->parts[order[i]];
        r->file->part = p->name;
        if (p->offsets[0] != end)
            ok =
                tn__file_fail(r->file, "it begins at byte %lld, where the part before ends at %lld",
                              (long long)p->offsets[0], (long long)end);
        end = p->offsets[1];
    }
    r->file->part = NULL;
    tn__free(r->file->ctx, order);
    return ok && (end == r->data_size || tn__file_fail(r->file, "%lld bytes follow the last part",
                                                       (long long)(r->data_size - end)));
}

/* ---- reading: the parts ---------------------------------------------------------------------- */

static bool read_part(const reader *r, const part *p, tn_dict *dict)
{
    if (tn_dict_get(dict, p->name))
        return tn__file_fail(r->file, "there are two tensors of this name");
    tn__stream *s =
        tn__stream_new(r->file, r->data + p->offsets[0], p->offsets[1] - p->offsets[0], TN__PLAIN);
    tn_tensor *t = s ? tn__read_array(s, p->type, p->ndim, p->shape, false) : NULL;
    bool ok = t && tn_dict_set(dict, p->name, t) == TN_OK;
    tn_free(t);
    tn__stream_free(s);
    return ok;
}

static tn_dict *read_parts(const reader *r)
{
    tn_dict *dict = tn_dict_new(r->file->ctx);
    bool ok = dict != NULL;
    for (int64_t i = 0; ok && i < r->count; i++) {
        r->file->part = r->parts[i].name;
        ok = read_part(r, &r->parts[i], dict);
        r->file->part = NULL;
    }
    if (ok)
        return dict;
    tn_dict_free(dict);
    return NULL;
}

tn_dict *tn__read_safetensors(tn__file *file)
{
    reader r = {.file = file};
    tn_dict *dict = read_header(&r) && check_order(&r) ? read_parts(&r) : NULL;
    tn__free(file->ctx, r.parts);
    tn__free(file->ctx, r.text);
    return dict;
}

static tn_dict *load(tn__file *file)
{
    tn_dict *dict = tn__read_safetensors(file);
    tn__file_close(file);
    return dict;
}

tn_dict *tn_load_safetensors(tn_ctx *ctx, const char *path)
{
    tn__file file;
    return tn__file_open(&file, ctx, "load_safetensors", path) ? load(&file) : NULL;
}

tn_dict *tn_load_safetensors_from(tn_ctx *ctx, tn_source source)
{
    tn__file file;
    return tn__file_from(&file, ctx, "load_safetensors_from", source) ? load(&file) : NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_metadata(tn__text *text, const char *const *metadata)
{
    tn__append_json(text, METADATA);
    tn__append(text, ":{");
    for (int64_t i = 0; metadata[i] && metadata[i + 1]; i += 2) {
        tn__append(text, "%s", i ? "," : "");
        tn__append_json(text, metadata[i]);
        tn__append(text, ":");
        tn__append_json(text, metadata[i + 1]);
    }
    tn__append(text, "}");
}

static int64_t size_of(const tn_tensor *t)
{
    return tn_numel(t) * (int64_t)tn_dtype_size(t->dtype);
}

/* Larger elements come first, so that all are aligned: where the parts of `width` bytes begin. */
static int64_t first_of(const tn_dict *dict, size_t width)
{
    int64_t offset = 0;
    for (int64_t i = 0; i < tn_dict_count(dict); i++)
        if (tn_dtype_size(tn_dict_at(dict, i)->dtype) > width)
            offset += size_of(tn_dict_at(dict, i));
    return offset;
}

static void put_part(tn__text *text, const char *name, const tn_tensor *t, int64_t *offset)
{
    static const char *const codes[TN_DTYPES] = {
        [TN_F32] = "F32", [TN_F64] = "F64", [TN_I64] = "I64",
        [TN_I32] = "I32", [TN_U8] = "U8",   [TN_BOOL] = "BOOL"};
    tn__append_json(text, name);
    tn__append(text, ":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%lld,%lld]}",
               codes[t->dtype], TN_SHAPE_TEXT(t), (long long)*offset,
               (long long)(*offset + size_of(t)));
    *offset += size_of(t);
}

/* With the spaces that align what follows. */
static void put_header(tn__text *text, const tn_dict *dict, const char *const *metadata)
{
    int64_t offsets[9] = {
        [8] = first_of(dict, 8), [4] = first_of(dict, 4), [1] = first_of(dict, 1)};
    tn__append(text, "{");
    if (metadata)
        put_metadata(text, metadata);
    for (int64_t i = 0; i < tn_dict_count(dict); i++) {
        const tn_tensor *t = tn_dict_at(dict, i);
        tn__append(text, "%s", i || metadata ? "," : "");
        put_part(text, tn_dict_name(dict, i), t, &offsets[tn_dtype_size(t->dtype)]);
    }
    tn__append(text, "}");
    tn__append(text, "%*s", (int)(-text->length & 7), "");
}

static bool write_header(tn__output *out, const tn_dict *dict, const char *const *metadata)
{
    unsigned char bytes[8];
    tn__text text = {NULL, 0, 0};
    put_header(&text, dict, metadata);
    tn__store_bytes(bytes, 8, (uint64_t)text.length);
    text = (tn__text){tn__alloc(out->ctx, (size_t)text.length + 1), (size_t)text.length + 1, 0};
    if (!text.buffer)
        return false;
    put_header(&text, dict, metadata);
    bool ok = tn__output_write(out, bytes, 8) && tn__output_write(out, text.buffer, text.length);
    tn__free(out->ctx, text.buffer);
    return ok;
}

static bool write_parts(tn__output *out, const tn_dict *dict)
{
    for (size_t width = 8; width > 0; width /= 2)
        for (int64_t i = 0; i < tn_dict_count(dict); i++) {
            const tn_tensor *t = tn_dict_at(dict, i);
            if (tn_dtype_size(t->dtype) == width && !tn__write_numbers(out, t))
                return false;
        }
    return true;
}

static bool check_names(tn_ctx *ctx, const char *what, const tn_dict *dict)
{
    for (int64_t i = 0; tn_ok(ctx) && i < tn_dict_count(dict); i++) {
        const char *name = tn_dict_name(dict, i);
        if (strcmp(name, METADATA) == 0 || !tn__is_utf8(name))
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s: no tensor can have the name '%.60s'", what, name);
    }
    return tn_ok(ctx);
}

static bool check_metadata(tn_ctx *ctx, const char *what, tn__target target,
                           const char *const *metadata)
{
    for (int64_t i = 0; metadata && metadata[i]; i++)
        if (!tn__is_utf8(metadata[i])) {
            tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s: metadata that is not UTF-8", what,
                    target.path ? target.path : "");
            return false;
        }
    return true;
}

tn_status tn__save_safetensors(tn_ctx *ctx, const char *what, const tn_dict *dict,
                               tn__target target, const char *const *metadata)
{
    tn__output out;
    if (!tn__check_dict(ctx, what, dict) || !check_names(ctx, what, dict) ||
        !check_metadata(ctx, what, target, metadata))
        return tn_error_status(ctx);
    bool ok = tn__output_open(&out, ctx, what, target) && write_header(&out, dict, metadata) &&
              write_parts(&out, dict);
    tn__output_close(&out, ok);
    return tn_error_status(ctx);
}

tn_status tn_save_safetensors(tn_ctx *ctx, const tn_dict *dict, const char *path,
                              tn_safetensors_opts opts)
{
    return tn__save_safetensors(ctx, "save_safetensors", dict, tn__at_path(path), opts.metadata);
}

tn_status tn_save_safetensors_to(tn_ctx *ctx, const tn_dict *dict, tn_sink sink,
                                 tn_safetensors_opts opts)
{
    return tn__save_safetensors(ctx, "save_safetensors_to", dict, tn__in_sink(&sink),
                                opts.metadata);
}
