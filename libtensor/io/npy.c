/* npy.c - one array in NumPy's .npy format, versions 1 to 3 (NumPy: numpy.lib.format): a magic
 * string, a Python dictionary {'descr': ..., 'fortran_order': ..., 'shape': ...} and the
 * numbers. */
#include <stdio.h>
#include <string.h>
#include <tn/io.h>
#include "base/text.h"
#include "io/file.h"
#include "io/npy.h"
#include "io/numbers.h"
#include "io/output.h"
#include "io/sink.h"
#include "io/stream.h"
#include "tensor/tensor.h"

#define MAX_HEADER 10000 /* NumPy's, too */

typedef struct npy_header {
    tn__file *file;
    char text[MAX_HEADER + 1]; /* the dictionary */
    const char *p;             /* how far it is read */
    bool has_type, has_order, has_shape;
    bool passes_text, is_text; /* passed over, where other arrays stand beside it */
    tn__number type;
    bool fortran;
    int ndim;
    int64_t shape[TN_MAX_DIMS];
} npy_header;

static bool fail_at(const npy_header *h, const char *expected)
{
    tn__file_fail(h->file, "header: %s is expected at byte %lld of its dictionary", expected,
                  (long long)(h->p - h->text));
    return false;
}

static void skip_spaces(npy_header *h)
{
    h->p += strspn(h->p, " \t\r\n\f");
}

/* Skips `c` and what space is before it, if it is next. */
static bool accept(npy_header *h, char c)
{
    skip_spaces(h);
    if (*h->p != c)
        return false;
    h->p++;
    return true;
}

static bool accept_word(npy_header *h, const char *word)
{
    skip_spaces(h);
    if (strncmp(h->p, word, strlen(word)) != 0)
        return false;
    h->p += strlen(word);
    return true;
}

/* A string of Python without escapes, cut to the size of `out`. */
static bool parse_string(npy_header *h, char *out, size_t size)
{
    skip_spaces(h);
    const char *start = h->p + (*h->p == 'u' || *h->p == 'U');
    const char *end = *start == '\'' || *start == '"' ? strchr(start + 1, *start) : NULL;
    if (!end)
        return fail_at(h, "a string");
    snprintf(out, size, "%.*s", (int)(end - start - 1), start + 1);
    h->p = end + 1;
    return true;
}

/* The names of a type behind its byte order: a kind and a size, or the letter of C's type, where
 * that has the same size everywhere. */
static const struct {
    const char *codes[3];
    tn__number type;
} types[] = {
    {{"b1", "?", "bool"}, {TN__LOGICAL, 1, false}},
    {{"f2", "e"}, {TN__FLOAT, 2, false}},
    {{"f4", "f"}, {TN__FLOAT, 4, false}},
    {{"f8", "d"}, {TN__FLOAT, 8, false}},
    {{"i1", "b", "int8"}, {TN__SIGNED, 1, false}},
    {{"i2", "h"}, {TN__SIGNED, 2, false}},
    {{"i4", "i"}, {TN__SIGNED, 4, false}},
    {{"i8", "q"}, {TN__SIGNED, 8, false}},
    {{"u1", "B", "uint8"}, {TN__UNSIGNED, 1, false}},
    {{"u2", "H"}, {TN__UNSIGNED, 2, false}},
    {{"u4", "I"}, {TN__UNSIGNED, 4, false}},
    {{"u8", "Q"}, {TN__UNSIGNED, 8, false}},
};

static bool find_type(const char *code, tn__number *type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int k = 0; k < 3 && types[i].codes[k]; k++)
            if (strcmp(code, types[i].codes[k]) == 0) {
                *type = types[i].type;
                return true;
            }
    return false;
}

/* Text: so many bytes or characters for each element. */
static bool is_text(const char *code)
{
    return (*code == 'S' || *code == 'U') && code[1] && !code[1 + strspn(code + 1, "0123456789")];
}

/* A byte order, a kind and a size: '<f4'. Without an order, or with '|' or '=', the file does not
 * say which order it has: only types of one byte are read then. */
static bool parse_type(npy_header *h)
{
    char name[32] = "";
    if (accept(h, '['))
        return tn__file_fail(h->file, "arrays of structures cannot be read");
    if (!parse_string(h, name, sizeof name))
        return false;
    int order = strspn(name, "<>|=") > 0;
    h->is_text = h->passes_text && is_text(name + order);
    if (h->is_text)
        return true;
    if (!find_type(name + order, &h->type))
        return tn__file_fail(h->file, "arrays of %s'%s' cannot be read",
                             strchr(name, 'O')   ? "Python objects, "
                             : strchr(name, 'V') ? "raw bytes, as which NumPy saves bfloat16, "
                                                 : "",
                             name);
    h->type.big_endian = name[0] == '>';
    return h->type.size == 1 || name[0] == '<' || name[0] == '>' ||
           tn__file_fail(h->file, "arrays of '%s' do not say their byte order", name);
}

static bool parse_order(npy_header *h)
{
    h->fortran = accept_word(h, "True");
    return h->fortran || accept_word(h, "False") || fail_at(h, "True or False");
}

static bool parse_size(npy_header *h, int64_t *size)
{
    skip_spaces(h);
    if (*h->p < '0' || *h->p > '9' || (h->p[0] == '0' && h->p[1] >= '0' && h->p[1] <= '9'))
        return fail_at(h, "a size");
    for (*size = 0; *h->p >= '0' && *h->p <= '9'; h->p++) {
        if (*size > (INT64_MAX - 9) / 10)
            return fail_at(h, "a size of 63 bits");
        *size = *size * 10 + (*h->p - '0');
    }
    accept(h, 'L'); /* a long integer of Python 2 */
    return true;
}

static bool parse_shape(npy_header *h)
{
    if (!accept(h, '('))
        return fail_at(h, "'('");
    for (h->ndim = 0; !accept(h, ')'); h->ndim++) {
        if (h->ndim == TN_MAX_DIMS)
            return tn__file_fail(h->file, "it has more than %d dimensions", TN_MAX_DIMS);
        if (!parse_size(h, &h->shape[h->ndim]))
            return false;
        skip_spaces(h);
        bool comma = accept(h, ',');
        if (!comma && *h->p != ')')
            return fail_at(h, "',' or ')'");
        if (!comma && h->ndim == 0)
            return fail_at(h, "','"); /* (3) is a number */
    }
    return true;
}

static bool parse_item(npy_header *h)
{
    char key[32];
    if (!parse_string(h, key, sizeof key))
        return false;
    if (!accept(h, ':'))
        return fail_at(h, "':'");
    bool *has = strcmp(key, "descr") == 0           ? &h->has_type
                : strcmp(key, "fortran_order") == 0 ? &h->has_order
                : strcmp(key, "shape") == 0         ? &h->has_shape
                                                    : NULL;
    if (!has || *has)
        return tn__file_fail(h->file, "header: %s key '%s'", has ? "a second" : "unknown", key);
    *has = true;
    return has == &h->has_type    ? parse_type(h)
           : has == &h->has_order ? parse_order(h)
                                  : parse_shape(h);
}

static bool parse_header(npy_header *h)
{
    if (!accept(h, '{'))
        return fail_at(h, "'{'");
    while (!accept(h, '}')) {
        if (!parse_item(h))
            return false;
        skip_spaces(h);
        if (!accept(h, ',') && *h->p != '}')
            return fail_at(h, "',' or '}'");
    }
    skip_spaces(h);
    if (*h->p)
        return fail_at(h, "the end");
    if (!h->has_type || !h->has_order || !h->has_shape)
        return tn__file_fail(h->file, "header: no %s",
                             !h->has_type    ? "'descr'"
                             : !h->has_order ? "'fortran_order'"
                                             : "'shape'");
    return true;
}

int tn__npy_begins(tn__stream *s)
{
    char magic[TN__NPY_MAGIC] = "";
    if (tn__stream_read(s, magic, sizeof magic) < 0)
        return -1;
    return memcmp(magic, "\x93NUMPY", sizeof magic) == 0;
}

/* The size of the dictionary; -1 if there is none. */
static int64_t read_preamble(tn__stream *s)
{
    unsigned char version[2], size[4];
    if (!tn__stream_take(s, version, sizeof version))
        return -1;
    if (version[0] < 1 || version[0] > 3 || version[1] != 0) {
        tn__file_fail(tn__stream_file(s), "version %d.%d of .npy cannot be read", version[0],
                      version[1]);
        return -1;
    }
    int bytes = version[0] == 1 ? 2 : 4;
    return tn__stream_take(s, size, bytes) ? (int64_t)tn__load_bytes(size, bytes, false) : -1;
}

static bool check_size(tn__file *file, int64_t size, int64_t left)
{
    if (size > left)
        return tn__file_fail(file, "header: %lld bytes are promised, but the file holds %lld",
                             (long long)size, (long long)left);
    return size <= MAX_HEADER ||
           tn__file_fail(file, "header: %lld bytes, but NumPy reads no more than %d",
                         (long long)size, MAX_HEADER);
}

static bool read_header(tn__stream *s, npy_header *h)
{
    int64_t size = read_preamble(s);
    if (size < 0 || !check_size(h->file, size, tn__stream_left(s)) ||
        !tn__stream_take(s, h->text, size))
        return false;
    h->p = h->text;
    if (strlen(h->text) < (size_t)size)
        return tn__file_fail(h->file, "header: byte %zu of its dictionary is zero",
                             strlen(h->text));
    return parse_header(h);
}

tn_tensor *tn__read_npy(tn__stream *s, bool *is_text)
{
    npy_header h = {.file = tn__stream_file(s), .passes_text = is_text != NULL};
    if (!read_header(s, &h))
        return NULL;
    if (is_text)
        *is_text = h.is_text;
    if (h.is_text)
        return NULL;
    return tn__read_array(s, h.type, h.ndim, h.shape, h.fortran);
}

static tn_tensor *read_file(tn__stream *s)
{
    int found = tn__npy_begins(s);
    if (found == 0)
        tn__file_fail(tn__stream_file(s), "not an .npy file: it does not begin with \\x93NUMPY");
    return found > 0 ? tn__read_npy(s, NULL) : NULL;
}

static tn_tensor *load(tn__file *file)
{
    tn__stream *s = tn__stream_new(file, 0, file->size, TN__PLAIN);
    tn_tensor *t = s ? read_file(s) : NULL;
    tn__stream_free(s);
    tn__file_close(file);
    return t;
}

tn_tensor *tn_load_npy(tn_ctx *ctx, const char *path)
{
    tn__file file;
    return tn__file_open(&file, ctx, "load_npy", path) ? load(&file) : NULL;
}

tn_tensor *tn_load_npy_from(tn_ctx *ctx, tn_source source)
{
    tn__file file;
    return tn__file_from(&file, ctx, "load_npy_from", source) ? load(&file) : NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

#define HEADER_SIZE 10
#define ALIGNMENT 64
#define MAX_DICTIONARY 320 /* with the spaces after it */

/* The dictionary, as NumPy writes it. */
static int64_t format_header(char *text, size_t size, const tn_tensor *t)
{
    static const char *const codes[TN_DTYPES] = {
        [TN_F32] = "<f4", [TN_F64] = "<f8", [TN_I64] = "<i8",
        [TN_I32] = "<i4", [TN_U8] = "|u1",  [TN_BOOL] = "|b1"};
    tn__text out = {text, size, 0};
    tn__append(&out, "{'descr': '%s', 'fortran_order': False, 'shape': (", codes[t->dtype]);
    for (int i = 0; i < t->ndim; i++)
        tn__append(&out, i ? ", %lld" : "%lld", (long long)t->shape[i]);
    tn__append(&out, t->ndim == 1 ? ",), }" : "), }");
    return out.length;
}

/* With the line break, the header fills whole blocks. */
static int64_t header_size(int64_t used)
{
    return (used + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
}

int64_t tn__npy_size(const tn_tensor *t)
{
    return header_size(HEADER_SIZE + format_header(NULL, 0, t)) +
           tn_numel(t) * (int64_t)tn_dtype_size(t->dtype);
}

bool tn__write_npy(tn__output *out, const tn_tensor *t)
{
    char text[HEADER_SIZE + MAX_DICTIONARY] = "\x93NUMPY\1";
    int64_t used = HEADER_SIZE + format_header(text + HEADER_SIZE, MAX_DICTIONARY, t);
    int64_t size = header_size(used);
    memset(text + used, ' ', (size_t)(size - used - 1));
    text[size - 1] = '\n';
    tn__store_bytes(text + 8, 2, (uint64_t)(size - HEADER_SIZE));
    return tn__output_write(out, text, size) && tn__write_numbers(out, t);
}

static tn_status save(tn_ctx *ctx, const char *what, const tn_tensor *t, tn__target target)
{
    tn__output out;
    if (!tn_check_input(ctx, what, "tensor", t))
        return tn_error_status(ctx);
    bool ok = tn__output_open(&out, ctx, what, target) && tn__write_npy(&out, t);
    tn__output_close(&out, ok);
    return tn_error_status(ctx);
}

tn_status tn_save_npy(tn_ctx *ctx, const tn_tensor *t, const char *path)
{
    return save(ctx, "save_npy", t, tn__at_path(path));
}

tn_status tn_save_npy_to(tn_ctx *ctx, const tn_tensor *t, tn_sink sink)
{
    return save(ctx, "save_npy_to", t, tn__in_sink(&sink));
}
