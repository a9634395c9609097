/* files.c - finds, writes, cuts and damages files, and measures what loading them needs. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"

#ifndef TN_TEST_DATA
#define TN_TEST_DATA "tests/data"
#endif

/* What a reader may use whatever the file: its buffers, zlib's window and tensors' headers. */
#define FIXED_BYTES (256 * 1024)

static char temporary[1024];

const char *data_path(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", TN_TEST_DATA, name);
    return path;
}

const char *shared_path(const char *name)
{
    static char path[1024];
    const char *root = getenv("TN_SHARED_DATA");
    snprintf(path, sizeof path, "%s/%s", root ? root : "../shared/data", name);
    if (access(path, R_OK) == 0)
        return path;
    printf("skipped: no %s\n", path);
    return NULL;
}

/* Opens the file anew for each read, so that nothing is left to close. */
static int64_t read_file(void *payload, int64_t offset, void *out, int64_t size)
{
    int file = open(payload, O_RDONLY);
    ck_assert_msg(file >= 0, "no file %s", (char *)payload);
    ssize_t n = pread(file, out, (size_t)size, (off_t)offset);
    close(file);
    return n;
}

tn_source source_of(const char *path)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    return (tn_source){
        .size = status.st_size, .read = read_file, .payload = (void *)path, .name = path};
}

unsigned char *read_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "no file %s", path);
    unsigned char *bytes = malloc(1 << 20);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    ck_assert(*size < 1 << 20);
    return bytes;
}

const char *write_temporary(const void *bytes, size_t size)
{
    const char *directory = getenv("TMPDIR");
    snprintf(temporary, sizeof temporary, "%s/tn_test_%ld", directory ? directory : "/tmp",
             (long)getpid());
    remove(temporary); /* ext4 writes a file out that was emptied and filled again */
    FILE *file = fopen(temporary, "wb");
    ck_assert_msg(file != NULL, "%s cannot be written", temporary);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
    return temporary;
}

void remove_temporary(void)
{
    remove(temporary);
}

void put_number(unsigned char *p, int size, uint64_t value)
{
    for (int i = 0; i < size; i++)
        p[i] = (unsigned char)(value >> 8 * i);
}

/* ---- a folder -------------------------------------------------------------------------------- */

static char folder[512];

void make_folder(void)
{
    const char *directory = getenv("TMPDIR");
    snprintf(folder, sizeof folder,
             "%s/tn_test_XX"
             "XX"
             "XX",
             directory ? directory : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

const char *folder_path(const char *name)
{
    static char paths[4][1024];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

/* Calls fn, if there is one, with the path of each file; returns how many there are. */
static int each_file(int (*fn)(const char *path))
{
    int count = 0;
    DIR *directory = opendir(folder);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *e; (e = readdir(directory));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            count++;
            ck_assert(!fn || fn(folder_path(e->d_name)) == 0);
        }
    closedir(directory);
    return count;
}

int files_in_folder(void)
{
    return each_file(NULL);
}

void remove_folder(void)
{
    each_file(remove);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* ---- loading --------------------------------------------------------------------------------- */

/* The number that the next file gets that is opened. */
static int next_descriptor(void)
{
    int next = dup(1);
    close(next);
    return next;
}

static bool load_bytes(const unsigned char *bytes, size_t size, load_fn load, int64_t expansion)
{
    const char *path = write_temporary(bytes, size);
    int64_t live = tn_memory(ctx).live_bytes;
    int next = next_descriptor();
    tn_memory_reset_peak(ctx);
    bool loaded = load(path);
    ck_assert_int_eq(next_descriptor(), next);
    ck_assert_int_eq(loaded, tn_error_status(ctx) == TN_OK);
    if (!loaded) {
        ck_assert_msg(tn_error_status(ctx) == TN_ERR_FORMAT, "%s", tn_error(ctx));
        ck_assert_ptr_nonnull(strstr(tn_error(ctx), path));
        ck_assert_ptr_null(strchr(tn_error(ctx), '\n'));
    }
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    ck_assert_int_le(tn_memory(ctx).peak_bytes - live, FIXED_BYTES + expansion * (int64_t)size);
    return loaded;
}

int load_prefixes(const char *name, load_fn load, int64_t expansion)
{
    size_t size;
    int loaded = 0;
    unsigned char *bytes = read_bytes(data_path(name), &size);
    ck_assert(load_bytes(bytes, size, load, expansion));
    for (size_t i = 0; i < size; i++)
        loaded += load_bytes(bytes, i, load, expansion);
    free(bytes);
    remove_temporary();
    return loaded;
}

void load_damaged(const char *name, load_fn load, int64_t expansion)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    size_t size;
    unsigned char *bytes = read_bytes(data_path(name), &size);
    for (size_t i = 0; i < size * sizeof masks; i++) {
        bytes[i / sizeof masks] ^= masks[i % sizeof masks];
        load_bytes(bytes, size, load, expansion);
        bytes[i / sizeof masks] ^= masks[i % sizeof masks];
    }
    free(bytes);
    remove_temporary();
}

void load_without_memory(const char *name, load_fn load)
{
    bool loaded = false;
    int64_t failures = 0, live = tn_memory(ctx).live_bytes;
    for (int64_t k = 1; !loaded; k++) {
        tn_empty_cache(ctx);
        memory.calls = 0;
        memory.fail_at = k;
        memory.for_good = true;
        loaded = load(data_path(name));
        memory.fail_at = 0;
        failures += !loaded;
        ck_assert_int_eq(tn_error_status(ctx), loaded ? TN_OK : TN_ERR_MEMORY);
        tn_clear_error(ctx);
        ck_assert_int_eq(tn_memory(ctx).live_bytes, live);
    }
    ck_assert_int_gt(failures, 1);
}

int64_t memory_to_load(const char *path, tn_dict *(*load)(const char *path), bool *loaded)
{
    int64_t numbers = 0, live = tn_memory(ctx).live_bytes;
    tn_memory_reset_peak(ctx);
    tn_dict *dict = load(path);
    int64_t peak = tn_memory(ctx).peak_bytes - live;
    *loaded = dict != NULL;
    for (int64_t i = 0; i < tn_dict_count(dict); i++) {
        const tn_tensor *t = tn_dict_at(dict, i);
        numbers += tn_numel(t) * (int64_t)tn_dtype_size(tn_dtype_of(t));
    }
    tn_dict_free(dict);
    return peak - numbers;
}

void check_error(tn_status status, const char *text, const char *path)
{
    char expected[2048];
    const char *mark = strchr(text, '%');
    ck_assert_ptr_nonnull(mark);
    snprintf(expected, sizeof expected, "%.*s%s%s", (int)(mark - text), text, path, mark + 1);
    ck_assert_str_eq(tn_error(ctx), expected);
    ck_assert_int_eq(tn_error_status(ctx), status);
    tn_clear_error(ctx);
}

void refuse_paths(const char *what, load_fn load, const char *good)
{
    char text[128];
    ck_assert(!load("no/such/file"));
    snprintf(text, sizeof text, "%s: %%: No such file or directory", what);
    check_error(TN_ERR_FILE, text, "no/such/file");
    ck_assert(!load("tests"));
    snprintf(text, sizeof text, "%s: %%: Is a directory", what);
    check_error(TN_ERR_FILE, text, "tests");
    ck_assert(!load(NULL));
    snprintf(text, sizeof text, "%s: path is NULL", what);
    ck_assert_str_eq(tn_error(ctx), text);
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_ARGUMENT);
    ck_assert(!load(data_path(good)));
    ck_assert_str_eq(tn_error(ctx), text);
    tn_clear_error(ctx);
}

/* ---- numbers of every type ------------------------------------------------------------------- */

#define HIGH63 9223372036854775807.0

const struct number_type number_types[NUMPY_TYPES] = {
    {"i1", TN_I32, {-128, -1, 2, 3, 100, 127}},
    {"i2", TN_I32, {-32768, -1, 2, 3, 100, 32767}},
    {"i4", TN_I32, {-2147483648.0, -1, 2, 3, 100, 2147483647}},
    {"i8", TN_I64, {-HIGH63, -1, 2, 3, 100, HIGH63}},
    {"u1", TN_U8, {0, 1, 2, 3, 100, 255}},
    {"u2", TN_I32, {0, 1, 2, 3, 100, 65535}},
    {"u4", TN_I64, {0, 1, 2, 3, 100, 4294967295.0}},
    {"u8", TN_I64, {0, 1, 2, 3, 100, HIGH63}},
    {"f4", TN_F32, {-1.5, 0.25, 65504, 0x1p-24, INFINITY, NAN}},
    {"f8", TN_F64, {-1.5, 0.25, 65504, 0x1p-24, INFINITY, NAN}},
    {"f2", TN_F32, {-1.5, 0.25, 65504, 0x1p-24, INFINITY, NAN}},
    {"b1", TN_BOOL, {1, 0, 0, 1, 1, 0}},
};
