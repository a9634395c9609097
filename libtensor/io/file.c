/* file.c - regular files read by position (POSIX pread), 64-bit sizes, sources that stand for them,
 * and the errors of this room. */
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/file.h"

/* The most that one call of pread is asked for; some systems allow no more than 2^31 - 4096. */
#define READ_SIZE ((int64_t)1 << 30)

bool tn__fail_errno(tn_ctx *ctx, const char *what, const char *path, int error)
{
    char reason[128];
    if (strerror_r(error, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", error);
    tn_fail(ctx, TN_ERR_FILE, "%s: %s: %s", what, path, reason);
    return false;
}

static bool fail_errno(const tn__file *file, int error)
{
    return tn__fail_errno(file->ctx, file->what, file->path, error);
}

bool tn__fail_irregular(tn_ctx *ctx, const char *what, const char *path, unsigned mode)
{
    if (S_ISDIR(mode))
        return tn__fail_errno(ctx, what, path, EISDIR);
    tn_fail(ctx, TN_ERR_FILE, "%s: %s: a %s, not a regular file", what, path,
            S_ISFIFO(mode)   ? "pipe"
            : S_ISSOCK(mode) ? "socket"
                             : "device");
    return false;
}

static bool check_status(const tn__file *file, const struct stat *status)
{
    return S_ISREG(status->st_mode) ||
           tn__fail_irregular(file->ctx, file->what, file->path, status->st_mode);
}

/* Only regular files are opened: opening a device can have effects, and opening a pipe waits for
 * somebody to write into it. The path can become one of these after it was looked at, so opening
 * must not wait (O_NONBLOCK), and the open file is looked at again. */
static bool open_regular(tn__file *file)
{
    struct stat status;
    if (stat(file->path, &status) != 0)
        return fail_errno(file, errno);
    if (!check_status(file, &status))
        return false;
    file->descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->descriptor < 0 || fstat(file->descriptor, &status) != 0)
        return fail_errno(file, errno);
    file->size = (int64_t)status.st_size;
    return check_status(file, &status);
}

bool tn__file_open(tn__file *file, tn_ctx *ctx, const char *what, const char *path)
{
    *file = (tn__file){.ctx = ctx, .what = what, .path = path, .descriptor = -1};
    if (!tn_ok(ctx))
        return false;
    if (!path) {
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: path is NULL", what);
        return false;
    }
    if (open_regular(file))
        return true;
    tn__file_close(file);
    return false;
}

const char *tn__source_name(tn_source source)
{
    return source.name ? source.name : source.data || !source.read ? "memory" : "a function";
}

bool tn__file_from(tn__file *file, tn_ctx *ctx, const char *what, tn_source source)
{
    *file = (tn__file){.ctx = ctx,
                       .what = what,
                       .path = tn__source_name(source),
                       .descriptor = -1,
                       .source = source,
                       .size = source.size};
    if (!tn_ok(ctx))
        return false;
    if (source.size < 0)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s: a source of %lld bytes", what, file->path,
                (long long)source.size);
    else if (!source.data && !source.read && source.size > 0)
        tn_fail(ctx, TN_ERR_ARGUMENT, "%s: %s: a source of %lld bytes without data or read", what,
                file->path, (long long)source.size);
    return tn_ok(ctx);
}

void tn__file_close(tn__file *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    file->descriptor = -1;
}

int64_t tn__file_bound(const tn__file *file, int64_t fixed, int64_t factor)
{
    return file->size > (INT64_MAX - fixed) / factor ? INT64_MAX : fixed + factor * file->size;
}

/* ---- reading: some of the bytes at `offset`, how many; -1 on error --------------------------- */

static int64_t read_descriptor(const tn__file *file, int64_t offset, void *out, int64_t size)
{
    ssize_t n;
    do
        n = pread(file->descriptor, out, (size_t)(size < READ_SIZE ? size : READ_SIZE),
                  (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        return n;
    if (n < 0)
        fail_errno(file, errno);
    else
        tn__file_fail(file, "the file has become shorter than %lld bytes", (long long)file->size);
    return -1;
}

/* The program's function is not trusted with how many bytes it returns. */
static int64_t read_function(const tn__file *file, int64_t offset, void *out, int64_t size)
{
    int64_t n = file->source.read(file->source.payload, offset, out, size);
    if (!tn_ok(file->ctx))
        return -1;
    if (n > 0 && n <= size)
        return n;
    if (n < 0)
        tn_fail(file->ctx, TN_ERR_FILE, "%s: %s: reading at byte %lld failed with %lld", file->what,
                file->path, (long long)offset, (long long)n);
    else
        tn__file_fail(file, "reading at byte %lld gave %lld of %lld bytes", (long long)offset,
                      (long long)n, (long long)size);
    return -1;
}

static int64_t read_some(const tn__file *file, int64_t offset, void *out, int64_t size)
{
    return file->descriptor >= 0 ? read_descriptor(file, offset, out, size)
                                 : read_function(file, offset, out, size);
}

/* Small pieces come with what follows them, since a call of the system, and perhaps of the
 * program's function, takes longer than to copy as much. */
static int64_t read_ahead(tn__file *file, int64_t offset, void *out, int64_t size)
{
    const int64_t most = sizeof file->ahead, left = file->size - offset;
    if (size >= most)
        return read_some(file, offset, out, size);
    if (offset < file->ahead_at || offset >= file->ahead_at + file->ahead_size) {
        int64_t came = read_some(file, offset, file->ahead, left < most ? left : most);
        file->ahead_at = offset;
        file->ahead_size = came > 0 ? came : 0;
        if (came < 0)
            return -1;
    }
    const int64_t skipped = offset - file->ahead_at, there = file->ahead_size - skipped;
    const int64_t n = size < there ? size : there;
    memcpy(out, file->ahead + skipped, (size_t)n);
    return n;
}

bool tn__file_read(tn__file *file, int64_t offset, void *out, int64_t size)
{
    if (offset < 0 || size < 0 || offset > file->size || size > file->size - offset)
        return tn__file_fail(file, "%lld bytes are expected at byte %lld, but the file has %lld",
                             (long long)size, (long long)offset, (long long)file->size);
    if (file->source.data && size > 0)
        memcpy(out, (const char *)file->source.data + offset, (size_t)size);
    else
        for (int64_t done = 0, n; done < size; done += n)
            if ((n = read_ahead(file, offset + done, (char *)out + done, size - done)) < 0)
                return false;
    return true;
}

bool tn__file_fail(const tn__file *file, const char *format, ...)
{
    char part[63] = "", reason[320];
    if (file->part)
        snprintf(part, sizeof part, "%.60s: ", file->part);
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    tn_fail(file->ctx, TN_ERR_FORMAT, "%s: %s: %s%s", file->what, file->path, part, reason);
    return false;
}
