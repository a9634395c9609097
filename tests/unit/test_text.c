/* Text that is written piece by piece: as long as it is, whatever part of it has room. */
#include <string.h>
#include "base/text.h"
#include "common/check_tn.h"

START_TEST(is_cut_to_any_size)
{
    static const char whole[] = "ab-12 cdefg";
    char buffer[16];
    for (size_t size = 0; size <= sizeof whole; size++) {
        memset(buffer, '#', sizeof buffer);
        tn__text text = {buffer, size, 0};
        tn__append(&text, "%s", "ab");
        tn__append(&text, "%d ", -12);
        tn__append(&text, "%s", "");
        tn__append(&text, "%s", "cdefg");
        ck_assert_int_eq(text.length, (int64_t)strlen(whole));
        for (size_t i = 0; i < sizeof buffer; i++)
            ck_assert_int_eq(buffer[i], i >= size ? '#' : i + 1 == size ? '\0' : whole[i]);
    }
}
END_TEST

START_TEST(is_measured_without_memory)
{
    tn__text text = {0};
    tn__append(&text, "%d", 12345);
    tn__append(&text, "%d", 678);
    ck_assert_int_eq(text.length, 8);
}
END_TEST

START_TEST(strings_of_json)
{
    static const char *const cases[][2] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"\"", "\"\\\"\""},
        {"a\\b", "\"a\\\\b\""},
        {"\n\037x\177\303\251", "\"\\u000a\\u001fx\177\303\251\""}};
    for (int i = 0; i < 5; i++) {
        char buffer[64];
        tn__text text = {buffer, sizeof buffer, 0};
        tn__append_json(&text, cases[i][0]);
        ck_assert_str_eq(buffer, cases[i][1]);
    }
}
END_TEST

START_TEST(endings)
{
    ck_assert(tn__ends_in("x.npy", ".npy"));
    ck_assert(tn__ends_in(".npy", ".npy"));
    ck_assert(tn__ends_in("x", ""));
    ck_assert(!tn__ends_in("npy", ".npy"));
    ck_assert(!tn__ends_in("x.npz", ".npy"));
    ck_assert(!tn__ends_in("", ".npy"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tc = tn_case(suite, "text");
    tcase_add_test(tc, is_cut_to_any_size);
    tcase_add_test(tc, is_measured_without_memory);
    tcase_add_test(tc, strings_of_json);
    tcase_add_test(tc, endings);
    return tn_run(suite);
}
