/* output.h - files being written: what is written goes to a temporary file beside the target, which
 * takes the target's place when it is complete and on the disk. Or it goes to a sink: memory takes
 * the place of what was there when it is complete, and a function gets the bytes as they come. */
#ifndef TN_IO_OUTPUT_H
#define TN_IO_OUTPUT_H

#include <tn/io.h>
#include "io/sink.h"

typedef struct tn__deflate tn__deflate;
typedef struct tn__output {
    tn_ctx *ctx;
    const char *what;            /* the function that writes, for messages */
    const tn_sink *sink;         /* NULL: a file */
    const char *path;            /* as it was given, or the name of the sink; */
    char *target;                /* with symbolic links resolved, */
    char *temporary;             /* and what is written meanwhile; NULL: nothing to remove */
    bool replaces;               /* a file that is there already, */
    unsigned mode, owner, group; /* which belongs to these */
    int descriptor;
    unsigned char *memory; /* of a sink of memory, meanwhile */
    int64_t capacity;
    bool measuring; /* nothing is written, */
    int64_t measured_from;
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
bool tn__output_open(tn__output *out, tn_ctx *ctx, const char *what, tn__target target);
bool tn__output_close(tn__output *out, bool ok);
bool tn__output_write(tn__output *out, const void *bytes, int64_t size);

/* Is it a function's, which cannot go back? */
bool tn__output_is_in_order(const tn__output *out);

/* Writes over `size` bytes at `offset` that have been written already, where all need not be in
 * order. */
bool tn__output_patch(tn__output *out, int64_t offset, const void *bytes, int64_t size);

/* What is written in between is counted, summed (CRC-32), and compressed (RFC 1951) if
 * `compress`. */
bool tn__output_begin_part(tn__output *out, bool compress);
bool tn__output_end_part(tn__output *out);

/* What is written in between goes nowhere, and is counted, summed and compressed all the same: what
 * a header says of the part behind it. tn__output_end_measure returns how many bytes would have
 * been written. */
void tn__output_begin_measure(tn__output *out);
int64_t tn__output_end_measure(tn__output *out);

#endif
