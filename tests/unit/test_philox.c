/* Random123, by its published answers. */
#include "common/check_tn.h"

/* kat_vectors of Random123, philox4x32 with 10 rounds. */
static const struct {
    uint32_t counter[4], key[2], out[4];
} answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

START_TEST(philox_gives_the_published_answers)
{
    uint32_t out[4];
    tn__philox(answers[_i].counter, answers[_i].key, out);
    ck_assert_mem_eq(out, answers[_i].out, sizeof out);
}
END_TEST

/* Block i of a seed: the position is the lower half of the counter, the seed the key. */
START_TEST(blocks_are_counted)
{
    uint32_t expected[4], out[4];
    tn_rng_state rng = {.seed = 0xa4093822299f31d1, .position = 0x85a308d3ffffffff};
    tn__random_block(rng, 3, out);
    tn__philox((uint32_t[]){2, 0x85a308d4, 0, 0}, (uint32_t[]){0x299f31d1, 0xa4093822}, expected);
    ck_assert_mem_eq(out, expected, sizeof out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("philox");
    TCase *tc = tn_case(suite, "philox");
    tcase_add_loop_test(tc, philox_gives_the_published_answers, 0, 3);
    tcase_add_test(tc, blocks_are_counted);
    return tn_run(suite);
}
