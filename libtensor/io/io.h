/* io.h - the inside of this room: files and streams whose every length is checked, files that are
 * written whole or not at all, numbers as files store them, and zip archives.
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

/* Records TN_ERR_FILE "what: path: the system's reason"; returns false. */
bool tn__fail_errno(tn_ctx *ctx, const char *what, const char *path, int error);

/* The same of what is there instead of a regular file, whose mode is that of stat. */
bool tn__fail_irregular(tn_ctx *ctx, const char *what, const char *path, unsigned mode);

/* ---- files being written (output.c) -----------------------------------------------------------
 * What is written goes to a temporary file beside the target, which takes the target's place when
 * it is complete and on the disk. */

typedef struct tn__deflate tn__deflate;

typedef struct tn__output {
    tn_ctx *ctx;
    const char *what;            /* the function that writes, for messages */
    const char *path;            /* as it was given, */
    char *target;                /* with symbolic links resolved, */
    char *temporary;             /* and what is written meanwhile; NULL: nothing to remove */
    bool replaces;               /* a file that is there already, */
    unsigned mode, owner, group; /* which belongs to these */
    int descriptor;
    int64_t position; /* bytes written, those in the buffer included */
    unsigned char *buffer;
    int64_t used; /* bytes in it */
    bool in_part;
    int64_t part_size; /* bytes of the part before compression */
    uint32_t part_crc;
    tn__deflate *deflate; /* of the part; NULL: not compressed */
} tn__output;

/* tn__output_close is to be called in any case; `ok` tells it whether all has been written well. It
 * returns false, with an error recorded, unless the target is there. */
bool tn__output_open(tn__output *out, tn_ctx *ctx, const char *what, const char *path);
bool tn__output_close(tn__output *out, bool ok);

bool tn__output_write(tn__output *out, const void *bytes, int64_t size);

/* Writes over `size` bytes at `offset` that have been written already. */
bool tn__output_patch(tn__output *out, int64_t offset, const void *bytes, int64_t size);

/* What is written in between is counted, summed (CRC-32), and compressed (RFC 1951) if
 * `compress`. */
bool tn__output_begin_part(tn__output *out, bool compress);
bool tn__output_end_part(tn__output *out);

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

/* ---- numbers (numbers.c) --------------------------------------------------------------------- */

/* TN__BFLOAT is the upper half of a float. */
typedef enum tn__kind { TN__UNSIGNED, TN__SIGNED, TN__FLOAT, TN__LOGICAL, TN__BFLOAT } tn__kind;

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

/* Fills t from the stream. Returns the bytes used, fewer than t needs only at the end; -1 on
 * error. */
int64_t tn__read_numbers(tn__stream *s, tn_tensor *t, tn__number number, bool fortran);

/* The array of which the stream must hold neither more nor less than the rest. */
tn_tensor *tn__read_array(tn__stream *s, tn__number number, int ndim, const int64_t *shape,
                          bool fortran);

/* Least significant byte first. */
void tn__store_bytes(void *bytes, int size, uint64_t value);

/* t's elements in row-major order, least significant byte first. */
bool tn__write_numbers(tn__output *out, const tn_tensor *t);

/* ---- text (utf8.c) --------------------------------------------------------------------------- */

/* The bytes of the code point at p, of which there are `left`, as UTF-8; 0 if it is not that. */
int tn__decode_utf8(const unsigned char *p, int64_t left, int32_t *code);

/* How many of the `size` bytes are UTF-8, from the first on: all of them, if all are. */
int64_t tn__utf8_length(const char *text, int64_t size);

/* Writes up to four bytes; returns how many. */
int tn__encode_utf8(int32_t code, unsigned char *out);

/* ---- NumPy's arrays (npy.c) ------------------------------------------------------------------ */

tn_tensor *tn__read_npy(tn__stream *s);
int64_t tn__npy_size(const tn_tensor *t);
bool tn__write_npy(tn__output *out, const tn_tensor *t);

/* ---- zip archives (zip.c) -------------------------------------------------------------------- */

typedef struct tn__zip_entry {
    const char *name;   /* as the directory has it */
    int64_t offset;     /* of the local header */
    int64_t end;        /* where what follows it begins */
    int64_t compressed; /* bytes in the archive */
    int64_t size;       /* bytes of the contents */
    uint32_t crc;
    int method, flags;
} tn__zip_entry;

typedef struct tn__zip {
    tn__file *file;
    int64_t count;
    tn__zip_entry *entries; /* in the order of the directory */
    int64_t directory;      /* its offset, where the contents of the entries end */
    int64_t shift;          /* bytes that are in front of the archive */
    unsigned char *records; /* the directory, which holds the names */
} tn__zip;

/* Reads the directory of a file that stays open: the entries do not overlap. tn__zip_close may be
 * called after a failure. */
bool tn__zip_open(tn__zip *zip, tn__file *file);
void tn__zip_close(tn__zip *zip);

/* The contents of an entry, with their size promised and their CRC-32 expected. Its own header has
 * to agree with the directory. Those that are encrypted are not readable. */
tn__stream *tn__zip_stream(const tn__zip *zip, const tn__zip_entry *entry);
bool tn__zip_is_readable(const tn__zip_entry *entry);

/* The entry's name in UTF-8, to be freed; NULL, with an error recorded, if it is none. */
char *tn__zip_name(const tn__zip *zip, const tn__zip_entry *entry);

/* ---- zip archives being written (zip_write.c) ------------------------------------------------ */

typedef struct tn__zip_writer {
    tn__output *out;
    bool compress;
    int64_t count;
    unsigned char *directory; /* the records of the entries so far */
    int64_t size, capacity;   /* of these, in bytes */
    int64_t offset;           /* of the entry that is being written, */
    int64_t contents;         /* and of what it contains */
} tn__zip_writer;

/* What is written to w->out in between is the contents of an entry of that name, `size` bytes.
 * tn__zip_finish writes the directory. w->directory is to be freed afterwards in any case. */
bool tn__zip_begin(tn__zip_writer *w, const char *name, int64_t size);
bool tn__zip_end(tn__zip_writer *w, const char *name);
bool tn__zip_finish(tn__zip_writer *w);

/* ---- dictionaries under any function's name (npz.c, safetensors.c, pth.c) -------------------- */

tn_dict *tn__read_npz(tn__zip *zip);
tn_dict *tn__read_safetensors(tn__file *file);

/* Of an archive, if there is one; otherwise of the older format. */
tn_dict *tn__read_pth(tn__file *file, tn__zip *zip);
bool tn__zip_is_pth(const tn__zip *zip);

/* tn_load_dict and tn_save_dict. */
tn_dict *tn__load_dict(tn_ctx *ctx, const char *what, const char *path);
tn_status tn__save_dict(tn_ctx *ctx, const char *what, const tn_dict *dict, const char *path);

tn_status tn__save_npz(tn_ctx *ctx, const char *what, const tn_dict *dict, const char *path,
                       bool compress);
tn_status tn__save_safetensors(tn_ctx *ctx, const char *what, const tn_dict *dict, const char *path,
                               const char *const *metadata);

#endif
