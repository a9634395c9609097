/* zip.h - zip archives, read and written. */
#ifndef TN_IO_ZIP_H
#define TN_IO_ZIP_H

#include "io/file.h"
#include "io/output.h"
#include "io/stream.h"

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

/* The contents of an entry, with their size promised and their CRC-32 expected. Its local header
 * has to agree with the directory. Entries that are encrypted, or neither stored nor deflated, are
 * refused. */
tn__stream *tn__zip_stream(const tn__zip *zip, const tn__zip_entry *entry);
bool tn__zip_is_readable(const tn__zip_entry *entry);
bool tn__zip_agrees(const tn__zip *zip, const tn__zip_entry *entry);

/* The entry's name in UTF-8, to be freed; NULL, with an error recorded, if it is none. */
char *tn__zip_name(const tn__zip *zip, const tn__zip_entry *entry);
typedef struct tn__zip_writer {
    tn__output *out;
    bool compress;
    int64_t count;
    unsigned char *directory; /* the records of the entries so far */
    int64_t size, capacity;   /* of these, in bytes */
    int64_t offset;           /* of the entry that is being written, */
    int64_t contents;         /* and of what it contains */
    int64_t stored;           /* where the output is in order: bytes of the contents as they will */
    uint32_t crc;             /* be written, and their CRC-32, which were measured */
} tn__zip_writer;

/* Bytes written to w->out in between are the contents of an entry of that name, `size` bytes.
 * tn__zip_finish writes the directory. w->directory is to be freed afterwards in any case.
 *
 * The header of an entry is written again when its contents are there. Where the output is in
 * order, which cannot go back, the same contents are measured before. */
bool tn__zip_begin_measure(tn__zip_writer *w);
bool tn__zip_end_measure(tn__zip_writer *w);
bool tn__zip_begin(tn__zip_writer *w, const char *name, int64_t size);
bool tn__zip_end(tn__zip_writer *w, const char *name);
bool tn__zip_finish(tn__zip_writer *w);

#endif
