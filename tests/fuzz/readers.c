/* readers.c - the readers of files, each given the bytes as memory, and those of any format as a
 * file, too.
 *
 * Whatever they are, the reader returns tensors that can be used or an error about the file, takes
 * no more memory than it promises, and leaves nothing behind; when memory runs out on the way, the
 * error says so. */
#include <string.h>
#include <unistd.h>
#include "fuzz.h"

/* What a reader may use: buffers and the window of zlib, and for each byte of the file the
 * constants of docs/file-formats.md with the tensors that come out. A byte of numbers becomes at
 * most 4, or is inflated to 1032. */
#define FIXED_BYTES (288 << 10)
#define NPY_BYTES (4 + 4)
#define SAFETENSORS_BYTES (24 + 4)
#define BYTES_PER_BYTE 1100

typedef tn_dict *(*load_fn)(tn_ctx *ctx, tn_source source);

static int lowest_descriptor(void)
{
    int descriptor = dup(0);
    if (descriptor >= 0)
        close(descriptor);
    return descriptor;
}

static void check_result(tn_ctx *ctx, const fuzz_memory *memory, const tn_dict *dict)
{
    tn_status status = tn_error_status(ctx);
    fuzz_check_status(ctx, memory, 0, dict != NULL);
    FUZZ_CHECK(dict || status == TN_ERR_FORMAT || (status == TN_ERR_MEMORY && memory->failed > 0),
               "%s: %s", tn_status_name(status), tn_error(ctx));
    FUZZ_CHECK(dict || status == TN_ERR_MEMORY || strstr(tn_error(ctx), ": memory: "),
               "no name: %s", tn_error(ctx));
}

/* Loads once more while one call of alloc fails, and perhaps all others after it. */
static void load_short(tn_ctx *ctx, fuzz_memory *memory, load_fn load, tn_source source,
                       int64_t calls, uint32_t hash)
{
    tn_status before = tn_error_status(ctx);
    tn_clear_error(ctx);
    tn_empty_cache(ctx);
    memory->fail_at = memory->calls + 1 + hash % calls;
    memory->for_good = hash & 1 << 20;
    tn_dict *dict = load(ctx, source);
    memory->fail_at = 0;
    check_result(ctx, memory, dict);
    FUZZ_CHECK(tn_error_status(ctx) == before ||
                   (tn_error_status(ctx) == TN_ERR_MEMORY && memory->failed > 0),
               "%s, but %s when memory is short: %s", tn_status_name(before),
               tn_status_name(tn_error_status(ctx)), tn_error(ctx));
    tn_dict_free(dict);
}

/* In what is open when a reader is called nothing may be left of it. */
static tn_scope begin(tn_ctx *ctx, tn_memory_stats *before)
{
    *before = tn_memory(ctx);
    return tn_scope_begin(ctx);
}

static void end(tn_ctx *ctx, tn_scope scope, const tn_memory_stats *before)
{
    tn_scope_end(ctx, scope);
    tn_memory_stats after = tn_memory(ctx);
    FUZZ_CHECK(after.live_bytes == before->live_bytes && after.tensors == before->tensors,
               "%lld bytes in %lld tensors are left",
               (long long)(after.live_bytes - before->live_bytes),
               (long long)(after.tensors - before->tensors));
}

static void read_bytes(const uint8_t *data, size_t size, load_fn load, int64_t per_byte)
{
    fuzz_memory memory = {.limit = FIXED_BYTES + per_byte * (int64_t)size};
    tn_ctx *ctx = fuzz_context(&memory, 1);
    tn_memory_stats before;
    tn_source source = TN_MEMORY(data, size);
    tn_scope scope = begin(ctx, &before);
    int64_t calls = memory.calls;
    tn_dict *dict = load(ctx, source);
    calls = memory.calls - calls;
    FUZZ_CHECK(memory.failed == 0, "%lld bytes of memory are too little for a file of %zu",
               (long long)memory.limit, size);
    check_result(ctx, &memory, dict);
    memory.limit += 16 << 20;
    fuzz_check_dict(ctx, dict);
    tn_dict_free(dict);
    if (calls > 0)
        load_short(ctx, &memory, load, source, calls, fuzz_hash(data, size));
    end(ctx, scope, &before);
    fuzz_context_free(ctx, &memory);
}

/* ---- the formats ----------------------------------------------------------------------------- */

static tn_dict *dict_of(tn_ctx *ctx, tn_tensor *t)
{
    tn_dict *dict = t ? tn_dict_new(ctx) : NULL;
    if (dict && tn_dict_set(dict, "", t) != TN_OK) {
        tn_dict_free(dict);
        dict = NULL;
    }
    tn_free(t);
    return dict;
}

static tn_dict *load_idx(tn_ctx *ctx, tn_source source)
{
    return dict_of(ctx, tn_load_idx_from(ctx, source));
}

static tn_dict *load_npy(tn_ctx *ctx, tn_source source)
{
    return dict_of(ctx, tn_load_npy_from(ctx, source));
}

static tn_dict *load_mat(tn_ctx *ctx, tn_source source)
{
    return tn_load_mat_from(ctx, source, (tn_mat_opts){0});
}

static tn_dict *load_two_of_mat(tn_ctx *ctx, tn_source source)
{
    return tn_load_mat_from(ctx, source,
                            (tn_mat_opts){.names = (const char *const[]){"x", "a", NULL}});
}

void fuzz_idx(const uint8_t *data, size_t size)
{
    read_bytes(data, size, load_idx, BYTES_PER_BYTE);
}

void fuzz_npy(const uint8_t *data, size_t size)
{
    read_bytes(data, size, load_npy, NPY_BYTES);
}

void fuzz_npz(const uint8_t *data, size_t size)
{
    read_bytes(data, size, tn_load_npz_from, BYTES_PER_BYTE);
}

void fuzz_mat(const uint8_t *data, size_t size)
{
    read_bytes(data, size, fuzz_hash(data, size) % 8 ? load_mat : load_two_of_mat, BYTES_PER_BYTE);
}

void fuzz_safetensors(const uint8_t *data, size_t size)
{
    read_bytes(data, size, tn_load_safetensors_from, SAFETENSORS_BYTES);
}

void fuzz_pth(const uint8_t *data, size_t size)
{
    read_bytes(data, size, tn_load_pth_from, BYTES_PER_BYTE);
}

/* ---- by contents ----------------------------------------------------------------------------- */

/* What has been read is the same after it has been written and read again. A name that a format
 * cannot hold is refused. */
static void write_and_read(tn_ctx *ctx, const tn_dict *dict, const char *ending)
{
    const char *path = fuzz_path(ending);
    tn_dict *again = NULL;
    if (tn_save_dict(ctx, dict, path) == TN_OK) {
        again = tn_load_dict(ctx, path);
        FUZZ_CHECK(again, "%s", tn_error(ctx));
        fuzz_check_same(ctx, dict, again);
    }
    FUZZ_CHECK(tn_ok(ctx) || tn_error_status(ctx) == TN_ERR_ARGUMENT, "%s", tn_error(ctx));
    tn_clear_error(ctx);
    tn_dict_free(again);
}

static int64_t total_numel(const tn_dict *dict)
{
    int64_t total = 0;
    for (int64_t i = 0; i < tn_dict_count(dict); i++)
        if (__builtin_add_overflow(total, tn_numel(tn_dict_at(dict, i)), &total))
            return INT64_MAX;
    return total;
}

/* Reads the bytes as the format that they seem to be, and a file of them; then a reader of one
 * format alone takes them, and it is the same. */
void fuzz_dict(const uint8_t *data, size_t size)
{
    static const load_fn loads[] = {tn_load_pth_from, tn_load_safetensors_from, tn_load_npz_from};
    read_bytes(data, size, tn_load_dict_from, BYTES_PER_BYTE);
    fuzz_memory memory = {.limit = (64 << 20) + 4 * BYTES_PER_BYTE * (int64_t)size};
    tn_ctx *ctx = fuzz_context(&memory, 1);
    const char *path = fuzz_file(data, size);
    int descriptor = lowest_descriptor();
    tn_dict *dict = tn_load_dict(ctx, path), *other = NULL;
    FUZZ_CHECK(lowest_descriptor() == descriptor, "a file stays open");
    FUZZ_CHECK(dict || strstr(tn_error(ctx), path), "no path: %s", tn_error(ctx));
    tn_clear_error(ctx);
    for (int i = 0; dict && !other && i < 3; i++) {
        tn_clear_error(ctx);
        other = loads[i](ctx, TN_MEMORY(data, size));
    }
    if (dict) {
        FUZZ_CHECK(other, "no format that it is: %s", tn_error(ctx));
        fuzz_check_same(ctx, dict, other);
    }
    if (dict && total_numel(dict) < 1 << 14) {
        write_and_read(ctx, dict, "a.npz");
        write_and_read(ctx, dict, "a.safetensors");
    }
    tn_dict_free(other);
    tn_dict_free(dict);
    fuzz_context_free(ctx, &memory);
}
