/* Zip archives that the library writes: byte for byte by the specification, and as .npz files. */
#define _FILE_OFFSET_BITS 64
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "io/file.h"
#include "io/output.h"
#include "io/stream.h"
#include "io/zip.h"

/* A number in `size` bytes at *p, which moves on behind it. */
static void add(unsigned char **p, int size, uint64_t value)
{
    put_number(*p, size, value);
    *p += size;
}

/* An entry without contents, whose sizes the test claims. */
typedef struct claimed {
    const char *name;
    int flags;
    uint32_t crc;
    uint64_t stored, size, offset;
} claimed;

static void add_common(unsigned char **p, const claimed *e, bool is64)
{
    add(p, 2, is64 ? 45 : 20);
    add(p, 2, (uint64_t)e->flags);
    add(p, 2, 0);
    add(p, 4, 0x210000); /* the first of January 1980 */
    add(p, 4, e->crc);
    add(p, 4, is64 ? UINT32_MAX : e->stored);
    add(p, 4, is64 ? UINT32_MAX : e->size);
    add(p, 2, strlen(e->name));
}

static void add_local(unsigned char **p, const claimed *e)
{
    bool is64 = e->size > UINT32_MAX;
    add(p, 4, 0x04034b50);
    add_common(p, e, is64);
    add(p, 2, is64 ? 20 : 0);
    memcpy(*p, e->name, strlen(e->name));
    *p += strlen(e->name);
    if (is64) {
        add(p, 4, 16 << 16 | 1);
        add(p, 8, e->size);
        add(p, 8, e->stored);
    }
}

static void add_record(unsigned char **p, const claimed *e)
{
    bool is64 = e->size > UINT32_MAX || e->offset > UINT32_MAX;
    add(p, 4, 0x02014b50);
    add(p, 2, 3 << 8 | 45); /* made by Unix */
    add_common(p, e, is64);
    add(p, 2, is64 ? 28 : 0);
    add(p, 6, 0);
    add(p, 4, 0x81a40000); /* a file that its owner may write, and everybody read */
    add(p, 4, is64 ? UINT32_MAX : e->offset);
    memcpy(*p, e->name, strlen(e->name));
    *p += strlen(e->name);
    if (is64) {
        add(p, 4, 24 << 16 | 1);
        add(p, 8, e->size);
        add(p, 8, e->stored);
        add(p, 8, e->offset);
    }
}

static void add_end(unsigned char **p, uint64_t count, uint64_t size, uint64_t offset)
{
    bool is64 = offset > UINT32_MAX;
    if (is64) {
        add(p, 4, 0x06064b50);
        add(p, 8, 44);
        add(p, 4, 45 << 16 | 3 << 8 | 45);
        add(p, 8, 0);
        add(p, 8, count);
        add(p, 8, count);
        add(p, 8, size);
        add(p, 8, offset);
        add(p, 4, 0x07064b50);
        add(p, 4, 0);
        add(p, 8, offset + size);
        add(p, 4, 1);
    }
    add(p, 4, 0x06054b50);
    add(p, 4, 0);
    add(p, 2, is64 ? UINT16_MAX : count);
    add(p, 2, is64 ? UINT16_MAX : count);
    add(p, 4, is64 ? UINT32_MAX : size);
    add(p, 4, is64 ? UINT32_MAX : offset);
    add(p, 2, 0);
}

/* Writes the entries, whose contents are holes in the file. */
static void write_claimed(const char *path, const claimed *entries, int count)
{
    tn__output out;
    tn__zip_writer w = {.out = &out};
    ck_assert(tn__output_open(&out, ctx, "test", tn__at_path(path)));
    for (int i = 0; i < count; i++) {
        ck_assert(tn__output_patch(&out, 0, "", 0));
        out.position = (int64_t)entries[i].offset;
        ck_assert(tn__zip_begin(&w, entries[i].name, (int64_t)entries[i].size));
        ck_assert(tn__output_patch(&out, 0, "", 0));
        out.position += (int64_t)entries[i].stored;
        out.part_size = (int64_t)entries[i].size;
        out.part_crc = entries[i].crc;
        ck_assert(tn__zip_end(&w, entries[i].name));
    }
    ck_assert(tn__zip_finish(&w) && tn__output_close(&out, true));
    tn__free(ctx, w.directory);
}

static void check_bytes(FILE *file, uint64_t offset, const unsigned char *expected, size_t size)
{
    unsigned char bytes[1024];
    ck_assert_int_eq(fseeko(file, (off_t)offset, SEEK_SET), 0);
    ck_assert_uint_eq(fread(bytes, 1, size, file), size);
    ck_assert_mem_eq(bytes, expected, size);
}

#define GIGA (UINT64_C(1) << 30)
#define AE "\303\244"

/* By the specification, with and without the records of ZIP64: sizes and offsets beyond 32 bits. */
static const struct {
    int count;
    claimed entries[3];
} written[] = {
    {2, {{"x", 0, 0x12345678, 4, 5, 0}, {AE, 1 << 11, 0x9abcdef0, 900, 1000, 100}}},
    {2, {{"large", 0, 7, 5 * GIGA, 6 * GIGA, 0}, {"far", 0, 8, 3, 9 * GIGA, 7 * GIGA}}},
    {3,
     {{"x", 0, 1, 9, 9, 0},
      {AE, 1 << 11, 2, 5 * GIGA, 5 * GIGA, 77},
      {"y", 0, 3, 70000, 70000, 6 * GIGA}}},
    {1, {{"one", 0, 3, 9, 5 * GIGA, 0}}},
};

static void check_directory(const char *path, const claimed *entries, int count)
{
    tn__file file;
    tn__zip zip;
    ck_assert(tn__file_open(&file, ctx, "test", path));
    ck_assert_msg(tn__zip_open(&zip, &file), "%s", tn_error(ctx));
    ck_assert_int_eq(zip.count, count);
    for (int i = 0; i < count; i++) {
        ck_assert_str_eq(zip.entries[i].name, entries[i].name);
        ck_assert_uint_eq(zip.entries[i].crc, entries[i].crc);
        ck_assert_int_eq(zip.entries[i].compressed, (int64_t)entries[i].stored);
        ck_assert_int_eq(zip.entries[i].size, (int64_t)entries[i].size);
        ck_assert_int_eq(zip.entries[i].offset, (int64_t)entries[i].offset);
        tn__stream *s = tn__zip_stream(&zip, &zip.entries[i]);
        ck_assert_int_eq(s != NULL, entries[i].size == entries[i].stored);
        tn__stream_free(s);
        tn_clear_error(ctx);
    }
    tn__zip_close(&zip);
    tn__file_close(&file);
}

START_TEST(writes_the_bytes_of_the_format)
{
    unsigned char bytes[1024], *p = bytes;
    const claimed *entries = written[_i].entries, *last = &entries[written[_i].count - 1];
    const char *path = folder_path("x.zip");
    write_claimed(path, entries, written[_i].count);
    FILE *file = fopen(path, "rb");
    for (int i = 0; i < written[_i].count; i++) {
        p = bytes;
        add_local(&p, &entries[i]);
        check_bytes(file, entries[i].offset, bytes, (size_t)(p - bytes));
    }
    uint64_t directory = last->offset + last->stored + (uint64_t)(p - bytes);
    p = bytes;
    for (int i = 0; i < written[_i].count; i++)
        add_record(&p, &entries[i]);
    add_end(&p, (uint64_t)written[_i].count, (uint64_t)(p - bytes), directory);
    check_bytes(file, directory, bytes, (size_t)(p - bytes));
    ck_assert_int_eq(fgetc(file), EOF);
    fclose(file);
    check_directory(path, entries, written[_i].count);
}
END_TEST

static void save(const char *path, bool compress)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, "x", tn_zeros(ctx, TN_F64, TN_SHAPE(300, 300)));
    ck_assert_int_eq(tn_save_npz(ctx, dict, path, (tn_npz_opts){.compress = compress}), TN_OK);
    tn_dict_free(dict);
}

START_TEST(compresses)
{
    struct stat plain, compressed;
    save(folder_path("plain"), false);
    save(folder_path("compressed"), true);
    ck_assert_int_eq(stat(folder_path("plain"), &plain), 0);
    ck_assert_int_eq(stat(folder_path("compressed"), &compressed), 0);
    ck_assert_int_gt(plain.st_size, 720000);
    ck_assert_int_lt(compressed.st_size, 3000);
    tn_dict *dict = tn_load_npz(ctx, folder_path("compressed"));
    ck_tn_ok();
    check_same_bits(tn_dict_get(dict, "x"), tn_zeros(ctx, TN_F64, TN_SHAPE(300, 300)));
}
END_TEST

/* The local header has 20 bytes more where the size, or what Deflate makes of it, takes more than
 * 32 bits. */
START_TEST(begins_zip64_in_time)
{
    static const struct {
        int64_t size;
        bool is64;
    } sizes[] = {{0, false},         {4000000000, false},     {4290675619, false},
                 {4290675620, true}, {4294967295, true},      {4294967296, true},
                 {4299000000, true}, {INT64_C(1) << 40, true}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tn__output out;
        tn__zip_writer w = {.out = &out};
        ck_assert(tn__output_open(&out, ctx, "save_npz", tn__at_path(folder_path("x"))));
        ck_assert(tn__zip_begin(&w, "name", sizes[i].size));
        ck_assert_int_eq(w.contents - w.offset, sizes[i].is64 ? 54 : 34);
        tn__output_close(&out, false);
        ck_assert_int_eq(files_in_folder(), 0);
    }
}
END_TEST

/* More entries than 16 bits count, and names that are not ASCII. */
START_TEST(writes_zip64)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_tensor *t = tn_scalar(ctx, TN_U8, 7);
    for (int i = 0; i < 66000; i++) {
        char name[32];
        snprintf(name, sizeof name, "\303\244%d", i);
        tn_dict_set(dict, name, t);
    }
    ck_assert_int_eq(tn_save_npz(ctx, dict, folder_path("many.npz"), (tn_npz_opts){0}), TN_OK);
    tn_dict_free(dict);
    dict = tn_load_npz(ctx, folder_path("many.npz"));
    ck_assert_int_eq(tn_dict_count(dict), 66000);
    ck_assert_str_eq(tn_dict_name(dict, 65999), "\303\24465999");
    ck_assert_double_eq(tn_item(ctx, tn_dict_at(dict, 65999)), 7);
}
END_TEST

/* With .npy behind it, the last name takes the place of ZIP64's locator, and begins like one. */
START_TEST(names_like_locators)
{
    tn_dict *dict = tn_dict_new(ctx), *read;
    tn_bytes *bytes = tn_bytes_new(ctx);
    tn_dict_set(dict, "first", tn_scalar(ctx, TN_F32, 1));
    tn_dict_set(dict, "PK\6\7twelve bytes", tn_scalar(ctx, TN_F32, 2));
    tn_save_npz_to(ctx, dict, TN_BYTES(bytes), (tn_npz_opts){0});
    read = tn_load_npz_from(ctx, TN_MEMORY(tn_bytes_data(bytes), tn_bytes_size(bytes)));
    ck_tn_ok();
    ck_tn_equal(tn_dict_get(read, "PK\6\7twelve bytes"), 2);
}
END_TEST

START_TEST(refuses_names_that_do_not_fit)
{
    char name[70001];
    memset(name, 'a', sizeof name - 1);
    name[70000] = '\0';
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, name, tn_scalar(ctx, TN_F32, 0));
    const char *path = folder_path("x.npz");
    ck_assert_int_eq(tn_save_npz(ctx, dict, path, (tn_npz_opts){0}), TN_ERR_ARGUMENT);
    check_error(TN_ERR_ARGUMENT, "save_npz: %: a name of 70004 bytes does not fit the format",
                path);
    ck_assert_int_eq(files_in_folder(), 0);
}
END_TEST

START_TEST(refuses_names_that_are_not_utf8)
{
    static const char *const names[] = {"a\377", "\303", "\355\240\200"};
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, names[_i], tn_scalar(ctx, TN_F32, 0));
    const char *path = folder_path("x.npz");
    ck_assert_int_eq(tn_save_npz(ctx, dict, path, (tn_npz_opts){0}), TN_ERR_ARGUMENT);
    check_error(TN_ERR_ARGUMENT, "save_npz: %: a name that is not UTF-8", path);
    ck_assert_int_eq(files_in_folder(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zip_write");
    TCase *tc = tn_case(suite, "zip_write");
    tcase_add_loop_test(tc, writes_the_bytes_of_the_format, 0,
                        (int)(sizeof written / sizeof *written));
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_test(tc, compresses);
    tcase_add_test(tc, begins_zip64_in_time);
    tcase_add_test(tc, writes_zip64);
    tcase_add_test(tc, names_like_locators);
    tcase_add_test(tc, refuses_names_that_do_not_fit);
    tcase_add_loop_test(tc, refuses_names_that_are_not_utf8, 0, 3);
    return tn_run(suite);
}
