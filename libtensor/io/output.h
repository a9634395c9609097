/* output.h - files being written: what is written goes to a temporary file beside the target, which
 * takes the target's place when it is complete and on the disk. */
#ifndef TN_IO_OUTPUT_H
#define TN_IO_OUTPUT_H

#include <tn/io.h>

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

#endif
