/* What a reader allocates is bounded by the size of the file, whatever the file claims. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include "common/check_tn.h"
#include "common/files.h"

/* The constants of docs/file-formats.md: bytes of memory for each byte of a file, and where a file
 * is compressed, for each byte of the tensors that it claims to hold. */
enum { FIXED = 256 * 1024, PER_BYTE = 24, PER_COMPRESSED_BYTE = 8 * 64 };

static tn_dict *load_safetensors(const char *path)
{
    return tn_load_safetensors(ctx, path);
}

static tn_dict *load_mat(const char *path)
{
    return tn_load_mat(ctx, path, (tn_mat_opts){0});
}

static tn_dict *load_idx(const char *path)
{
    tn_tensor *t = tn_load_idx(ctx, path);
    tn_dict *dict = t ? tn_dict_new(ctx) : NULL;
    if (dict)
        tn_dict_set(dict, "x", t);
    tn_free(t);
    return dict;
}

static void check_bound(const char *path, size_t size, tn_dict *(*load)(const char *path),
                        int64_t constant, bool loads)
{
    bool loaded;
    clock_t start = clock();
    int64_t bytes = memory_to_load(path, load, &loaded);
    double megabytes = effort(start);
    ck_assert_int_eq(loaded, loads);
    ck_assert_int_eq(tn_error_status(ctx), loads ? TN_OK : TN_ERR_FORMAT);
    tn_clear_error(ctx);
    ck_assert_msg(bytes <= FIXED + constant * (int64_t)size,
                  "%lld bytes for a file of %zu, %.1f each", (long long)bytes, size,
                  (double)bytes / (double)size);
    ck_assert_double_lt(megabytes, 10000);
}

/* ---- many tensors of next to nothing --------------------------------------------------------- */

enum { MANY = 100000 };

/* The shortest entries that there are. */
START_TEST(bounds_headers_of_safetensors)
{
    static unsigned char bytes[8 + 64 * MANY];
    char *p = (char *)bytes + 8;
    for (int i = 0; i < MANY; i++)
        p += sprintf(p, "%c\"%x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                     i ? ',' : '{', (unsigned)i);
    *p++ = _i ? ']' : '}';
    size_t size = (size_t)(p - (char *)bytes);
    put_number(bytes, 8, size - 8);
    check_bound(write_temporary(bytes, size), size, load_safetensors, PER_BYTE, _i == 0);
    remove_temporary();
}
END_TEST

/* Of 0 x 0 numbers, whose names are in the tags. */
START_TEST(bounds_arrays_of_mat)
{
    static unsigned char bytes[128 + 72 * MANY];
    memcpy(bytes + 124, "\0\1IM", 4);
    unsigned char *p = bytes + 128;
    for (int i = 0; i < MANY; i++, p += 64) {
        const uint32_t words[] = {14, 56, 6, 8, 9, 0, 5, 8, 0, 0, 1, 5, 0, 0, 2, 0};
        for (int k = 0; k < 16; k++)
            put_number(p + 4 * k, 4, words[k]);
        char name[6];
        snprintf(name, sizeof name, "%05x", (unsigned)i);
        memcpy(p + 48, name, 5);
    }
    size_t size = (size_t)(p - bytes);
    check_bound(write_temporary(bytes, size), size, load_mat, PER_BYTE, true);
    remove_temporary();
}
END_TEST

/* ---- numbers that are claimed, and are there or not ------------------------------------------ */

enum { ZEROS = 4 << 20 };

/* Zeros behind this header, compressed by gzip or zlib (window bits as zlib has them). */
static size_t compressed(const unsigned char *header, size_t size, int window_bits,
                         unsigned char *out, size_t room)
{
    unsigned char *all = calloc(1, size + ZEROS);
    memcpy(all, header, size);
    z_stream z = {
        .next_in = all, .avail_in = (uInt)(size + ZEROS), .next_out = out, .avail_out = (uInt)room};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    free(all);
    return z.total_out;
}

START_TEST(bounds_claims_of_idx)
{
    unsigned char header[8] = {0, 0, 8, 1}, bytes[8192];
    int64_t claim = ZEROS + _i;
    for (int i = 0; i < 4; i++)
        header[7 - i] = (unsigned char)(claim >> 8 * i);
    size_t size = compressed(header, sizeof header, 15 + 16, bytes, sizeof bytes);
    check_bound(write_temporary(bytes, size), size, load_idx, PER_COMPRESSED_BYTE / 8, _i == 0);
    remove_temporary();
}
END_TEST

/* Doubles that are stored as bytes: the tensor has eight times as many. */
START_TEST(bounds_claims_of_mat)
{
    const uint32_t count = ZEROS + 8 * (uint32_t)_i;
    const uint32_t words[] = {14, 48 + count, 6, 8, 6, 0, 5, 8, 1, count, 0x10001, 'x', 2, count};
    unsigned char header[56], bytes[8192] = {0};
    for (int k = 0; k < 14; k++)
        put_number(header + 4 * k, 4, words[k]);
    size_t size = compressed(header, sizeof header, 15, bytes + 136, sizeof bytes - 136);
    memcpy(bytes + 124, "\0\1IM", 4);
    put_number(bytes + 128, 4, 15);
    put_number(bytes + 132, 4, size);
    check_bound(write_temporary(bytes, 136 + size), 136 + size, load_mat, PER_COMPRESSED_BYTE,
                _i == 0);
    remove_temporary();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bounds");
    TCase *tc = tn_case(suite, "bounds");
    tcase_add_loop_test(tc, bounds_headers_of_safetensors, 0, 2);
    tcase_add_test(tc, bounds_arrays_of_mat);
    tcase_add_loop_test(tc, bounds_claims_of_idx, 0, 2);
    tcase_add_loop_test(tc, bounds_claims_of_mat, 0, 2);
    return tn_run(suite);
}
