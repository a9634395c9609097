/* NumPy's archives of arrays; test_zip.c has the archives, and test_npy.c the arrays in them. */
#include <math.h>
#include <stdio.h>
#include "common/check_tn.h"
#include "common/files.h"
#include "common/pickles.h"

static bool load(const char *path)
{
    tn_dict *dict = tn_load_npz(ctx, path);
    tn_dict_free(dict);
    return dict != NULL;
}

static void check_values(const tn_tensor *t, tn_dtype dtype, const double *values)
{
    ck_assert_int_eq(tn_dtype_of(t), dtype);
    ck_assert_str_eq(TN_SHAPE_TEXT(t), "[2,3]");
    for (int64_t i = 0; i < 6; i++) {
        double value = tn_at(ctx, t, (int64_t[]){i / 3, i % 3});
        ck_assert(value == values[i] || (isnan(value) && isnan(values[i])));
    }
}

START_TEST(reads_every_type)
{
    char big[16];
    tn_dict *dict = tn_load_npz(ctx, data_path("types.npz"));
    ck_assert_str_eq(tn_error(ctx), "");
    ck_assert_int_eq(tn_dict_count(dict), 2 * NUMPY_TYPES - 1);
    for (int i = 0; i < NUMPY_TYPES; i++) {
        check_values(tn_dict_get(dict, number_types[i].name), number_types[i].dtype,
                     number_types[i].values);
        snprintf(big, sizeof big, "big_%s", number_types[i].name);
        if (number_types[i].dtype != TN_BOOL)
            check_values(tn_dict_get(dict, big), number_types[i].dtype, number_types[i].values);
    }
    ck_assert_int_eq(tn_data_i64(tn_dict_get(dict, "i8"))[0], INT64_MIN);
    ck_assert_int_eq(tn_data_i64(tn_dict_get(dict, "big_u8"))[5], INT64_MAX);
}
END_TEST

START_TEST(reads_deflated)
{
    tn_dict *dict = tn_load_npz(ctx, data_path("deflated.npz"));
    ck_assert_str_eq(tn_error(ctx), "");
    ck_assert_str_eq(tn_dict_name(dict, 0), "x");
    ck_assert_str_eq(tn_dict_name(dict, 1), "y");
    ck_assert_int_eq(tn_dict_count(dict), 2);
    ck_assert_str_eq(TN_SHAPE_TEXT(tn_dict_at(dict, 0)), "[300]");
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(tn_data_i64(tn_dict_at(dict, 0))[i], i);
    ck_assert_float_eq(tn_data_f32(tn_dict_at(dict, 1))[3], 1);
}
END_TEST

START_TEST(reads_zip64)
{
    tn_dict *dict = tn_load_npz(ctx, data_path("zip64.npz"));
    ck_assert_str_eq(tn_error(ctx), "");
    check_values(tn_dict_get(dict, "x"), TN_F64, (double[]){0, 1, 2, 3, 4, 5});
    ck_assert_double_eq(tn_at(ctx, tn_dict_get(dict, "y"), (int64_t[]){3}), 3);
}
END_TEST

/* Arrays of text stand beside the numbers in many archives: classes, names of columns. */
START_TEST(passes_over_text)
{
    tn_dict *dict = tn_load_npz(ctx, data_path("text.npz"));
    ck_assert_str_eq(tn_error(ctx), "");
    ck_assert_int_eq(tn_dict_count(dict), 2);
    ck_assert_str_eq(tn_dict_name(dict, 0), "x");
    ck_assert_int_eq(tn_dtype_of(tn_dict_at(dict, 0)), TN_F64);
    ck_assert_str_eq(tn_dict_name(dict, 1), "y");
    ck_assert_int_eq(tn_dtype_of(tn_dict_at(dict, 1)), TN_I32);
    ck_assert_ptr_null(tn_dict_get(dict, "classes"));
}
END_TEST

/* A text has a size, be it 0. */
START_TEST(refuses_text_without_a_size)
{
    static const char array[] = "\x93NUMPY\x01\x00\x39\x00"
                                "{'descr': '<U', 'fortran_order': False, 'shape': (1,), }\n";
    const archive_entry entry = {"x.npy", array, sizeof array - 1};
    make_folder();
    const char *path = folder_path("x.npz");
    write_entries(path, &entry, 1, false);
    ck_assert(!load(path));
    ck_assert_int_eq(tn_error_status(ctx), TN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(tn_error(ctx), "x.npy: arrays of '<U' cannot be read"));
    tn_clear_error(ctx);
    remove_folder();
}
END_TEST

START_TEST(survives_damaged_text)
{
    ck_assert_int_eq(load_prefixes("text.npz", load, 16), 0);
    load_damaged("text.npz", load, 16);
}
END_TEST

START_TEST(reads_an_empty_archive)
{
    tn_dict *dict = tn_load_npz(ctx, data_path("none.npz"));
    ck_assert_ptr_nonnull(dict);
    ck_assert_int_eq(tn_dict_count(dict), 0);
}
END_TEST

/* What an entry is, its contents say: an array of another name, a text, and what is shorter than
 * the beginning of an array. */
START_TEST(passes_over_what_is_no_array)
{
    size_t size;
    unsigned char *array = read_bytes(data_path("scalar.npy"), &size);
    make_folder();
    const char *path = folder_path("x.npz");
    const archive_entry entries[] = {{"read me", "The arrays.", 11},
                                     {"x", (char *)array, size},
                                     {"y", "", 0},
                                     {"z", "12345", 5}};
    write_entries(path, entries, 4, false);
    tn_dict *dict = tn_load_npz(ctx, path);
    ck_tn_ok();
    ck_assert_int_eq(tn_dict_count(dict), 1);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "x")),
                        tn_item(ctx, tn_load_npy(ctx, data_path("scalar.npy"))));
    remove_folder();
    free(array);
}
END_TEST

START_TEST(outlives_the_scope)
{
    tn_memory_stats before = tn_memory(ctx);
    tn_scope scope = tn_scope_begin(ctx);
    tn_dict *dict = tn_load_npz(ctx, data_path("stored.npz"));
    ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors + 2);
    tn_scope_end(ctx, scope);
    ck_assert_double_eq(tn_item(ctx, tn_dict_get(dict, "y")), 1.5);
    tn_dict_free(dict);
    ck_assert_int_eq(tn_memory(ctx).tensors, before.tensors);
}
END_TEST

START_TEST(refuses_every_prefix)
{
    ck_assert_int_eq(load_prefixes("stored.npz", load, 16), 0);
    ck_assert_int_eq(load_prefixes("deflated.npz", load, 1032), 0);
    ck_assert_int_eq(load_prefixes("zip64.npz", load, 1032), 0);
}
END_TEST

START_TEST(survives_damage)
{
    load_damaged("stored.npz", load, 16);
    load_damaged("deflated.npz", load, 1032);
    load_damaged("zip64.npz", load, 1032);
}
END_TEST

START_TEST(survives_without_memory)
{
    load_without_memory("deflated.npz", load);
    load_without_memory("zip64.npz", load);
}
END_TEST

START_TEST(reports_the_system)
{
    refuse_paths("load_npz", load, "stored.npz");
    ck_assert_ptr_null(tn_load_npz(NULL, data_path("stored.npz")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("npz");
    TCase *tc = tn_case(suite, "npz");
    tcase_add_test(tc, reads_every_type);
    tcase_add_test(tc, reads_deflated);
    tcase_add_test(tc, reads_zip64);
    tcase_add_test(tc, passes_over_text);
    tcase_add_test(tc, refuses_text_without_a_size);
    tcase_add_test(tc, survives_damaged_text);
    tcase_add_test(tc, reads_an_empty_archive);
    tcase_add_test(tc, passes_over_what_is_no_array);
    tcase_add_test(tc, outlives_the_scope);
    tcase_add_test(tc, refuses_every_prefix);
    tcase_add_test(tc, survives_damage);
    tcase_add_test(tc, survives_without_memory);
    tcase_add_test(tc, reports_the_system);
    return tn_run(suite);
}
