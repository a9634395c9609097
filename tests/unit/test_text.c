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

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tc = tn_case(suite, "text");
    tcase_add_test(tc, is_cut_to_any_size);
    tcase_add_test(tc, is_measured_without_memory);
    return tn_run(suite);
}
