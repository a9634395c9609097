/* stream.c - parts of files as streams of bytes, plain or compressed by deflate in any of its three
 * wrappings (RFC 1950, 1951 and 1952, by zlib). Only a small buffer is in memory at a time. */
#include <string.h>
#include <zlib.h>
#include "base/integers.h"
#include "base/memory.h"
#include "io/stream.h"
#include "tensor/tensor.h"

/* Deflate codes at most 258 bytes in two bits. Data that claims to be longer than that is inflated
 * once to see it, before memory is taken. */
#define MAX_EXPANSION 1032
#define SURE_EXPANSION 64

#define INPUT_SIZE 16384
#define OUTPUT_SIZE ((int64_t)1 << 30)

struct tn__stream {
    tn__file *file;
    tn__coding coding;
    int64_t begin, size; /* in the file */
    int64_t offset, end; /* of what is still to be read from it */
    int64_t position;    /* bytes delivered */
    int64_t limit;       /* bytes that can be delivered in all */
    bool exact;          /* the limit is the size */
    bool ended;          /* zlib has seen the end */
    bool has_crc;
    uint32_t crc, expected_crc;
    z_stream z;
    unsigned char input[INPUT_SIZE];
};

static voidpf zlib_alloc(voidpf ctx, uInt items, uInt size)
{
    return tn__alloc(ctx, (size_t)items * size);
}

static void zlib_free(voidpf ctx, voidpf memory)
{
    tn__free(ctx, memory);
}

static bool begin_inflate(tn__stream *s)
{
    static const int window_bits[] = {[TN__GZIP] = 15 + 16, [TN__ZLIB] = 15, [TN__DEFLATE] = -15};
    s->z = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free, .opaque = s->file->ctx};
    if (inflateInit2(&s->z, window_bits[s->coding]) == Z_OK)
        return true;
    return tn__file_fail(s->file, "zlib %s cannot be used", zlibVersion());
}

tn__stream *tn__stream_new(tn__file *file, int64_t offset, int64_t size, tn__coding coding)
{
    tn__stream *s = tn__alloc(file->ctx, sizeof *s);
    if (!s)
        return NULL;
    memset(s, 0, offsetof(tn__stream, input));
    s->file = file;
    s->coding = coding;
    s->begin = s->offset = offset;
    s->size = size;
    s->end = offset + size;
    s->exact = coding == TN__PLAIN;
    s->limit = s->exact                           ? size
               : size > INT64_MAX / MAX_EXPANSION ? INT64_MAX
                                                  : size * MAX_EXPANSION;
    if (coding == TN__PLAIN || begin_inflate(s))
        return s;
    tn__free(file->ctx, s);
    return NULL;
}

void tn__stream_free(tn__stream *s)
{
    if (!s)
        return;
    if (s->coding != TN__PLAIN)
        inflateEnd(&s->z);
    tn__free(s->file->ctx, s);
}

tn__file *tn__stream_file(const tn__stream *s)
{
    return s->file;
}

int64_t tn__stream_left(const tn__stream *s)
{
    return s->limit - s->position;
}

bool tn__stream_is_exact(const tn__stream *s)
{
    return s->exact;
}

bool tn__stream_promise(tn__stream *s, int64_t size)
{
    if (size > s->limit || (s->exact && size != s->limit))
        return tn__file_fail(s->file, "%lld bytes are promised, but the file holds %s%lld",
                             (long long)size, s->exact ? "" : "at most ", (long long)s->limit);
    s->limit = size;
    s->exact = true;
    return true;
}

void tn__stream_expect_crc(tn__stream *s, uint32_t crc)
{
    s->has_crc = true;
    s->expected_crc = crc;
}

static int64_t read_plain(tn__stream *s, unsigned char *out, int64_t size)
{
    int64_t n = tn__min(size, s->end - s->offset);
    if (!tn__file_read(s->file, s->offset, out, n))
        return -1;
    s->offset += n;
    return n;
}

/* Compressed bytes for zlib, if there are any left. */
static bool fill_input(tn__stream *s)
{
    if (s->z.avail_in > 0)
        return true;
    int64_t n = read_plain(s, s->input, INPUT_SIZE);
    s->z.next_in = s->input;
    s->z.avail_in = n > 0 ? (uInt)n : 0;
    return n >= 0;
}

/* gzip and Python read zeros at the end as padding, whatever their number. */
static bool pass_zeros(tn__stream *s)
{
    while (s->end - s->offset + s->z.avail_in > 0) {
        if (!fill_input(s))
            return false;
        for (; s->z.avail_in > 0; s->z.next_in++, s->z.avail_in--)
            if (*s->z.next_in != 0)
                return tn__file_fail(s->file, "zeros follow the end of the compressed data, and "
                                              "then others");
    }
    s->ended = true;
    return true;
}

/* The end of compressed data: of gzip's there can be more members, or padding; of others nothing
 * may follow. */
static bool end_inflate(tn__stream *s)
{
    int64_t rest = s->end - s->offset + s->z.avail_in;
    if (rest > 0 && !fill_input(s))
        return false;
    if (rest > 0 && s->coding != TN__DEFLATE && *s->z.next_in == 0)
        return pass_zeros(s);
    if (rest > 0 && s->coding == TN__GZIP)
        return inflateReset(&s->z) == Z_OK;
    if (rest > 0)
        return tn__file_fail(s->file, "%lld bytes follow the end of the compressed data",
                             (long long)rest);
    s->ended = true;
    return true;
}

static bool inflate_step(tn__stream *s)
{
    if (!fill_input(s))
        return false;
    switch (inflate(&s->z, Z_NO_FLUSH)) {
    case Z_OK:
        return true;
    case Z_STREAM_END:
        return end_inflate(s);
    case Z_MEM_ERROR: /* recorded by tn__alloc */
        return false;
    case Z_BUF_ERROR:
        return tn__file_fail(s->file, "the compressed data is cut off");
    default:
        return tn__file_fail(s->file, "the compressed data is damaged (%s)",
                             s->z.msg ? s->z.msg : "it needs a dictionary");
    }
}

/* At least one byte, but at the end. */
static int64_t read_inflated(tn__stream *s, unsigned char *out, int64_t size)
{
    uInt room = (uInt)(size < OUTPUT_SIZE ? size : OUTPUT_SIZE);
    s->z.next_out = out;
    s->z.avail_out = room;
    while (s->z.avail_out == room && !s->ended)
        if (!inflate_step(s))
            return -1;
    return room - s->z.avail_out;
}

/* crc32 of zlib takes sizes of 32 bits at most. */
static void update_crc(tn__stream *s, const unsigned char *bytes, int64_t size)
{
    for (int64_t n; size > 0; bytes += n, size -= n) {
        n = size < OUTPUT_SIZE ? size : OUTPUT_SIZE;
        s->crc = (uint32_t)crc32(s->crc, bytes, (uInt)n);
    }
}

int64_t tn__stream_read(tn__stream *s, void *out, int64_t size)
{
    unsigned char *bytes = out;
    int64_t done = 0;
    if (s->exact && size > tn__stream_left(s))
        size = tn__stream_left(s);
    while (done < size) {
        int64_t n = s->coding == TN__PLAIN ? read_plain(s, bytes + done, size - done)
                                           : read_inflated(s, bytes + done, size - done);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += n;
    }
    if (s->has_crc)
        update_crc(s, bytes, done);
    s->position += done;
    return done;
}

bool tn__stream_take(tn__stream *s, void *out, int64_t size)
{
    int64_t n = tn__stream_read(s, out, size);
    if (n < 0)
        return false;
    return n == size || tn__file_fail(s->file,
                                      "the data ends after %lld bytes, where %lld more "
                                      "are expected",
                                      (long long)s->position, (long long)(size - n));
}

bool tn__stream_skip(tn__stream *s, int64_t size)
{
    unsigned char scratch[4096];
    for (int64_t n; size > 0; size -= n) {
        n = size < (int64_t)sizeof scratch ? size : (int64_t)sizeof scratch;
        if (!tn__stream_take(s, scratch, n))
            return false;
    }
    return true;
}

/* Checks that the stream is neither longer nor shorter than promised; zlib checks its own checksum
 * when it sees the end. */
static bool check_end(tn__stream *s)
{
    unsigned char extra;
    int64_t n = s->coding == TN__PLAIN || s->ended ? 0 : read_inflated(s, &extra, 1);
    if (n < 0)
        return false;
    if (n > 0)
        return tn__file_fail(s->file, "the compressed data holds more than the %lld bytes promised",
                             (long long)s->limit);
    if (s->exact && s->position < s->limit)
        return tn__file_fail(s->file, "the compressed data holds %lld bytes, not the %lld promised",
                             (long long)s->position, (long long)s->limit);
    if (s->has_crc && s->crc != s->expected_crc)
        return tn__file_fail(s->file, "its CRC-32 is %08lx, but should be %08lx",
                             (unsigned long)s->crc, (unsigned long)s->expected_crc);
    return true;
}

int64_t tn__stream_drain(tn__stream *s)
{
    unsigned char scratch[4096];
    int64_t total = 0, n;
    while ((n = tn__stream_read(s, scratch, sizeof scratch)) > 0)
        total += n;
    return n < 0 || !check_end(s) ? -1 : total;
}

bool tn__stream_confirm(tn__stream *s, int64_t size)
{
    if (s->coding == TN__PLAIN || size / SURE_EXPANSION < s->size)
        return true;
    tn__stream *again = tn__stream_new(s->file, s->begin, s->size, s->coding);
    bool ok = again && (!s->exact || tn__stream_promise(again, s->limit));
    int64_t held = ok ? tn__stream_drain(again) : -1;
    tn__stream_free(again);
    if (held < 0)
        return false;
    s->limit = held;
    s->exact = true;
    return true;
}
