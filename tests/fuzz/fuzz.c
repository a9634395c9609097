/* fuzz.c - the allocator, the files and the checks of the fuzz targets. */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TOUCHED (1 << 16)
#define MAX_PRINTED 32

const fuzz_target fuzz_targets[] = {
    {"idx", fuzz_idx},     {"npy", fuzz_npy},     {"npz", fuzz_npz},
    {"mat", fuzz_mat},     {"pth", fuzz_pth},     {"safetensors", fuzz_safetensors},
    {"dict", fuzz_dict},   {"model", fuzz_model}, {"checkpoint", fuzz_checkpoint},
    {"state", fuzz_state}, {"calls", fuzz_calls},
};
const int fuzz_target_count = sizeof fuzz_targets / sizeof *fuzz_targets;
const int fuzz_reader_count = 7;

_Noreturn void fuzz_stop(const char *file, int line, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

uint32_t fuzz_hash(const uint8_t *data, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/* ---- contexts -------------------------------------------------------------------------------- */

static bool must_fail(const fuzz_memory *m, size_t size)
{
    bool here = m->fail_at && (m->for_good ? m->calls >= m->fail_at : m->calls == m->fail_at);
    return here || size > (size_t)(m->limit - m->bytes);
}

/* Blocks end where they were asked to end: aligned_alloc would round their sizes up. */
static void *fuzz_alloc(void *payload, size_t size, size_t alignment)
{
    fuzz_memory *m = payload;
    void *block = NULL;
    m->calls++;
    if (must_fail(m, size) || posix_memalign(&block, alignment, size) != 0) {
        m->failed++;
        return NULL;
    }
    memset(block, 0xa5, size);
    m->blocks++;
    m->bytes += (int64_t)size;
    m->peak = m->bytes > m->peak ? m->bytes : m->peak;
    return block;
}

static void fuzz_free(void *payload, void *block, size_t size)
{
    fuzz_memory *m = payload;
    m->blocks--;
    m->bytes -= (int64_t)size;
    free(block);
}

tn_ctx *fuzz_context(fuzz_memory *memory, int threads)
{
    tn_ctx *ctx = tn_ctx_new(
        &(tn_ctx_opts){.seed = 1,
                       .threads = threads,
                       .allocator = {.alloc = fuzz_alloc, .free = fuzz_free, .payload = memory}});
    FUZZ_CHECK(ctx || memory->failed > 0, "no context, though there is memory");
    return ctx;
}

void fuzz_context_free(tn_ctx *ctx, const fuzz_memory *memory)
{
    tn_ctx_free(ctx);
    FUZZ_CHECK(memory->blocks == 0 && memory->bytes == 0, "%lld blocks of %lld bytes are left",
               (long long)memory->blocks, (long long)memory->bytes);
}

/* ---- what must hold -------------------------------------------------------------------------- */

/* What is asked for is more than any allocator is asked for. */
static bool is_beyond_memory(const char *text)
{
    const char *number = strstr(text, "out of memory: no ");
    return strstr(text, "63 bits") ||
           (number && strtoull(number + 18, NULL, 10) > (unsigned long long)PTRDIFF_MAX / 2);
}

void fuzz_check_status(const tn_ctx *ctx, const fuzz_memory *memory, int64_t failed_before, bool ok)
{
    tn_status status = tn_error_status(ctx);
    const char *text = tn_error(ctx);
    FUZZ_CHECK(ok == (status == TN_OK), "the call says %s, the context %s: %s",
               ok ? "success" : "failure", tn_status_name(status), text);
    FUZZ_CHECK(status <= 0 && (status == TN_OK) == (text[0] == '\0'), "%s with the text \"%s\"",
               tn_status_name(status), text);
    FUZZ_CHECK(!strchr(text, '\n'), "an error of two lines: %s", text);
    FUZZ_CHECK(status != TN_ERR_MEMORY || memory->failed > failed_before || is_beyond_memory(text),
               "memory is not short: %s", text);
}

static void check_bools(const tn_tensor *t)
{
    const uint8_t *values = tn_data(t);
    for (int64_t i = 0; tn_dtype_of(t) == TN_BOOL && i < tn_numel(t); i++)
        FUZZ_CHECK(values[i] <= 1, "element %lld of a bool is %d", (long long)i, values[i]);
}

void fuzz_check_tensor(tn_ctx *ctx, const tn_tensor *t)
{
    int64_t numel = 1;
    char text[64];
    FUZZ_CHECK(t && tn_ndim(t) >= 0 && tn_ndim(t) <= TN_MAX_DIMS, "no tensor");
    FUZZ_CHECK(tn_dtype_size(tn_dtype_of(t)) > 0, "dtype %d", (int)tn_dtype_of(t));
    for (int dim = 0; dim < tn_ndim(t); dim++) {
        FUZZ_CHECK(tn_size(t, dim) >= 0, "size %lld", (long long)tn_size(t, dim));
        FUZZ_CHECK(!__builtin_mul_overflow(numel, tn_size(t, dim), &numel), "%s overflows",
                   TN_SHAPE_TEXT(t));
    }
    FUZZ_CHECK(numel == tn_numel(t), "%s has %lld elements", TN_SHAPE_TEXT(t),
               (long long)tn_numel(t));
    FUZZ_CHECK(numel > MAX_PRINTED || tn_format(t, text, sizeof text) > 0, "no text of %s",
               TN_SHAPE_TEXT(t));
    if (numel > MAX_TOUCHED || !tn_ok(ctx))
        return;
    tn_tensor *copy = tn_clone(ctx, t);
    if (copy)
        check_bools(copy);
    tn_free(copy);
}

void fuzz_check_dict(tn_ctx *ctx, const tn_dict *dict)
{
    for (int64_t i = 0; i < tn_dict_count(dict); i++) {
        const char *name = tn_dict_name(dict, i);
        FUZZ_CHECK(name && tn_dict_get(dict, name) == tn_dict_at(dict, i), "entry %lld is not %s",
                   (long long)i, name ? name : "named");
        fuzz_check_tensor(ctx, tn_dict_at(dict, i));
    }
}

static void check_same_tensor(tn_ctx *ctx, const char *name, const tn_tensor *a, const tn_tensor *b)
{
    FUZZ_CHECK(b && tn_dtype_of(a) == tn_dtype_of(b), "%s: another dtype", name);
    FUZZ_CHECK(strcmp(TN_SHAPE_TEXT(a), TN_SHAPE_TEXT(b)) == 0, "%s: %s and %s", name,
               TN_SHAPE_TEXT(a), TN_SHAPE_TEXT(b));
    if (tn_numel(a) > MAX_TOUCHED)
        return;
    tn_tensor *x = tn_contiguous(ctx, a), *y = tn_contiguous(ctx, b);
    size_t bytes = (size_t)tn_numel(a) * tn_dtype_size(tn_dtype_of(a));
    FUZZ_CHECK(!x || !y || bytes == 0 || memcmp(tn_data(x), tn_data(y), bytes) == 0,
               "%s: other elements", name);
    tn_free(x);
    tn_free(y);
}

void fuzz_check_same(tn_ctx *ctx, const tn_dict *a, const tn_dict *b)
{
    FUZZ_CHECK(tn_dict_count(a) == tn_dict_count(b), "%lld and %lld entries",
               (long long)tn_dict_count(a), (long long)tn_dict_count(b));
    for (int64_t i = 0; i < tn_dict_count(a); i++)
        check_same_tensor(ctx, tn_dict_name(a, i), tn_dict_at(a, i),
                          tn_dict_get(b, tn_dict_name(a, i)));
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Files in memory, if the system has such a folder and no other one is asked for. */
static const char *folder(void)
{
    const char *wanted = getenv("TMPDIR");
    return wanted ? wanted : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

void fuzz_remove_files(void)
{
    static const char *const names[] = {"in", "a.npz", "a.npy", "a.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove(fuzz_path(names[i]));
}

const char *fuzz_path(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/tn_fuzz_%ld_%s", folder(), (long)getpid(), name);
    return path;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static pid_t owner;
    const char *path = fuzz_path("in");
    if (owner != getpid()) {
        owner = getpid();
        atexit(fuzz_remove_files);
    }
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FUZZ_CHECK(file >= 0, "%s: %s", path, strerror(errno));
    FUZZ_CHECK(write(file, data, size) == (ssize_t)size, "%s: %s", path, strerror(errno));
    close(file);
    return path;
}
