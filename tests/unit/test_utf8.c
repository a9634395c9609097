/* UTF-8: every code point, and text that is none. */
#include <string.h>
#include "common/check_tn.h"
#include "base/utf8.h"

static bool is_code_point(int32_t code)
{
    return code < 0xd800 || (code > 0xdfff && code < 0x110000);
}

/* It becomes as many bytes as RFC 3629 says, which are read whole or, if it stands for nothing, not
 * at all. */
static bool goes_there_and_back(int32_t code)
{
    unsigned char bytes[4];
    int32_t back = -1;
    int n = tn__encode_utf8(code, bytes);
    return n == (code < 0x80      ? 1
                 : code < 0x800   ? 2
                 : code < 0x10000 ? 3
                                  : 4) &&
           tn__decode_utf8(bytes, n - 1, &back) == 0 &&
           tn__decode_utf8(bytes, n, &back) == (is_code_point(code) ? n : 0) &&
           (!is_code_point(code) || back == code);
}

START_TEST(writes_and_reads_every_code_point)
{
    for (int32_t code = 0; code < 0x110000; code++)
        if (!goes_there_and_back(code))
            ck_abort_msg("U+%04X", (unsigned)code);
}
END_TEST

/* Of all bytes that could begin a code point and the first that could follow, just those of RFC
 * 3629 do, each with 64 of each further byte. */
START_TEST(reads_nothing_else)
{
    static const unsigned char ends[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    int counts[5] = {0};
    for (int i = 0; i < 256 * 256 * 36; i++) {
        const unsigned char bytes[] = {(unsigned char)(i / 36 >> 8), (unsigned char)(i / 36),
                                       ends[i / 6 % 6], ends[i % 6]};
        int32_t code = -1;
        int n = tn__decode_utf8(bytes, 4, &code);
        counts[n]++;
        if (n > 0 && !is_code_point(code))
            ck_abort_msg("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
    }
    ck_assert_int_eq(counts[1], 128 * 256 * 36);
    ck_assert_int_eq(counts[2], (0xe0 - 0xc2) * 64 * 36);
    ck_assert_int_eq(counts[3], (16 * 64 - 32 - 32) * 12);
    ck_assert_int_eq(counts[4], (5 * 64 - 16 - 48) * 4);
}
END_TEST

START_TEST(says_where_text_stops_being_utf8)
{
    ck_assert_int_eq(tn__utf8_length("", 0), 0);
    ck_assert_int_eq(tn__utf8_length("a\303\244\0b", 5), 5);
    ck_assert_int_eq(tn__utf8_length("a\303\244\303", 4), 3);
    ck_assert_int_eq(tn__utf8_length("\377", 1), 0);
    ck_assert(tn__is_utf8(""));
    ck_assert(tn__is_utf8("a\303\244"));
    ck_assert(!tn__is_utf8("a\303"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tc = tn_case(suite, "utf8");
    tcase_add_test(tc, writes_and_reads_every_code_point);
    tcase_add_test(tc, reads_nothing_else);
    tcase_add_test(tc, says_where_text_stops_being_utf8);
    return tn_run(suite);
}
