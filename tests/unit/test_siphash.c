/* SipHash: its known values, and a key for each context. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "common/check_tn.h"

/* The system's source of random bytes, which can be broken. */
static bool broken;

int getentropy(void *bytes, size_t size)
{
    int file = broken ? -1 : open("/dev/urandom", O_RDONLY);
    bool ok = file >= 0 && read(file, bytes, size) == (ssize_t)size;
    if (file >= 0)
        close(file);
    errno = ENOSYS;
    return ok ? 0 : -1;
}

/* The clocks, of which one can stand. */
static struct {
    bool stands;
    clockid_t clock;
} standing;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (standing.stands && standing.clock == clock)
        return *now = (struct timespec){7, 7}, 0;
    return (int)syscall(SYS_clock_gettime, clock, now);
}

/* Of 0, 1, 2... under the key 0, 1, ... 15, as in the tests of Rust's library; and under the key 0,
 * as Python's hash of bytes with PYTHONHASHSEED=0. */
static const struct {
    size_t size;
    uint64_t expected, expected_of_zero;
} vectors[] = {
    {1, 0xc9f49bf37d57ca93, 0x68a914128e01e473},  {2, 0x82cb9b024dc7d44d, 0x010bac45c41e3669},
    {3, 0x8bf80ab8e7ddf7fb, 0x4d4c9a4a8ef6e0ad},  {4, 0xcf75576088d38328, 0x7cc43f98813e4dbd},
    {7, 0xd3927d989bb11140, 0x2f098ab0c751325a},  {8, 0x369095118d299a8e, 0xead411e67ebe2eea},
    {9, 0x25a48eb36c063de4, 0x75927f9d95124362},  {15, 0xd320d86d2a519956, 0xf30eb725bb91c9ea},
    {16, 0xcc4fdd1a7d908b66, 0x8972188433a5c5b7}, {17, 0x9cf2689063dbd80c, 0x4883c49a2c009c1d},
};

START_TEST(has_the_known_values)
{
    tn__hash_key key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
    unsigned char bytes[64];
    for (int i = 0; i < 64; i++)
        bytes[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        ck_assert_uint_eq(tn__siphash(key, bytes, vectors[i].size), vectors[i].expected);
        ck_assert_uint_eq(tn__siphash((tn__hash_key){0}, bytes, vectors[i].size),
                          vectors[i].expected_of_zero);
    }
    ck_assert_uint_eq(tn__siphash(key, NULL, 0), 0xabac0158050fc4dc);
    ck_assert_uint_eq(tn__siphash(key, bytes, 63), 0x9d199062b7bbb3a8);
}
END_TEST

START_TEST(differs_between_contexts)
{
    broken = _i;
    tn_ctx *a = tn_ctx_new(NULL), *b = tn_ctx_new(NULL);
    broken = false;
    ck_assert_uint_ne(a->hash_key.k[0], b->hash_key.k[0]);
    ck_assert_uint_ne(a->hash_key.k[1], b->hash_key.k[1]);
    ck_assert_uint_ne(a->hash_key.k[0], a->hash_key.k[1]);
    ck_assert_uint_ne(tn__hash(a, "weight"), tn__hash(b, "weight"));
    ck_assert_uint_eq(tn__hash(a, "weight"), tn__siphash(a->hash_key, "weight", 6));
    tn_ctx_free(a);
    tn_ctx_free(b);
}
END_TEST

/* Two clocks are asked: two calls at the same place differ while one of them goes. */
START_TEST(guesses_by_each_clock)
{
    uint64_t bytes[2], before[2] = {0};
    broken = true;
    standing.stands = true;
    standing.clock = _i ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    for (int i = 0; i < 2; i++) {
        tn__random_bytes(bytes, sizeof bytes);
        ck_assert_uint_ne(bytes[0], before[0]);
        memcpy(before, bytes, sizeof bytes);
    }
    standing.stands = broken = false;
}
END_TEST

START_TEST(fills_what_it_is_asked_for)
{
    unsigned char bytes[16] = {0};
    broken = _i;
    for (int i = 0; i < 100; i++) {
        unsigned char more[16] = {0};
        tn__random_bytes(more, 11);
        for (int k = 0; k < 16; k++)
            bytes[k] |= more[k];
    }
    broken = false;
    for (int k = 0; k < 16; k++)
        ck_assert_int_eq(bytes[k] != 0, k < 11);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("siphash");
    TCase *tc = tn_case(suite, "siphash");
    tcase_add_test(tc, has_the_known_values);
    tcase_add_loop_test(tc, differs_between_contexts, 0, 2);
    tcase_add_loop_test(tc, guesses_by_each_clock, 0, 2);
    tcase_add_loop_test(tc, fills_what_it_is_asked_for, 0, 2);
    return tn_run(suite);
}
