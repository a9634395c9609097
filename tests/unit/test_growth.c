/* The time that a reader takes grows with the size of the file alone: whatever is in it, a byte of
 * a long file takes as long as one of a short file, and no more memory than is documented. What is
 * done for each entry, member, key or dimension must not cost more where there are more of them. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include "common/pickles.h"

/* The bytes of a short file, and of a long one. Where time grows with their square, a byte of the
 * long one takes at least 64 times as long. Caches make it twice as long, page faults and noise
 * more; the quotient that is allowed is between these. What takes a nanosecond for 50 bytes, as
 * strlen does, is seen in longer files alone. */
enum { SHORT = 1 << 13, LONG = 1 << 19, LONGER = 1 << 21, MOST_GROWTH = 16 };

/* The constants of docs/file-formats.md: bytes of memory for each byte of a file. What goes into a
 * module or a training is selected from what was read, and is there twice. */
enum {
    FIXED = 256 * 1024,
    OF_NPY = 4,
    OF_NPZ = 16,
    OF_OTHERS = 24,
    OF_GZIP = 64,
    OF_ZLIB = 512,
    OF_STATES = 48,
    OF_PTH = PTH_EXPANSION
};

/* ---- files in memory ------------------------------------------------------------------------- */

typedef struct bytes {
    unsigned char data[2 * LONGER];
    size_t size;
} bytes;

static bytes file;
static bytes directory; /* of an archive, until it goes behind the entries */

static void add(bytes *to, const void *data, size_t size)
{
    ck_assert_uint_le(size, sizeof to->data - to->size);
    memcpy(to->data + to->size, data, size);
    to->size += size;
}

static void add_text(bytes *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf((char *)to->data + to->size, sizeof to->data - to->size, format, args);
    va_end(args);
    to->size += (size_t)n;
    ck_assert_uint_lt(to->size, sizeof to->data);
}

static void fill(bytes *to, char c, size_t count)
{
    ck_assert_uint_le(count, sizeof to->data - to->size);
    memset(to->data + to->size, c, count);
    to->size += count;
}

static void add_number(bytes *to, int size, uint64_t value)
{
    unsigned char p[8];
    put_number(p, size, value);
    add(to, p, (size_t)size);
}

static int64_t read_bytes_at(void *payload, int64_t offset, void *out, int64_t size)
{
    memcpy(out, ((const bytes *)payload)->data + offset, (size_t)size);
    return size;
}

/* By a function, so that readers read ahead as they do in files. */
static tn_source source(void)
{
    return (tn_source){.size = (int64_t)file.size, .read = read_bytes_at, .payload = &file};
}

/* ---- loaders: they forget what they have loaded ---------------------------------------------- */

static void load_dict(void)
{
    tn_dict_free(tn_load_dict_from(ctx, source()));
}

static void load_npz(void)
{
    tn_dict_free(tn_load_npz_from(ctx, source()));
}

static void load_npy(void)
{
    tn_free(tn_load_npy_from(ctx, source()));
}

static void load_idx(void)
{
    tn_free(tn_load_idx_from(ctx, source()));
}

static void load_mat(void)
{
    tn_dict_free(tn_load_mat_from(ctx, source(), (tn_mat_opts){0}));
}

static void load_mat_x(void)
{
    static const char *const names[] = {"x", NULL};
    tn_dict_free(tn_load_mat_from(ctx, source(), (tn_mat_opts){.names = names}));
}

static void load_module(void)
{
    tn_load_report report;
    tn_module *net = tn_nn_linear(ctx, 1, 1);
    tn_load_from(ctx, net, source(), (tn_load_opts){.lenient = true, .report = &report});
    tn_dict_free(report.missing);
    tn_dict_free(report.unexpected);
    tn_dict_free(report.mismatched);
    tn_module_free(net);
}

static void load_checkpoint(void)
{
    tn_dict *extra = tn_dict_new(ctx);
    tn_load_checkpoint_from(ctx, (tn_checkpoint){.extra = extra, .no_rng = true}, source());
    tn_dict_free(extra);
}

/* ---- safetensors ----------------------------------------------------------------------------- */

#define EMPTY "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"

static void begin_header(void)
{
    fill(&file, 0, 8);
    add_text(&file, "{\"\":" EMPTY);
}

static void end_header(void)
{
    add_text(&file, "}");
    put_number(file.data, 8, file.size - 8);
}

static void tensors(size_t size)
{
    begin_header();
    for (unsigned i = 0; file.size < size; i++)
        add_text(&file, ",\"%x\":" EMPTY, i);
    end_header();
}

static void long_name_and_tensors(size_t size)
{
    begin_header();
    add_text(&file, ",\"");
    fill(&file, 'a', size / 2);
    add_text(&file, "\":" EMPTY);
    for (unsigned i = 0; file.size < size; i++)
        add_text(&file, ",\"%x\":" EMPTY, i);
    end_header();
}

static void long_names(size_t size)
{
    begin_header();
    for (unsigned i = 0; file.size < size; i++) {
        add_text(&file, ",\"");
        fill(&file, 'a', 200);
        add_text(&file, "%x\":" EMPTY, i);
    }
    end_header();
}

static void name_twice(size_t size)
{
    begin_header();
    for (unsigned i = 0; file.size < size; i++)
        add_text(&file, ",\"%x\":" EMPTY, i);
    add_text(&file, ",\"0\":" EMPTY);
    end_header();
}

static void tensors_backwards(size_t size)
{
    unsigned count = (unsigned)(size / 64);
    begin_header();
    for (unsigned i = count; i-- > 0;)
        add_text(&file, ",\"%x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%u,%u]}", i, i,
                 i + 1);
    end_header();
    fill(&file, 1, count);
}

static void escapes(size_t size)
{
    begin_header();
    add_text(&file, ",\"");
    while (file.size < size)
        add_text(&file, "\\u00e4\\ud83d\\ude00\\\"\xe2\x82\xac");
    add_text(&file, "\":" EMPTY);
    end_header();
}

static void spaces(size_t size)
{
    begin_header();
    for (unsigned i = 0; file.size < size; i++)
        add_text(&file, "%100s,%100s\"%x\"%100s:" EMPTY, "", "", i, "");
    fill(&file, ' ', size / 2);
    end_header();
}

static void metadata(size_t size)
{
    begin_header();
    add_text(&file, ",\"__metadata__\":{\"\":\"\"");
    for (unsigned i = 0; file.size < size; i++)
        add_text(&file, ",\"%x\":\"\"", i);
    add_text(&file, "}");
    end_header();
}

/* One entry, with `value` again and again under keys that the reader does not know. */
static void unknown_keys(size_t size, const char *value)
{
    begin_header();
    add_text(&file, ",\"x\":{\"dtype\":\"U8\",\"shape\":[0]");
    for (unsigned i = 0; file.size < size; i++)
        add_text(&file, ",\"%x\":%s", i, value);
    add_text(&file, ",\"data_offsets\":[0,0]}");
    end_header();
}

static void unknown_numbers(size_t size)
{
    unknown_keys(size, "-12.5e+3");
}

static void unknown_nests(size_t size)
{
    unknown_keys(size, "[[[[[[[[[[[[[[[[[[[[{\"a\":{\"b\":[]}}]]]]]]]]]]]]]]]]]]]]");
}

static void unknown_list(size_t size)
{
    begin_header();
    add_text(&file, ",\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"y\":[0");
    while (file.size < size)
        add_text(&file, ",[],{\"\":\"\"},true,null");
    add_text(&file, "],\"data_offsets\":[0,0]}");
    end_header();
}

static void part_of_checkpoint(size_t size)
{
    fill(&file, 0, 8);
    add_text(&file, "{\"checkpoint\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}");
    for (unsigned i = 0; file.size < size; i++)
        add_text(&file, ",\"%s.%x\":" EMPTY, i % 2 ? "extra" : "schedules", i);
    end_header();
    add_number(&file, 8, 1);
}

/* ---- zip archives ---------------------------------------------------------------------------- */

enum { STORED = 0, DEFLATED = 8, UNKNOWN = 99 };

/* A member and what is unusual about it. */
typedef struct member {
    const char *name;
    const void *contents;
    size_t size;
    int method;
    bool zip64;
    size_t extra, comment; /* bytes behind its record, and of the first behind its header, too */
} member;

static unsigned members;

static void begin_archive(void)
{
    directory.size = 0;
    members = 0;
}

/* Deflate's simplest form is one block that is not compressed. */
static void add_contents(const member *m)
{
    if (m->method == DEFLATED) {
        add_number(&file, 1, 1);
        add_number(&file, 2, m->size);
        add_number(&file, 2, 0xffff ^ m->size);
    }
    add(&file, m->contents, m->size);
}

/* The field of ZIP64 with both sizes, and other ones without contents. */
static void add_extra(bytes *to, const member *m, size_t compressed)
{
    if (m->zip64) {
        add_number(to, 2, 1);
        add_number(to, 2, 16);
        add_number(to, 8, m->size);
        add_number(to, 8, compressed);
    }
    for (size_t i = 0; i < m->extra; i += 4)
        add_number(to, 4, 2);
}

/* What both the local header and the record say. */
static void add_facts(bytes *to, const member *m, size_t compressed)
{
    add_number(to, 4, 20);
    add_number(to, 2, (uint64_t)m->method);
    add_number(to, 4, 0);
    add_number(to, 4, crc32(0, m->contents, (uInt)m->size));
    add_number(to, 4, m->zip64 ? UINT32_MAX : compressed);
    add_number(to, 4, m->zip64 ? UINT32_MAX : m->size);
    add_number(to, 2, strlen(m->name));
    add_number(to, 2, (m->zip64 ? 20 : 0) + m->extra);
}

static void add_member(const member *m)
{
    size_t offset = file.size, compressed = m->size + (m->method == DEFLATED ? 5 : 0);
    add(&file, "PK\3\4", 4);
    add_facts(&file, m, compressed);
    add(&file, m->name, strlen(m->name));
    add_extra(&file, m, compressed);
    add_contents(m);
    add(&directory, "PK\1\2\0\0", 6);
    add_facts(&directory, m, compressed);
    add_number(&directory, 2, m->comment);
    add_number(&directory, 8, 0);
    add_number(&directory, 4, offset);
    add(&directory, m->name, strlen(m->name));
    add_extra(&directory, m, compressed);
    fill(&directory, 'c', m->comment);
    members++;
}

static void end_archive(void)
{
    size_t offset = file.size;
    add(&file, directory.data, directory.size);
    add(&file, "PK\5\6\0\0\0\0", 8);
    add_number(&file, 2, members);
    add_number(&file, 2, members);
    add_number(&file, 4, directory.size);
    add_number(&file, 4, offset);
    add_number(&file, 2, 0);
}

static bool has_room(size_t size)
{
    return file.size + directory.size < size;
}

/* An array of no numbers, with spaces in its header up to `size` bytes. */
static const unsigned char *array_of(const char *type, size_t size)
{
    static unsigned char array[10 + 10000];
    memcpy(array, "\x93NUMPY\1\0", 8);
    put_number(array + 8, 2, size);
    int n = snprintf((char *)array + 10, size, "{'descr':'%s','fortran_order':True,'shape':(0,)}",
                     type);
    memset(array + 10 + n, ' ', size - (size_t)n);
    return array;
}

/* An archive of members like this one, whose names end in their numbers. */
static void many_members(size_t size, member m)
{
    char name[600];
    const char *begin = m.name;
    begin_archive();
    m.name = name;
    for (unsigned i = 0; has_room(size); i++) {
        snprintf(name, sizeof name, "%s%x.npy", begin, i);
        add_member(&m);
    }
    end_archive();
}

enum { HEADER = 64, LONGEST_HEADER = 10000 };

#define ARRAY(type, header) .contents = array_of(type, header), .size = 10 + (header)

static void arrays(size_t size)
{
    many_members(size, (member){.name = "", ARRAY("|u1", HEADER)});
}

static void deflated_arrays(size_t size)
{
    many_members(size, (member){.name = "", ARRAY("|u1", HEADER), .method = DEFLATED});
}

static void zip64_arrays(size_t size)
{
    many_members(size, (member){.name = "", ARRAY("|u1", HEADER), .zip64 = true});
}

static void long_headers(size_t size)
{
    many_members(size, (member){.name = "", ARRAY("|u1", LONGEST_HEADER)});
}

static void texts(size_t size)
{
    many_members(size, (member){.name = "", ARRAY("<U1", HEADER), .method = DEFLATED});
}

static void passed_over(size_t size)
{
    many_members(size, (member){.name = "", .contents = ""});
}

static void unreadable(size_t size)
{
    char name[16];
    begin_archive();
    for (unsigned i = 0; has_room(size); i++) {
        snprintf(name, sizeof name, "%x", i);
        add_member(&(member){.name = name, .contents = "contents", .size = 8, .method = UNKNOWN});
    }
    end_archive();
}

static void long_member_names(size_t size)
{
    char name[513] = "";
    memset(name, '\xe4', sizeof name - 1);
    many_members(size, (member){.name = name, ARRAY("|u1", HEADER)});
}

static void long_name_and_members(size_t size)
{
    static char name[1 << 16];
    memset(name, 'n', sizeof name - 1);
    begin_archive();
    add_member(&(member){.name = name, .contents = ""});
    for (unsigned i = 0; has_room(size); i++) {
        char short_name[16];
        snprintf(short_name, sizeof short_name, "%x", i);
        add_member(&(member){.name = short_name, .contents = ""});
    }
    end_archive();
}

static void folders(size_t size)
{
    many_members(size,
                 (member){.name = "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/data.pkl/", .contents = ""});
}

static void comments(size_t size)
{
    many_members(size, (member){.name = "", .contents = "", .comment = size / 32});
}

static void extras(size_t size)
{
    many_members(size, (member){.name = "", .contents = "", .extra = size / 64});
}

static void array_twice(size_t size)
{
    char name[16];
    const member m = {.name = name, ARRAY("|u1", HEADER)};
    begin_archive();
    for (unsigned i = 0; has_room(size); i++) {
        snprintf(name, sizeof name, "%x", i);
        add_member(&m);
    }
    add_member(&(member){.name = "0", ARRAY("|u1", HEADER)});
    end_archive();
}

/* The records stand in the other order than what they are of. */
static void backwards(size_t size)
{
    arrays(size);
    unsigned char *to = file.data + file.size - 22;
    for (size_t at = 0, n; at < directory.size; at += n) {
        n = 46U + directory.data[at + 28];
        memcpy(to -= n, directory.data + at, n);
    }
}

static void end_records(size_t size)
{
    while (file.size < size)
        add(&file, "PK\5\6", 4);
}

/* ---- .npy and IDX ---------------------------------------------------------------------------- */

static void halves(size_t size)
{
    unsigned char header[128] = "\x93NUMPY\1\0\x76";
    memset(header + 10, ' ', sizeof header - 10);
    int n = snprintf((char *)header + 10, sizeof header - 10,
                     "{'descr':'>f2','fortran_order':True,'shape':(1,1,1,1,%zu,1,2)}", size / 4);
    header[10 + n] = ' ';
    add(&file, header, sizeof header);
    fill(&file, 0, size / 4 * 4);
}

static void add_big_endian(uint32_t value)
{
    for (int i = 3; i >= 0; i--)
        add_number(&file, 1, value >> 8 * i);
}

static void numbers_of_idx(size_t size)
{
    add(&file, "\0\0\13\1", 4);
    add_big_endian((uint32_t)size / 2);
    fill(&file, 7, size / 2 * 2);
}

/* A member of gzip of one block, which is not compressed. */
static void add_gzip(const void *contents, size_t size, const char *name)
{
    add(&file, "\x1f\x8b\x08\x08\0\0\0\0\0\xff", 10);
    add(&file, name, strlen(name) + 1);
    add_number(&file, 1, 1);
    add_number(&file, 2, size);
    add_number(&file, 2, 0xffff ^ size);
    add(&file, contents, size);
    add_number(&file, 4, crc32(0, contents, (uInt)size));
    add_number(&file, 4, size);
}

static const unsigned char NO_NUMBERS[8] = {0, 0, 8, 1, 0, 0, 0, 0};

static void gzips_with_name(size_t size, const char *name)
{
    while (file.size < size)
        add_gzip("", 0, name);
    add_gzip(NO_NUMBERS, sizeof NO_NUMBERS, "");
}

static void empty_gzips(size_t size)
{
    gzips_with_name(size, "");
}

static void long_gzip_names(size_t size)
{
    static char name[LONGER / 16];
    memset(name, 'n', size / 16);
    name[size / 16 - 1] = '\0';
    gzips_with_name(size, name);
}

static void gzips_of_a_byte(size_t size)
{
    uint32_t count = (uint32_t)size / 25;
    unsigned char header[8] = {0, 0, 8, 1};
    for (int i = 0; i < 4; i++)
        header[7 - i] = (unsigned char)(count >> 8 * i);
    add_gzip(header, sizeof header, "");
    for (uint32_t i = 0; i < count; i++)
        add_gzip("x", 1, "");
}

static void zeros_behind_gzip(size_t size)
{
    add_gzip(NO_NUMBERS, sizeof NO_NUMBERS, "");
    fill(&file, 0, size);
}

static void empty_blocks(size_t size)
{
    add(&file, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    while (file.size < size)
        add(&file, "\0\0\0\xff\xff", 5);
    add(&file, "\1\x08\0\xf7\xff", 5);
    add(&file, NO_NUMBERS, sizeof NO_NUMBERS);
    add_number(&file, 4, crc32(0, NO_NUMBERS, sizeof NO_NUMBERS));
    add_number(&file, 4, sizeof NO_NUMBERS);
}

/* ---- MAT ------------------------------------------------------------------------------------- */

enum { MI_INT8 = 1, MI_INT32 = 5, MI_UINT32 = 6, MI_MATRIX = 14, MI_COMPRESSED = 15, MI_UTF8 = 16 };
enum { MX_CELL = 1, MX_CHAR = 4, MX_UINT8 = 9 };

static void begin_mat(void)
{
    fill(&file, 0, 128);
    memcpy(file.data + 124, "\0\1IM", 4);
}

static void add_tag(int type, size_t size)
{
    add_number(&file, 4, (uint64_t)type);
    add_number(&file, 4, size);
}

static void pad(void)
{
    fill(&file, 0, -file.size & 7);
}

/* An array up to its numbers, of `ndim` dimensions, the first of `rows` and the others of one.
 * Returns where its size stands, which end_array puts there. */
static size_t begin_array(int class, size_t ndim, size_t rows, const char *name)
{
    size_t at = file.size + 4;
    add_tag(MI_MATRIX, 0);
    add_tag(MI_UINT32, 8);
    add_number(&file, 8, (uint64_t) class);
    add_tag(MI_INT32, 4 * ndim);
    for (size_t i = 0; i < ndim; i++)
        add_number(&file, 4, i ? 1 : rows);
    pad();
    add_tag(MI_INT8, strlen(name));
    add(&file, name, strlen(name));
    pad();
    return at;
}

static void end_array(size_t at)
{
    pad();
    put_number(file.data + at, 4, file.size - at - 4);
}

static void add_array(int class, size_t ndim, const char *name)
{
    size_t at = begin_array(class, ndim, 0, name);
    add_tag(MI_INT8, 0);
    end_array(at);
}

static void arrays_of_mat(size_t size)
{
    char name[16];
    begin_mat();
    for (unsigned i = 0; file.size < size; i++) {
        snprintf(name, sizeof name, "%x", i);
        add_array(MX_UINT8, 2, name);
    }
}

static void long_names_of_mat(size_t size)
{
    char name[1016];
    memset(name, 'n', 1000);
    begin_mat();
    for (unsigned i = 0; file.size < size; i++) {
        snprintf(name + 1000, 16, "%x", i);
        add_array(MX_UINT8, 2, name);
    }
}

static void nameless(size_t size)
{
    begin_mat();
    while (file.size < size)
        add_array(MX_UINT8, 2, "");
}

static void dimensions(size_t size)
{
    begin_mat();
    while (file.size < size)
        add_array(MX_UINT8, size / 64, "");
}

/* Cells in each other, half as many as make the file, and cells side by side. */
static void cells(size_t size)
{
    size_t at[LONGER / 96], depth = size / 96;
    begin_mat();
    for (size_t i = 0; i < depth; i++)
        at[i] = begin_array(MX_CELL, 2, 1, "");
    for (size_t i = depth; i-- > 0;)
        end_array(at[i]);
    while (file.size < size)
        add_array(MX_CELL, 2, "c");
}

/* Two bytes for each character. */
static void text_of_mat(size_t size)
{
    begin_mat();
    size_t at = begin_array(MX_CHAR, 2, size / 2, "x");
    add_tag(MI_UTF8, size / 2 * 2);
    for (size_t i = 0; i < size / 2; i++)
        add(&file, "\xc3\xa4", 2);
    end_array(at);
}

/* Compresses each array of the file by itself, none of which is longer than a block. */
static void compress_each(void)
{
    static bytes plain;
    plain = file;
    file.size = 128;
    for (size_t from = 128, n; from < plain.size; from += n) {
        const unsigned char *p = plain.data + from;
        n = 8U + p[4] + 256U * p[5];
        add_tag(MI_COMPRESSED, n + 11);
        add(&file, "\x78\1\1", 3);
        add_number(&file, 2, n);
        add_number(&file, 2, 0xffff ^ n);
        add(&file, p, n);
        add_big_endian((uint32_t)adler32(1, p, (uInt)n));
    }
}

static void compressed_arrays(size_t size)
{
    arrays_of_mat(size);
    compress_each();
}

static void compressed_nameless(size_t size)
{
    nameless(size);
    compress_each();
}

/* ---- pickles --------------------------------------------------------------------------------- */

static void add_times(const char *opcodes, size_t length, size_t end)
{
    while (file.size < end)
        add(&file, opcodes, length);
}

/* The object of the older format begins: tensor X is 1 of the memo, and the stack is empty. */
static void begin_object(void)
{
    add(&file, BYTES(PREAMBLE X "q\1"
                                "0"));
}

static void end_object(void)
{
    add(&file, BYTES("." STORAGES));
}

/* Text of `length` times the letter, on the stack. */
static void add_long_text(char c, size_t length)
{
    add(&file, "X", 1);
    add_number(&file, 4, length);
    fill(&file, c, length);
}

/* A dictionary with one tensor, used again and again. */
static void pairs_without_names(size_t size)
{
    begin_object();
    add(&file, BYTES("}("));
    add_times(BYTES("NN"), size / 2);
    add(&file, BYTES("K\1h\1uq\2"
                     "0]("));
    add_times(BYTES("h\2"), size);
    add(&file, BYTES("e"));
    end_object();
}

static void values_without_tensors(size_t size)
{
    begin_object();
    add(&file, BYTES("]("));
    add_times(BYTES("N"), size / 2);
    add(&file, BYTES("h\1eq\2"
                     "0]("));
    add_times(BYTES("h\2"), size);
    add(&file, BYTES("e"));
    end_object();
}

static void flags(size_t size)
{
    begin_object();
    add(&file, BYTES(TEXT("\3", "neg") "q\2}("));
    add_times(BYTES("h\2\x89"), size / 2);
    add(&file, BYTES("uq\3" REBUILD "(" FOUR WHOLE "\x89}h\3tRq\4]("));
    add_times(BYTES("h\4"), size);
    add(&file, BYTES("e"));
    end_object();
}

/* A tensor again and again under a name of 1,000 bytes. */
static void one_tensor(size_t size)
{
    begin_object();
    add(&file, BYTES("}"));
    add_long_text('n', 1000);
    add(&file, BYTES("]("));
    add_times(BYTES("h\1"), size);
    add(&file, BYTES("es"));
    end_object();
}

static void many_tensors(size_t size)
{
    begin_object();
    add(&file, BYTES("]("));
    add_times(BYTES(X), size);
    add(&file, BYTES("e"));
    end_object();
}

static void parameters(size_t size)
{
    begin_object();
    add(&file, BYTES("h\1"));
    for (int i = 0; i < 64; i++)
        add(&file, BYTES("q\2" MODULE "_rebuild_parameter\nh\2\x88}\x87R"));
    add(&file, BYTES("q\2]("));
    add_times(BYTES("h\2"), size);
    add(&file, BYTES("e"));
    end_object();
}

/* Half of the file is the key of a storage without elements, which the other half uses. */
static void key_of_storage(size_t size)
{
    add(&file, BYTES(PREAMBLE TEXT("\7", "storage") "q\1" FLOATS "q\2"));
    add_long_text('k', size / 2);
    add(&file, BYTES("q\3" TEXT("\3", "cpu") "q\4(h\1h\2h\3h\4K\0tq\5]("));
    add_times(BYTES("h\5Q"), size);
    add(&file, BYTES("e.]"));
    add_long_text('k', size / 2);
    add(&file, BYTES("a.\0\0\0\0\0\0\0\0"));
}

/* Storages without elements, each of which is listed behind the object. */
static void storages(size_t size)
{
    add(&file, BYTES(PREAMBLE TEXT("\7", "storage") "q\1" FLOATS "q\2" TEXT("\3", "cpu") "q\4]("));
    size_t count = size / 32;
    for (size_t i = 0; i < count; i++)
        add_text(&file, "(h%ch%c\x8c%c%08zxh%cK%ctQ", 1, 2, 8, i, 4, 0);
    add(&file, BYTES("e.]("));
    for (size_t i = 0; i < count; i++)
        add_text(&file, "\x8c%c%08zx", 8, i);
    add(&file, BYTES("e."));
    fill(&file, 0, 8 * count);
}

static void storages_of_archive(size_t size)
{
    static bytes object;
    char name[32];
    object.size = 0;
    add(&object, BYTES("]("));
    begin_archive();
    for (unsigned i = 0; has_room(size - object.size); i++) {
        snprintf(name, sizeof name, "a/data/%06x", i);
        add_member(&(member){.name = name, .contents = "\1", .size = 1});
        add_text(&object,
                 REBUILD "((" TEXT("%c", "storage") "ctorch\nByteStorage\n" TEXT("%c", "%06x")
                     TEXT("%c", "cpu") "K%ctQK%c))\x89}tR",
                 7, 6, i, 3, 1, 0);
    }
    add(&object, BYTES("e."));
    add_member(&(member){.name = "a/data.pkl", .contents = object.data, .size = object.size});
    end_archive();
}

/* Classes whose module and name are one text of this length. */
static void classes(size_t size, size_t length)
{
    begin_object();
    add_long_text('m', length);
    add(&file, BYTES("q\2]("));
    add_times(BYTES("h\2h\2\x93"), size);
    add(&file, BYTES("e"));
    end_object();
}

static void name_of_module(size_t size)
{
    classes(size, size / 2);
}

static void names_of_classes(size_t size)
{
    classes(size, 255);
}

/* A key too long for a name, again and again beside a tensor. */
static void long_key(size_t size)
{
    begin_object();
    add(&file, BYTES("}(K\1h\1"));
    add_long_text('k', size / 2);
    add(&file, BYTES("q\2N"));
    add_times(BYTES("h\2N"), size);
    add(&file, BYTES("u"));
    end_object();
}

static void keys_alike(size_t size)
{
    begin_object();
    add(&file, BYTES("}(K\1h\1"));
    for (unsigned i = 0; file.size < size; i++) {
        add_long_text('k', 1000);
        add_text(&file, "%08x", i);
        put_number(file.data + file.size - 1012, 4, 1008);
        add(&file, "N", 1);
    }
    add(&file, BYTES("u"));
    end_object();
}

/* What is said of the machine: one long key, again and again. */
static void facts(size_t size)
{
    add(&file, BYTES(PREAMBLE));
    file.size -= sizeof "}" TEXT("\x0d", "little_endian") "\x88s." - 1;
    add(&file, BYTES("}("));
    add_long_text('k', size / 2);
    add(&file, BYTES("q\1N"));
    add_times(BYTES("h\1N"), size);
    add(&file, BYTES("u." X));
    end_object();
}

static void lists_in_lists(size_t size)
{
    begin_object();
    add(&file, BYTES("](h\1"));
    size_t depth = size / 2;
    fill(&file, ']', depth);
    fill(&file, 'a', depth - 1);
    add(&file, BYTES("e"));
    end_object();
}

/* Dictionaries each of which holds all. */
static void in_each_other(size_t size)
{
    int count = size > SHORT ? 250 : 40;
    begin_object();
    add(&file, BYTES("](h\1"));
    for (int i = 0; i < count; i++)
        add_text(&file, "}q%c", 2 + i);
    add(&file, BYTES("e"));
    for (int i = 0; i < count; i++) {
        add_text(&file, "h%c(", 2 + i);
        for (int k = 0; k < count; k++)
            add_text(&file, "Nh%c", 2 + k);
        add(&file, BYTES("u0"));
    }
    end_object();
}

/* Lists each of which is used ten times in the next. */
static void lists_of_one(size_t size)
{
    begin_object();
    add(&file, BYTES("]Nq\0"
                     "0"));
    while (file.size < size)
        add(&file, BYTES("](h\0h\0h\0h\0h\0h\0h\0h\0h\0h\0eq\0"
                         "0"));
    add(&file, BYTES("h\0a"));
    end_object();
}

static void pairs_of_ordered(size_t size)
{
    begin_object();
    add(&file, BYTES("]("));
    add_times(BYTES("NN\x86"), size / 2);
    add(&file, BYTES("eq\2ccollections\nOrderedDict\nq\3("));
    add_times(BYTES("h\3h\2\x85R0"), size);
    add(&file, BYTES("t"));
    end_object();
}

static void marks(size_t size)
{
    begin_object();
    add(&file, BYTES("](h\1"));
    add_times(BYTES("((NN1N2"
                    "000"),
              size);
    add(&file, BYTES("e"));
    end_object();
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* `make` makes a file of about `size` bytes, which `load` loads or refuses with this status and
 * so many bytes of memory for each of the file's. A new one is a function and a row. */
#define SHAPE(size, make, load, status, per_byte)              \
    {                                                          \
        size, make, load, status, per_byte, #make " by " #load \
    }

static const struct {
    size_t size; /* of the long file */
    void (*make)(size_t size);
    void (*load)(void);
    tn_status status;
    int per_byte;
    const char *name;
} shapes[] = {
    SHAPE(LONGER, tensors, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONG, tensors, load_module, TN_OK, OF_STATES),
    SHAPE(LONG, tensors_backwards, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONG, part_of_checkpoint, load_checkpoint, TN_OK, OF_STATES),
    SHAPE(LONGER, long_name_and_tensors, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONG, long_names, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONG, name_twice, load_dict, TN_ERR_FORMAT, OF_OTHERS),
    SHAPE(LONG, escapes, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONG, spaces, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONGER, metadata, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONGER, unknown_numbers, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONG, unknown_nests, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONGER, unknown_list, load_dict, TN_OK, OF_OTHERS),
    SHAPE(LONG, arrays, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, deflated_arrays, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, zip64_arrays, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, long_headers, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, texts, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONGER, passed_over, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, unreadable, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, long_member_names, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONGER, long_name_and_members, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, folders, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, comments, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, extras, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, array_twice, load_dict, TN_ERR_FORMAT, OF_NPZ),
    SHAPE(LONG, backwards, load_dict, TN_OK, OF_NPZ),
    SHAPE(LONG, end_records, load_npz, TN_ERR_FORMAT, OF_NPZ),
    SHAPE(LONG, halves, load_npy, TN_OK, OF_NPY),
    SHAPE(LONG, numbers_of_idx, load_idx, TN_OK, OF_NPY),
    SHAPE(LONGER, empty_gzips, load_idx, TN_OK, OF_GZIP),
    SHAPE(LONG, gzips_of_a_byte, load_idx, TN_OK, OF_GZIP),
    SHAPE(LONG, long_gzip_names, load_idx, TN_OK, OF_GZIP),
    SHAPE(LONG, zeros_behind_gzip, load_idx, TN_OK, OF_GZIP),
    SHAPE(LONG, empty_blocks, load_idx, TN_OK, OF_GZIP),
    SHAPE(LONG, arrays_of_mat, load_mat, TN_OK, OF_OTHERS),
    SHAPE(LONG, long_names_of_mat, load_mat, TN_OK, OF_OTHERS),
    SHAPE(LONGER, nameless, load_mat, TN_OK, OF_OTHERS),
    SHAPE(LONG, dimensions, load_mat, TN_OK, OF_OTHERS),
    SHAPE(LONG, cells, load_mat_x, TN_ERR_FORMAT, OF_OTHERS),
    SHAPE(LONG, text_of_mat, load_mat, TN_OK, OF_OTHERS),
    SHAPE(LONG, compressed_arrays, load_mat, TN_OK, OF_ZLIB),
    SHAPE(LONG, compressed_nameless, load_mat, TN_OK, OF_ZLIB),
    SHAPE(LONG, pairs_without_names, load_dict, TN_ERR_FORMAT, OF_PTH),
    SHAPE(LONG, values_without_tensors, load_dict, TN_ERR_FORMAT, OF_PTH),
    SHAPE(LONG, flags, load_dict, TN_ERR_FORMAT, OF_PTH),
    SHAPE(LONG, one_tensor, load_dict, TN_ERR_FORMAT, OF_PTH),
    SHAPE(LONG, many_tensors, load_dict, TN_OK, OF_PTH),
    SHAPE(LONG, parameters, load_dict, TN_ERR_FORMAT, OF_PTH),
    SHAPE(LONGER, key_of_storage, load_dict, TN_OK, OF_PTH),
    SHAPE(LONG, storages, load_dict, TN_OK, OF_PTH),
    SHAPE(LONG, storages_of_archive, load_dict, TN_OK, OF_PTH),
    SHAPE(LONGER, name_of_module, load_dict, TN_ERR_FORMAT, OF_PTH),
    SHAPE(LONG, names_of_classes, load_dict, TN_OK, OF_PTH),
    SHAPE(LONGER, long_key, load_dict, TN_OK, OF_PTH),
    SHAPE(LONG, keys_alike, load_dict, TN_OK, OF_PTH),
    SHAPE(LONGER, facts, load_dict, TN_OK, OF_PTH),
    SHAPE(LONG, lists_in_lists, load_dict, TN_OK, OF_PTH),
    SHAPE(LONG, in_each_other, load_dict, TN_OK, OF_PTH),
    SHAPE(LONG, lists_of_one, load_dict, TN_OK, OF_PTH),
    SHAPE(LONG, pairs_of_ordered, load_dict, TN_ERR_FORMAT, OF_PTH),
    SHAPE(LONG, marks, load_dict, TN_OK, OF_PTH),
};

/* Loads the file, and forgets the error that this may give. */
static void load(int i)
{
    shapes[i].load();
    ck_assert_msg(tn_error_status(ctx) == shapes[i].status, "%s: %s", shapes[i].name,
                  tn_error(ctx));
    tn_clear_error(ctx);
}

/* From here on the most is counted that the context holds. */
static void make(int i, size_t size)
{
    file.size = 0;
    shapes[i].make(size);
    tn_memory_reset_peak(ctx);
}

/* The nanoseconds of the processor for each byte, where the file is loaded until a millisecond has
 * gone. */
static double time_for_byte(int i)
{
    clock_t begin = clock(), end = begin;
    double loaded = 0;
    for (; end - begin < CLOCKS_PER_SEC / 1000; loaded++, end = clock())
        load(i);
    return 1e9 * (double)(end - begin) / CLOCKS_PER_SEC / loaded / (double)file.size;
}

static void check_memory(int i, int64_t live)
{
    int64_t most = tn_memory(ctx).peak_bytes - live;
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_assert_msg(most <= FIXED + shapes[i].per_byte * (int64_t)file.size,
                  "%s: %lld bytes for a file of %zu", shapes[i].name, (long long)most, file.size);
}

/* Other work on the machine makes either time longer, and nothing makes it shorter: the least is
 * taken of the short file, and the first of the long one that is short enough. */
START_TEST(grows_with_the_size)
{
    int64_t live = tn_memory(ctx).live_bytes;
    double of_short = INFINITY, of_long = INFINITY;
    make(_i, SHORT);
    for (int k = 0; k < 3; k++)
        of_short = fmin(of_short, time_for_byte(_i));
    check_memory(_i, live);
    make(_i, shapes[_i].size);
    for (int k = 0; k < 5 && of_long > MOST_GROWTH * of_short; k++)
        of_long = time_for_byte(_i);
    check_memory(_i, live);
    ck_assert_msg(of_long <= MOST_GROWTH * of_short, "%s: %g ns for each byte of %d, but %g of %zu",
                  shapes[_i].name, of_short, SHORT, of_long, shapes[_i].size);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("growth");
    TCase *tc = tn_case(suite, "growth");
    tcase_add_loop_test(tc, grows_with_the_size, 0, (int)(sizeof shapes / sizeof *shapes));
    return tn_run(suite);
}
