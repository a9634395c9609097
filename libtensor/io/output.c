/* output.c - files that are written whole or not at all: to a temporary file beside the target,
 * which is flushed to the disk and renamed, and the folder after it (POSIX fsync, rename). What is
 * for a sink takes the same way through the buffer. */
#define _FILE_OFFSET_BITS 64
#define _XOPEN_SOURCE 700
#define ZLIB_CONST
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include "base/integers.h"
#include "base/memory.h"
#include "base/siphash.h"
#include "io/file.h"
#include "io/output.h"
#include "io/sink.h"

#define BUFFER_SIZE 65536
#define PIECE_SIZE ((int64_t)1 << 30) /* zlib takes sizes of 32 bits, some systems of 31 */
#define MAX_TRIES 100                 /* to find a name that is free, or a file that stays */
#define MAX_LINKS 40                  /* that lead to each other, as Linux has it */

struct tn__deflate {
    z_stream z;
    unsigned char bytes[16384];
};

static bool fail_errno(const tn__output *out, int error)
{
    return tn__fail_errno(out->ctx, out->what, out->path, error);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* The length of the folder in front of the name, with its slash. */
static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (int)(slash + 1 - path) : 0;
}

/* Where the link `target` leads to: from its own folder, or from the root. */
static bool follow_link(tn__output *out)
{
    char link[PATH_MAX];
    ssize_t size = readlink(out->target, link, sizeof link - 1);
    if (size < 0)
        return fail_errno(out, errno);
    link[size] = '\0';
    out->target[folder_length(out->target)] = '\0';
    char *next = tn__concat(out->ctx, link[0] == '/' ? "" : out->target, link, "");
    tn__free(out->ctx, out->target);
    out->target = next;
    return next != NULL;
}

/* Behind all links, whether there is a file yet or not. *there is what is there. */
static bool follow_links(tn__output *out, struct stat *there)
{
    out->target = tn__strdup(out->ctx, out->path);
    for (int i = 0; out->target; i++) {
        *there = (struct stat){0};
        if (lstat(out->target, there) != 0 || !S_ISLNK(there->st_mode))
            return true;
        if (i == MAX_LINKS)
            return fail_errno(out, ELOOP);
        if (!follow_link(out))
            return false;
    }
    return false;
}

/* What the path leads to, and the name behind the links. *found is whether they are one. */
static bool look(tn__output *out, bool *found)
{
    struct stat old = {0}, there;
    out->replaces = stat(out->path, &old) == 0;
    if (!out->replaces && errno != ENOENT)
        return fail_errno(out, errno);
    if (out->replaces && !S_ISREG(old.st_mode))
        return tn__fail_irregular(out->ctx, out->what, out->path, old.st_mode);
    if (!follow_links(out, &there))
        return false;
    *found = !out->replaces || (there.st_dev == old.st_dev && there.st_ino == old.st_ino);
    out->mode = old.st_mode & 0777;
    out->owner = old.st_uid;
    out->group = old.st_gid;
    return true;
}

/* A file that is there is replaced, and its mode and owner are kept; anything else stays. If the
 * file is there but the links do not lead to it, it has lost its name, or another writer has just
 * replaced it: then the search begins again. */
static bool find_target(tn__output *out)
{
    bool found = false;
    for (int i = 0; i < MAX_TRIES && !found; i++) {
        tn__free(out->ctx, out->target);
        out->target = NULL;
        if (!look(out, &found))
            return false;
    }
    return found || fail_errno(out, ENOENT);
}

/* The temporary file has a name that nobody can foresee, so that no file that was left behind is in
 * the way. While it is written, only its owner can read what will replace a file. */
static bool create(tn__output *out)
{
    int error = EEXIST;
    size_t size = strlen(out->target) + 64;
    out->temporary = tn__alloc(out->ctx, size);
    if (!out->temporary)
        return false;
    for (int i = 0; i < MAX_TRIES && error == EEXIST; i++) {
        unsigned long long number;
        tn__random_bytes(&number, sizeof number);
        snprintf(out->temporary, size, "%.*s.tn-%016llx.tmp", folder_length(out->target),
                 out->target, number);
        out->descriptor = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                               out->replaces ? 0600 : 0666);
        if (out->descriptor >= 0)
            return true;
        error = errno;
    }
    tn__free(out->ctx, out->temporary);
    out->temporary = NULL;
    return fail_errno(out, error);
}

bool tn__output_open(tn__output *out, tn_ctx *ctx, const char *what, tn__target target)
{
    *out = (tn__output){
        .ctx = ctx, .what = what, .sink = target.sink, .path = target.path, .descriptor = -1};
    if (!tn_ok(ctx) || (out->sink && !tn__check_sink(ctx, what, out->sink)))
        return false;
    if (!out->path) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: path is NULL", what);
        return false;
    }
    out->buffer = tn__alloc(ctx, BUFFER_SIZE);
    return out->buffer && (out->sink || (find_target(out) && create(out)));
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Writing beyond the limit of file sizes (RLIMIT_FSIZE) is an error and a signal, SIGXFSZ, which by
 * default ends the process. This thread blocks the signal while it writes and takes it away
 * afterwards. What the process does about signals stays as it is. */
static ssize_t write_without_signal(int descriptor, const unsigned char *bytes, size_t size,
                                    off_t offset)
{
    sigset_t signal, before, pending;
    sigemptyset(&signal);
    sigaddset(&signal, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signal, &before);
    sigpending(&pending);
    ssize_t n = pwrite(descriptor, bytes, size, offset);
    int error = errno;
    if (n < (ssize_t)size && !sigismember(&pending, SIGXFSZ))
        sigtimedwait(&signal, NULL, &(const struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return n;
}

static bool write_file(tn__output *out, int64_t offset, const unsigned char *bytes, int64_t size)
{
    while (size > 0) {
        size_t piece = (size_t)tn__min(size, PIECE_SIZE);
        ssize_t n = write_without_signal(out->descriptor, bytes, piece, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return fail_errno(out, errno);
        if (n > 0)
            bytes += n, offset += n, size -= n;
    }
    return true;
}

static bool write_memory(tn__output *out, int64_t offset, const unsigned char *bytes, int64_t size)
{
    if (!tn__reserve(out->ctx, &out->memory, &out->capacity, offset + size, 1))
        return false;
    memcpy(out->memory + offset, bytes, (size_t)size);
    return true;
}

static bool write_at(tn__output *out, int64_t offset, const unsigned char *bytes, int64_t size)
{
    if (!out->sink)
        return write_file(out, offset, bytes, size);
    return size == 0          ? true
           : out->sink->bytes ? write_memory(out, offset, bytes, size)
                              : tn__sink_write(out->ctx, out->what, out->sink, offset, bytes, size);
}

static bool flush(tn__output *out)
{
    int64_t size = out->used;
    out->used = 0;
    return write_at(out, out->position - size, out->buffer, size);
}

/* Small pieces are gathered in the buffer, large ones bypass it. */
static bool write_plain(tn__output *out, const void *bytes, int64_t size)
{
    if (out->measuring) {
        out->position += size;
        return true;
    }
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
        n = tn__min(size, PIECE_SIZE);
        if (!write_piece(out, p, n))
            return false;
    }
    return true;
}

bool tn__output_is_in_order(const tn__output *out)
{
    return out->sink && !out->sink->bytes;
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

void tn__output_begin_measure(tn__output *out)
{
    out->measuring = true;
    out->measured_from = out->position;
}

int64_t tn__output_end_measure(tn__output *out)
{
    int64_t size = out->position - out->measured_from;
    out->measuring = false;
    out->position = out->measured_from;
    return size;
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

/* Takes mode and owner from the file that is replaced. If the group cannot be taken over, the new
 * group may do no more than everybody. */
static bool keep_mode(const tn__output *out)
{
    unsigned mode = out->mode;
    struct stat status;
    if (fstat(out->descriptor, &status) != 0)
        return fail_errno(out, errno);
    bool same = status.st_uid == out->owner && status.st_gid == out->group;
    if (!same && fchown(out->descriptor, out->owner, out->group) != 0 &&
        fchown(out->descriptor, (uid_t)-1, out->group) != 0)
        mode = (mode & 0707) | (mode & 07) << 3;
    return fchmod(out->descriptor, mode) == 0 || fail_errno(out, errno);
}

static bool commit(tn__output *out)
{
    if (!flush(out) || (out->replaces && !keep_mode(out)))
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

static bool commit_sink(tn__output *out)
{
    if (!flush(out))
        return false;
    if (out->sink->bytes) {
        tn__bytes_become(out->sink->bytes, out->memory, out->position);
        out->memory = NULL;
    }
    return true;
}

bool tn__output_close(tn__output *out, bool ok)
{
    end_deflate(out);
    ok = ok && (out->sink ? commit_sink(out) : commit(out));
    if (out->descriptor >= 0)
        close(out->descriptor);
    if (out->temporary)
        unlink(out->temporary);
    tn__free(out->ctx, out->temporary);
    tn__free(out->ctx, out->target);
    tn__free(out->ctx, out->memory);
    tn__free(out->ctx, out->buffer);
    return ok;
}
