/* zip.c - the directory of a zip archive and its entries, stored or deflated, with ZIP64 (PKWARE:
 * APPNOTE.TXT, .ZIP File Format Specification). All numbers are little-endian. */
#include <string.h>
#include "io/io.h"

#define END_SIZE 22
#define LOCATOR_SIZE 20
#define END64_SIZE 56
#define RECORD_SIZE 46
#define LOCAL_SIZE 30
#define MAX_COMMENT 65535

enum { STORED = 0, DEFLATED = 8 };

/* What the end of the archive says of the directory. */
typedef struct zip_end {
    int64_t count, size, offset;
    int64_t limit; /* where the directory must have ended */
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

/* The last place where the end record can be: it is followed by its comment and nothing else. */
static int64_t find_end(const unsigned char *tail, int64_t size)
{
    for (int64_t i = size - END_SIZE; i >= 0; i--)
        if (memcmp(tail + i, "PK\5\6", 4) == 0 &&
            (int64_t)number(tail + i + 20, 2) == size - END_SIZE - i)
            return i;
    return -1;
}

/* A locator before the end record says that the archive is a ZIP64 one. */
static bool read_end64(tn__file *file, zip_end *end)
{
    unsigned char locator[LOCATOR_SIZE], p[END64_SIZE];
    int64_t at = end->limit - LOCATOR_SIZE;
    if (at < 0)
        return true;
    if (!tn__file_read(file, at, locator, sizeof locator))
        return false;
    if (memcmp(locator, "PK\6\7", 4) != 0)
        return true;
    int64_t offset = size64(locator + 8);
    if (offset > at - END64_SIZE || at < END64_SIZE)
        return tn__file_fail(file, "the ZIP64 end record is said to be at byte %lld",
                             (long long)offset);
    if (!tn__file_read(file, offset, p, sizeof p))
        return false;
    if (memcmp(p, "PK\6\6", 4) != 0)
        return tn__file_fail(file, "no ZIP64 end record at byte %lld", (long long)offset);
    *end = (zip_end){size64(p + 32), size64(p + 40), size64(p + 48), offset};
    return true;
}

static bool parse_end(tn__file *file, const unsigned char *tail, int64_t size, zip_end *end)
{
    int64_t at = find_end(tail, size);
    if (at < 0)
        return tn__file_fail(file, "not a zip archive: it has no end record");
    const unsigned char *p = tail + at;
    *end = (zip_end){(int64_t)number(p + 10, 2), (int64_t)number(p + 12, 4),
                     (int64_t)number(p + 16, 4), file->size - size + at};
    return read_end64(file, end);
}

static bool read_end(tn__file *file, zip_end *end)
{
    int64_t size = file->size < END_SIZE + MAX_COMMENT ? file->size : END_SIZE + MAX_COMMENT;
    unsigned char *tail = tn__alloc(file->ctx, (size_t)size + 1);
    bool ok = tail && tn__file_read(file, file->size - size, tail, size) &&
              parse_end(file, tail, size, end);
    tn__free(file->ctx, tail);
    if (!ok)
        return false;
    if (end->offset > end->limit || end->size > end->limit - end->offset ||
        end->count > end->size / RECORD_SIZE)
        return tn__file_fail(file,
                             "the directory is said to have %lld entries in %lld bytes at byte "
                             "%lld, but there are %lld bytes before the end record",
                             (long long)end->count, (long long)end->size, (long long)end->offset,
                             (long long)end->limit);
    return true;
}

/* The fields that 32 bits cannot hold follow in this order in the extra field of type 1. */
static bool parse_zip64(tn__zip_entry *e, const unsigned char *extra, int64_t size)
{
    int64_t *const fields[] = {&e->size, &e->compressed, &e->offset};
    while (size >= 4) {
        int64_t length = (int64_t)number(extra + 2, 2);
        if (length > size - 4)
            return false;
        const unsigned char *p = extra + 4, *end = p + length;
        for (int i = 0; number(extra, 2) == 1 && i < 3; i++) {
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
    bool encrypted = number(p + 8, 2) & 1;
    *e = (tn__zip_entry){.name = (const char *)p,
                         .offset = (int64_t)number(p + 42, 4),
                         .compressed = (int64_t)number(p + 20, 4),
                         .size = (int64_t)number(p + 24, 4),
                         .crc = (uint32_t)number(p + 16, 4),
                         .method = (int)number(p + 10, 2)};
    if (total > size || memchr(p + RECORD_SIZE, '\0', (size_t)name) ||
        !parse_zip64(e, p + RECORD_SIZE + name, extra))
        return -1;
    memmove(p, p + RECORD_SIZE, (size_t)name);
    p[name] = '\0';
    if (encrypted) {
        tn__file_fail(zip->file, "entry '%.60s' is encrypted", e->name);
        return -1;
    }
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

bool tn__zip_open(tn__zip *zip, tn__file *file)
{
    zip_end end = {0};
    *zip = (tn__zip){.file = file};
    if (!read_end(file, &end))
        return false;
    zip->count = end.count;
    zip->directory = end.offset;
    zip->records = tn__alloc(file->ctx, (size_t)end.size + 1);
    zip->entries = tn__alloc(file->ctx, ((size_t)end.count + 1) * sizeof *zip->entries);
    return zip->records && zip->entries &&
           tn__file_read(file, end.offset, zip->records, end.size) &&
           parse_directory(zip, end.size);
}

void tn__zip_close(tn__zip *zip)
{
    tn__free(zip->file->ctx, zip->entries);
    tn__free(zip->file->ctx, zip->records);
    zip->entries = NULL;
    zip->records = NULL;
}

/* Where the contents begin, behind the local header; -1 if they are not in front of the directory.
 */
static int64_t find_contents(const tn__zip *zip, const tn__zip_entry *entry)
{
    unsigned char p[LOCAL_SIZE];
    int64_t limit = zip->directory;
    if (entry->offset <= limit - LOCAL_SIZE) {
        if (!tn__file_read(zip->file, entry->offset, p, sizeof p))
            return -1;
        int64_t names = (int64_t)(number(p + 26, 2) + number(p + 28, 2));
        int64_t at = entry->offset + LOCAL_SIZE + names;
        if (memcmp(p, "PK\3\4", 4) == 0 && at <= limit && entry->compressed <= limit - at)
            return at;
    }
    tn__file_fail(zip->file, "no entry of %lld bytes at byte %lld", (long long)entry->compressed,
                  (long long)entry->offset);
    return -1;
}

tn__stream *tn__zip_stream(const tn__zip *zip, const tn__zip_entry *entry)
{
    if (entry->method != STORED && entry->method != DEFLATED) {
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
