/* stream.h - a part of a file, read from its beginning to its end, decompressed on the way. */
#ifndef TN_IO_STREAM_H
#define TN_IO_STREAM_H

#include "io/file.h"

typedef enum tn__coding {
    TN__PLAIN,
    TN__GZIP,   /* RFC 1952, any number of members */
    TN__ZLIB,   /* RFC 1950 */
    TN__DEFLATE /* RFC 1951 */
} tn__coding;
typedef struct tn__stream tn__stream;

/* Of the `size` bytes at `offset`, which must be in the file. */
tn__stream *tn__stream_new(tn__file *file, int64_t offset, int64_t size, tn__coding coding);
void tn__stream_free(tn__stream *s);
tn__file *tn__stream_file(const tn__stream *s);

/* The bytes that can follow, at most. Exact for plain streams and those with a promise. */
int64_t tn__stream_left(const tn__stream *s);
bool tn__stream_is_exact(const tn__stream *s);

/* Says how many bytes the stream holds in all; false if it cannot hold so many. The end is checked
 * against that, and against a CRC-32 if one is expected. */
bool tn__stream_promise(tn__stream *s, int64_t size);
void tn__stream_expect_crc(tn__stream *s, uint32_t crc);

/* To be called before memory is taken for `size` bytes that shall follow: compressed data that is
 * much shorter is inflated once to its end, so that tn__stream_left is exact. False if it is
 * damaged. */
bool tn__stream_confirm(tn__stream *s, int64_t size);

/* Up to `size` bytes, fewer only at the end: how many; -1 on error. */
int64_t tn__stream_read(tn__stream *s, void *out, int64_t size);

/* Exactly `size` bytes. */
bool tn__stream_take(tn__stream *s, void *out, int64_t size);
bool tn__stream_skip(tn__stream *s, int64_t size);

/* Reads to the end and checks it. Returns how many bytes were left; -1 on error. */
int64_t tn__stream_drain(tn__stream *s);

#endif
