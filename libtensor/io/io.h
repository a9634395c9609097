/* io.h - the inside of this room: files and streams whose every length is checked, numbers as files
 * store them, and zip archives.
 *
 * Functions that return bool or a count record an error before they return false or -1. */
#ifndef TN_IO_IO_H
#define TN_IO_IO_H

#include <tn/io.h>
#include "core/core.h"

/* ---- files (file.c) -------------------------------------------------------------------------- */

typedef struct tn__file {
    tn_ctx *ctx;
    const char *what; /* the function that reads, for messages */
    const char *path;
    const char *part; /* the array being read, for messages; NULL: none yet */
    int descriptor;
    int64_t size;
} tn__file;

bool tn__file_open(tn__file *file, tn_ctx *ctx, const char *what, const char *path);
void tn__file_close(tn__file *file);

/* The `size` bytes at `offset`. */
bool tn__file_read(const tn__file *file, int64_t offset, void *out, int64_t size);

/* Records TN_ERR_FORMAT "what: path: part: ..."; returns false. */
bool tn__file_fail(const tn__file *file, const char *format, ...) TN_PRINTF(2, 3);

/* ---- streams (stream.c) -----------------------------------------------------------------------
 * A part of a file, read from its beginning to its end, decompressed on the way. */

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

/* Up to `size` bytes, fewer only at the end: how many; -1 on error. */
int64_t tn__stream_read(tn__stream *s, void *out, int64_t size);

/* Exactly `size` bytes. */
bool tn__stream_take(tn__stream *s, void *out, int64_t size);
bool tn__stream_skip(tn__stream *s, int64_t size);

/* Reads to the end and checks it. Returns how many bytes were left; -1 on error. */
int64_t tn__stream_drain(tn__stream *s);

/* ---- numbers (numbers.c) --------------------------------------------------------------------- */

typedef enum tn__kind { TN__UNSIGNED, TN__SIGNED, TN__FLOAT, TN__LOGICAL } tn__kind;

/* How a file stores a number. */
typedef struct tn__number {
    tn__kind kind;
    int size; /* bytes: 1, 2, 4 or 8 */
    bool big_endian;
} tn__number;

const char *tn__number_name(tn__number number); /* "u16" */

/* The smallest dtype that holds every such number (64 unsigned bits: TN_I64). */
tn_dtype tn__number_dtype(tn__number number);

/* An unsigned integer of 1 to 8 bytes. */
uint64_t tn__load_bytes(const void *bytes, int size, bool big_endian);

/* Where the next number of a file goes in a contiguous tensor. */
typedef struct tn__filler {
    tn_tensor *t;
    tn__number number;
    bool same; /* as the tensor's own numbers, but for the byte order */
    bool swap;
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    int64_t strides[TN_MAX_DIMS];
    int64_t index[TN_MAX_DIMS];
    int64_t at; /* in elements */
} tn__filler;

/* `fortran`: the first index changes fastest in the file. */
tn__filler tn__filler_new(tn_tensor *t, tn__number number, bool fortran);

/* Converts the next `count` numbers; false if one does not fit the tensor's dtype. */
bool tn__filler_put(const tn__file *file, tn__filler *f, const void *bytes, int64_t count);

/* Fills t from the stream. Returns the bytes used, fewer than t needs only at the end; -1 on error.
 */
int64_t tn__read_numbers(tn__stream *s, tn_tensor *t, tn__number number, bool fortran);

/* The array of which the stream must hold neither more nor less than the rest. */
tn_tensor *tn__read_array(tn__stream *s, tn__number number, int ndim, const int64_t *shape,
                          bool fortran);

/* ---- NumPy's arrays (npy.c) ------------------------------------------------------------------ */

tn_tensor *tn__read_npy(tn__stream *s);

/* ---- zip archives (zip.c) -------------------------------------------------------------------- */

typedef struct tn__zip_entry {
    const char *name;
    int64_t offset;     /* of the local header */
    int64_t compressed; /* bytes in the archive */
    int64_t size;       /* bytes of the contents */
    uint32_t crc;
    int method;
} tn__zip_entry;

typedef struct tn__zip {
    tn__file *file;
    int64_t count;
    tn__zip_entry *entries; /* in the order of the directory */
    int64_t directory;      /* its offset, where the contents of the entries end */
    unsigned char *records; /* the directory, which holds the names */
} tn__zip;

/* Reads the directory of a file that stays open. tn__zip_close may be called after a failure. */
bool tn__zip_open(tn__zip *zip, tn__file *file);
void tn__zip_close(tn__zip *zip);

/* The contents of an entry, with their size promised and their CRC-32 expected. */
tn__stream *tn__zip_stream(const tn__zip *zip, const tn__zip_entry *entry);

#endif
