/* Tables of numbers, and their files. */
#include "common/check_tn.h"
#include "common/files.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tn/train.h>

static tn_history *table(void)
{
    tn_history *h = tn_history_new(ctx, TN_NAMES("epoch", "loss"));
    tn_history_add(h, TN_VALUES(1, 0.5));
    tn_history_add(h, TN_VALUES(2, NAN));
    tn_history_add(h, TN_VALUES(3, -INFINITY));
    return h;
}

static void check_file(const char *name, const char *expected)
{
    size_t size;
    unsigned char *bytes = read_bytes(folder_path(name), &size);
    ck_assert_uint_eq(size, strlen(expected));
    ck_assert(memcmp(bytes, expected, size) == 0);
    free(bytes);
}

START_TEST(rows)
{
    tn_history *h = table();
    ck_assert_int_eq(tn_history_rows(h), 3);
    ck_assert_double_eq(tn_history_at(h, 0, 1), 0.5);
    ck_assert_double_eq(tn_history_at(h, 2, 0), 3);
    ck_assert(isnan(tn_history_at(h, 3, 0)) && isnan(tn_history_at(h, -1, 0)));
    ck_assert(isnan(tn_history_at(h, 0, 2)) && isnan(tn_history_at(NULL, 0, 0)));
    ck_assert(isnan(tn_history_at(h, 0, -1)));
    for (int i = 0; i < 1000; i++)
        tn_history_add(h, TN_VALUES(i, -i));
    ck_assert_double_eq(tn_history_at(h, 1002, 1), -999);
    ck_assert_double_eq(tn_history_at(h, 0, 1), 0.5);
    tn_history_free(h);
}
END_TEST

START_TEST(files)
{
    tn_history *h = table();
    ck_assert_int_eq(tn_history_save(h, folder_path("h.csv")), TN_OK);
    check_file("h.csv", "epoch,loss\n1,0.5\n2,nan\n3,-inf\n");
    ck_assert_int_eq(tn_history_save(h, folder_path("h.jsonl")), TN_OK);
    check_file("h.jsonl", "{\"epoch\": 1, \"loss\": 0.5}\n{\"epoch\": 2, \"loss\": null}\n"
                          "{\"epoch\": 3, \"loss\": null}\n");
    h = tn_history_new(ctx, TN_NAMES("x"));
    ck_assert_int_eq(tn_history_save(h, folder_path("h.csv")), TN_OK);
    check_file("h.csv", "x\n");
    ck_assert_int_eq(tn_history_save(h, folder_path("h.jsonl")), TN_OK);
    check_file("h.jsonl", "");
}
END_TEST

START_TEST(any_names)
{
    tn_history *h =
        tn_history_new(ctx, TN_NAMES("a,b", "say \"a\"", "", "a\\b", "1\n2\x01\xc3\xa9"));
    tn_history_add(h, TN_VALUES(1, 2, 3, 4, 5));
    ck_assert_int_eq(tn_history_save(h, folder_path("h.csv")), TN_OK);
    check_file("h.csv", "\"a,b\",\"say \"\"a\"\"\",,a\\b,\"1\n2\x01\xc3\xa9\"\n1,2,3,4,5\n");
    ck_assert_int_eq(tn_history_save(h, folder_path("h.jsonl")), TN_OK);
    check_file("h.jsonl", "{\"a,b\": 1, \"say \\\"a\\\"\": 2, \"\": 3, \"a\\\\b\": 4, "
                          "\"1\\u000a2\\u0001\xc3\xa9\": 5}\n");
}
END_TEST

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* As many as there may be, alike up to their ends; a look at all pairs took 11 s. */
START_TEST(many_names)
{
    enum { COLUMNS = 65536, LENGTH = 48 };
    static char texts[COLUMNS][LENGTH];
    static const char *names[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        snprintf(texts[i], LENGTH, "layer.norm.bias.of.the.last.block.%d", i);
        names[i] = texts[i];
    }
    double begin = seconds();
    tn_history *h = tn_history_new(ctx, COLUMNS, names);
    ck_tn_ok();
    ck_assert_double_le(seconds() - begin, 2);
    tn_history_free(h);
    names[COLUMNS - 1] = names[7];
    ck_assert_ptr_null(tn_history_new(ctx, COLUMNS, names));
    ck_tn_error(TN_ERR_ARGUMENT,
                "history: two columns are named 'layer.norm.bias.of.the.last.block.7'");
}
END_TEST

/* Which no file of JSON could hold, nor the archive of a checkpoint. */
START_TEST(names_that_are_not_utf8)
{
    ck_assert_ptr_null(tn_history_new(ctx, TN_NAMES("a", "M\xfcller")));
    ck_tn_error(TN_ERR_ARGUMENT, "history: name 1 is not UTF-8");
    ck_assert_ptr_null(tn_history_new(ctx, TN_NAMES("\xed\xa0\x80")));
    ck_tn_error(TN_ERR_ARGUMENT, "history: name 0 is not UTF-8");
}
END_TEST

static const struct {
    double x;
    const char *text;
} numbers[] = {
    {0, "0"},
    {-0.0, "-0"},
    {1, "1"},
    {-12.5, "-12.5"},
    {100, "100"},
    {0.1, "0.1"},
    {1 / 3.0, "0.3333333333333333"},
    {0.00001, "0.00001"},
    {0.000012345, "0.000012345"},
    {0.000001, "1e-6"},
    {1.5e-7, "1.5e-7"},
    {1.25e-7, "1.25e-7"},
    {12345678901234568.0, "12345678901234568"},
    {1e16, "10000000000000000"},
    {1e17, "1e17"},
    {DBL_MAX, "1.7976931348623157e308"},
    {-DBL_MIN, "-2.2250738585072014e-308"},
    {0x1p-1074, "5e-324"},
    {INFINITY, "inf"},
};

START_TEST(numbers_as_text)
{
    char expected[100];
    tn_history *h = tn_history_new(ctx, TN_NAMES("x"));
    tn_history_add(h, TN_VALUES(numbers[_i].x));
    tn_history_save(h, folder_path("h.csv"));
    snprintf(expected, sizeof expected, "x\n%s\n", numbers[_i].text);
    check_file("h.csv", expected);
    ck_assert_double_eq(strtod(numbers[_i].text, NULL), numbers[_i].x);
}
END_TEST

/* A locale whose numbers have a comma changes nothing, where there is one. */
START_TEST(in_any_locale)
{
    setlocale(LC_ALL, "de_DE.UTF-8");
    tn_history_save(table(), folder_path("h.csv"));
    setlocale(LC_ALL, "C");
    check_file("h.csv", "epoch,loss\n1,0.5\n2,nan\n3,-inf\n");
}
END_TEST

/* A file that cannot be written leaves the old one, and no other behind. */
START_TEST(whole_or_not_at_all)
{
    tn_history *h = table();
    tn_history_save(h, folder_path("h.csv"));
    int before = files_in_folder();
    ck_assert_int_eq(tn_history_save(h, folder_path("none/h.csv")), TN_ERR_FILE);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_history_save(h, folder_path("h.txt")), TN_ERR_ARGUMENT);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_history_save(h, ".csv"), TN_ERR_ARGUMENT);
    ck_tn_error(TN_ERR_ARGUMENT, "history_save: .csv ends in neither .csv nor .jsonl");
    ck_assert_int_eq(files_in_folder(), before);
    check_file("h.csv", "epoch,loss\n1,0.5\n2,nan\n3,-inf\n");
}
END_TEST

START_TEST(keeps_its_state)
{
    tn_history *h = table(), *other = tn_history_new(ctx, TN_NAMES("loss", "epoch"));
    tn_history_add(other, TN_VALUES(7, 8));
    tn_dict *state = tn_history_state_dict(h);
    ck_assert_int_eq(tn_history_load_state_dict(other, state), TN_OK);
    ck_assert_int_eq(tn_history_rows(other), 3);
    for (int64_t i = 0; i < 3; i++) {
        ck_assert(tn_history_at(other, i, 1) == tn_history_at(h, i, 0));
        double a = tn_history_at(other, i, 0), b = tn_history_at(h, i, 1);
        ck_assert(a == b || (isnan(a) && isnan(b)));
    }
    tn_dict_set(state, "more", tn_zeros(ctx, TN_F64, TN_SHAPE(3)));
    tn_history_load_state_dict(other, state);
    ck_tn_error(TN_ERR_FORMAT, "history_load_state_dict: it has 3 columns, but 2 here");
    tn_dict_set(state, "epoch", tn_zeros(ctx, TN_F64, TN_SHAPE(2)));
    tn_history_load_state_dict(other, state);
    ck_tn_error(TN_ERR_FORMAT, "history_load_state_dict: epoch is f64 [2], but should be f64 [3]");
    tn_history_load_state_dict(other, tn_dict_new(ctx));
    ck_tn_error(TN_ERR_FORMAT, "history_load_state_dict: loss is missing");
    ck_assert_int_eq(tn_history_rows(other), 3);
    tn_dict *empty = tn_history_state_dict(tn_history_new(ctx, TN_NAMES("loss", "epoch")));
    ck_assert_int_eq(tn_history_load_state_dict(other, empty), TN_OK);
    ck_assert_int_eq(tn_history_rows(other), 0);
}
END_TEST

/* Columns that are repeated have no elements in memory, and more rows than a table can. */
START_TEST(refuses_more_rows_than_fit)
{
    char names[32][12];
    const char *list[32];
    tn_dict *state = tn_dict_new(ctx);
    tn_tensor *column =
        tn_expand(ctx, tn_zeros(ctx, TN_F64, TN_SHAPE(1)), TN_SHAPE((int64_t)1 << 59));
    for (int i = 0; i < 32; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        list[i] = names[i];
        tn_dict_set(state, names[i], column);
    }
    tn_history *h = tn_history_new(ctx, 32, list);
    ck_assert_int_eq(tn_history_load_state_dict(h, state), TN_ERR_MEMORY);
    tn_clear_error(ctx);
    ck_assert_int_eq(tn_history_rows(h), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tc = tn_case(suite, "history");
    tcase_add_checked_fixture(tc, make_folder, remove_folder);
    tcase_add_test(tc, rows);
    tcase_add_test(tc, files);
    tcase_add_test(tc, any_names);
    tcase_add_test(tc, many_names);
    tcase_add_test(tc, names_that_are_not_utf8);
    tcase_add_loop_test(tc, numbers_as_text, 0, (int)(sizeof numbers / sizeof *numbers));
    tcase_add_test(tc, in_any_locale);
    tcase_add_test(tc, whole_or_not_at_all);
    tcase_add_test(tc, keeps_its_state);
    tcase_add_test(tc, refuses_more_rows_than_fit);
    return tn_run(suite);
}
