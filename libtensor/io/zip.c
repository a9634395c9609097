/* zip.c - the directory of a zip archive and its entries, stored or deflated, with ZIP64 (PKWARE:
 * APPNOTE.TXT, .ZIP File Format Specification). All numbers are little-endian. */
#include <string.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "io/file.h"
#include "io/numbers.h"
#include "io/stream.h"
#include "io/zip.h"
#include "tensor/tensor.h"

#define END_SIZE 22
#define LOCATOR_SIZE 20
#define END64_SIZE 56
#define RECORD_SIZE 46
#define LOCAL_SIZE 30
#define MAX_COMMENT 65535

enum { STORED = 0, DEFLATED = 8 };

/* Bits of the flags: the contents are encrypted, a patch, or encrypted with their header; the sizes
 * follow the contents, and the local header need not have them. */
enum {
    UNREADABLE = 1 << 0 | 1 << 5 | 1 << 6 | 1 << 13,
    SIZES_FOLLOW = 1 << 3,
    UTF8_NAME = 1 << 11
};

/* What the end of the archive says of the directory. */
typedef struct zip_end {
    int64_t count, size, offset;
    int64_t at; /* of the end record, where the directory ends */
} zip_end;

static uint64_t number(const unsigned char *p, int size)
{
    return tn__load_bytes(p, size, false);
}

/* 64 bits that have to be a size or an offset: what is beyond the file is refused later. */
static int64_t size64(const unsigned char *p)
{
    uint64_t value = number(p, 8);
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* The last end record. What follows it does not matter, as in Python's zipfile, which NumPy uses.
 * But it may lie in the comment of another end record whose comment reaches to the end of the file;
 * readers differ in which of the two counts. Numbers of an array can look like an end record, too,
 * but hardly ever with a comment of just that length. */
static int64_t find_end(tn__file *file, const unsigned char *tail, int64_t size)
{
    int64_t found = -1;
    for (int64_t i = size - END_SIZE; i >= 0; i--) {
        if (memcmp(tail + i, "PK\5\6", 4) != 0)
            continue;
        if (found >= 0 && i + END_SIZE + (int64_t)number(tail + i + 20, 2) == size) {
            tn__file_fail(file, "the zip archive has an end record in the comment of another");
            return -1;
        }
        found = found < 0 ? i : found;
    }
    if (found < 0)
        tn__file_fail(file, "not a zip archive: it has no end record");
    return found;
}

/* A field of 16 or 32 bits holds all ones if a ZIP64 record has the value. */
static bool agrees64(uint64_t value, int size, int64_t value64)
{
    return value == UINT64_MAX >> (64 - 8 * size) || value == (uint64_t)value64;
}

/* A locator before the end record says that the archive is a ZIP64 one, whose own end record is in
 * front of it. Where the directory reaches up to the end record, what begins like a locator is the
 * end of its last name. */
static bool read_end64(tn__file *file, const unsigned char *record, zip_end *end)
{
    unsigned char p[END64_SIZE + LOCATOR_SIZE], *locator = p + END64_SIZE;
    int64_t at = end->at - (int64_t)sizeof p;
    if (at < 0)
        return true;
    if (!tn__file_read(file, at, p, sizeof p))
        return false;
    if (memcmp(locator, "PK\6\7", 4) != 0)
        return true;
    if (memcmp(p, "PK\6\6", 4) != 0 || number(locator + 4, 4) != 0 || number(locator + 16, 4) > 1)
        return end->offset + end->size == end->at ||
               tn__file_fail(file, "no ZIP64 end record of a single file at byte %lld",
                             (long long)at);
    *end = (zip_end){size64(p + 32), size64(p + 40), size64(p + 48), at};
    int64_t shift = at - size64(locator + 8);
    if (!agrees64(number(record + 10, 2), 2, end->count) ||
        !agrees64(number(record + 12, 4), 4, end->size) ||
        !agrees64(number(record + 16, 4), 4, end->offset) || end->size > at ||
        end->offset != at - end->size - shift)
        return tn__file_fail(file,
                             "the ZIP64 end record at byte %lld says other things than the "
                             "end record",
                             (long long)at);
    return true;
}

static bool parse_end(tn__file *file, const unsigned char *tail, int64_t size, zip_end *end)
{
    int64_t at = find_end(file, tail, size);
    if (at < 0)
        return false;
    const unsigned char *p = tail + at;
    *end = (zip_end){(int64_t)number(p + 10, 2), (int64_t)number(p + 12, 4),
                     (int64_t)number(p + 16, 4), file->size - size + at};
    return read_end64(file, p, end);
}

/* The directory ends where the end record begins. If it begins later than the record says, the
 * difference is what stands in front of the archive. */
static bool read_end(tn__file *file, zip_end *end)
{
    int64_t size = file->size < END_SIZE + MAX_COMMENT ? file->size : END_SIZE + MAX_COMMENT;
    unsigned char *tail = tn__alloc(file->ctx, tn__bytes(size));
    bool ok = tail && tn__file_read(file, file->size - size, tail, size) &&
              parse_end(file, tail, size, end);
    tn__free(file->ctx, tail);
    if (!ok)
        return false;
    if (end->size > end->at || end->offset > end->at - end->size ||
        end->count > end->size / RECORD_SIZE)
        return tn__file_fail(file,
                             "the directory is said to have %lld entries in %lld bytes at byte "
                             "%lld, but there are %lld bytes before the end record",
                             (long long)end->count, (long long)end->size, (long long)end->offset,
                             (long long)end->at);
    return true;
}

/* The extra field of type 1 has, in their order, those fields that 32 bits cannot hold. */
static bool parse_zip64(int64_t *const *fields, int count, const unsigned char *extra, int64_t size)
{
    while (size >= 4) {
        int64_t length = (int64_t)number(extra + 2, 2);
        if (length > size - 4)
            return false;
        const unsigned char *p = extra + 4, *end = p + length;
        for (int i = 0; number(extra, 2) == 1 && i < count; i++) {
            if (*fields[i] != UINT32_MAX)
                continue;
            if (end - p < 8)
                return false;
            *fields[i] = size64(p);
            p += 8;
        }
        extra += 4 + length;
        size -= 4 + length;
    }
    return true;
}

/* One record of the directory, of at most `size` bytes; returns its size or -1. The name is moved
 * to the front of the record, to make room for its end. */
static int64_t parse_record(tn__zip *zip, unsigned char *p, int64_t size, tn__zip_entry *e)
{
    if (size < RECORD_SIZE || memcmp(p, "PK\1\2", 4) != 0)
        return -1;
    int64_t name = (int64_t)number(p + 28, 2), extra = (int64_t)number(p + 30, 2);
    int64_t total = RECORD_SIZE + name + extra + (int64_t)number(p + 32, 2);
    *e = (tn__zip_entry){.name = (const char *)p,
                         .offset = (int64_t)number(p + 42, 4),
                         .compressed = (int64_t)number(p + 20, 4),
                         .size = (int64_t)number(p + 24, 4),
                         .crc = (uint32_t)number(p + 16, 4),
                         .method = (int)number(p + 10, 2),
                         .flags = (int)number(p + 8, 2)};
    int64_t *const fields[] = {&e->size, &e->compressed, &e->offset};
    if (total > size || memchr(p + RECORD_SIZE, '\0', (size_t)name) ||
        !parse_zip64(fields, 3, p + RECORD_SIZE + name, extra))
        return -1;
    memmove(p, p + RECORD_SIZE, (size_t)name);
    p[name] = '\0';
    if (__builtin_add_overflow(e->offset, zip->shift, &e->offset))
        e->offset = INT64_MAX;
    return total;
}

static bool parse_directory(tn__zip *zip, int64_t size)
{
    int64_t at = 0;
    for (int64_t i = 0; i < zip->count; i++) {
        int64_t n = parse_record(zip, zip->records + at, size - at, &zip->entries[i]);
        if (n < 0)
            return tn__file_fail(zip->file, "the directory is damaged at byte %lld",
                                 (long long)(zip->directory + at));
        at += n;
    }
    return at == size || tn__file_fail(zip->file, "the directory has %lld bytes more than entries",
                                       (long long)(size - at));
}

/* ---- entries side by side -------------------------------------------------------------------- */

/* Moves order[i] down in the heap of `count`, whose greatest offset is in front. */
static void sift_down(const tn__zip_entry *entries, int64_t *order, int64_t i, int64_t count)
{
    int64_t moved = order[i];
    for (int64_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && entries[order[child + 1]].offset > entries[order[child]].offset)
            child++;
        if (entries[order[child]].offset <= entries[moved].offset)
            break;
        order[i] = order[child];
    }
    order[i] = moved;
}

/* Heapsort, by where the entries are in the file. */
static void sort_by_offset(const tn__zip_entry *entries, int64_t *order, int64_t count)
{
    for (int64_t i = count / 2 - 1; i >= 0; i--)
        sift_down(entries, order, i, count);
    for (int64_t n = count - 1; n > 0; n--) {
        int64_t last = order[0];
        order[0] = order[n];
        order[n] = last;
        sift_down(entries, order, 0, n);
    }
}

/* Each entry ends before the next one begins, and the last one before the directory, so all of them
 * together hold no more than the file. The length of a local header is only known when it is
 * read. */
static bool check_extents(tn__zip *zip, const int64_t *order)
{
    for (int64_t i = 0; i < zip->count; i++) {
        tn__zip_entry *e = &zip->entries[order[i]];
        bool is_last = i == zip->count - 1;
        e->end = is_last ? zip->directory : zip->entries[order[i + 1]].offset;
        int64_t room = e->end - e->offset - LOCAL_SIZE - (int64_t)strlen(e->name);
        if (e->offset > zip->directory || e->compressed > room)
            return tn__file_fail(zip->file,
                                 "entry '%.60s', %lld bytes at byte %lld, overlaps what is at byte "
                                 "%lld",
                                 e->name, (long long)e->compressed, (long long)e->offset,
                                 (long long)e->end);
    }
    return true;
}

static bool find_extents(tn__zip *zip)
{
    int64_t *order = tn__alloc(zip->file->ctx, (size_t)zip->count * sizeof *order);
    if (!order)
        return false;
    for (int64_t i = 0; i < zip->count; i++)
        order[i] = i;
    sort_by_offset(zip->entries, order, zip->count);
    bool ok = check_extents(zip, order);
    tn__free(zip->file->ctx, order);
    return ok;
}

bool tn__zip_open(tn__zip *zip, tn__file *file)
{
    zip_end end;
    *zip = (tn__zip){.file = file};
    if (!read_end(file, &end))
        return false;
    zip->count = end.count;
    zip->directory = end.at - end.size;
    zip->shift = zip->directory - end.offset;
    zip->records = tn__alloc(file->ctx, tn__bytes(end.size));
    zip->entries = tn__alloc(file->ctx, (size_t)end.count * sizeof *zip->entries);
    return zip->records && zip->entries &&
           tn__file_read(file, zip->directory, zip->records, end.size) &&
           parse_directory(zip, end.size) && find_extents(zip);
}

void tn__zip_close(tn__zip *zip)
{
    tn__free(zip->file->ctx, zip->entries);
    tn__free(zip->file->ctx, zip->records);
    zip->entries = NULL;
    zip->records = NULL;
}

/* ---- contents -------------------------------------------------------------------------------- */

/* What is behind a local header p: the name and the extra field. */
static bool check_behind(const tn__zip_entry *entry, const unsigned char *p,
                         const unsigned char *behind)
{
    int64_t name = (int64_t)number(p + 26, 2), extra = (int64_t)number(p + 28, 2);
    int64_t size = (int64_t)number(p + 22, 4), compressed = (int64_t)number(p + 18, 4);
    int64_t *const fields[] = {&size, &compressed};
    bool later = number(p + 6, 2) & SIZES_FOLLOW;
    return memcmp(behind, entry->name, (size_t)name) == 0 &&
           parse_zip64(fields, 2, behind + name, extra) &&
           (size == entry->size || (later && size == 0)) &&
           (compressed == entry->compressed || (later && compressed == 0));
}

/* The local header agrees with the directory, or says that the sizes follow the contents. */
static bool check_local(const tn__zip *zip, const tn__zip_entry *entry, const unsigned char *p)
{
    size_t name = (size_t)number(p + 26, 2), extra = (size_t)number(p + 28, 2);
    bool later = number(p + 6, 2) & SIZES_FOLLOW;
    uint32_t crc = (uint32_t)number(p + 14, 4);
    bool same = name == strlen(entry->name) && (int)number(p + 8, 2) == entry->method &&
                (crc == entry->crc || (later && crc == 0));
    unsigned char *behind = same ? tn__alloc(zip->file->ctx, name + extra) : NULL;
    if (same && (!behind || !tn__file_read(zip->file, entry->offset + LOCAL_SIZE, behind,
                                           (int64_t)(name + extra)))) {
        tn__free(zip->file->ctx, behind);
        return false;
    }
    same = same && check_behind(entry, p, behind);
    tn__free(zip->file->ctx, behind);
    return same ||
           tn__file_fail(zip->file, "its header at byte %lld is not as the directory has it",
                         (long long)entry->offset);
}

/* Where the contents begin, behind the local header; -1 if they do not end where they have to. */
static int64_t find_contents(const tn__zip *zip, const tn__zip_entry *entry)
{
    unsigned char p[LOCAL_SIZE];
    if (!tn__file_read(zip->file, entry->offset, p, sizeof p))
        return -1;
    int64_t at = entry->offset + LOCAL_SIZE + (int64_t)(number(p + 26, 2) + number(p + 28, 2));
    if (memcmp(p, "PK\3\4", 4) != 0 || at > entry->end || entry->compressed > entry->end - at) {
        tn__file_fail(zip->file, "no entry of %lld bytes at byte %lld",
                      (long long)entry->compressed, (long long)entry->offset);
        return -1;
    }
    return check_local(zip, entry, p) ? at : -1;
}

bool tn__zip_agrees(const tn__zip *zip, const tn__zip_entry *entry)
{
    return find_contents(zip, entry) >= 0;
}

bool tn__zip_is_readable(const tn__zip_entry *entry)
{
    return !(entry->flags & UNREADABLE) && (entry->method == STORED || entry->method == DEFLATED);
}

tn__stream *tn__zip_stream(const tn__zip *zip, const tn__zip_entry *entry)
{
    if (entry->flags & UNREADABLE) {
        tn__file_fail(zip->file, "it is encrypted or a patch");
        return NULL;
    }
    if (!tn__zip_is_readable(entry)) {
        tn__file_fail(zip->file, "compression method %d cannot be read", entry->method);
        return NULL;
    }
    int64_t at = find_contents(zip, entry);
    if (at < 0)
        return NULL;
    tn__coding coding = entry->method == STORED ? TN__PLAIN : TN__DEFLATE;
    tn__stream *s = tn__stream_new(zip->file, at, entry->compressed, coding);
    if (!s || !tn__stream_promise(s, entry->size)) {
        tn__stream_free(s);
        return NULL;
    }
    tn__stream_expect_crc(s, entry->crc);
    return s;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The upper half of code page 437: the encoding of names without the flag for UTF-8. */
static const uint16_t cp437[128] = {
    0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef,
    0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9,
    0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa,
    0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
    0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557,
    0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f,
    0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559,
    0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
    0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4,
    0x221e, 0x03c6, 0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248,
    0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

char *tn__zip_name(const tn__zip *zip, const tn__zip_entry *entry)
{
    int64_t length = (int64_t)strlen(entry->name);
    if ((entry->flags & UTF8_NAME) && !tn__is_utf8(entry->name)) {
        tn__file_fail(zip->file, "its name is not UTF-8");
        return NULL;
    }
    if (entry->flags & UTF8_NAME)
        return tn__strdup(zip->file->ctx, entry->name);
    unsigned char *name = tn__alloc(zip->file->ctx, 3 * (size_t)length + 1), *to = name;
    if (!name)
        return NULL;
    for (const unsigned char *p = (const unsigned char *)entry->name; *p; p++)
        to += tn__encode_utf8(*p < 128 ? *p : cp437[*p - 128], to);
    *to = '\0';
    return (char *)name;
}
