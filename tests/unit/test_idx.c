/* IDX files: MNIST, every type of element, and files that are damaged. */
#include <math.h>
#include <string.h>
#include "common/check_tn.h"
#include "common/files.h"

static bool load(const char *path)
{
    tn_tensor *t = tn_load_idx(ctx, path);
    tn_free(t);
    return t != NULL;
}

static const struct {
    const char *name;
    tn_dtype dtype;
    double values[6];
} types[] = {
    {"u1.idx", TN_U8, {0, 1, 2, 3, 100, 255}},
    {"i1.idx", TN_I32, {-128, -1, 2, 3, 100, 127}},
    {"i2.idx", TN_I32, {-32768, -1, 2, 3, 100, 32767}},
    {"i4.idx", TN_I32, {-2147483648.0, -1, 2, 3, 100, 2147483647}},
    {"f4.idx", TN_F32, {-1.5, 0.25, 65504, 0x1p-24, INFINITY, NAN}},
    {"f8.idx", TN_F64, {-1.5, 0.25, 65504, 0x1p-24, INFINITY, NAN}},
};

#define TYPES ((int)(sizeof types / sizeof *types))

START_TEST(reads_every_type)
{
    tn_tensor *t = tn_load_idx(ctx, data_path(types[_i].name));
    ck_assert_str_eq(tn_error(ctx), "");
    ck_assert_int_eq(tn_dtype_of(t), types[_i].dtype);
    ck_assert_str_eq(TN_SHAPE_TEXT(t), "[2,3]");
    for (int64_t i = 0; i < 6; i++) {
        double value = tn_at(ctx, t, (int64_t[]){i / 3, i % 3}), expected = types[_i].values[i];
        ck_assert(value == expected || (isnan(value) && isnan(expected)));
    }
}
END_TEST

START_TEST(belongs_to_the_scope)
{
    tn_memory_stats before = tn_memory(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    ck_assert_ptr_nonnull(tn_load_idx(ctx, data_path("cube.idx.gz")));
    tn_scope_end(ctx, scope);
    ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors);
}
END_TEST

START_TEST(refuses_every_prefix)
{
    ck_assert_int_eq(load_prefixes("u1.idx", load, 1), 0);
    ck_assert_int_eq(load_prefixes("f8.idx", load, 1), 0);
}
END_TEST

START_TEST(survives_damage)
{
    load_damaged("u1.idx", load, 1);
    load_damaged("i2.idx", load, 2);
}
END_TEST

/* Files that are wrong, and what is said of them. */
static const struct {
    const char *bytes;
    size_t size;
    const char *error;
} bad[] = {
    {"", 0, "load_idx: %: the data ends after 0 bytes, where 4 more are expected"},
    {"\0\0\10", 3, "load_idx: %: the data ends after 3 bytes, where 1 more are expected"},
    {"PK\3\4", 4, "load_idx: %: not an IDX file: it begins with 50 4b 03 04"},
    {"\0\0\12\1", 4, "load_idx: %: not an IDX file: it begins with 00 00 0a 01"},
    {"\1\0\10\1", 4, "load_idx: %: not an IDX file: it begins with 01 00 08 01"},
    {"\0\1\10\1", 4, "load_idx: %: not an IDX file: it begins with 00 01 08 01"},
    {"\0\0\377\1", 4, "load_idx: %: not an IDX file: it begins with 00 00 ff 01"},
    {"\0\0\10\0\1", 5, "load_idx: %: it has 0 dimensions, but 1 to 8 can be read"},
    {"\0\0\10\11", 4, "load_idx: %: it has 9 dimensions, but 1 to 8 can be read"},
    {"\0\0\10\3\0\0\352\140\0\0\0\34\0\0\0\34xyz", 19,
     "load_idx: %: header says [60000,28,28] of u8, 47040000 bytes, but the file holds 3"},
    {"\0\0\13\1\0\0\0\1xyz", 11,
     "load_idx: %: header says [1] of i16, 2 bytes, but the file holds 3"},
    {"\0\0\16\3\377\377\377\377\377\377\377\377\377\377\377\377", 16,
     "load_idx: %: header says [4294967295,4294967295,4294967295] of f64, which is too large"},
    {"\0\0\10\4\0\0\0\0\377\377\377\377\377\377\377\377\377\377\377\377", 20,
     "load_idx: %: header says [0,4294967295,4294967295,4294967295] of u8, which is too large"},
    {"\37\0\10\1", 4, "load_idx: %: not an IDX file: it begins with 1f 00 08 01"},
    {"\0\213\10\1", 4, "load_idx: %: not an IDX file: it begins with 00 8b 08 01"},
};

START_TEST(says_what_is_wrong)
{
    const char *path = write_temporary(bad[_i].bytes, bad[_i].size);
    ck_assert_ptr_null(tn_load_idx(ctx, path));
    check_error(TN_ERR_FORMAT, bad[_i].error, path);
    remove_temporary();
}
END_TEST

START_TEST(survives_without_memory)
{
    load_without_memory("u1.idx", load);
}
END_TEST

START_TEST(reports_the_system)
{
    refuse_paths("load_idx", load, "u1.idx");
    ck_assert_ptr_null(tn_load_idx(ctx, "/dev/null"));
    check_error(TN_ERR_FILE, "load_idx: %: a device, not a regular file", "/dev/null");
    ck_assert_ptr_null(tn_load_idx(NULL, data_path("u1.idx")));
}
END_TEST

START_TEST(reads_mnist)
{
    if (!shared_path("mnist/t10k-labels-idx1-ubyte.gz"))
        return;
    tn_tensor *labels = tn_load_idx(ctx, shared_path("mnist/t10k-labels-idx1-ubyte.gz"));
    tn_tensor *images = tn_load_idx(ctx, shared_path("mnist/t10k-images-idx3-ubyte.gz"));
    ck_assert_str_eq(TN_SHAPE_TEXT(labels), "[10000]");
    ck_assert_str_eq(TN_SHAPE_TEXT(images), "[10000,28,28]");
    int counts[10] = {0};
    static const int expected[10] = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
    for (int i = 0; i < 10000; i++)
        counts[((const uint8_t *)tn_data(labels))[i]]++;
    ck_assert_mem_eq(counts, expected, sizeof counts);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("idx");
    TCase *tc = tn_case(suite, "idx");
    tcase_add_loop_test(tc, reads_every_type, 0, TYPES);
    tcase_add_test(tc, belongs_to_the_scope);
    tcase_add_test(tc, refuses_every_prefix);
    tcase_add_test(tc, survives_damage);
    tcase_add_loop_test(tc, says_what_is_wrong, 0, (int)(sizeof bad / sizeof *bad));
    tcase_add_test(tc, survives_without_memory);
    tcase_add_test(tc, reports_the_system);
    tcase_add_test(tc, reads_mnist);
    return tn_run(suite);
}
