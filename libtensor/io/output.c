/* output.c - files that are written whole or not at all: to a temporary file beside the target,
 * which is flushed to the disk and renamed, and the folder after it (POSIX fsync, rename). */
#define _FILE_OFFSET_BITS 64
#define _XOPEN_SOURCE 700
#define ZLIB_CONST

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "io/io.h"

#define BUFFER_SIZE 65536
#define PIECE_SIZE ((int64_t)1 << 30) /* zlib takes sizes of 32 bits, some systems of 31 */
#define MAX_TEMPORARIES 100           /* that others may have left behind */

struct tn__deflate {
    z_stream z;
    unsigned char bytes[16384];
};

static bool fail_errno(const tn__output *out, int error)
{
    return tn__fail_errno(out->ctx, out->what, out->path, error);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* What the path leads to. A file that is there is replaced, with its mode; other things stay. */
static bool find_target(tn__output *out, mode_t *mode)
{
    char resolved[PATH_MAX];
    struct stat status;
    *mode = 0;
    bool exists = stat(out->path, &status) == 0;
    if (!exists && errno != ENOENT)
        return fail_errno(out, errno);
    if (exists && !S_ISREG(status.st_mode))
        return tn__fail_irregular(out->ctx, out->what, out->path, status.st_mode);
    if (exists && !realpath(out->path, resolved))
        return fail_errno(out, errno);
    if (exists)
        *mode = status.st_mode & 07777;
    out->target = tn__strdup(out->ctx, exists ? resolved : out->path);
    return out->target != NULL;
}

/* The length of the folder in front of the name, with its slash. */
static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (int)(slash + 1 - path) : 0;
}

static bool create(tn__output *out)
{
    size_t size = strlen(out->target) + 64;
    out->temporary = tn__alloc(out->ctx, size);
    for (int i = 0; out->temporary && i < MAX_TEMPORARIES; i++) {
        snprintf(out->temporary, size, "%.*s.tn-%ld-%d.tmp", folder_length(out->target),
                 out->target, (long)getpid(), i);
        out->descriptor = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (out->descriptor >= 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    int error = errno;
    bool failed = out->temporary != NULL;
    tn__free(out->ctx, out->temporary);
    out->temporary = NULL;
    return failed && fail_errno(out, error);
}

bool tn__output_open(tn__output *out, tn_ctx *ctx, const char *what, const char *path)
{
    mode_t mode;
    *out = (tn__output){.ctx = ctx, .what = what, .path = path, .descriptor = -1};
    if (!tn_ok(ctx))
        return false;
    if (!path) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: path is NULL", what);
        return false;
    }
    out->buffer = tn__alloc(ctx, BUFFER_SIZE);
    if (!out->buffer || !find_target(out, &mode) || !create(out))
        return false;
    return mode == 0 || fchmod(out->descriptor, mode) == 0 || fail_errno(out, errno);
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool write_at(tn__output *out, int64_t offset, const unsigned char *bytes, int64_t size)
{
    while (size > 0) {
        size_t piece = (size_t)(size < PIECE_SIZE ? size : PIECE_SIZE);
        ssize_t n = pwrite(out->descriptor, bytes, piece, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return fail_errno(out, errno);
        if (n > 0)
            bytes += n, offset += n, size -= n;
    }
    return true;
}

static bool flush(tn__output *out)
{
    int64_t size = out->used;
    out->used = 0;
    return write_at(out, out->position - size, out->buffer, size);
}

/* Small pieces are gathered, large ones pass. */
static bool write_plain(tn__output *out, const void *bytes, int64_t size)
{
    if (size > BUFFER_SIZE - out->used && !flush(out))
        return false;
    if (size >= BUFFER_SIZE && !write_at(out, out->position, bytes, size))
        return false;
    if (size < BUFFER_SIZE) {
        memcpy(out->buffer + out->used, bytes, (size_t)size);
        out->used += size;
    }
    out->position += size;
    return true;
}

static bool deflate_step(tn__output *out, int flush_mode)
{
    tn__deflate *d = out->deflate;
    d->z.next_out = d->bytes;
    d->z.avail_out = sizeof d->bytes;
    deflate(&d->z, flush_mode);
    return write_plain(out, d->bytes, (int64_t)(sizeof d->bytes - d->z.avail_out));
}

/* At most PIECE_SIZE bytes. */
static bool write_piece(tn__output *out, const unsigned char *bytes, int64_t size)
{
    if (out->in_part)
        out->part_crc = (uint32_t)crc32(out->part_crc, bytes, (uInt)size);
    if (!out->deflate)
        return write_plain(out, bytes, size);
    out->deflate->z.next_in = bytes;
    out->deflate->z.avail_in = (uInt)size;
    while (out->deflate->z.avail_in > 0)
        if (!deflate_step(out, Z_NO_FLUSH))
            return false;
    return true;
}

bool tn__output_write(tn__output *out, const void *bytes, int64_t size)
{
    const unsigned char *p = bytes;
    out->part_size += size;
    for (int64_t n; size > 0; p += n, size -= n) {
        n = size < PIECE_SIZE ? size : PIECE_SIZE;
        if (!write_piece(out, p, n))
            return false;
    }
    return true;
}

bool tn__output_patch(tn__output *out, int64_t offset, const void *bytes, int64_t size)
{
    return flush(out) && write_at(out, offset, bytes, size);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static voidpf zlib_alloc(voidpf ctx, uInt items, uInt size)
{
    return tn__alloc(ctx, (size_t)items * size);
}

static void zlib_free(voidpf ctx, voidpf memory)
{
    tn__free(ctx, memory);
}

static bool begin_deflate(tn__output *out)
{
    tn__deflate *d = tn__alloc(out->ctx, sizeof *d);
    if (!d)
        return false;
    d->z = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free, .opaque = out->ctx};
    if (deflateInit2(&d->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) ==
        Z_OK) {
        out->deflate = d;
        return true;
    }
    tn_fail(out->ctx, TN_ERR_FILE, "%s: zlib %s cannot be used", out->what, zlibVersion());
    tn__free(out->ctx, d);
    return false;
}

static void end_deflate(tn__output *out)
{
    if (out->deflate)
        deflateEnd(&out->deflate->z);
    tn__free(out->ctx, out->deflate);
    out->deflate = NULL;
}

bool tn__output_begin_part(tn__output *out, bool compress)
{
    out->in_part = true;
    out->part_size = 0;
    out->part_crc = 0;
    return !compress || begin_deflate(out);
}

bool tn__output_end_part(tn__output *out)
{
    bool ok = true;
    out->in_part = false;
    if (out->deflate)
        do
            ok = deflate_step(out, Z_FINISH);
        while (ok && out->deflate->z.avail_out == 0);
    end_deflate(out);
    return ok;
}

/* ---- closing --------------------------------------------------------------------------------- */

/* A folder that cannot be opened for reading cannot be flushed either. */
static bool sync_folder(tn__output *out)
{
    int length = folder_length(out->target);
    out->target[length] = '\0';
    int descriptor = open(length ? out->target : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return true;
    int error = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    return error == 0 || error == EINVAL || fail_errno(out, error);
}

static bool commit(tn__output *out)
{
    if (!flush(out))
        return false;
    if (fsync(out->descriptor) != 0)
        return fail_errno(out, errno);
    int closed = close(out->descriptor);
    out->descriptor = -1;
    if (closed != 0 || rename(out->temporary, out->target) != 0)
        return fail_errno(out, errno);
    tn__free(out->ctx, out->temporary);
    out->temporary = NULL;
    return sync_folder(out);
}

bool tn__output_close(tn__output *out, bool ok)
{
    end_deflate(out);
    ok = ok && commit(out);
    if (out->descriptor >= 0)
        close(out->descriptor);
    if (out->temporary)
        unlink(out->temporary);
    tn__free(out->ctx, out->temporary);
    tn__free(out->ctx, out->target);
    tn__free(out->ctx, out->buffer);
    return ok;
}
