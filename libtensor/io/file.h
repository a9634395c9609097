/* file.h - files, and sources of bytes like them, whose every length is checked.
 *
 * In this room functions that return bool or a count record an error before they return false or
 * -1. */
#ifndef TN_IO_FILE_H
#define TN_IO_FILE_H

#include <tn/io.h>

typedef struct tn__file {
    tn_ctx *ctx;
    const char *what; /* the function that reads, for messages */
    const char *path; /* or the name of the source */
    const char *part; /* the array being read, for messages; NULL: none yet */
    int descriptor;   /* -1: the bytes are those of the source */
    tn_source source;
    int64_t size;
    int64_t ahead_at, ahead_size;
    char ahead[4096]; /* the bytes from ahead_at on; less than that is not asked for at once */
} tn__file;

/* Nothing is opened while the context has an error. */
bool tn__file_open(tn__file *file, tn_ctx *ctx, const char *what, const char *path);
bool tn__file_from(tn__file *file, tn_ctx *ctx, const char *what, tn_source source);
void tn__file_close(tn__file *file);

/* What messages call a source. */
const char *tn__source_name(tn_source source);

/* fixed + factor for each byte, which bounds what reading may take; at most what an int64_t holds,
 * since a source may say any size. */
int64_t tn__file_bound(const tn__file *file, int64_t fixed, int64_t factor);

/* The `size` bytes at `offset`. */
bool tn__file_read(tn__file *file, int64_t offset, void *out, int64_t size);

/* Records TN_ERR_FORMAT "what: path: part: ..."; returns false. */
bool tn__file_fail(const tn__file *file, const char *format, ...) TN_PRINTF(2, 3);

/* Records TN_ERR_FILE "what: path: the system's reason"; returns false. */
bool tn__fail_errno(tn_ctx *ctx, const char *what, const char *path, int error);

/* The same for a path where there is no regular file: the line says what `mode`, from stat, is. */
bool tn__fail_irregular(tn_ctx *ctx, const char *what, const char *path, unsigned mode);

#endif
