/* idx.c - the IDX format of the MNIST database (LeCun, Cortes, Burges): two zero bytes, the type,
 * the number of dimensions, each dimension as 32 bits, then the numbers, all of it big-endian. */
#include <tn/io.h>
#include "io/file.h"
#include "io/numbers.h"
#include "io/stream.h"

/* The types by the third byte; a size of 0 marks those that are not defined. */
static const tn__number types[] = {
    [0x08] = {TN__UNSIGNED, 1, true}, [0x09] = {TN__SIGNED, 1, true},
    [0x0b] = {TN__SIGNED, 2, true},   [0x0c] = {TN__SIGNED, 4, true},
    [0x0d] = {TN__FLOAT, 4, true},    [0x0e] = {TN__FLOAT, 8, true},
};

static tn_tensor *read_idx(tn__stream *s)
{
    unsigned char magic[4], sizes[TN_MAX_DIMS][4];
    int64_t shape[TN_MAX_DIMS];
    if (!tn__stream_take(s, magic, sizeof magic))
        return NULL;
    int type = magic[2], ndim = magic[3];
    if (magic[0] != 0 || magic[1] != 0 || type >= (int)(sizeof types / sizeof *types) ||
        types[type].size == 0) {
        tn__file_fail(tn__stream_file(s), "not an IDX file: it begins with %02x %02x %02x %02x",
                      magic[0], magic[1], magic[2], magic[3]);
        return NULL;
    }
    if (ndim < 1 || ndim > TN_MAX_DIMS) {
        tn__file_fail(tn__stream_file(s), "it has %d dimensions, but 1 to %d can be read", ndim,
                      TN_MAX_DIMS);
        return NULL;
    }
    if (!tn__stream_take(s, sizes, ndim * (int64_t)sizeof *sizes))
        return NULL;
    for (int d = 0; d < ndim; d++)
        shape[d] = (int64_t)tn__load_bytes(sizes[d], 4, true);
    return tn__read_array(s, types[type], ndim, shape, false);
}

/* A file that begins with gzip's magic number is compressed: no IDX file begins so. */
static tn_tensor *load(tn__file *file)
{
    unsigned char magic[2] = {0, 0};
    bool ok = file->size < 2 || tn__file_read(file, 0, magic, 2);
    tn__coding coding = magic[0] == 0x1f && magic[1] == 0x8b ? TN__GZIP : TN__PLAIN;
    tn__stream *s = ok ? tn__stream_new(file, 0, file->size, coding) : NULL;
    tn_tensor *t = s ? read_idx(s) : NULL;
    tn__stream_free(s);
    tn__file_close(file);
    return t;
}

tn_tensor *tn_load_idx(tn_ctx *ctx, const char *path)
{
    tn__file file;
    return tn__file_open(&file, ctx, "load_idx", path) ? load(&file) : NULL;
}

tn_tensor *tn_load_idx_from(tn_ctx *ctx, tn_source source)
{
    tn__file file;
    return tn__file_from(&file, ctx, "load_idx_from", source) ? load(&file) : NULL;
}
