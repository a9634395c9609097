/* zip_write.c - zip archives, with ZIP64 records where 32 bits do not hold a size (PKWARE:
 * APPNOTE.TXT, .ZIP File Format Specification). All dates are the format's first day, so that the
 * same contents give the same file. */
#include <string.h>
#include "base/memory.h"
#include "base/utf8.h"
#include "io/numbers.h"
#include "io/output.h"
#include "io/zip.h"
#include "tensor/tensor.h"

#define MAX32 0xffffffffU
#define MAX16 0xffffU
#define LOCAL_SIZE 30
#define RECORD_SIZE 46
#define LOCAL64_SIZE 20  /* the extra field of a local header, */
#define RECORD64_SIZE 28 /* and of a record of the directory */

enum { STORED = 0, DEFLATED = 8, UTF8_NAME = 1 << 11, FIRST_DAY = 0x21, REGULAR_FILE = 0100644 };

static void put(unsigned char **p, int size, uint64_t value)
{
    tn__store_bytes(*p, size, value);
    *p += size;
}

static bool is_ascii(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name >= 0x80)
            return false;
    return true;
}

/* What local headers and records share: from the version to the name's length. */
static void put_common(unsigned char **p, const tn__zip_writer *w, const char *name, bool is64,
                       int64_t stored, int64_t size, uint32_t crc)
{
    put(p, 2, is64 ? 45 : 20);
    put(p, 2, is_ascii(name) ? 0 : UTF8_NAME);
    put(p, 2, w->compress ? DEFLATED : STORED);
    put(p, 2, 0);
    put(p, 2, FIRST_DAY);
    put(p, 4, crc);
    put(p, 4, is64 ? MAX32 : (uint64_t)stored);
    put(p, 4, is64 ? MAX32 : (uint64_t)size);
    put(p, 2, strlen(name));
}

static void put_name(unsigned char **p, const char *name)
{
    while (*name)
        *(*p)++ = (unsigned char)*name++;
}

/* Deflate adds a few bytes to what it cannot compress. */
static bool needs64(int64_t size)
{
    return size + size / 1000 + 1000 >= MAX32;
}

static int64_t format_local(const tn__zip_writer *w, const char *name, int64_t stored, int64_t size,
                            uint32_t crc, unsigned char *out)
{
    unsigned char *p = out;
    bool is64 = needs64(size);
    put(&p, 4, 0x04034b50);
    put_common(&p, w, name, is64, stored, size, crc);
    put(&p, 2, is64 ? LOCAL64_SIZE : 0);
    put_name(&p, name);
    if (is64) {
        put(&p, 2, 1);
        put(&p, 2, LOCAL64_SIZE - 4);
        put(&p, 8, (uint64_t)size);
        put(&p, 8, (uint64_t)stored);
    }
    return p - out;
}

static bool write_local(tn__zip_writer *w, const char *name, int64_t stored, int64_t size,
                        uint32_t crc, bool again)
{
    unsigned char *header = tn__alloc(w->out->ctx, LOCAL_SIZE + strlen(name) + LOCAL64_SIZE);
    if (!header)
        return false;
    int64_t length = format_local(w, name, stored, size, crc, header);
    bool ok = again ? tn__output_patch(w->out, w->offset, header, length)
                    : tn__output_write(w->out, header, length);
    tn__free(w->out->ctx, header);
    return ok;
}

bool tn__zip_begin_measure(tn__zip_writer *w)
{
    tn__output_begin_measure(w->out);
    return tn__output_begin_part(w->out, w->compress);
}

bool tn__zip_end_measure(tn__zip_writer *w)
{
    bool ok = tn__output_end_part(w->out);
    w->stored = tn__output_end_measure(w->out);
    w->crc = w->out->part_crc;
    return ok;
}

bool tn__zip_begin(tn__zip_writer *w, const char *name, int64_t size)
{
    if (strlen(name) > MAX16) {
        tn_fail(w->out->ctx, TN_ERR_ARGUMENT, "%s: %s: a name of %zu bytes does not fit the format",
                w->out->what, w->out->path, strlen(name));
        return false;
    }
    if (!tn__is_utf8(name)) {
        tn_fail(w->out->ctx, TN_ERR_ARGUMENT, "%s: %s: a name that is not UTF-8", w->out->what,
                w->out->path);
        return false;
    }
    w->offset = w->out->position;
    if (!write_local(w, name, w->stored, size, w->crc, false))
        return false;
    w->contents = w->out->position;
    return tn__output_begin_part(w->out, w->compress);
}

static bool add_record(tn__zip_writer *w, const char *name, int64_t stored)
{
    const tn__output *out = w->out;
    bool is64 = needs64(out->part_size) || w->offset >= MAX32;
    int64_t most = RECORD_SIZE + (int64_t)strlen(name) + RECORD64_SIZE;
    if (!tn__reserve(out->ctx, &w->directory, &w->capacity, w->size + most, 1))
        return false;
    unsigned char *p = w->directory + w->size;
    put(&p, 4, 0x02014b50);
    put(&p, 2, 3 << 8 | 45);
    put_common(&p, w, name, is64, stored, out->part_size, out->part_crc);
    put(&p, 2, is64 ? RECORD64_SIZE : 0);
    put(&p, 6, 0);
    put(&p, 4, (uint64_t)REGULAR_FILE << 16);
    put(&p, 4, is64 ? MAX32 : (uint64_t)w->offset);
    put_name(&p, name);
    if (is64) {
        put(&p, 2, 1);
        put(&p, 2, RECORD64_SIZE - 4);
        put(&p, 8, (uint64_t)out->part_size);
        put(&p, 8, (uint64_t)stored);
        put(&p, 8, (uint64_t)w->offset);
    }
    w->size = p - w->directory;
    w->count++;
    return true;
}

bool tn__zip_end(tn__zip_writer *w, const char *name)
{
    if (!tn__output_end_part(w->out))
        return false;
    int64_t stored = w->out->position - w->contents;
    return (tn__output_is_in_order(w->out) ||
            write_local(w, name, stored, w->out->part_size, w->out->part_crc, true)) &&
           add_record(w, name, stored);
}

static void put_end64(unsigned char **p, const tn__zip_writer *w, int64_t offset)
{
    put(p, 4, 0x06064b50);
    put(p, 8, 44);
    put(p, 2, 3 << 8 | 45);
    put(p, 2, 45);
    put(p, 8, 0);
    put(p, 8, (uint64_t)w->count);
    put(p, 8, (uint64_t)w->count);
    put(p, 8, (uint64_t)w->size);
    put(p, 8, (uint64_t)offset);
    put(p, 4, 0x07064b50);
    put(p, 4, 0);
    put(p, 8, (uint64_t)(offset + w->size));
    put(p, 4, 1);
}

bool tn__zip_finish(tn__zip_writer *w)
{
    unsigned char end[56 + 20 + 22], *p = end;
    int64_t offset = w->out->position;
    bool is64 = w->count >= MAX16 || w->size >= MAX32 || offset >= MAX32;
    if (is64)
        put_end64(&p, w, offset);
    put(&p, 4, 0x06054b50);
    put(&p, 4, 0);
    put(&p, 2, is64 ? MAX16 : (uint64_t)w->count);
    put(&p, 2, is64 ? MAX16 : (uint64_t)w->count);
    put(&p, 4, is64 ? MAX32 : (uint64_t)w->size);
    put(&p, 4, is64 ? MAX32 : (uint64_t)offset);
    put(&p, 2, 0);
    return tn__output_write(w->out, w->directory, w->size) &&
           tn__output_write(w->out, end, p - end);
}
