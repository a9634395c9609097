/* Zip archives, as .npz files: those that NumPy reads, and those that are damaged or hostile. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "common/check_tn.h"
#include "common/files.h"

/* ---- what other programs write --------------------------------------------------------------- */

/* Of tests/data/make_zip.py: each holds x = [0, 1, 2] and what is said here. */
static const struct {
    const char *file;
    int count;
    const char *name;
    double last;
} files[] = {
    {"foreign.npz", 3, "folder/y", 3},
    {"foreign_deflated.npz", 3, "bare", 5},
    {"comment.npz", 1, NULL, 0},
    {"cut_comment.npz", 1, NULL, 0},
    {"padded.npz", 1, NULL, 0},
    {"in_front.npz", 2, "y", 3},
    {"joined.npz", 1, NULL, 0},
    {"piped.npz", 1, NULL, 0},
    {"piped64.npz", 1, NULL, 0},
    {"unicode.npz", 2, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 3},
    {"cp437.npz", 2, "caf\xc3\xa9", 3},
    {"named.npz", 1, NULL, 0},
    {"named_deflated.npz", 1, NULL, 0},
    {"methods.npz", 1, NULL, 0},
};

START_TEST(reads_what_numpy_reads)
{
    tn_dict *dict = tn_load_npz(ctx, data_path(files[_i].file));
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), files[_i].count);
    ck_tn_equal(tn_dict_get(dict, "x"), 0, 1, 2);
    const tn_tensor *t = tn_dict_get(dict, files[_i].name);
    ck_assert_int_eq(t != NULL, files[_i].name != NULL);
    if (t)
        ck_assert_double_eq(tn_at(ctx, t, (int64_t[]){tn_numel(t) - 1}), files[_i].last);
}
END_TEST

static bool load(const char *path)
{
    tn_dict *dict = tn_load_npz(ctx, path);
    tn_dict_free(dict);
    return dict != NULL;
}

START_TEST(survives_damage)
{
    load_damaged(files[_i].file, load, 1032);
}
END_TEST

START_TEST(survives_without_memory)
{
    load_without_memory("foreign_deflated.npz", load);
    load_without_memory("cp437.npz", load);
}
END_TEST

/* ---- zip archives made here ------------------------------------------------------------------ */

/* An archive of two entries: x, stored, is [1] of u8 = 7; y, deflated, is [2] of u8 = 8, 9. One
 * byte that belongs to nothing is between y and the directory. */
enum { HEADER = 74, CRC_X = 0xa2d32c4b, CRC_Y = 0xdc976aab, LOCAL = 30 + 1, RECORD = 46 + 1 };
enum { SIZE_X = HEADER + 1, SIZE_Y = HEADER + 2, BLOCK = 5, Y = LOCAL + SIZE_X };
enum { DIRECTORY = Y + LOCAL + BLOCK + SIZE_Y + 1, END = DIRECTORY + 2 * RECORD };
enum { ARCHIVE = END + 22, RECORD_Y = DIRECTORY + RECORD };

static void put_local(unsigned char *p, char name, int method, uint32_t crc, uint64_t stored,
                      uint64_t size)
{
    memcpy(p, "PK\3\4", 4);
    put_number(p + 8, 2, (uint64_t)method);
    put_number(p + 14, 4, crc);
    put_number(p + 18, 4, stored);
    put_number(p + 22, 4, size);
    put_number(p + 26, 2, 1);
    p[30] = (unsigned char)name;
}

static void put_array(unsigned char *p, int count, const char *numbers)
{
    memcpy(p, "\x93NUMPY\1\0\100\0", 10);
    snprintf((char *)p + 10, HEADER - 9,
             "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,)}%9s", count, "");
    memcpy(p + HEADER, numbers, (size_t)count);
}

static void put_record(unsigned char *p, char name, int method, uint32_t crc, uint64_t stored,
                       uint64_t size, uint64_t offset)
{
    memcpy(p, "PK\1\2", 4);
    put_number(p + 10, 2, (uint64_t)method);
    put_number(p + 16, 4, crc);
    put_number(p + 20, 4, stored);
    put_number(p + 24, 4, size);
    put_number(p + 28, 2, 1);
    put_number(p + 42, 4, offset);
    p[46] = (unsigned char)name;
}

static void put_end(unsigned char *p, uint64_t count, uint64_t directory)
{
    memcpy(p, "PK\5\6", 4);
    put_number(p + 8, 2, count);
    put_number(p + 10, 2, count);
    put_number(p + 12, 4, count * RECORD);
    put_number(p + 16, 4, directory);
}

/* Deflate's simplest form is one block that is not compressed. */
static void make_archive(unsigned char *archive)
{
    unsigned char *block = archive + Y + LOCAL;
    memset(archive, 0, ARCHIVE);
    put_local(archive, 'x', 0, CRC_X, SIZE_X, SIZE_X);
    put_array(archive + LOCAL, 1, "\7");
    put_local(archive + Y, 'y', 8, CRC_Y, BLOCK + SIZE_Y, SIZE_Y);
    put_number(block, 1, 1);
    put_number(block + 1, 2, SIZE_Y);
    put_number(block + 3, 2, 0xffff ^ SIZE_Y);
    put_array(block + BLOCK, 2, "\10\11");
    put_record(archive + DIRECTORY, 'x', 0, CRC_X, SIZE_X, SIZE_X, 0);
    put_record(archive + RECORD_Y, 'y', 8, CRC_Y, BLOCK + SIZE_Y, SIZE_Y, Y);
    put_end(archive + END, 2, DIRECTORY);
}

START_TEST(reads_the_archive_made_here)
{
    unsigned char archive[ARCHIVE];
    make_archive(archive);
    tn_dict *dict = tn_load_npz(ctx, write_temporary(archive, sizeof archive));
    ck_assert_str_eq(tn_error(ctx), "");
    ck_assert_double_eq(tn_at(ctx, tn_dict_get(dict, "x"), (int64_t[]){0}), 7);
    ck_assert_double_eq(tn_at(ctx, tn_dict_get(dict, "y"), (int64_t[]){1}), 9);
    remove_temporary();
}
END_TEST

/* One or two numbers in it changed, and what is said. */
static const struct {
    struct {
        int at, size;
        uint64_t value;
    } put[2];
    const char *error;
} changes[] = {
    {{{LOCAL + HEADER, 1, 6}}, "load_npz: %: x: its CRC-32 is d5d41cdd, but should be a2d32c4b"},
    {{{DIRECTORY + 10, 2, 12}, {8, 2, 12}}, NULL}, /* no array, as far as can be seen */
    {{{DIRECTORY + 10, 2, 12}},
     "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{DIRECTORY + 8, 2, 1}}, NULL},
    {{{DIRECTORY + 8, 2, 1 << 5}}, NULL},
    {{{DIRECTORY + 8, 2, 1 << 6}}, NULL},
    {{{DIRECTORY + 8, 2, 1 << 13}}, NULL},
    {{{DIRECTORY + 24, 4, 1000}, {22, 4, 1000}},
     "load_npz: %: x: 1000 bytes are promised, but the file holds 75"},
    {{{RECORD_Y + 46, 1, 'x'}, {Y + 30, 1, 'x'}},
     "load_npz: %: x: there are two arrays of this name"},
    {{{DIRECTORY + 46, 1, '\n'}, {30, 1, '\n'}}, NULL},
    {{{DIRECTORY + 8, 2, 1 << 11}}, NULL},
    {{{DIRECTORY + 46, 1, 0xff}, {30, 1, 0xff}}, NULL}, /* a space that does not break */
    {{{DIRECTORY, 1, 'Q'}}, "load_npz: %: the directory is damaged at byte 219"},
    {{{DIRECTORY + 3, 1, 'Q'}}, "load_npz: %: the directory is damaged at byte 219"},
    {{{RECORD_Y + 34, 2, 1}}, NULL}, /* on another disk, as this end is: there are no disks */
    {{{END + 4, 2, 1}}, NULL},
    {{{DIRECTORY + 10, 2, 256}, {8, 2, 256}}, NULL},
    {{{DIRECTORY + 12, 4, 0x58215a6b}}, NULL}, /* a time */
    {{{RECORD_Y + 28, 2, 9}}, "load_npz: %: the directory is damaged at byte 266"},
    {{{RECORD_Y + 30, 2, 9}}, "load_npz: %: the directory is damaged at byte 266"},
    {{{RECORD_Y + 32, 2, 9}}, "load_npz: %: the directory is damaged at byte 266"},
    {{{RECORD_Y + 46, 1, 0}}, "load_npz: %: the directory is damaged at byte 266"},
    {{{END, 1, 'Q'}}, "load_npz: %: not a zip archive: it has no end record"},
    {{{END + 20, 2, 1}}, NULL}, /* a comment that has been cut off */
    {{{END + 10, 2, 1}}, "load_npz: %: the directory has 47 bytes more than entries"},
    {{{END + 10, 2, 3}},
     "load_npz: %: the directory is said to have 3 entries in 94 bytes at byte 219, but there are "
     "313 bytes before the end record"},
    {{{END + 16, 4, 0xffffffff}},
     "load_npz: %: the directory is said to have 2 entries in 94 bytes at byte 4294967295, but "
     "there are 313 bytes before the end record"},
    {{{END + 16, 4, DIRECTORY + 1}},
     "load_npz: %: the directory is said to have 2 entries in 94 bytes at byte 220, but there are "
     "313 bytes before the end record"},

    /* Entries over each other, and over the directory. */
    {{{DIRECTORY + 20, 4, 1000}},
     "load_npz: %: entry 'x', 1000 bytes at byte 0, overlaps what is at byte 106"},
    {{{DIRECTORY + 20, 4, SIZE_X + 1}, {18, 4, SIZE_X + 1}},
     "load_npz: %: entry 'x', 76 bytes at byte 0, overlaps what is at byte 106"},
    {{{DIRECTORY + 42, 4, 1}},
     "load_npz: %: entry 'x', 75 bytes at byte 1, overlaps what is at byte 106"},
    {{{RECORD_Y + 42, 4, 0}},
     "load_npz: %: entry 'y', 81 bytes at byte 0, overlaps what is at byte 0"},
    {{{DIRECTORY + 42, 4, 0xfffffffe}},
     "load_npz: %: entry 'x', 75 bytes at byte 4294967294, overlaps what is at byte 219"},
    {{{RECORD_Y + 20, 4, BLOCK + SIZE_Y + 2}},
     "load_npz: %: entry 'y', 83 bytes at byte 106, overlaps what is at byte 219"},

    /* Headers that are unlike the directory. */
    {{{0, 1, 'Q'}}, "load_npz: %: x: no entry of 75 bytes at byte 0"},
    {{{28, 2, 1}}, "load_npz: %: x: no entry of 75 bytes at byte 0"},
    {{{26, 2, 0}}, "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{30, 1, 'z'}}, "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{8, 2, 8}}, "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{14, 4, 0}}, "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{18, 4, 0}}, "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{22, 4, 0}}, "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{22, 4, 0xffffffff}}, "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{6, 2, 8}, {14, 4, 0}}, NULL}, /* said behind the contents */
    {{{6, 2, 8}, {18, 4, 0}}, NULL},
    {{{6, 2, 8}, {22, 4, 0}}, NULL},
    {{{6, 2, 8}, {14, 4, 1}},
     "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{6, 2, 8}, {18, 4, 1}},
     "load_npz: %: x: its header at byte 0 is not as the directory has it"},
    {{{6, 2, 8}, {22, 4, 1}},
     "load_npz: %: x: its header at byte 0 is not as the directory has it"},
};

START_TEST(says_what_is_wrong_with_an_archive)
{
    unsigned char archive[ARCHIVE];
    make_archive(archive);
    for (int i = 0; i < 2; i++)
        put_number(archive + changes[_i].put[i].at, changes[_i].put[i].size,
                   changes[_i].put[i].value);
    const char *path = write_temporary(archive, sizeof archive);
    tn_dict *dict = tn_load_npz(ctx, path);
    if (changes[_i].error)
        check_error(TN_ERR_FORMAT, changes[_i].error, path);
    ck_assert_int_eq(dict == NULL, changes[_i].error != NULL);
    remove_temporary();
}
END_TEST

/* What the directory and the header say of y, the size in the array's own header, and what is
 * said. */
static const struct {
    uint64_t stored, size;
    char count;
    const char *error;
} sizes[] = {
    {BLOCK + SIZE_Y, SIZE_Y, '2', NULL},
    {BLOCK + SIZE_Y, SIZE_Y - 1, '1',
     "load_npz: %: y: the compressed data holds more than the 75 bytes promised"},
    {BLOCK + SIZE_Y, SIZE_Y - 2, '0',
     "load_npz: %: y: the compressed data holds more than the 74 bytes promised"},
    {BLOCK + SIZE_Y, SIZE_Y + 1, '3',
     "load_npz: %: y: the compressed data holds 76 bytes, not the 77 promised"},
    {BLOCK + SIZE_Y, SIZE_Y + 1, '2',
     "load_npz: %: y: the compressed data holds 76 bytes, not the 77 promised"},
    {BLOCK + SIZE_Y, SIZE_Y, '4',
     "load_npz: %: y: header says [4] of u8, 4 bytes, but the file holds 2"},
    {BLOCK + SIZE_Y, 100000, '2',
     "load_npz: %: y: 100000 bytes are promised, but the file holds at most 83592"},
    {BLOCK + SIZE_Y + 1, SIZE_Y, '2',
     "load_npz: %: y: 1 bytes follow the end of the compressed data"},
    {BLOCK + SIZE_Y - 1, SIZE_Y, '2', "load_npz: %: y: the compressed data is cut off"},
};

START_TEST(checks_the_sizes_of_deflated_data)
{
    unsigned char archive[ARCHIVE];
    make_archive(archive);
    put_number(archive + RECORD_Y + 20, 4, sizes[_i].stored);
    put_number(archive + RECORD_Y + 24, 4, sizes[_i].size);
    put_number(archive + Y + 18, 4, sizes[_i].stored);
    put_number(archive + Y + 22, 4, sizes[_i].size);
    archive[Y + LOCAL + BLOCK + 10 + 51] = (unsigned char)sizes[_i].count;
    const char *path = write_temporary(archive, sizeof archive);
    tn_dict *dict = tn_load_npz(ctx, path);
    if (sizes[_i].error)
        check_error(TN_ERR_FORMAT, sizes[_i].error, path);
    ck_assert_int_eq(dict == NULL, sizes[_i].error != NULL);
    remove_temporary();
}
END_TEST

/* Encrypted, a patch, encrypted with its header: what is named so must be an array. */
START_TEST(refuses_encrypted_arrays)
{
    size_t size;
    unsigned char *bytes = read_bytes(data_path("comment.npz"), &size);
    unsigned char *record = memmem(bytes, size, "PK\1\2", 4);
    ck_assert_ptr_nonnull(record);
    for (int bit = 0; bit < 16; bit++) {
        put_number(record + 8, 2, (uint64_t)1 << bit);
        bool refused = bit == 0 || bit == 5 || bit == 6 || bit == 13;
        const char *path = write_temporary(bytes, size);
        ck_assert_int_eq(load(path), !refused);
        if (refused)
            check_error(TN_ERR_FORMAT, "load_npz: %: x.npy: it is encrypted or a patch", path);
    }
    free(bytes);
    remove_temporary();
}
END_TEST

START_TEST(refuses_arrays_of_other_methods)
{
    size_t size;
    unsigned char *bytes = read_bytes(data_path("comment.npz"), &size);
    unsigned char *record = memmem(bytes, size, "PK\1\2", 4);
    ck_assert_ptr_nonnull(record);
    for (uint64_t method = 1; method < 100; method++) {
        char expected[80];
        put_number(bytes + 8, 2, method);
        put_number(record + 10, 2, method);
        const char *path = write_temporary(bytes, size);
        ck_assert(!load(path));
        snprintf(expected, sizeof expected,
                 "load_npz: %%: x.npy: compression method %d cannot be read", (int)method);
        if (method != 8)
            check_error(TN_ERR_FORMAT, expected, path);
        tn_clear_error(ctx);
    }
    free(bytes);
    remove_temporary();
}
END_TEST

/* What is named so and does not begin so may be an array of which the beginning is damaged. */
START_TEST(refuses_damaged_beginnings)
{
    size_t size;
    unsigned char *bytes = read_bytes(data_path(_i ? "named.npz" : "comment.npz"), &size);
    unsigned char *start = memmem(bytes, size, _i ? "hello" : "\x93NUMPY", _i ? 5 : 6);
    ck_assert_ptr_nonnull(start);
    for (int bit = 0; bit < 8 * 5; bit++) {
        start[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ck_assert(!load(write_temporary(bytes, size)));
        ck_assert_ptr_nonnull(
            strstr(tn_error(ctx), _i ? ": b.npy: its CRC-32 is" : ": x.npy: its CRC-32 is"));
        tn_clear_error(ctx);
        start[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    ck_assert(load(write_temporary(bytes, size)));
    free(bytes);
    remove_temporary();
}
END_TEST

START_TEST(checks_names)
{
    size_t size;
    unsigned char *bytes = read_bytes(data_path("unicode.npz"), &size);
    for (unsigned char *p = bytes; (p = memmem(p, size - (size_t)(p - bytes), "\xe2\x82", 2));)
        p[1] = 'a';
    const char *path = write_temporary(bytes, size);
    ck_assert(!load(path));
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), ": its name is not UTF-8"));
    tn_clear_error(ctx);
    free(bytes);
    remove_temporary();
}
END_TEST

/* The directory may have another order than the file, and the dictionary has that of the
 * directory. */
START_TEST(sorts_entries)
{
    enum { COUNT = 9, STEP = LOCAL + SIZE_X, AT = COUNT * STEP, LENGTH = AT + COUNT * RECORD + 22 };
    static const int order[COUNT] = {3, 8, 0, 5, 1, 7, 2, 6, 4};
    unsigned char archive[LENGTH] = {0};
    for (int i = 0; i < COUNT; i++) {
        char name = (char)('a' + order[i]);
        put_local(archive + order[i] * STEP, name, 0, CRC_X, SIZE_X, SIZE_X);
        put_array(archive + order[i] * STEP + LOCAL, 1, "\7");
        put_record(archive + AT + i * RECORD, name, 0, CRC_X, SIZE_X, SIZE_X,
                   (uint64_t)(order[i] * STEP));
    }
    put_end(archive + LENGTH - 22, COUNT, AT);
    tn_dict *dict = tn_load_npz(ctx, write_temporary(archive, sizeof archive));
    ck_tn_ok();
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(tn_dict_name(dict, i)[0], 'a' + order[i]);
    remove_temporary();
}
END_TEST

/* Numbers can look like the beginning of an end record. */
START_TEST(end_records_in_numbers)
{
    const int64_t numbers[] = {0x06054b50, 0, 0xffff00000000};
    make_folder();
    const char *path = folder_path("numbers.npz");
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, "x", tn_from_data(ctx, TN_I64, TN_SHAPE(3), numbers));
    ck_assert_int_eq(tn_save_npz(ctx, dict, path, (tn_npz_opts){0}), TN_OK);
    ck_tn_equal(tn_dict_get(tn_load_npz(ctx, path), "x"), 0x06054b50, 0, 0xffff00000000);
    remove_folder();
}
END_TEST

/* Another end record in the comment of the first: NumPy takes the second one, others the first. */
START_TEST(refuses_two_ends)
{
    unsigned char archive[ARCHIVE + 22] = {0};
    make_archive(archive);
    put_number(archive + END + 20, 2, 22);
    put_end(archive + ARCHIVE, 0, ARCHIVE);
    const char *path = write_temporary(archive, sizeof archive);
    ck_assert_ptr_null(tn_load_npz(ctx, path));
    check_error(TN_ERR_FORMAT,
                "load_npz: %: the zip archive has an end record in the comment of another", path);
    put_number(archive + END + 20, 2, 0);
    ck_assert_int_eq(tn_dict_count(tn_load_npz(ctx, write_temporary(archive, sizeof archive))), 0);
    ck_tn_ok();
    archive[ARCHIVE + 3] = 7; /* no end record, but for three bytes */
    ck_assert_int_eq(tn_dict_count(tn_load_npz(ctx, write_temporary(archive, sizeof archive))), 2);
    ck_tn_ok();
    remove_temporary();
}
END_TEST

/* ZIP64 records between the directory and the end record, with one number changed. */
enum { RECORD64 = END, LOCATOR = END + 56, END64 = LOCATOR + 20 };

#define OTHER_THINGS \
    "load_npz: %: the ZIP64 end record at byte 313 says other things than the end record"

static const struct {
    int at, size;
    uint64_t value;
    const char *error;
} changes64[] = {
    {0, 0, 0, NULL},
    {END64 + 10, 2, 0xffff, NULL},
    {END64 + 12, 4, 0xffffffff, NULL},
    {END64 + 16, 4, 0xffffffff, NULL},
    {RECORD64, 1, 'Q', "load_npz: %: no ZIP64 end record of a single file at byte 313"},
    {LOCATOR + 4, 4, 1, "load_npz: %: no ZIP64 end record of a single file at byte 313"},
    {LOCATOR + 16, 4, 2, "load_npz: %: no ZIP64 end record of a single file at byte 313"},
    {RECORD64 + 32, 8, 1, OTHER_THINGS},
    {RECORD64 + 40, 8, 2 * RECORD - 1, OTHER_THINGS},
    {RECORD64 + 40, 8, UINT64_MAX, OTHER_THINGS},
    {RECORD64 + 48, 8, DIRECTORY - 1, OTHER_THINGS},
    {LOCATOR + 8, 8, 0, OTHER_THINGS},
    {END64 + 10, 2, 1, OTHER_THINGS},
    {END64 + 12, 4, 1, OTHER_THINGS},
    {END64 + 16, 4, 1, OTHER_THINGS},
};

START_TEST(checks_zip64)
{
    unsigned char archive[END64 + 22] = {0};
    make_archive(archive);
    memset(archive + END, 0, 22);
    memcpy(archive + RECORD64, "PK\6\6", 4);
    put_number(archive + RECORD64 + 32, 8, 2);
    put_number(archive + RECORD64 + 40, 8, 2 * RECORD);
    put_number(archive + RECORD64 + 48, 8, DIRECTORY);
    memcpy(archive + LOCATOR, "PK\6\7", 4);
    put_number(archive + LOCATOR + 8, 8, RECORD64);
    put_number(archive + LOCATOR + 16, 4, 1);
    put_end(archive + END64, 2, DIRECTORY);
    put_number(archive + changes64[_i].at, changes64[_i].size, changes64[_i].value);
    const char *path = write_temporary(archive, sizeof archive);
    tn_dict *dict = tn_load_npz(ctx, path);
    if (changes64[_i].error)
        check_error(TN_ERR_FORMAT, changes64[_i].error, path);
    ck_assert_int_eq(dict == NULL, changes64[_i].error != NULL);
    remove_temporary();
}
END_TEST

/* What the directory and the header of an entry have behind its name, and the name, may be long.
 * Three bytes behind the last field are none. */
START_TEST(reads_long_names_and_extra_fields)
{
    enum { NAME = 300, EXTRA = 703, LENGTH = 30 + 46 + 2 * (NAME + EXTRA) + SIZE_X + 22 };
    unsigned char archive[LENGTH] = {0}, *record = archive + 30 + NAME + EXTRA + SIZE_X;
    for (int wrong = 0; wrong < 3; wrong++) {
        put_local(archive, 'n', 0, CRC_X, SIZE_X, SIZE_X);
        put_record(record, 'n', 0, CRC_X, SIZE_X, SIZE_X, 0);
        unsigned char *const names[] = {archive + 30, record + 46};
        put_number(archive + 26, 2, NAME);
        put_number(archive + 28, 2, EXTRA);
        put_number(record + 28, 2, NAME);
        put_number(record + 30, 2, EXTRA);
        for (int i = 0; i < 2; i++) {
            memset(names[i], 'n', NAME);
            put_number(names[i] + NAME, 4, 0xcafe | (uint64_t)(EXTRA - 11) << 16);
            put_number(names[i] + NAME + EXTRA - 7, 4, 0xbabe | (uint64_t)(wrong == i + 1) << 18);
        }
        put_array(archive + 30 + NAME + EXTRA, 1, "\7");
        put_end(archive + LENGTH - 22, 1, (uint64_t)(record - archive));
        put_number(archive + LENGTH - 22 + 12, 4, 46 + NAME + EXTRA);
        tn_dict *dict = tn_load_npz(ctx, write_temporary(archive, sizeof archive));
        ck_assert_int_eq(dict != NULL, !wrong);
        if (dict)
            ck_assert_uint_eq(strlen(tn_dict_name(dict, 0)), NAME);
        tn_clear_error(ctx);
    }
    remove_temporary();
}
END_TEST

/* An entry of any name that begins like an array has to be one. */
START_TEST(takes_what_begins_like_an_array_for_one)
{
    for (int size = 5; size < 8; size++) {
        unsigned char archive[30 + 1 + 7 + RECORD + 22] = {0};
        uint32_t crc = (uint32_t)crc32(0, (const unsigned char *)"\x93NUMPY\1", (unsigned)size);
        uint64_t bytes = (uint64_t)size;
        put_local(archive, 'x', 0, crc, bytes, bytes);
        memcpy(archive + LOCAL, "\x93NUMPY\1", (size_t)size);
        put_record(archive + LOCAL + size, 'x', 0, crc, bytes, bytes, 0);
        put_end(archive + LOCAL + size + RECORD, 1, (uint64_t)(LOCAL + size));
        const char *path = write_temporary(archive, (size_t)(LOCAL + size + RECORD + 22));
        ck_assert_int_eq(load(path), size == 5);
        tn_clear_error(ctx);
    }
    remove_temporary();
}
END_TEST

/* ---- what little costs ----------------------------------------------------------------------- */

/* `count` records, each of which claims the same entry. */
START_TEST(overlapping_entries_cost_nothing)
{
    enum { COUNT = 2000, AT = LOCAL + SIZE_X, LENGTH = AT + COUNT * RECORD + 22 };
    unsigned char *archive = calloc(1, LENGTH);
    put_local(archive, 'x', 0, CRC_X, SIZE_X, SIZE_X);
    put_array(archive + LOCAL, 1, "\7");
    for (int i = 0; i < COUNT; i++)
        put_record(archive + AT + i * RECORD, 'x', 0, CRC_X, SIZE_X, SIZE_X, 0);
    put_end(archive + LENGTH - 22, COUNT, AT);
    const char *path = write_temporary(archive, LENGTH);
    tn_memory_reset_peak(ctx);
    int64_t live = tn_memory(ctx).live_bytes;
    ck_assert_ptr_null(tn_load_npz(ctx, path));
    check_error(TN_ERR_FORMAT,
                "load_npz: %: entry 'x', 75 bytes at byte 0, overlaps what is at byte 0", path);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, 8 * LENGTH);
    free(archive);
    remove_temporary();
}
END_TEST

/* Besides 256 KiB, 16 bytes for each byte of the file: here of as small arrays as there can be. */
START_TEST(tiny_arrays_take_little)
{
    enum { COUNT = 2000, STEP = LOCAL + 3 + SIZE_X, FULL = RECORD + 3, AT = COUNT * STEP };
    enum { LENGTH = AT + COUNT * FULL + 22 };
    unsigned char *archive = calloc(1, LENGTH);
    for (int i = 0; i < COUNT; i++) {
        unsigned char *local = archive + i * STEP, *record = archive + AT + i * FULL;
        char name[5];
        snprintf(name, sizeof name, "%04d", i);
        put_local(local, name[0], 0, CRC_X, SIZE_X, SIZE_X);
        put_number(local + 26, 2, 4);
        memcpy(local + LOCAL - 1, name, 4);
        put_array(local + LOCAL + 3, 1, "\7");
        put_record(record, name[0], 0, CRC_X, SIZE_X, SIZE_X, (uint64_t)(i * STEP));
        put_number(record + 28, 2, 4);
        memcpy(record + 46, name, 4);
    }
    put_end(archive + LENGTH - 22, COUNT, AT);
    put_number(archive + LENGTH - 22 + 12, 4, COUNT * FULL);
    const char *path = write_temporary(archive, LENGTH);
    tn_memory_reset_peak(ctx);
    int64_t live = tn_memory(ctx).live_bytes;
    ck_assert_int_eq(tn_dict_count(tn_load_npz(ctx, path)), COUNT);
    ck_tn_ok();
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, (256 << 10) + 16 * LENGTH);
    free(archive);
    remove_temporary();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zip");
    TCase *tc = tn_case(suite, "zip");
    tcase_add_loop_test(tc, reads_what_numpy_reads, 0, (int)(sizeof files / sizeof *files));
    tcase_add_loop_test(tc, survives_damage, 0, (int)(sizeof files / sizeof *files));
    tcase_add_test(tc, survives_without_memory);
    tcase_add_test(tc, reads_the_archive_made_here);
    tcase_add_loop_test(tc, says_what_is_wrong_with_an_archive, 0,
                        (int)(sizeof changes / sizeof *changes));
    tcase_add_loop_test(tc, checks_the_sizes_of_deflated_data, 0,
                        (int)(sizeof sizes / sizeof *sizes));
    tcase_add_test(tc, refuses_encrypted_arrays);
    tcase_add_test(tc, refuses_arrays_of_other_methods);
    tcase_add_loop_test(tc, refuses_damaged_beginnings, 0, 2);
    tcase_add_test(tc, checks_names);
    tcase_add_test(tc, sorts_entries);
    tcase_add_test(tc, end_records_in_numbers);
    tcase_add_test(tc, refuses_two_ends);
    tcase_add_loop_test(tc, checks_zip64, 0, (int)(sizeof changes64 / sizeof *changes64));
    tcase_add_test(tc, reads_long_names_and_extra_fields);
    tcase_add_test(tc, takes_what_begins_like_an_array_for_one);
    tcase_add_test(tc, overlapping_entries_cost_nothing);
    tcase_add_test(tc, tiny_arrays_take_little);
    return tn_run(suite);
}
