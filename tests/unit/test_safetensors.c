/* Safetensors files: headers, types, and files that are damaged. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/check_tn.h"
#include "common/files.h"

static bool load(const char *path)
{
    tn_dict *dict = tn_load_safetensors(ctx, path);
    tn_dict_free(dict);
    return dict != NULL;
}

/* A file of this header and `size` bytes of data: 0, 1, 2... */
static const char *write_file(const char *header, size_t size)
{
    static unsigned char bytes[4096];
    uint64_t length = strlen(header);
    ck_assert_uint_le(8 + length + size, sizeof bytes);
    put_number(bytes, 8, length);
    memcpy(bytes + 8, header, length);
    for (size_t i = 0; i < size; i++)
        bytes[8 + length + i] = (unsigned char)i;
    return write_temporary(bytes, 8 + length + size);
}

/* ---- a file that Python wrote ---------------------------------------------------------------- */

#define HIGH63 9223372036854775807.0

static const struct {
    const char *name;
    tn_dtype dtype;
    double values[6];
} types[] = {
    {"BOOL", TN_BOOL, {1, 0, 0, 1, 1, 0}},
    {"U8", TN_U8, {0, 1, 2, 3, 100, 255}},
    {"I8", TN_I32, {-128, -1, 2, 3, 100, 127}},
    {"U16", TN_I32, {0, 1, 2, 3, 100, 65535}},
    {"I16", TN_I32, {-32768, -1, 2, 3, 100, 32767}},
    {"U32", TN_I64, {0, 1, 2, 3, 100, 4294967295.0}},
    {"I32", TN_I32, {-2147483648.0, -1, 2, 3, 100, 2147483647}},
    {"U64", TN_I64, {0, 1, 2, 3, 100, HIGH63}},
    {"I64", TN_I64, {-HIGH63, -1, 2, 3, 100, HIGH63}},
    {"F16", TN_F32, {-1.5, 0.25, 65504, 0x1p-24, INFINITY, NAN}},
    {"BF16", TN_F32, {-1.5, 0.25, 65536, 0x1p-24, INFINITY, NAN}},
    {"F32", TN_F32, {-1.5, 0.25, 65504, 0x1p-24, INFINITY, NAN}},
    {"F64", TN_F64, {-1.5, 0.25, 65504, 0x1p-24, INFINITY, NAN}},
};

#define TYPES ((int)(sizeof types / sizeof *types))

START_TEST(reads_every_type)
{
    tn_dict *dict = tn_load_safetensors(ctx, data_path("types.safetensors"));
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), TYPES + 2);
    for (int i = 0; i < TYPES; i++) {
        const tn_tensor *t = tn_dict_at(dict, i);
        ck_assert_str_eq(tn_dict_name(dict, i), types[i].name);
        ck_assert_int_eq(tn_dtype_of(t), types[i].dtype);
        ck_tn_shape(t, "[2,3]");
        check_elements(__FILE__, __LINE__, t, 0, types[i].values, 6);
    }
    ck_assert_int_eq(tn_data_i64(tn_dict_get(dict, "I64"))[0], INT64_MIN);
    ck_tn_shape(tn_dict_get(dict, "empty"), "[0,3]");
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "scalar")), 2.5);
}
END_TEST

/* ---- headers --------------------------------------------------------------------------------- */

#define A "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}"
#define B "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}"
#define PART(fields) "{\"x\":{" fields "}}"
#define TYPE "\"dtype\":\"I32\","
#define OFFSETS "\"data_offsets\":[0,8]"

/* With 8 bytes of data, or 4; no error means that it is read. */
static const struct {
    const char *header;
    size_t size;
    const char *error;
} headers[] = {
    {PART(TYPE "\"shape\":[2]," OFFSETS), 8, NULL},
    {"{ \"x\" : { \"shape\" : [ 1 , 2 ] , \"data_offsets\" : [ 0 , 8 ] , \"dtype\" : \"I32\" "
     "} }\t\r\n ",
     8, NULL},
    {" {" B "," A "}", 4, "load_safetensors: %: header: '{' is expected at byte 0"},
    {"\n{" B "," A "}", 4, "load_safetensors: %: header: '{' is expected at byte 0"},
    {"", 0, "load_safetensors: %: header: '{' is expected at byte 0"},
    {"{" B "," A "}", 4, NULL},
    {"{}", 0, NULL},
    {"{\"__metadata__\":{}," A "," B "}", 4, NULL},
    {"{" A "," B ",\"__metadata__\":{\"format\":\"pt\",\"a\":\"b\"}}", 4, NULL},
    {"{" A "}", 4, "load_safetensors: %: 2 bytes follow the last part"},
    {"{" B "}", 4, "load_safetensors: %: b: it begins at byte 2, where the part before ends at 0"},
    {"{" A "," B ",\"c\":{\"dtype\":\"I16\",\"shape\":[1],\"data_offsets\":[1,3]}}", 4,
     "load_safetensors: %: c: it begins at byte 1, where the part before ends at 2"},
    {"{" A "," A "}", 4,
     "load_safetensors: %: a: it begins at byte 0, where the part before ends at 2"},
    {"{" A ",\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}", 4,
     "load_safetensors: %: a: there are two tensors of this name"},
    {"{" A "," B ",\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[2,2]}}", 4, NULL},
    {"{\"__metadata__\":{\"format\":1}}", 0,
     "load_safetensors: %: header: a string is expected at byte 26"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0,
     "load_safetensors: %: header: a second '__metadata__'"},
    {PART(TYPE "\"shape\":[3]," OFFSETS), 8,
     "load_safetensors: %: x: header says [3] of i32, 12 bytes, but offsets [0,8]"},
    {PART("\"dtype\":\"BF16\",\"shape\":[3]," OFFSETS), 8,
     "load_safetensors: %: x: header says [3] of bf16, 6 bytes, but offsets [0,8]"},
    {PART(TYPE "\"shape\":[2],\"data_offsets\":[0,9]"), 8,
     "load_safetensors: %: x: offsets [0,9], but the file holds 8 bytes of data"},
    {PART(TYPE "\"shape\":[2],\"data_offsets\":[8,0]"), 8,
     "load_safetensors: %: x: offsets [8,0], but the file holds 8 bytes of data"},
    {PART(TYPE "\"shape\":[2],\"data_offsets\":[0]"), 8,
     "load_safetensors: %: x: it has 1 offsets, not 2"},
    {PART(TYPE "\"shape\":[2],\"data_offsets\":[0,8,9]"), 8,
     "load_safetensors: %: x: it has more than 2 offsets"},
    {PART(TYPE "\"shape\":[1,1,1,1,1,1,1,1,2]," OFFSETS), 8,
     "load_safetensors: %: x: it has more than 8 dimensions"},
    {PART(TYPE "\"shape\":[4611686018427387904,4]," OFFSETS), 8,
     "load_safetensors: %: x: header says [4611686018427387904,4] of i32, which is too large"},
    {PART(TYPE "\"shape\":[0,4611686018427387904,4],\"data_offsets\":[0,0]"), 0,
     "load_safetensors: %: x: header says [0,4611686018427387904,4] of i32, which is too large"},
    {PART(TYPE "\"shape\":[9223372036854775808]," OFFSETS), 8,
     "load_safetensors: %: x: header: an integer of 63 bits is expected at byte 47"},
    {PART(TYPE "\"shape\":[9999999999999999999]," OFFSETS), 8,
     "load_safetensors: %: x: header: an integer of 63 bits is expected at byte 47"},
    {PART(TYPE "\"shape\":[9223372036854775799]," OFFSETS), 8,
     "load_safetensors: %: x: header says [9223372036854775799] of i32, which is too large"},
    {PART(TYPE "\"shape\":[1073741823,1073741824]," OFFSETS), 8,
     "load_safetensors: %: x: header says [1073741823,1073741824] of i32, 4611686014132420608 "
     "bytes, but offsets [0,8]"},
    {PART(TYPE "\"shape\":[1073741824,1073741824]," OFFSETS), 8,
     "load_safetensors: %: x: header says [1073741824,1073741824] of i32, which is too large"},
    {PART("\"dtype\":\"U8\",\"data_offsets\":[0,0],\"shape\":"), 0,
     "load_safetensors: %: x: header: '[' is expected at byte 48"},
    {PART("\"dtype\":\"U8\",\"data_offsets\":[0,0],\"shape\":["), 0,
     "load_safetensors: %: x: header: an integer is expected at byte 49"},
    {PART("\"dtype\":\"U8\",\"data_offsets\":[0,1],\"shape\":[1,1,1,1,1,1,1,1,"), 1,
     "load_safetensors: %: x: it has more than 8 dimensions"},
    {"{\"\\ud800\\udbff\":{}}", 0,
     "load_safetensors: %: header: a code point is expected at byte 8"},
    {"{\"\\ud800\\ue000\":{}}", 0,
     "load_safetensors: %: header: a code point is expected at byte 8"},
    {"{\"\\udfff\":{}}", 0, "load_safetensors: %: header: a code point is expected at byte 8"},
    {"{\"\\ud800x\":{}}", 0, "load_safetensors: %: header: a code point is expected at byte 8"},
    {"{\"\\ud800\\n\":{}}", 0, "load_safetensors: %: header: a code point is expected at byte 8"},
    {PART("\"a\":[[0],[[1,{}],[]]],\"b\":{\"c\":{\"d\":[1]}}," TYPE "\"shape\":[2]," OFFSETS), 8,
     NULL},
    {PART("\"a\":[[0}"), 8, "load_safetensors: %: x: header: ']' is expected at byte 13"},
    {PART("\"a\":{\"b\":{\"c\":1]"), 8,
     "load_safetensors: %: x: header: '}' is expected at byte 21"},
    {PART(TYPE "\"shape\":[-2]," OFFSETS), 8,
     "load_safetensors: %: x: header: an integer is expected at byte 29"},
    {PART(TYPE "\"shape\":[2.0]," OFFSETS), 8,
     "load_safetensors: %: x: header: ']' is expected at byte 30"},
    {PART(TYPE "\"shape\":[2,]," OFFSETS), 8,
     "load_safetensors: %: x: header: an integer is expected at byte 31"},
    {PART(TYPE "\"shape\":2," OFFSETS), 8,
     "load_safetensors: %: x: header: '[' is expected at byte 28"},
    {PART(TYPE OFFSETS), 8, "load_safetensors: %: x: header: no 'shape'"},
    {PART("\"shape\":[2]," OFFSETS), 8, "load_safetensors: %: x: header: no 'dtype'"},
    {PART(TYPE "\"shape\":[2]"), 8, "load_safetensors: %: x: header: no 'data_offsets'"},
    {PART(TYPE TYPE "\"shape\":[2]," OFFSETS), 8,
     "load_safetensors: %: x: header: a second key 'dtype'"},
    {PART(TYPE
          "\"a\":[-1.5e+3,{\"b\":[],\"c\":{}},true,false,null,\"\\u0000\"],\"shape\":[2]," OFFSETS),
     8, NULL},
    {PART("\"a\":[0,-0,10,0.25,1E9,1e-9,-0.0],\"b\":0,\"c\":null," TYPE "\"shape\":[2]," OFFSETS),
     8, NULL},
    {PART("\"a\":01"), 8, "load_safetensors: %: x: header: '}' is expected at byte 11"},
    {PART("\"a\":1."), 8, "load_safetensors: %: x: header: a digit is expected at byte 12"},
    {PART("\"a\":1e"), 8, "load_safetensors: %: x: header: a digit is expected at byte 12"},
    {PART("\"a\":-"), 8, "load_safetensors: %: x: header: a digit is expected at byte 11"},
    {PART("\"a\":.5"), 8, "load_safetensors: %: x: header: a value is expected at byte 10"},
    {PART("\"a\":+1"), 8, "load_safetensors: %: x: header: a value is expected at byte 10"},
    {PART("\"a\":nul"), 8, "load_safetensors: %: x: header: a value is expected at byte 10"},
    {PART("\"a\":[1,]"), 8, "load_safetensors: %: x: header: a value is expected at byte 13"},
    {PART("\"a\":{\"b\":1,}"), 8,
     "load_safetensors: %: x: header: a string is expected at byte 17"},
    {PART("\"a\":[1 2]"), 8, "load_safetensors: %: x: header: ']' is expected at byte 13"},
    {PART("\"a\":\"\\ud800\""), 8,
     "load_safetensors: %: x: header: a code point is expected at byte 17"},
    {"{\"__metadata__\":null," A "," B "}", 4, NULL},
    {"{\"__metadata__\": \t\r\nnull," A "," B "}", 4, NULL},
    {"{\"__metadata__\":{},\"\\u0000\":{}}", 0,
     "load_safetensors: %: header: a name without zeros is expected at byte 26"},
    {PART("\"a\":0,\"\\u0000\":0"), 0,
     "load_safetensors: %: x: header: a name without zeros is expected at byte 19"},
    {"{\"__metadata__\":{\"a\":\"\\u0000\",\"\\u0000\":\"\"}," A "," B "}", 4, NULL},
    {"{\"__metadata__\":{}}", 0, NULL},
    {"{\"__metadata__\":{\"a\":null}}", 0,
     "load_safetensors: %: header: a string is expected at byte 21"},
    {PART("\"dtype\":\"U8\",\"shape\":[08]," OFFSETS), 8,
     "load_safetensors: %: x: header: a number without a zero before it is expected at byte 28"},
    {PART("\"dtype\":\"U8\",\"shape\":[00]," OFFSETS), 8,
     "load_safetensors: %: x: header: a number without a zero before it is expected at byte 28"},
    {PART("\"dtype\":\"U8\",\"shape\":[-0]," OFFSETS), 8,
     "load_safetensors: %: x: header: an integer is expected at byte 28"},
    {PART("\"dtype\":\"U8\",\"shape\":[8.]," OFFSETS), 8,
     "load_safetensors: %: x: header: ']' is expected at byte 29"},
    {PART("\"dtype\":\"U8\",\"shape\":[8e0]," OFFSETS), 8,
     "load_safetensors: %: x: header: ']' is expected at byte 29"},
    {"{\"\xff\":{}}", 0, "load_safetensors: %: header: byte 2 is not UTF-8"},
    {"{\"\xc0\x80\":{}}", 0, "load_safetensors: %: header: byte 2 is not UTF-8"},
    {"{\"\xe0\x9f\xbf\":{}}", 0, "load_safetensors: %: header: byte 2 is not UTF-8"},
    {"{\"\xed\xa0\x80\":{}}", 0, "load_safetensors: %: header: byte 2 is not UTF-8"},
    {"{\"\xf4\x90\x80\x80\":{}}", 0, "load_safetensors: %: header: byte 2 is not UTF-8"},
    {"{\"\xc3\xa4\xe2\x82\":{}}", 0, "load_safetensors: %: header: byte 4 is not UTF-8"},
    {PART("\"dtype\":\"F8_E4M3\",\"shape\":[8]," OFFSETS), 8,
     "load_safetensors: %: x: numbers of type 'F8_E4M3' cannot be read"},
    {PART("\"dtype\":\"C64\",\"shape\":[1]," OFFSETS), 8,
     "load_safetensors: %: x: numbers of type 'C64' cannot be read"},
    {PART("\"dtype\":\"F8_E8M0\",\"shape\":[8]," OFFSETS), 8,
     "load_safetensors: %: x: numbers of type 'F8_E8M0' cannot be read"},
    {PART("\"dtype\":\"F4\",\"shape\":[16]," OFFSETS), 8,
     "load_safetensors: %: x: numbers of type 'F4' cannot be read"},
    {PART("\"dtype\":7"), 8, "load_safetensors: %: x: header: a string is expected at byte 14"},
    {"{\"x\":[]}", 8, "load_safetensors: %: x: header: '{' is expected at byte 5"},
    {"[]", 8, "load_safetensors: %: header: '{' is expected at byte 0"},
    {"", 8, "load_safetensors: %: header: '{' is expected at byte 0"},
    {"{" A "} x", 2, "load_safetensors: %: header: the end is expected at byte 54"},
    {"{" A ",}", 2, "load_safetensors: %: header: a string is expected at byte 53"},
    {"{" A " " B "}", 4, "load_safetensors: %: header: '}' is expected at byte 53"},
    {"{\"a", 0, "load_safetensors: %: header: the end of a string is expected at byte 3"},
    {"{\"a\tb\":{}}", 0, "load_safetensors: %: header: the end of a string is expected at byte 3"},
    {"{\"a\\x\":{}}", 0, "load_safetensors: %: header: an escape is expected at byte 4"},
    {"{\"\\u0000\":{}}", 0,
     "load_safetensors: %: header: a name without zeros is expected at byte 8"},
    {"{\"a\":{\"\\u0000\":1}}", 0,
     "load_safetensors: %: a: header: a name without zeros is expected at byte 13"},
    {"{\"\\ud800\":{}}", 0, "load_safetensors: %: header: a code point is expected at byte 8"},
    {"{\"\\udc00\":{}}", 0, "load_safetensors: %: header: a code point is expected at byte 8"},
    {"{\"\\ud800\\u0041\":{}}", 0,
     "load_safetensors: %: header: a code point is expected at byte 8"},
    {"{\"\\u12g4\":{}}", 0, "load_safetensors: %: header: a code point is expected at byte 4"},
    {"{\"a\\nb\":{}}", 0, "load_safetensors: %: a?b: header: no 'dtype'"},
};

/* 125 lists or objects are as deep as the reference goes, within the header's own three. */
START_TEST(counts_depth)
{
    static const char *const marks[][2] = {{"[", "]"}, {"{\"a\":", "}"}};
    char header[2048] = "{\"x\":{\"a\":";
    int depth = _i / 2 ? 126 : 125;
    for (int i = 0; i < depth; i++)
        strcat(header, marks[_i % 2][0]);
    strcat(header, "0");
    for (int i = 0; i < depth; i++)
        strcat(header, marks[_i % 2][1]);
    strcat(header, "," TYPE "\"shape\":[2]," OFFSETS "}}");
    const char *path = write_file(header, 8);
    tn_dict *dict = tn_load_safetensors(ctx, path);
    ck_assert_int_eq(dict != NULL, depth == 125);
    if (!dict)
        check_error(TN_ERR_FORMAT,
                    "load_safetensors: %: x: header: more than 125 lists and objects in each other",
                    path);
    ck_tn_ok();
    remove_temporary();
}
END_TEST

/* A list of a million lists does not take the stack. */
START_TEST(survives_depth)
{
    enum { DEPTH = 1000000 };
    static unsigned char bytes[8 + 12 + DEPTH] = {[0] = 0x4c, [1] = 0x42, [2] = 0x0f};
    memcpy(bytes + 8, "{\"x\":{\"a\":", 10);
    memset(bytes + 18, '[', DEPTH + 2);
    ck_assert_ptr_null(tn_load_safetensors(ctx, write_temporary(bytes, sizeof bytes)));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_FORMAT);
    tn_clear_error(ctx);
    remove_temporary();
}
END_TEST

START_TEST(parses_headers)
{
    const char *path = write_file(headers[_i].header, headers[_i].size);
    tn_dict *dict = tn_load_safetensors(ctx, path);
    if (headers[_i].error)
        check_error(TN_ERR_FORMAT, headers[_i].error, path);
    ck_tn_ok();
    ck_assert_int_eq(dict == NULL, headers[_i].error != NULL);
    remove_temporary();
}
END_TEST

/* Numbers need not lie at multiples of their size. */
START_TEST(reads_misaligned_data)
{
    tn_dict *dict = tn_load_safetensors(
        ctx, write_file("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                        "\"b\":{\"dtype\":\"I32\",\"shape\":[],\"data_offsets\":[1,5]},"
                        "\"c\":{\"dtype\":\"F64\",\"shape\":[0,2],\"data_offsets\":[5,5]},"
                        "\"d\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[5,13]}}",
                        13));
    ck_tn_ok();
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "b")), 0x04030201);
    ck_tn_shape(tn_dict_get(dict, "c"), "[0,2]");
    ck_assert_int_eq(tn_data_i64(tn_dict_get(dict, "d"))[0], 0x0c0b0a0908070605);
    remove_temporary();
}
END_TEST

/* A zero byte does not end the header. */
START_TEST(reads_behind_zero_bytes)
{
    static const char bytes[] = "\5\0\0\0\0\0\0\0{}\0 x";
    const char *path = write_temporary(bytes, 13);
    ck_assert_ptr_null(tn_load_safetensors(ctx, path));
    check_error(TN_ERR_FORMAT, "load_safetensors: %: header: the end is expected at byte 2", path);
    remove_temporary();
}
END_TEST

/* Dictionaries keep the order of the header, whatever that of the data. */
START_TEST(keeps_the_order_of_names)
{
    tn_dict *dict = tn_load_safetensors(ctx, write_file("{" B "," A "}", 4));
    ck_assert_str_eq(tn_dict_name(dict, 0), "b");
    ck_tn_equal(tn_dict_at(dict, 0), 2, 3);
    ck_tn_equal(tn_dict_at(dict, 1), 0, 1);
    remove_temporary();
}
END_TEST

START_TEST(unescapes_names)
{
    tn_dict *dict = tn_load_safetensors(
        ctx,
        write_file("{\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20AC\\ud83d\\ude00\\ud800\\udc00"
                   "\\udbff\\udfff\\ud7ff\\ue000\":"
                   "{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}",
                   1));
    ck_tn_ok();
    ck_assert_str_eq(tn_dict_name(dict, 0),
                     "\"\\/\b\f\n\r\tA\303\244\342\202\254\360\237\230\200\360\220\200\200"
                     "\364\217\277\277\355\237\277\356\200\200");
    remove_temporary();
}
END_TEST

START_TEST(checks_the_size_of_the_header)
{
    static const unsigned char sizes[][9] = {
        {2, 0, 0, 0, 0, 0, 0, 0, '{'},
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{'},
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '{'},
    };
    static const char *const errors[] = {
        "load_safetensors: %: a header of 2 bytes is promised, but the file holds 1",
        "load_safetensors: %: a header of 18446744073709551615 bytes is promised, but the file "
        "holds 1",
        "load_safetensors: %: a header of 9223372036854775807 bytes is promised, but the file "
        "holds 1",
    };
    const char *path = write_temporary(sizes[_i], 9);
    ck_assert_ptr_null(tn_load_safetensors(ctx, path));
    check_error(TN_ERR_FORMAT, errors[_i], path);
    remove_temporary();
}
END_TEST

START_TEST(refuses_what_does_not_fit)
{
    const char *path =
        write_file("{\"x\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8);
    FILE *file = fopen(path, "r+b");
    fseek(file, -1, SEEK_END);
    fputc(0x80, file);
    fclose(file);
    ck_assert_ptr_null(tn_load_safetensors(ctx, path));
    check_error(TN_ERR_FORMAT,
                "load_safetensors: %: x: it holds 9225066401503510784, which is too large for i64",
                path);
    remove_temporary();
}
END_TEST

/* Thousands of parts in an order that is neither up nor down. */
START_TEST(sorts_many_parts)
{
    enum { N = 3001 };
    static char header[N * 80];
    static unsigned char bytes[8 + sizeof header + N];
    int length = 1;
    header[0] = '{';
    for (int i = 0; i < N; i++) {
        int at = i * 1009 % N;
        length += snprintf(header + length, 80,
                           "%s\"%d\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[%d,%d]}",
                           i ? "," : "", i, at, at + 1);
    }
    header[length++] = '}';
    bytes[0] = (unsigned char)length;
    bytes[1] = (unsigned char)(length >> 8);
    bytes[2] = (unsigned char)(length >> 16);
    memcpy(bytes + 8, header, (size_t)length);
    for (int i = 0; i < N; i++)
        bytes[8 + length + i] = (unsigned char)(i % 251);
    tn_dict *dict = tn_load_safetensors(ctx, write_temporary(bytes, (size_t)(8 + length + N)));
    ck_tn_ok();
    for (int i = 0; i < N; i++)
        ck_assert_double_eq(tn_item(ctx, tn_dict_at(dict, i)), i * 1009 % N % 251);
    remove_temporary();
}
END_TEST

START_TEST(refuses_every_prefix)
{
    ck_assert_int_eq(load_prefixes("types.safetensors", load, 16), 0);
}
END_TEST

START_TEST(survives_damage)
{
    load_damaged("types.safetensors", load, 16);
}
END_TEST

START_TEST(survives_without_memory)
{
    load_without_memory("types.safetensors", load);
}
END_TEST

START_TEST(reports_the_system)
{
    refuse_paths("load_safetensors", load, "types.safetensors");
    ck_assert_ptr_null(tn_load_safetensors(NULL, "x"));
}
END_TEST

/* ---- writing --------------------------------------------------------------------------------- */

static tn_dict *sample(void)
{
    tn_dict *dict = tn_dict_new(ctx);
    tn_dict_set(dict, "b\"\\\n\303\244", tn_ones(ctx, TN_BOOL, TN_SHAPE(3)));
    tn_dict_set(dict, "f", tn_arange(ctx, TN_F32, 0, 2, 1));
    tn_dict_set(dict, "i", tn_scalar(ctx, TN_I64, -1));
    return dict;
}

/* Larger elements first; the data begins at a multiple of 8. */
START_TEST(writes_what_is_documented)
{
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"by\":\"x\"},"
        "\"b\\\"\\\\\\u000a\303\244\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[16,19]},"
        "\"f\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]},"
        "\"i\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}";
    static const char data[] = "\377\377\377\377\377\377\377\377\0\0\0\0\0\0\200\77\1\1\1";
    size_t size, length = (sizeof header - 1 + 7) / 8 * 8;
    make_folder();
    const char *metadata[] = {"format", "pt", "by", "x", NULL};
    ck_assert_int_eq(tn_save_safetensors(ctx, sample(), folder_path("x"),
                                         (tn_safetensors_opts){.metadata = metadata}),
                     TN_OK);
    unsigned char *bytes = read_bytes(folder_path("x"), &size);
    ck_assert_uint_eq(size, 8 + length + 19);
    ck_assert_uint_eq(bytes[0] + 256U * bytes[1], length);
    ck_assert_mem_eq(bytes + 8, header, sizeof header - 1);
    ck_assert_mem_eq(bytes + 8 + length, data, 19);
    free(bytes);
    tn_dict *back = tn_load_safetensors(ctx, folder_path("x"));
    ck_tn_ok();
    ck_assert_str_eq(tn_dict_name(back, 0), "b\"\\\n\303\244");
    ck_tn_equal(tn_dict_at(back, 0), 1, 1, 1);
    remove_folder();
}
END_TEST

START_TEST(writes_nothing_but_metadata)
{
    const char *const lists[][3] = {{NULL}, {"a", "b", NULL}, {"a", NULL}};
    make_folder();
    for (int i = 0; i < 3; i++) {
        tn_dict *dict = tn_dict_new(ctx);
        const char *path = folder_path("x");
        tn_save_safetensors(ctx, dict, path, (tn_safetensors_opts){.metadata = lists[i]});
        ck_assert_int_eq(tn_dict_count(tn_load_safetensors(ctx, path)), 0);
        ck_tn_ok();
    }
    remove_folder();
}
END_TEST

START_TEST(refuses_names)
{
    static const char *const names[] = {"__metadata__", "a\377b", "a\303"};
    make_folder();
    tn_dict *dict = sample();
    tn_dict_set(dict, names[_i], tn_scalar(ctx, TN_F32, 0));
    ck_assert_int_eq(tn_save_safetensors(ctx, dict, folder_path("x"), (tn_safetensors_opts){0}),
                     TN_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), "save_safetensors: no tensor can have the name"));
    tn_clear_error(ctx);
    ck_assert_int_eq(files_in_folder(), 0);
    remove_folder();
}
END_TEST

START_TEST(refuses_metadata_that_is_not_utf8)
{
    const char *const lists[][3] = {{"a\377", "b", NULL}, {"a", "\303", NULL}};
    make_folder();
    const char *path = folder_path("x");
    tn_save_safetensors(ctx, sample(), path, (tn_safetensors_opts){.metadata = lists[_i]});
    check_error(TN_ERR_ARGUMENT, "save_safetensors: %: metadata that is not UTF-8", path);
    ck_assert_int_eq(files_in_folder(), 0);
    remove_folder();
}
END_TEST

/* The reference reads no more. Nothing of it is read then. */
START_TEST(refuses_headers_of_more_than_the_format_allows)
{
    static const unsigned char start[] = {0x01, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{', '}'};
    const char *path = write_temporary(start, sizeof start);
    ck_assert_int_eq(truncate(path, 100000001 + 8), 0);
    tn_memory_reset_peak(ctx);
    int64_t live = tn_memory(ctx).live_bytes;
    ck_assert_ptr_null(tn_load_safetensors(ctx, path));
    check_error(TN_ERR_FORMAT,
                "load_safetensors: %: a header of 100000001 bytes, but the format allows 100000000",
                path);
    ck_assert_int_lt(tn_memory(ctx).peak_bytes - live, 1 << 16);
    remove_temporary();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *tc = tn_case(suite, "safetensors");
    tcase_add_test(tc, reads_every_type);
    tcase_add_loop_test(tc, parses_headers, 0, (int)(sizeof headers / sizeof *headers));
    tcase_add_loop_test(tc, counts_depth, 0, 4);
    tcase_add_test(tc, survives_depth);
    tcase_add_test(tc, reads_misaligned_data);
    tcase_add_test(tc, reads_behind_zero_bytes);
    tcase_add_test(tc, keeps_the_order_of_names);
    tcase_add_test(tc, unescapes_names);
    tcase_add_loop_test(tc, checks_the_size_of_the_header, 0, 3);
    tcase_add_test(tc, refuses_what_does_not_fit);
    tcase_add_test(tc, sorts_many_parts);
    tcase_add_test(tc, refuses_every_prefix);
    tcase_add_test(tc, survives_damage);
    tcase_add_test(tc, survives_without_memory);
    tcase_add_test(tc, reports_the_system);
    tcase_add_test(tc, writes_what_is_documented);
    tcase_add_test(tc, writes_nothing_but_metadata);
    tcase_add_loop_test(tc, refuses_names, 0, 3);
    tcase_add_loop_test(tc, refuses_metadata_that_is_not_utf8, 0, 2);
    tcase_add_test(tc, refuses_headers_of_more_than_the_format_allows);
    return tn_run(suite);
}
