/* Compressed files, as IDX files in gzip: whole, cut, damaged, padded, and with other sizes than
 * they say. Deflate in archives is in test_zip.c, and in elements of MAT-files in test_mat.c. */
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "io/stream.h"

static bool load(const char *path)
{
    tn_tensor *t = tn_load_idx(ctx, path);
    tn_free(t);
    return t != NULL;
}

START_TEST(reads_gzip)
{
    tn_tensor *t = tn_load_idx(ctx, data_path(_i ? "members.idx.gz" : "cube.idx.gz"));
    ck_assert_int_eq(tn_dtype_of(t), TN_U8);
    ck_assert_str_eq(TN_SHAPE_TEXT(t), "[2,3,4]");
    for (int i = 0; i < 24; i++)
        ck_assert_int_eq(((const uint8_t *)tn_data(t))[i], i);
}
END_TEST

START_TEST(refuses_every_prefix)
{
    ck_assert_int_eq(load_prefixes("cube.idx.gz", load, 1032), 0);
    ck_assert_int_eq(load_prefixes("members.idx.gz", load, 1032), 0);
}
END_TEST

START_TEST(survives_damage)
{
    load_damaged("cube.idx.gz", load, 1032);
    load_damaged("members.idx.gz", load, 1032);
}
END_TEST

static const struct {
    const char *bytes, *error;
} bad[] = {
    {"\37\213\10\0\0\0\0\0\0\377", "load_idx: %: the compressed data is cut off"},
    {"\37\213\7\0\0\0\0\0\0\377",
     "load_idx: %: the compressed data is damaged (unknown compression method)"},
};

START_TEST(says_what_is_wrong)
{
    const char *path = write_temporary(bad[_i].bytes, 10);
    ck_assert_ptr_null(tn_load_idx(ctx, path));
    check_error(TN_ERR_FORMAT, bad[_i].error, path);
    remove_temporary();
}
END_TEST

/* In gzip, stored: four numbers where five are promised, or three, or more than the file can
 * hold. */
START_TEST(says_how_much_gzip_holds)
{
    static const char head[] = "\37\213\10\0\0\0\0\0\0\377";
    static const struct {
        const char *deflated, *error;
        size_t size;
    } files[] = {
        {"\1\14\0\363\377\0\0\10\1\0\0\0\5abcd\245\17\137\173\14\0\0\0",
         "load_idx: %: header says [5] of u8, 5 bytes, but the file holds 4", 25},
        {"\1\14\0\363\377\0\0\10\1\0\0\0\3abcd\5\372\37\364\14\0\0\0",
         "load_idx: %: header says [3] of u8, 3 bytes, but the file holds 4", 25},
        {"\1\14\0\363\377\0\0\10\1\1\0\0\3abcd\0\0\0\0\14\0\0\0",
         "load_idx: %: header says [16777219] of u8, 16777219 bytes, but the file holds at most "
         "36112",
         25},
    };
    unsigned char bytes[64];
    memcpy(bytes, head, 10);
    memcpy(bytes + 10, files[_i].deflated, files[_i].size);
    const char *path = write_temporary(bytes, 10 + files[_i].size);
    ck_assert_ptr_null(tn_load_idx(ctx, path));
    check_error(TN_ERR_FORMAT, files[_i].error, path);
    remove_temporary();
}
END_TEST

/* gzip and Python pass over zeros at the end, in any number. Of zeros before another member they
 * think differently, and other bytes are no member. */
START_TEST(passes_over_padding_of_gzip)
{
    static const int paddings[] = {1, 2, 3, 511, 100000};
    size_t size, size_of_other;
    unsigned char *file = read_bytes(data_path("cube.idx.gz"), &size);
    unsigned char *other = read_bytes(data_path("members.idx.gz"), &size_of_other);
    unsigned char *bytes = calloc(1, size + 100000 + size_of_other);
    memcpy(bytes, file, size);
    size_t padded = size + (size_t)paddings[_i];
    tn_tensor *t = tn_load_idx(ctx, write_temporary(bytes, padded));
    ck_tn_ok();
    ck_tn_shape(t, "[2,3,4]");
    bytes[padded - 1] = 'x';
    const char *path = write_temporary(bytes, padded);
    ck_assert_ptr_null(tn_load_idx(ctx, path));
    if (_i == 0)
        check_error(TN_ERR_FORMAT, "load_idx: %: the compressed data is cut off", path);
    else
        check_error(TN_ERR_FORMAT,
                    "load_idx: %: zeros follow the end of the compressed data, and then others",
                    path);
    tn_clear_error(ctx);
    memcpy(bytes + padded - 1, other, size_of_other);
    ck_assert_int_eq(tn_load_idx(ctx, write_temporary(bytes, padded - 1 + size_of_other)) != NULL,
                     false);
    tn_clear_error(ctx);
    free(bytes);
    free(other);
    free(file);
    remove_temporary();
}
END_TEST

START_TEST(survives_without_memory)
{
    load_without_memory("cube.idx.gz", load);
}
END_TEST

/* ---- streams --------------------------------------------------------------------------------- */

static tn__file file;

/* A stream of all that a file with these bytes holds. */
static tn__stream *stream_of(const void *bytes, size_t size, tn__coding coding)
{
    ck_assert(tn__file_open(&file, ctx, "test", write_temporary(bytes, size)));
    tn__stream *s = tn__stream_new(&file, 0, file.size, coding);
    ck_tn_ok();
    return s;
}

static void close_stream(tn__stream *s)
{
    tn__stream_free(s);
    tn__file_close(&file);
    remove_temporary();
}

START_TEST(plain_streams_are_exact)
{
    char bytes[6] = "";
    tn__stream *s = stream_of("0123456789", 10, TN__PLAIN);
    ck_assert(tn__stream_is_exact(s));
    ck_assert_int_eq(tn__stream_left(s), 10);
    ck_assert(tn__stream_promise(s, 10));
    ck_assert(!tn__stream_promise(s, 9));
    check_error(TN_ERR_FORMAT, "test: %: 9 bytes are promised, but the file holds 10", file.path);
    ck_assert(tn__stream_confirm(s, INT64_MAX));
    ck_assert(tn__stream_skip(s, 3) && tn__stream_take(s, bytes, 5));
    ck_assert_str_eq(bytes, "34567");
    ck_assert_int_eq(tn__stream_left(s), 2);
    ck_assert_int_eq(tn__stream_drain(s), 2);
    ck_assert(!tn__stream_skip(s, 1));
    check_error(TN_ERR_FORMAT, "test: %: the data ends after 10 bytes, where 1 more are expected",
                file.path);
    close_stream(s);
}
END_TEST

START_TEST(says_that_a_file_has_become_shorter)
{
    char bytes[10];
    tn__stream *s = stream_of("0123456789", 10, TN__PLAIN);
    ck_assert_int_eq(truncate(file.path, 5), 0);
    ck_assert_int_eq(tn__stream_read(s, bytes, 10), -1);
    check_error(TN_ERR_FORMAT, "test: %: the file has become shorter than 10 bytes", file.path);
    close_stream(s);
}
END_TEST

/* Data that becomes a thousand times longer: with a promise that it keeps, with others, and with
 * none. */
START_TEST(confirms_what_is_promised)
{
    static const struct {
        int64_t promise, confirmed;
        const char *error;
    } promises[] = {
        {100000, 100000, NULL},
        {-1, 100000, NULL},
        {99999, 0, "test: %: the compressed data holds more than the 99999 bytes promised"},
        {100001, 0, "test: %: the compressed data holds 100000 bytes, not the 100001 promised"},
    };
    static unsigned char bytes[100000], packed[1000];
    uLongf size = sizeof packed;
    ck_assert_int_eq(compress(packed, &size, bytes, sizeof bytes), Z_OK);
    tn__stream *s = stream_of(packed, size, TN__ZLIB);
    ck_assert(promises[_i].promise < 0 || tn__stream_promise(s, promises[_i].promise));
    ck_assert_int_eq(tn__stream_confirm(s, 90000), !promises[_i].error);
    if (promises[_i].error)
        check_error(TN_ERR_FORMAT, promises[_i].error, file.path);
    else
        ck_assert_int_eq(tn__stream_left(s), promises[_i].confirmed);
    close_stream(s);
}
END_TEST

START_TEST(keeps_to_the_promise)
{
    unsigned char packed[100], bytes[10];
    uLongf size = sizeof packed;
    ck_assert_int_eq(compress(packed, &size, (const unsigned char *)"0123456789", 10), Z_OK);
    tn__stream *s = stream_of(packed, size, TN__ZLIB);
    ck_assert(!tn__stream_is_exact(s));
    ck_assert(tn__stream_promise(s, 9));
    ck_assert_int_eq(tn__stream_read(s, bytes, 10), 9);
    ck_assert_int_eq(tn__stream_drain(s), -1);
    check_error(TN_ERR_FORMAT, "test: %: the compressed data holds more than the 9 bytes promised",
                file.path);
    close_stream(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tc = tn_case(suite, "stream");
    tcase_add_loop_test(tc, reads_gzip, 0, 2);
    tcase_add_test(tc, refuses_every_prefix);
    tcase_add_test(tc, survives_damage);
    tcase_add_loop_test(tc, says_what_is_wrong, 0, 2);
    tcase_add_loop_test(tc, says_how_much_gzip_holds, 0, 3);
    tcase_add_loop_test(tc, passes_over_padding_of_gzip, 0, 5);
    tcase_add_test(tc, survives_without_memory);
    tcase_add_test(tc, plain_streams_are_exact);
    tcase_add_test(tc, says_that_a_file_has_become_shorter);
    tcase_add_loop_test(tc, confirms_what_is_promised, 0, 4);
    tcase_add_test(tc, keeps_to_the_promise);
    return tn_run(suite);
}
