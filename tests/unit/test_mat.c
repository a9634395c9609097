/* MAT files: every type and storage, compressed or not, and files that are damaged. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include "common/check_tn.h"
#include "common/files.h"

static bool load(const char *path)
{
    tn_dict *dict = tn_load_mat(ctx, path, (tn_mat_opts){0});
    tn_dict_free(dict);
    return dict != NULL;
}

static const char *const files[] = {"types.mat", "compressed.mat", "little.mat", "big.mat"};

static void check_values(const tn_tensor *t, tn_dtype dtype, int64_t columns, int64_t n,
                         const double *values)
{
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(tn_dtype_of(t), dtype);
    ck_assert_int_eq(tn_ndim(t), 2);
    ck_assert_int_eq(tn_size(t, 1), columns);
    ck_assert_int_eq(tn_numel(t), n);
    for (int64_t i = 0; i < n; i++) {
        double value = tn_at(ctx, t, (int64_t[]){i / columns, i % columns});
        ck_assert(value == values[i] || (isnan(value) && isnan(values[i])));
    }
}

/* Of each file, from SciPy and made by hand in both byte orders. */
START_TEST(reads_every_type)
{
    tn_dict *dict = tn_load_mat(ctx, data_path(files[_i]), (tn_mat_opts){0});
    ck_assert_str_eq(tn_error(ctx), "");
    for (int i = 0; i < MATLAB_TYPES; i++)
        check_values(tn_dict_get(dict, number_types[i].name), number_types[i].dtype, 3, 6,
                     number_types[i].values);
    ck_assert_str_eq(tn_dict_name(dict, 0), "i1");
    ck_assert_int_eq(tn_data_i64(tn_dict_get(dict, "i8"))[0], INT64_MIN);
    ck_assert_int_eq(tn_data_i64(tn_dict_get(dict, "u8"))[5], INT64_MAX);
    ck_assert_int_eq(tn_memory(ctx).tensors, tn_dict_count(dict));
}
END_TEST

START_TEST(reads_other_arrays)
{
    tn_dict *dict = tn_load_mat(ctx, data_path(files[_i]), (tn_mat_opts){0});
    ck_assert_int_eq(tn_dict_count(dict), MATLAB_TYPES + 5);
    check_values(tn_dict_get(dict, "b1"), TN_BOOL, 3, 6, (double[]){1, 0, 0, 1, 1, 0});
    check_values(tn_dict_get(dict, "text"), TN_U8, 3, 3, (double[]){'a', 'b', 'c'});
    check_values(tn_dict_get(dict, "umlaut"), TN_I32, 4, 4, (double[]){'a', 0xe4, 0x20ac, 0x1f600});
    ck_assert_str_eq(TN_SHAPE_TEXT(tn_dict_get(dict, "empty")), "[0,0]");
    const tn_tensor *cube = tn_dict_get(dict, "cube");
    ck_assert_str_eq(TN_SHAPE_TEXT(cube), "[2,3,4]");
    ck_assert(tn_is_contiguous(cube));
    for (int i = 0; i < 24; i++)
        ck_assert_double_eq(tn_data_f64(cube)[i], i);
}
END_TEST

/* Numbers in a smaller type than their class, or within the tag; text of 16 bits. */
START_TEST(reads_other_storages)
{
    static const char *const names[] = {"as_u1", "as_i2", "as_u2", "as_i4", "as_f4"};
    static const double steps[] = {0, 1, 2, 3, 4, 250}, text[] = {0x61, 0x20ac, 0x62};
    tn_dict *dict = tn_load_mat(ctx, data_path(files[_i]), (tn_mat_opts){0});
    for (int i = 0; i < 5; i++)
        check_values(tn_dict_get(dict, names[i]), TN_F64, 3, 6, steps);
    check_values(tn_dict_get(dict, "tiny"), TN_I32, 2, 2, (double[]){7, 8});
    check_values(tn_dict_get(dict, "flag"), TN_BOOL, 3, 3, (double[]){1, 0, 1});
    check_values(tn_dict_get(dict, "utf16"), TN_I32, 3, 3, text);
    check_values(tn_dict_get(dict, "short"), TN_I32, 3, 3, text);
}
END_TEST

START_TEST(reads_what_is_named)
{
    const char *names[] = {"u2", "good", "f8", NULL};
    tn_dict *dict = tn_load_mat(ctx, data_path("kinds.mat"),
                                (tn_mat_opts){.names = (const char *[]){"good", NULL}});
    ck_assert_str_eq(tn_error(ctx), "");
    ck_assert_int_eq(tn_dict_count(dict), 1);
    check_values(tn_dict_get(dict, "good"), TN_F64, 3, 3, (double[]){0, 1, 2});
    ck_assert_int_eq(tn_dict_count(tn_load_mat(ctx, data_path("kinds.mat"),
                                               (tn_mat_opts){.names = (const char *[]){NULL}})),
                     0);
    ck_assert_ptr_null(tn_load_mat(ctx, data_path("big.mat"), (tn_mat_opts){.names = names}));
    check_error(TN_ERR_FORMAT, "load_mat: %: there is no array 'good'", data_path("big.mat"));
}
END_TEST

START_TEST(refuses_other_kinds)
{
    static const char *const kinds[][2] = {
        {"a_cell", "load_mat: %: a_cell: cell arrays cannot be read"},
        {"a_struct", "load_mat: %: a_struct: struct arrays cannot be read"},
        {"a_sparse", "load_mat: %: a_sparse: sparse arrays cannot be read"},
        {"a_complex", "load_mat: %: a_complex: complex arrays cannot be read"},
    };
    const char *names[] = {kinds[_i][0], NULL};
    ck_assert_ptr_null(tn_load_mat(ctx, data_path("kinds.mat"), (tn_mat_opts){.names = names}));
    check_error(TN_ERR_FORMAT, kinds[_i][1], data_path("kinds.mat"));
    ck_assert_ptr_null(tn_load_mat(ctx, data_path("kinds.mat"), (tn_mat_opts){0}));
    check_error(TN_ERR_FORMAT, kinds[0][1], data_path("kinds.mat"));
    ck_assert_int_eq(tn_memory(ctx).tensors, 0);
}
END_TEST

/* A prefix that ends between two arrays is a file, too: there are as many as arrays. */
START_TEST(refuses_every_prefix)
{
    ck_assert_int_eq(load_prefixes("types.mat", load, 8), MATLAB_TYPES + 5);
    ck_assert_int_eq(load_prefixes("compressed.mat", load, 8 * 1032), MATLAB_TYPES + 5);
    ck_assert_int_eq(load_prefixes("little.mat", load, 8 * 1032), MATLAB_TYPES + 9);
    ck_assert_int_eq(load_prefixes("big.mat", load, 8 * 1032), MATLAB_TYPES + 9);
}
END_TEST

START_TEST(survives_damage)
{
    load_damaged("types.mat", load, 8);
    load_damaged("compressed.mat", load, 8 * 1032);
    load_damaged("little.mat", load, 8 * 1032);
    load_damaged("big.mat", load, 8 * 1032);
}
END_TEST

/* ---- a file made here, of one array x = [[1 2]] ---------------------------------------------- */

enum { FLAGS = 136, SHAPE = 152, NAME = 168, NUMBERS = 176, FILE_SIZE = 192 };

static void put32(unsigned char *p, uint32_t value)
{
    put_number(p, 4, value);
}

static void make_file(unsigned char *p)
{
    static const uint32_t words[] = {
        14, FILE_SIZE - 136, 6, 8, 12, 0, 5, 8, 1, 2, 0x10001, 'x', 5, 8, 1, 2,
    };
    memset(p, ' ', 124);
    memcpy(p + 124, "\0\1IM", 4);
    for (int i = 0; i < 16; i++)
        put32(p + 128 + 4 * i, words[i]);
}

START_TEST(reads_the_file_made_here)
{
    unsigned char bytes[FILE_SIZE];
    make_file(bytes);
    tn_dict *dict = tn_load_mat(ctx, write_temporary(bytes, sizeof bytes), (tn_mat_opts){0});
    ck_assert_str_eq(tn_error(ctx), "");
    check_values(tn_dict_get(dict, "x"), TN_I32, 2, 2, (double[]){1, 2});
    remove_temporary();
}
END_TEST

/* 32 bits of it changed, and what is said; no error means that there is nothing to read. */
static const struct {
    int at;
    uint32_t value;
    const char *error;
} changes[] = {
    {124, 0x4d490200, "load_mat: %: version 2.0 of MAT-files cannot be read; save it with -v7"},
    {124, 0x4d490101, "load_mat: %: version 1.1 of MAT-files cannot be read"},
    {124, 0x20200100, "load_mat: %: not a Level 5 MAT-file: no mark of its byte order"},
    {128, 9, "load_mat: %: an element of type 9 at byte 128"},
    {132, 1000, "load_mat: %: the array at byte 128 has 1000 bytes, but the file holds 56"},
    {132, 0xffffffff,
     "load_mat: %: the array at byte 128 has 4294967295 bytes, but the file holds 56"},
    {FLAGS + 4, 4, "load_mat: %: an array begins with 4 bytes instead of its flags"},
    {FLAGS + 8, 0x100c, NULL},
    {FLAGS + 8, 0x080c, "load_mat: %: x: complex arrays cannot be read"},
    {FLAGS + 8, 3, "load_mat: %: x: object arrays cannot be read"},
    {FLAGS + 8, 16, "load_mat: %: x: function arrays cannot be read"},
    {FLAGS + 8, 0, "load_mat: %: x: arrays of class 0 cannot be read"},
    {FLAGS + 8, 99, "load_mat: %: x: arrays of class 99 cannot be read"},
    {FLAGS + 8, 7, NULL},
    {SHAPE + 4, 0, "load_mat: %: the dimensions of an array take 0 bytes"},
    {SHAPE + 4, 4, "load_mat: %: the dimensions of an array take 4 bytes"},
    {SHAPE + 4, 9, "load_mat: %: the dimensions of an array take 9 bytes"},
    {SHAPE + 4, 400, "load_mat: %: an element of 400 bytes begins where 32 are left"},
    {SHAPE, 0x50005, "load_mat: %: an element of 5 bytes begins where 4 are left"},
    {SHAPE + 8, 0xffffffff, "load_mat: %: dimension 0 of an array is negative"},
    {SHAPE + 8, 3, "load_mat: %: x: header says [3,2] of i32, 24 bytes, but the element holds 8"},
    {SHAPE + 12, 0x7fffffff,
     "load_mat: %: x: header says [1,2147483647] of i32, 8589934588 bytes, but the element holds "
     "8"},
    {NUMBERS, 19, "load_mat: %: x: numbers of class int32 are stored as type 19"},
    {FLAGS + 8, 18, "load_mat: %: x: arrays of class 18 cannot be read"},
    {NAME, 1, "load_mat: %: an element of 120 bytes begins where 16 are left"},
    {NAME + 4, 0, "load_mat: %: byte 0 of an array's name is zero"},
    {NAME, 0x20001, "load_mat: %: byte 1 of an array's name is zero"},
    {NAME + 4, 0xff, "load_mat: %: byte 0 of an array's name is not UTF-8"},
    {NAME + 4, '\n', NULL},
    {NUMBERS, 8, "load_mat: %: x: numbers of class int32 are stored as type 8"},
    {NUMBERS, 99, "load_mat: %: x: numbers of class int32 are stored as type 99"},
    {NUMBERS, 9, "load_mat: %: x: numbers of class int32 are stored as type 9"},
    {NUMBERS, 1, "load_mat: %: x: header says [1,2] of i8, 2 bytes, but the element holds 8"},
    {NUMBERS + 4, 16, "load_mat: %: x: an element of 16 bytes begins where 8 are left"},
};

START_TEST(says_what_is_wrong)
{
    unsigned char bytes[FILE_SIZE];
    make_file(bytes);
    put32(bytes + changes[_i].at, changes[_i].value);
    const char *path = write_temporary(bytes, sizeof bytes);
    tn_dict *dict = tn_load_mat(ctx, path, (tn_mat_opts){0});
    if (changes[_i].error)
        check_error(TN_ERR_FORMAT, changes[_i].error, path);
    ck_assert_int_eq(dict == NULL, changes[_i].error != NULL);
    remove_temporary();
}
END_TEST

START_TEST(refuses_numbers_that_do_not_fit)
{
    unsigned char bytes[FILE_SIZE];
    make_file(bytes);
    bytes[FLAGS + 8] = 9;
    put32(bytes + NUMBERS + 8, 256);
    const char *path = write_temporary(bytes, sizeof bytes);
    ck_assert_ptr_null(tn_load_mat(ctx, path, (tn_mat_opts){0}));
    check_error(TN_ERR_FORMAT, "load_mat: %: x: it holds 256, which does not fit u8", path);
    bytes[FLAGS + 8] = 15;
    bytes[NUMBERS] = 13;
    bytes[SHAPE + 12] = 1;
    put32(bytes + NUMBERS + 8, 0);
    put32(bytes + NUMBERS + 12, 0x80000000);
    ck_assert_ptr_null(tn_load_mat(ctx, write_temporary(bytes, sizeof bytes), (tn_mat_opts){0}));
    check_error(TN_ERR_FORMAT,
                "load_mat: %: x: it holds 9223372036854775808, which is too large for i64", path);
    put32(bytes + FLAGS + 8, 0x0206);
    put32(bytes + NUMBERS, 9);
    ck_assert_ptr_null(tn_load_mat(ctx, write_temporary(bytes, sizeof bytes), (tn_mat_opts){0}));
    check_error(TN_ERR_FORMAT,
                "load_mat: %: x: logical numbers of class double are stored as type 9", path);
    remove_temporary();
}
END_TEST

START_TEST(refuses_two_arrays_of_one_name)
{
    unsigned char bytes[2 * FILE_SIZE];
    make_file(bytes);
    memcpy(bytes + FILE_SIZE, bytes + 128, FILE_SIZE - 128);
    const char *path = write_temporary(bytes, 2 * FILE_SIZE - 128);
    ck_assert_ptr_null(tn_load_mat(ctx, path, (tn_mat_opts){0}));
    check_error(TN_ERR_FORMAT, "load_mat: %: x: there are two arrays of this name", path);
    ck_assert_ptr_null(tn_load_mat(ctx, write_temporary(bytes, 100), (tn_mat_opts){0}));
    check_error(TN_ERR_FORMAT, "load_mat: %: not a Level 5 MAT-file: it has 100 bytes", path);
    remove_temporary();
}
END_TEST

/* ---- arrays made here ------------------------------------------------------------------------ */

#define MAX_WORDS 40

/* What follows the tag of an array, and what is said when all arrays are read, or only others. */
static const struct {
    int count;
    uint32_t words[MAX_WORDS];
    const char *error, *error_of_others;
} arrays[] = {
    {16,
     {6, 8, 12, 0, 5, 8, 1, 2, 0x10001, 'x', 5, 8, 1, 2, 0, 0},
     "load_mat: %: x: 8 bytes follow its numbers",
     NULL},
    {20,
     {6, 8, 12, 0, 5, 36, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0x10001, 'x', 0x40005, 1},
     "load_mat: %: x: it has 9 dimensions, but at most 8 can be read",
     NULL},
    {17,
     {6, 8, 12, 0, 5, 12, 0x7fffffff, 0x7fffffff, 0x7fffffff, 0, 0x10001, 'x', 0x40005, 1},
     "load_mat: %: x: its size [2147483647,2147483647,2147483647] is too large",
     NULL},
    {14,
     {6, 8, 12, 0, 5, 8, 1073741823, 1073741824, 0x10001, 'x', 0x40005, 1},
     "load_mat: %: x: header says [1073741823,1073741824] of i32, 4611686014132420608 bytes, but "
     "the element holds 4",
     NULL},
    {14,
     {6, 8, 12, 0, 5, 8, 1073741824, 1073741824, 0x10001, 'x', 0x40005, 1},
     "load_mat: %: x: its size [1073741824,1073741824] is too large",
     NULL},
    {6, {6, 8, 17, 0, 0x10001, 'x'}, "load_mat: %: x: object arrays cannot be read", NULL},
    {12, {6, 8, 12, 0, 5, 8, 1, 1, 1, 0, 0x40005, 1}, NULL, NULL},
    {4,
     {6, 8, 12, 0},
     "load_mat: %: the data ends after 16 bytes, where 8 more are expected",
     "load_mat: %: the data ends after 16 bytes, where 8 more are expected"},
};

static size_t make_array(unsigned char *p, const uint32_t *words, int count)
{
    make_file(p);
    put32(p + 132, (uint32_t)(4 * count));
    for (int i = 0; i < count; i++)
        put32(p + FLAGS + 4 * i, words[i]);
    return (size_t)(FLAGS + 4 * count);
}

START_TEST(reads_or_passes_over)
{
    unsigned char bytes[FLAGS + 4 * MAX_WORDS];
    size_t size = make_array(bytes, arrays[_i].words, arrays[_i].count);
    const char *path = write_temporary(bytes, size);
    const char *const wanted[] = {NULL, arrays[_i].error, arrays[_i].error_of_others};
    for (int i = 1; i < 3; i++) {
        tn_dict *dict = tn_load_mat(ctx, path, (tn_mat_opts){.names = i == 1 ? NULL : wanted});
        if (wanted[i])
            check_error(TN_ERR_FORMAT, wanted[i], path);
        ck_assert_int_eq(dict == NULL, wanted[i] != NULL);
        ck_assert_int_eq(tn_dict_count(dict), 0);
    }
    remove_temporary();
}
END_TEST

/* Numbers of every size, of which some lie as the tensor's do and are something else. */
START_TEST(converts_what_has_the_same_size)
{
    static const struct {
        uint32_t class, type, words[4];
        tn_dtype dtype;
        double values[2];
    } stored[] = {
        {7, 5, {1, 0xffffffff}, TN_F32, {1, -1}},
        {7, 6, {1, 0xffffffff}, TN_F32, {1, 4294967296.0}},
        {12, 6, {1, 2}, TN_I32, {1, 2}},
        {9, 1, {0x0201}, TN_U8, {1, 2}},
        {6, 12, {1, 0, 0xfffffffe, 0xffffffff}, TN_F64, {1, -2}},
        {6, 13, {1, 0, 2, 0}, TN_F64, {1, 2}},
        {14, 13, {1, 0, 2, 0}, TN_I64, {1, 2}},
        {15, 12, {1, 0, 2, 0}, TN_I64, {1, 2}},
        {6, 9, {0, 0x3ff00000, 0, 0xbff00000}, TN_F64, {1, -1}},
    };
    for (size_t i = 0; i < sizeof stored / sizeof *stored; i++) {
        uint32_t size = stored[i].type >= 9 ? 16 : stored[i].type == 1 ? 2 : 8;
        uint32_t words[16] = {6,       8,   stored[i].class, 0,   5, 8, 1, 2,
                              0x10001, 'x', stored[i].type,  size};
        unsigned char bytes[FLAGS + 4 * MAX_WORDS];
        memcpy(words + 12, stored[i].words, 16);
        size_t length = make_array(bytes, words, size == 16 ? 16 : 14);
        tn_dict *dict = tn_load_mat(ctx, write_temporary(bytes, length), (tn_mat_opts){0});
        ck_tn_ok();
        check_values(tn_dict_get(dict, "x"), stored[i].dtype, 2, 2, stored[i].values);
        tn_dict_free(dict);
    }
    remove_temporary();
}
END_TEST

/* Numbers that take more than one piece to convert, with padding behind them. */
START_TEST(converts_long_arrays)
{
    enum { COUNT = 20001, SIZE = 2 * COUNT, PADDED = SIZE + 6, LENGTH = NUMBERS + 8 + PADDED };
    unsigned char *bytes = calloc(1, LENGTH);
    make_file(bytes);
    put32(bytes + 132, LENGTH - 136);
    put32(bytes + SHAPE + 12, COUNT);
    put32(bytes + NUMBERS, 4);
    put32(bytes + NUMBERS + 4, SIZE);
    for (int i = 0; i < COUNT; i++)
        put32(bytes + NUMBERS + 8 + 2 * i, (uint32_t)i);
    tn_dict *dict = tn_load_mat(ctx, write_temporary(bytes, LENGTH), (tn_mat_opts){0});
    ck_tn_ok();
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(((const int32_t *)tn_data(tn_dict_get(dict, "x")))[i], i);
    free(bytes);
    remove_temporary();
}
END_TEST

/* In the tag there is room for [[1 3] [2 4]], in MATLAB's order, for [[1 -2]] in 16 bits
 * each, and for a character of four bytes. */
START_TEST(reads_columns_within_the_tag)
{
    static const uint32_t words[] = {6, 8, 12, 0, 5, 8, 2, 2, 0x10001, 'x', 0x40001, 0x04030201};
    unsigned char bytes[FLAGS + 4 * MAX_WORDS];
    size_t size = make_array(bytes, words, 12);
    tn_dict *dict = tn_load_mat(ctx, write_temporary(bytes, size), (tn_mat_opts){0});
    check_values(tn_dict_get(dict, "x"), TN_I32, 2, 4, (double[]){1, 3, 2, 4});
    static const uint32_t two[] = {6, 8, 12, 0, 5, 8, 1, 2, 0x10001, 'x', 0x40003, 0xfffe0001};
    size = make_array(bytes, two, 12);
    dict = tn_load_mat(ctx, write_temporary(bytes, size), (tn_mat_opts){0});
    check_values(tn_dict_get(dict, "x"), TN_I32, 2, 2, (double[]){1, -2});
    static const uint32_t smile[] = {6, 8, 4, 0, 5, 8, 1, 1, 0x10001, 'x', 0x40010, 0x80989ff0};
    size = make_array(bytes, smile, 12);
    dict = tn_load_mat(ctx, write_temporary(bytes, size), (tn_mat_opts){0});
    check_values(tn_dict_get(dict, "x"), TN_I32, 1, 1, (double[]){0x1f600});
    remove_temporary();
}
END_TEST

/* An array in a compressed element: one number of its own tag changed. */
static const struct {
    int at;
    uint32_t value;
    const char *error;
} inner[] = {
    {132, FILE_SIZE - 136, NULL},
    {132, FILE_SIZE - 136 + 8,
     "load_mat: %: x: the compressed data holds 64 bytes, not the 72 promised"},
    {132, FILE_SIZE - 136 + 1,
     "load_mat: %: x: the compressed data holds 64 bytes, not the 65 promised"},
    {132, FILE_SIZE - 136 - 8, "load_mat: %: x: an element of 8 bytes begins where 0 are left"},
    {128, 9, "load_mat: %: a compressed element of type 9"},
    {128, 0x4000e, "load_mat: %: a compressed element of type 14"},
};

START_TEST(checks_compressed_elements)
{
    unsigned char bytes[FILE_SIZE], packed[2 * FILE_SIZE];
    uLongf size = FILE_SIZE;
    make_file(bytes);
    memcpy(packed, bytes, 128);
    put32(bytes + inner[_i].at, inner[_i].value);
    ck_assert_int_eq(compress(packed + 136, &size, bytes + 128, FILE_SIZE - 128), Z_OK);
    put32(packed + 128, 15);
    put32(packed + 132, (uint32_t)size);
    const char *path = write_temporary(packed, 136 + size);
    tn_dict *dict = tn_load_mat(ctx, path, (tn_mat_opts){0});
    if (inner[_i].error)
        check_error(TN_ERR_FORMAT, inner[_i].error, path);
    ck_assert_int_eq(dict == NULL, inner[_i].error != NULL);
    remove_temporary();
}
END_TEST

/* All sizes promise two numbers more than there are. */
START_TEST(says_where_compressed_numbers_end)
{
    unsigned char bytes[FILE_SIZE], packed[2 * FILE_SIZE];
    uLongf size = FILE_SIZE;
    make_file(bytes);
    memcpy(packed, bytes, 128);
    put32(bytes + 132, FILE_SIZE - 136 + 8);
    put32(bytes + SHAPE + 12, 4);
    put32(bytes + NUMBERS + 4, 16);
    ck_assert_int_eq(compress(packed + 136, &size, bytes + 128, FILE_SIZE - 128), Z_OK);
    put32(packed + 128, 15);
    put32(packed + 132, (uint32_t)size);
    const char *path = write_temporary(packed, 136 + size);
    ck_assert_ptr_null(tn_load_mat(ctx, path, (tn_mat_opts){0}));
    check_error(TN_ERR_FORMAT, "load_mat: %: x: it ends after 8 of 16 bytes", path);
    remove_temporary();
}
END_TEST

/* An element of compressed data can be longer than that, if zeros follow. */
START_TEST(passes_over_padding_of_compressed_elements)
{
    unsigned char bytes[FILE_SIZE], packed[2 * FILE_SIZE] = {0};
    uLongf size = FILE_SIZE;
    make_file(bytes);
    memcpy(packed, bytes, 128);
    ck_assert_int_eq(compress(packed + 136, &size, bytes + 128, FILE_SIZE - 128), Z_OK);
    put32(packed + 128, 15);
    put32(packed + 132, (uint32_t)size + 5);
    tn_dict *dict = tn_load_mat(ctx, write_temporary(packed, 136 + size + 5), (tn_mat_opts){0});
    ck_tn_ok();
    check_values(tn_dict_get(dict, "x"), TN_I32, 2, 2, (double[]){1, 2});
    packed[136 + size + 4] = 1;
    const char *path = write_temporary(packed, 136 + size + 5);
    ck_assert_ptr_null(tn_load_mat(ctx, path, (tn_mat_opts){0}));
    check_error(TN_ERR_FORMAT,
                "load_mat: %: x: zeros follow the end of the compressed data, and then others",
                path);
    remove_temporary();
}
END_TEST

/* A name of a million letters takes a thousand bytes of the file, and no memory. */
START_TEST(refuses_long_names)
{
    enum { LETTERS = 1000000, INNER = 48 + LETTERS };
    unsigned char *bytes = calloc(1, INNER), *packed = malloc(INNER);
    const uint32_t words[] = {14, INNER - 8, 6, 8, 12, 0, 5, 8, 1, 1, 1, LETTERS};
    uLongf size = INNER - 136;
    for (int i = 0; i < 12; i++)
        put32(bytes + 4 * i, words[i]);
    memset(bytes + 48, 'a', LETTERS);
    make_file(packed);
    ck_assert_int_eq(compress(packed + 136, &size, bytes, INNER), Z_OK);
    put32(packed + 128, 15);
    put32(packed + 132, (uint32_t)size);
    const char *path = write_temporary(packed, 136 + size);
    int64_t live = tn_memory(ctx).live_bytes;
    tn_memory_reset_peak(ctx);
    ck_assert_ptr_null(tn_load_mat(ctx, path, (tn_mat_opts){0}));
    check_error(TN_ERR_FORMAT,
                "load_mat: %: the name of an array has 1000000 bytes, but at most 4095 can be read",
                path);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, 100000);
    free(packed);
    free(bytes);
    remove_temporary();
}
END_TEST

/* As text of two characters, or other than two, in UTF-8. */
static const struct {
    const char *text, *error;
} texts[] = {
    {"\342\202\254a", NULL},
    {"\303\244\303\266", NULL},
    {"\360\237\230\200a", NULL},
    {"abc", "load_mat: %: x: its text has more than 2 characters"},
    {"\342\202\254", "load_mat: %: x: byte 3 of its text is not UTF-8"},
    {"a\377b", "load_mat: %: x: byte 1 of its text is not UTF-8"},
    {"\200ab", "load_mat: %: x: byte 0 of its text is not UTF-8"},
    {"a\342\202", "load_mat: %: x: byte 1 of its text is not UTF-8"},
    {"a\342a\202", "load_mat: %: x: byte 1 of its text is not UTF-8"},
    {"\301\200a", "load_mat: %: x: byte 0 of its text is not UTF-8"},
    {"abcdefghi", "load_mat: %: x: header says [1,2] of u8, 2 bytes, but the element holds 9"},
};

START_TEST(reads_utf8)
{
    unsigned char bytes[FILE_SIZE + 8];
    size_t size = strlen(texts[_i].text), end = NUMBERS + 8 + (size + 7) / 8 * 8;
    make_file(bytes);
    memset(bytes + NUMBERS, 0, sizeof bytes - NUMBERS);
    bytes[132] = (unsigned char)(end - 136);
    bytes[FLAGS + 8] = 4;
    bytes[NUMBERS] = 16;
    bytes[NUMBERS + 4] = (unsigned char)size;
    memcpy(bytes + NUMBERS + 8, texts[_i].text, size);
    const char *path = write_temporary(bytes, end);
    tn_dict *dict = tn_load_mat(ctx, path, (tn_mat_opts){0});
    if (texts[_i].error)
        check_error(TN_ERR_FORMAT, texts[_i].error, path);
    ck_assert_int_eq(dict == NULL, texts[_i].error != NULL);
    remove_temporary();
}
END_TEST

START_TEST(survives_without_memory)
{
    load_without_memory("types.mat", load);
    load_without_memory("compressed.mat", load);
}
END_TEST

START_TEST(reports_the_system)
{
    refuse_paths("load_mat", load, "types.mat");
    ck_assert_ptr_null(tn_load_mat(NULL, data_path("types.mat"), (tn_mat_opts){0}));
}
END_TEST

/* ---- MNIST in both formats ------------------------------------------------------------------- */

static tn_tensor *load_mnist(const char *set, const char *kind)
{
    char name[64];
    snprintf(name, sizeof name, "mnist/%s-%s-ubyte.gz", set, kind);
    return tn_load_idx(ctx, shared_path(name));
}

/* The images of each label are the rows of its array, in the same order. */
static void compare(const tn_dict *dict, const char *prefix, const char *set)
{
    int64_t rows[10] = {0};
    tn_tensor *images = load_mnist(set, "images-idx3");
    tn_tensor *labels = load_mnist(set, "labels-idx1");
    ck_assert_str_eq(tn_error(ctx), "");
    for (int64_t i = 0; i < tn_numel(labels); i++) {
        char name[16];
        int digit = ((const uint8_t *)tn_data(labels))[i];
        snprintf(name, sizeof name, "%s%d", prefix, digit);
        const tn_tensor *array = tn_dict_get(dict, name);
        ck_assert_int_lt(rows[digit], tn_size(array, 0));
        ck_assert_mem_eq((const uint8_t *)tn_data(images) + 784 * i,
                         (const uint8_t *)tn_data(array) + 784 * rows[digit]++, 784);
    }
    for (int digit = 0; digit < 10; digit++) {
        char name[16];
        snprintf(name, sizeof name, "%s%d", prefix, digit);
        ck_assert_int_eq(tn_size(tn_dict_get(dict, name), 0), rows[digit]);
        ck_assert_int_eq(tn_size(tn_dict_get(dict, name), 1), 784);
        ck_assert_int_eq(tn_dtype_of(tn_dict_get(dict, name)), TN_U8);
    }
}

START_TEST(agrees_with_idx)
{
    if (!shared_path("mnist/mnist_all.mat"))
        return;
    tn_dict *dict = tn_load_mat(ctx, shared_path("mnist/mnist_all.mat"), (tn_mat_opts){0});
    ck_assert_str_eq(tn_error(ctx), "");
    ck_assert_int_eq(tn_dict_count(dict), 20);
    compare(dict, "train", "train");
    compare(dict, "test", "t10k");
}
END_TEST

static void add_array_tests(Suite *suite)
{
    TCase *tc = tn_case(suite, "arrays");
    tcase_add_loop_test(tc, reads_every_type, 0, 4);
    tcase_add_loop_test(tc, reads_other_arrays, 0, 2);
    tcase_add_loop_test(tc, reads_other_storages, 2, 4);
    tcase_add_test(tc, reads_what_is_named);
    tcase_add_loop_test(tc, refuses_other_kinds, 0, 4);
    tcase_add_loop_test(tc, reads_utf8, 0, (int)(sizeof texts / sizeof *texts));
    tcase_add_test(tc, agrees_with_idx);
}

static void add_error_tests(Suite *suite)
{
    TCase *tc = tn_case(suite, "errors");
    tcase_add_test(tc, refuses_every_prefix);
    tcase_add_test(tc, survives_damage);
    tcase_add_test(tc, reads_the_file_made_here);
    tcase_add_loop_test(tc, says_what_is_wrong, 0, (int)(sizeof changes / sizeof *changes));
    tcase_add_loop_test(tc, reads_or_passes_over, 0, (int)(sizeof arrays / sizeof *arrays));
    tcase_add_test(tc, converts_what_has_the_same_size);
    tcase_add_test(tc, converts_long_arrays);
    tcase_add_test(tc, reads_columns_within_the_tag);
    tcase_add_loop_test(tc, checks_compressed_elements, 0, (int)(sizeof inner / sizeof *inner));
    tcase_add_test(tc, says_where_compressed_numbers_end);
    tcase_add_test(tc, passes_over_padding_of_compressed_elements);
    tcase_add_test(tc, refuses_long_names);
    tcase_add_test(tc, refuses_numbers_that_do_not_fit);
    tcase_add_test(tc, refuses_two_arrays_of_one_name);
    tcase_add_test(tc, survives_without_memory);
    tcase_add_test(tc, reports_the_system);
}

int main(void)
{
    Suite *suite = suite_create("mat");
    add_array_tests(suite);
    add_error_tests(suite);
    return tn_run(suite);
}
