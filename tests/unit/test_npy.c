/* NPY files: headers, types, and files that are damaged. */
#define _FILE_OFFSET_BITS 64
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"

static bool load(const char *path)
{
    tn_tensor *t = tn_load_npy(ctx, path);
    tn_free(t);
    return t != NULL;
}

/* ---- .npy ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    tn_dtype dtype;
    const char *shape;
} arrays[] = {
    {"c.npy", TN_F32, "[2,3,4]"},
    {"fortran.npy", TN_F64, "[2,3,4]"},
    {"fortran_big.npy", TN_I32, "[2,3,4]"},
    {"v2.npy", TN_U8, "[5]"},
    {"v3.npy", TN_U8, "[5]"},
    {"empty.npy", TN_I64, "[0,3]"},
};

#define ARRAYS ((int)(sizeof arrays / sizeof *arrays))

/* Each counts from 0 in row-major order. */
START_TEST(reads_arrays)
{
    tn_tensor *t = tn_load_npy(ctx, data_path(arrays[_i].name));
    ck_assert_str_eq(tn_error(ctx), "");
    ck_assert_int_eq(tn_dtype_of(t), arrays[_i].dtype);
    ck_assert_str_eq(TN_SHAPE_TEXT(t), arrays[_i].shape);
    ck_assert(tn_is_contiguous(t));
    int64_t n = tn_numel(t);
    for (int64_t i = 0; i < n; i++) {
        int64_t index[3] = {i / 12, i / 4 % 3, i % 4};
        ck_assert_double_eq(tn_at(ctx, t, tn_ndim(t) == 1 ? &i : index), (double)i);
    }
}
END_TEST

START_TEST(reads_a_scalar)
{
    tn_tensor *t = tn_load_npy(ctx, data_path("scalar.npy"));
    ck_assert_str_eq(TN_SHAPE_TEXT(t), "[]");
    ck_assert_double_eq(tn_item(ctx, t), 2.5);
}
END_TEST

static const struct {
    const char *name, *error;
} refused[] = {
    {"object.npy", "load_npy: %: arrays of Python objects, '|O' cannot be read"},
    {"text.npy", "load_npy: %: arrays of '<U2' cannot be read"},
    {"struct.npy", "load_npy: %: arrays of structures cannot be read"},
    {"u1.idx", "load_npy: %: not an .npy file: it does not begin with \\x93NUMPY"},
};

START_TEST(refuses_other_types)
{
    ck_assert_ptr_null(tn_load_npy(ctx, data_path(refused[_i].name)));
    check_error(TN_ERR_FORMAT, refused[_i].error, data_path(refused[_i].name));
}
END_TEST

/* Headers, followed by 12 bytes; no error means that they are [3] of i32. */
static const struct {
    const char *header, *error;
} headers[] = {
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (3,)}", NULL},
    {"{'shape':(3 , ),\"fortran_order\":True,'descr':\"<i4\",}  \n", NULL},
    {" { 'descr' : '<i4' , 'fortran_order' : False , 'shape' : ( 3L , ) , }\n", NULL},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (4,)}",
     "load_npy: %: header says [4] of i32, 16 bytes, but the file holds 12"},
    {"{'descr': '|u1', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of u8, 20 bytes, but the file holds 12"},
    {"{'descr': '|i1', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of i8, 20 bytes, but the file holds 12"},
    {"{'descr': '|b1', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of bool, 20 bytes, but the file holds 12"},
    {"{'descr': '<u2', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of u16, 40 bytes, but the file holds 12"},
    {"{'descr': '<i2', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of i16, 40 bytes, but the file holds 12"},
    {"{'descr': '<f2', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of f16, 40 bytes, but the file holds 12"},
    {"{'descr': '<u4', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of u32, 80 bytes, but the file holds 12"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of f32, 80 bytes, but the file holds 12"},
    {"{'descr': '<u8', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of u64, 160 bytes, but the file holds 12"},
    {"{'descr': '<i8', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of i64, 160 bytes, but the file holds 12"},
    {"{'descr': '<f8', 'fortran_order': False, 'shape': (20,)}",
     "load_npy: %: header says [20] of f64, 160 bytes, but the file holds 12"},
    {"{'descr': '<i2', 'fortran_order': True, 'shape': (1, 2)}",
     "load_npy: %: header says [1,2] of i16, 4 bytes, but the file holds 12"},
    {"{'descr': '|i4', 'fortran_order': False, 'shape': (3,)}",
     "load_npy: %: arrays of '|i4' do not say their byte order"},
    {"{'descr': '=i4', 'fortran_order': False, 'shape': (3,)}",
     "load_npy: %: arrays of '=i4' do not say their byte order"},
    {"{'descr': 'i4', 'fortran_order': False, 'shape': (3,)}",
     "load_npy: %: arrays of 'i4' do not say their byte order"},
    {"{'descr': '<i', 'fortran_order': False, 'shape': (3,)}", NULL},
    {"{u'descr': U\"<i4\", u'fortran_order': False, u'shape': (3,)}", NULL},
    {"{\t'shape':\r\n(3,)\t,'fortran_order'\n:False,\f'descr':'<i4'}", NULL},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (3)}",
     "load_npy: %: header: ',' is expected at byte 52 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (03,)}",
     "load_npy: %: header: a size is expected at byte 51 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (,)}",
     "load_npy: %: header: a size is expected at byte 51 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (3,), 'shape': (3,)}",
     "load_npy: %: header: a second key 'shape'"},
    {"{'descr': '<i4', 'descr': '<i4'}", "load_npy: %: header: a second key 'descr'"},
    {"{'fortran_order': True, 'fortran_order': True}",
     "load_npy: %: header: a second key 'fortran_order'"},
    {"{'de\\163cr': '<i4'}", "load_npy: %: header: unknown key 'de\\163cr'"},
    {"{b'descr': '<i4'}", "load_npy: %: header: a string is expected at byte 1 of its dictionary"},
    {"{'descr': '<V2', 'fortran_order': False, 'shape': (6,)}",
     "load_npy: %: arrays of raw bytes, as which NumPy saves bfloat16, '<V2' cannot be read"},
    {"{'descr': '<', 'fortran_order': False, 'shape': (3,)}",
     "load_npy: %: arrays of '<' cannot be read"},
    {"{'descr': '', 'fortran_order': False, 'shape': (3,)}",
     "load_npy: %: arrays of '' cannot be read"},
    {"{'descr': '<c8', 'fortran_order': False, 'shape': (3,)}",
     "load_npy: %: arrays of '<c8' cannot be read"},
    {"{'descr': '<i4', 'fortran_order': 0, 'shape': (3,)}",
     "load_npy: %: header: True or False is expected at byte 34 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': 3}",
     "load_npy: %: header: '(' is expected at byte 50 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (-3,)}",
     "load_npy: %: header: a size is expected at byte 51 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (3;)}",
     "load_npy: %: header: ',' or ')' is expected at byte 52 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
     "load_npy: %: header: a size of 63 bits is expected at byte 69 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (9999999999999999999,)}",
     "load_npy: %: header: a size of 63 bits is expected at byte 69 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (9223372036854775799,)}",
     "load_npy: %: header says [9223372036854775799] of i32, which is too large"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (1073741823, 1073741824)}",
     "load_npy: %: header says [1073741823,1073741824] of i32, 4611686014132420608 bytes, but the "
     "file holds 12"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (1073741824, 1073741824)}",
     "load_npy: %: header says [1073741824,1073741824] of i32, which is too large"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
     "load_npy: %: header says [4611686018427387904,4] of i32, which is too large"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4)}",
     "load_npy: %: header says [0,4611686018427387904,4] of i32, which is too large"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,3)}",
     "load_npy: %: it has more than 8 dimensions"},
    {"{'descr': '<i4', 'fortran_order': False}", "load_npy: %: header: no 'shape'"},
    {"{'shape': (3,), 'fortran_order': False}", "load_npy: %: header: no 'descr'"},
    {"{'descr': '<i4', 'shape': (3,)}", "load_npy: %: header: no 'fortran_order'"},
    {"{'descr': '<i4', 'order': 'C'}", "load_npy: %: header: unknown key 'order'"},
    {"{'descr' '<i4'}", "load_npy: %: header: ':' is expected at byte 9 of its dictionary"},
    {"{'descr': '<i4' 'shape': (3,)}",
     "load_npy: %: header: ',' or '}' is expected at byte 16 of its dictionary"},
    {"{descr: '<i4'}", "load_npy: %: header: a string is expected at byte 1 of its dictionary"},
    {"{'descr", "load_npy: %: header: a string is expected at byte 1 of its dictionary"},
    {"('descr', '<i4')", "load_npy: %: header: '{' is expected at byte 0 of its dictionary"},
    {"{'descr': '<i4', 'fortran_order': False, 'shape': (3,)} x",
     "load_npy: %: header: the end is expected at byte 56 of its dictionary"},
    {"{'one\ntwo': 3}", "load_npy: %: header: unknown key 'one?two'"},
};

/* Every name of a type that has one meaning, without numbers. */
static const struct {
    const char *code;
    tn_dtype dtype;
} codes[] = {
    {"?", TN_BOOL},   {"|?", TN_BOOL}, {"b1", TN_BOOL}, {"<b1", TN_BOOL},  {"b", TN_I32},
    {"i1", TN_I32},   {"=i1", TN_I32}, {"B", TN_U8},    {">B", TN_U8},     {"u1", TN_U8},
    {"<h", TN_I32},   {">H", TN_I32},  {"<I", TN_I64},  {"<q", TN_I64},    {">Q", TN_I64},
    {"<e", TN_F32},   {"<f", TN_F32},  {">d", TN_F64},  {"bool", TN_BOOL}, {"uint8", TN_U8},
    {"int8", TN_I32},
};

START_TEST(knows_the_names_of_types)
{
    char bytes[128] = "\x93NUMPY\1";
    int size = snprintf(bytes + 10, 100, "{'descr': '%s', 'fortran_order': False, 'shape': (0,)}",
                        codes[_i].code);
    bytes[8] = (char)size;
    tn_tensor *t = tn_load_npy(ctx, write_temporary(bytes, (size_t)(10 + size)));
    ck_tn_ok();
    ck_assert_int_eq(tn_dtype_of(t), codes[_i].dtype);
    remove_temporary();
}
END_TEST

/* What is behind a zero byte counts, too. */
START_TEST(refuses_a_zero_byte)
{
    static const char bytes[] =
        "\x93NUMPY\1\0\72\0{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}\0}\n\7";
    const char *path = write_temporary(bytes, 10 + 58 + 1);
    ck_assert_ptr_null(tn_load_npy(ctx, path));
    check_error(TN_ERR_FORMAT, "load_npy: %: header: byte 55 of its dictionary is zero", path);
    remove_temporary();
}
END_TEST

/* NumPy reads no header of more than 10000 bytes. Memory is not taken for one. */
START_TEST(refuses_a_header_of_4_gigabytes)
{
    static const char *const texts[] = {"\x93NUMPY\2\0\377\377\377\377{",
                                        "\x93NUMPY\2\0\21\47\0\0{"};
    static const char *const errors[] = {
        "load_npy: %: header: 4294967295 bytes, but NumPy reads no more than 10000",
        "load_npy: %: header: 10001 bytes, but NumPy reads no more than 10000"};
    const char *path = write_temporary(texts[_i], 13);
    ck_assert_int_eq(truncate(path, 4294967295 + 100), 0);
    tn_memory_reset_peak(ctx);
    int64_t live = tn_memory(ctx).live_bytes;
    ck_assert_ptr_null(tn_load_npy(ctx, path));
    check_error(TN_ERR_FORMAT, errors[_i], path);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, 1 << 16);
    remove_temporary();
}
END_TEST

/* Nothing of the longest one is cut off. */
START_TEST(reads_a_header_of_10000_bytes)
{
    char bytes[10 + 10000 + 1] = "\x93NUMPY\1\0\20\47";
    snprintf(bytes + 10, sizeof bytes - 10, "%-9999s}",
             "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)");
    bytes[10010] = 7;
    tn_tensor *t = tn_load_npy(ctx, write_temporary(bytes, sizeof bytes));
    ck_tn_ok();
    ck_tn_equal(t, 7);
    remove_temporary();
}
END_TEST

START_TEST(parses_headers)
{
    static const char numbers[12] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0};
    char bytes[256] = "\x93NUMPY\1";
    size_t size = strlen(headers[_i].header);
    bytes[8] = (char)size;
    memcpy(bytes + 10, headers[_i].header, size);
    memcpy(bytes + 10 + size, numbers, 12);
    const char *path = write_temporary(bytes, size + 22);
    tn_tensor *t = tn_load_npy(ctx, path);
    if (headers[_i].error) {
        ck_assert_ptr_null(t);
        check_error(TN_ERR_FORMAT, headers[_i].error, path);
    } else {
        ck_assert_str_eq(tn_error(ctx), "");
        ck_assert_int_eq(tn_dtype_of(t), TN_I32);
        ck_assert_str_eq(TN_SHAPE_TEXT(t), "[3]");
        ck_assert_double_eq(tn_at(ctx, t, (int64_t[]){2}), 3);
    }
    remove_temporary();
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
    const char *error;
} preambles[] = {
    {"\x93NUMPY\4\0\10\0\0\0{}      ", 20, "load_npy: %: version 4.0 of .npy cannot be read"},
    {"\x93NUMPY\0\0\10\0{}      ", 18, "load_npy: %: version 0.0 of .npy cannot be read"},
    {"\x93NUMPY\1\1\10\0{}      ", 18, "load_npy: %: version 1.1 of .npy cannot be read"},
    {"\x93NUMPY\1\0\0\0", 10, "load_npy: %: header: '{' is expected at byte 0 of its dictionary"},
    {"\x93NUMPY\1\0\11\0{}      ", 18,
     "load_npy: %: header: 9 bytes are promised, but the file holds 8"},
    {"\x93NUMPY\2\0\377\377\377\377{}", 14,
     "load_npy: %: header: 4294967295 bytes are promised, but the file holds 2"},
};

START_TEST(checks_the_preamble)
{
    const char *path = write_temporary(preambles[_i].bytes, preambles[_i].size);
    ck_assert_ptr_null(tn_load_npy(ctx, path));
    check_error(TN_ERR_FORMAT, preambles[_i].error, path);
    remove_temporary();
}
END_TEST

START_TEST(refuses_every_prefix)
{
    ck_assert_int_eq(load_prefixes("c.npy", load, 1), 0);
    ck_assert_int_eq(load_prefixes("fortran.npy", load, 1), 0);
    ck_assert_int_eq(load_prefixes("fortran_big.npy", load, 2), 0);
    ck_assert_int_eq(load_prefixes("v3.npy", load, 1), 0);
}
END_TEST

START_TEST(survives_damage)
{
    load_damaged("c.npy", load, 8);
    load_damaged("fortran_big.npy", load, 8);
    load_damaged("v2.npy", load, 8);
}
END_TEST

START_TEST(survives_without_memory)
{
    load_without_memory("fortran.npy", load);
}
END_TEST

START_TEST(reports_the_system)
{
    refuse_paths("load_npy", load, "c.npy");
    ck_assert_ptr_null(tn_load_npy(NULL, data_path("c.npy")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("npy");
    TCase *tc = tn_case(suite, "npy");
    tcase_add_loop_test(tc, reads_arrays, 0, ARRAYS);
    tcase_add_test(tc, reads_a_scalar);
    tcase_add_loop_test(tc, refuses_other_types, 0, (int)(sizeof refused / sizeof *refused));
    tcase_add_loop_test(tc, parses_headers, 0, (int)(sizeof headers / sizeof *headers));
    tcase_add_loop_test(tc, knows_the_names_of_types, 0, (int)(sizeof codes / sizeof *codes));
    tcase_add_test(tc, refuses_a_zero_byte);
    tcase_add_loop_test(tc, refuses_a_header_of_4_gigabytes, 0, 2);
    tcase_add_test(tc, reads_a_header_of_10000_bytes);
    tcase_add_loop_test(tc, checks_the_preamble, 0, (int)(sizeof preambles / sizeof *preambles));
    tcase_add_test(tc, refuses_every_prefix);
    tcase_add_test(tc, survives_damage);
    tcase_add_test(tc, survives_without_memory);
    tcase_add_test(tc, reports_the_system);
    return tn_run(suite);
}
