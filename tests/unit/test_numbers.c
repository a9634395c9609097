/* Numbers as files store them: what does not fit is refused, and what is narrower is widened
 * exactly. Every type in either byte order is in test_npz.c, and what MATLAB stores in less room in
 * test_mat.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "common/check_tn.h"
#include "common/files.h"

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

int main(void)
{
    Suite *suite = suite_create("numbers");
    TCase *tc = tn_case(suite, "numbers");
    tcase_add_test(tc, refuses_integers_beyond_63_bits);
    tcase_add_test(tc, makes_booleans_0_or_1);
    tcase_add_test(tc, widens_every_half);
    tcase_add_test(tc, widens_every_bfloat);
    return tn_run(suite);
}
