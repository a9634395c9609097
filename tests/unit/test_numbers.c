/* Numbers as files store them: what does not fit is refused, and what is narrower is widened
 * exactly. Every type in either byte order is in test_npz.c, and what MATLAB stores in less room in
 * test_mat.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "io/numbers.h"

START_TEST(refuses_integers_beyond_63_bits)
{
    static const char bytes[] =
        "\x93NUMPY\1\0\70\0{'descr': '>u8', 'fortran_order': False, 'shape': (1,)}\n"
        "\200\0\0\0\0\0\0\1";
    const char *path = write_temporary(bytes, 10 + 56 + 8);
    ck_assert_ptr_null(tn_load_npy(ctx, path));
    check_error(TN_ERR_FORMAT,
                "load_npy: %: it holds 9223372036854775809, which is too large for i64", path);
    remove_temporary();
}
END_TEST

START_TEST(makes_booleans_0_or_1)
{
    static const char bytes[] =
        "\x93NUMPY\1\0\70\0{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}\n\0\1\2";
    tn_tensor *t = tn_load_npy(ctx, write_temporary(bytes, 10 + 56 + 3));
    ck_assert_int_eq(tn_dtype_of(t), TN_BOOL);
    ck_assert_mem_eq(tn_data(t), "\0\1\1", 3);
    remove_temporary();
}
END_TEST

START_TEST(widens_every_half)
{
    char bytes[128 + 2 * 65536] = "\x93NUMPY\1\0\166";
    snprintf(bytes + 10, 119, "%-118s",
             "{'descr': '<f2', 'fortran_order': False, "
             "'shape': (65536,), }");
    for (int i = 0; i < 65536; i++) {
        bytes[128 + 2 * i] = (char)(i & 0xff);
        bytes[129 + 2 * i] = (char)(i >> 8);
    }
    tn_tensor *t = tn_load_npy(ctx, write_temporary(bytes, sizeof bytes));
    ck_assert_str_eq(tn_error(ctx), "");
    const float *values = tn_data_f32(t);
    for (int i = 0; i < 65536; i++) {
        int exponent = i >> 10 & 31, fraction = i & 1023;
        float sign = i >> 15 ? -1.0f : 1.0f;
        if (exponent == 31)
            ck_assert(fraction ? isnan(values[i]) : values[i] == sign * INFINITY);
        else
            ck_assert_float_eq(values[i], sign * ldexpf((float)(fraction + (exponent ? 1024 : 0)),
                                                        (exponent ? exponent : 1) - 25));
        ck_assert(isnan(values[i]) || !signbit(values[i]) == !(i >> 15));
    }
    remove_temporary();
}
END_TEST

START_TEST(widens_every_bfloat)
{
    static unsigned char bytes[200 + 2 * 65536];
    int length = snprintf((char *)bytes + 8, 100, "%s",
                          "{\"x\":{\"dtype\":\"BF16\",\"shape\":[65536],"
                          "\"data_offsets\":[0,131072]}}");
    bytes[0] = (unsigned char)length;
    for (int i = 0; i < 65536; i++) {
        bytes[8 + length + 2 * i] = (unsigned char)(i & 0xff);
        bytes[9 + length + 2 * i] = (unsigned char)(i >> 8);
    }
    tn_dict *dict = tn_load_safetensors(ctx, write_temporary(bytes, (size_t)(8 + length + 131072)));
    ck_tn_ok();
    const float *values = tn_data_f32(tn_dict_get(dict, "x"));
    for (uint32_t i = 0; i < 65536; i++) {
        float expected;
        memcpy(&expected, &(uint32_t){i << 16}, sizeof expected);
        ck_assert(isnan(expected) ? isnan(values[i])
                                  : memcmp(&expected, &values[i], sizeof expected) == 0);
    }
    remove_temporary();
}
END_TEST

/* A number, least significant byte first, and what it is. */
static const struct {
    tn__number number;
    const char *name;
    tn_dtype dtype;
    unsigned char bytes[8];
    double value;
} numbers[] = {
    {{TN__UNSIGNED, 1, false}, "u8", TN_U8, {0xfe}, 254},
    {{TN__UNSIGNED, 2, false}, "u16", TN_I32, {0x34, 0xf2}, 62004},
    {{TN__UNSIGNED, 4, false}, "u32", TN_I64, {0x78, 0x56, 0x34, 0xf2}, 4063516280},
    {{TN__UNSIGNED, 8, false}, "u64", TN_I64, {0, 8, 7, 6, 5, 4, 3}, 848844552603648},
    {{TN__SIGNED, 1, false}, "i8", TN_I32, {0xfe}, -2},
    {{TN__SIGNED, 2, false}, "i16", TN_I32, {0x34, 0xf2}, -3532},
    {{TN__SIGNED, 4, false}, "i32", TN_I32, {0x78, 0x56, 0x34, 0xf2}, -231451016},
    {{TN__SIGNED, 8, false}, "i64", TN_I64, {1, 2, 3, 4, 5, 6, 0xe0, 0xff}, -9000580642831871},
    {{TN__FLOAT, 2, false}, "f16", TN_F32, {0x01, 0xc5}, -5.00390625},
    {{TN__FLOAT, 4, false}, "f32", TN_F32, {1, 2, 3, 0xc4}, -524.0313110351562},
    {{TN__FLOAT, 8, false}, "f64", TN_F64, {1, 2, 3, 4, 5, 6, 7, 0xc0}, -2.8779392541330258},
    {{TN__LOGICAL, 1, false}, "bool", TN_BOOL, {1}, 1},
    {{TN__BFLOAT, 2, false}, "bf16", TN_F32, {0x12, 0xc1}, -9.125},
};

/* The number of a row, zero and the number again, in the order that `type` says. */
static void spell(int row, tn__number type, unsigned char bytes[24])
{
    memset(bytes, 0, 24);
    for (int i = 0; i < type.size; i++) {
        int at = type.big_endian ? type.size - 1 - i : i;
        bytes[at] = bytes[2 * type.size + at] = numbers[row].bytes[i];
    }
}

/* How many bytes of a file of three numbers a tensor of four took. */
static int64_t read_three(tn_tensor *t, tn__number type, const unsigned char *bytes)
{
    tn__file file;
    ck_assert(tn__file_open(&file, ctx, "test", write_temporary(bytes, 3 * (size_t)type.size)));
    tn__stream *s = tn__stream_new(&file, 0, file.size, TN__PLAIN);
    int64_t used = tn__read_numbers(s, t, type, false);
    tn__stream_free(s);
    tn__file_close(&file);
    remove_temporary();
    return used;
}

/* Into its own dtype, which may be done in place, and into another, from memory and from a file. */
START_TEST(reads_every_type)
{
    const int row = _i / 2;
    const double value = numbers[row].value;
    tn__number type = numbers[row].number;
    tn__file none = {.ctx = ctx, .what = "test", .path = "path"};
    unsigned char bytes[24];
    type.big_endian = _i % 2;
    spell(row, type, bytes);
    ck_assert_str_eq(tn__number_name(type), numbers[row].name);
    ck_assert_int_eq(tn__number_dtype(type), numbers[row].dtype);
    for (int k = 0; k < 2; k++) {
        tn_tensor *t = tn_zeros(ctx, k ? TN_F64 : numbers[row].dtype, 1, (int64_t[]){4});
        tn__filler f = tn__filler_new(t, type, false);
        ck_assert(tn__filler_put(&none, &f, bytes, 3));
        ck_tn_equal(t, value, 0, value, 0);
        t = tn_zeros(ctx, k ? TN_F64 : numbers[row].dtype, 1, (int64_t[]){4});
        ck_assert_int_eq(read_three(t, type, bytes), 3 * type.size);
        ck_tn_equal(t, value, 0, value, 0);
    }
}
END_TEST

/* The first index changes fastest in the file. */
START_TEST(reads_columns)
{
    static const unsigned char bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
    tn__file none = {.ctx = ctx, .what = "test", .path = "path"};
    tn_tensor *t = tn_zeros(ctx, _i ? TN_F32 : TN_U8, 3, (int64_t[]){2, 2, 2});
    tn__filler f = tn__filler_new(t, (tn__number){TN__UNSIGNED, 1, false}, true);
    ck_assert(tn__filler_put(&none, &f, bytes, 8));
    ck_tn_equal(t, 1, 5, 3, 7, 2, 6, 4, 8);
}
END_TEST

START_TEST(reads_files_of_columns)
{
    static const char bytes[] =
        "\x93NUMPY\1\0\70\0{'descr': '|u1', 'fortran_order': True, 'shape': (2,3)}\n\1\2\3\4\5\6";
    tn_tensor *t = tn_load_npy(ctx, write_temporary(bytes, 10 + 56 + 6));
    ck_tn_ok();
    ck_tn_equal(t, 1, 3, 5, 2, 4, 6);
    remove_temporary();
}
END_TEST

START_TEST(refuses_arrays_that_are_too_large)
{
    static const char bytes[] = "\x93NUMPY\1\0\111\0{'descr': '<u2', 'fortran_order': False, "
                                "'shape': (4611686018427387904,)}";
    const char *path = write_temporary(bytes, sizeof bytes - 1);
    ck_assert_ptr_null(tn_load_npy(ctx, path));
    check_error(TN_ERR_FORMAT,
                "load_npy: %: header says [4611686018427387904] of u16, which is too large", path);
    remove_temporary();
}
END_TEST

/* Rows of more numbers than are written at a time. */
START_TEST(writes_what_is_not_contiguous)
{
    tn_tensor *t = tn_arange(ctx, TN_F32, 0, 20000, 1);
    tn_tensor *turned = tn_transpose(ctx, tn_reshape(ctx, t, 2, (int64_t[]){10000, 2}), 0, 1);
    const char *path = write_temporary("", 0);
    ck_assert_int_eq(tn_save_npy(ctx, turned, path), TN_OK);
    check_same_bits(tn_load_npy(ctx, path), tn_contiguous(ctx, turned));
    remove_temporary();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("numbers");
    TCase *tc = tn_case(suite, "numbers");
    tcase_add_test(tc, refuses_integers_beyond_63_bits);
    tcase_add_test(tc, makes_booleans_0_or_1);
    tcase_add_test(tc, widens_every_half);
    tcase_add_test(tc, widens_every_bfloat);
    tcase_add_loop_test(tc, reads_every_type, 0, 2 * (int)(sizeof numbers / sizeof *numbers));
    tcase_add_loop_test(tc, reads_columns, 0, 2);
    tcase_add_test(tc, reads_files_of_columns);
    tcase_add_test(tc, refuses_arrays_that_are_too_large);
    tcase_add_test(tc, writes_what_is_not_contiguous);
    return tn_run(suite);
}
