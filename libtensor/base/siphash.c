/* siphash.c - hashes of names under a key that nobody outside knows (Aumasson, Bernstein: SipHash,
 * a fast short-input PRF; one round for each word and three at the end), and where such keys are
 * from. */
#define _DEFAULT_SOURCE
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "base/siphash.h"

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v);
    v[0] ^= word;
}

/* Up to eight bytes as a number, the first least significant. */
static uint64_t word_of(const unsigned char *p, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)p[i] << 8 * i;
    return word;
}

/* The last word holds the bytes that are left, and above them the length. */
uint64_t tn__siphash(tn__hash_key key, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    uint64_t v[4] = {key.k[0] ^ 0x736f6d6570736575U, key.k[1] ^ 0x646f72616e646f6dU,
                     key.k[0] ^ 0x6c7967656e657261U, key.k[1] ^ 0x7465646279746573U};
    size_t left = size;
    for (; left >= 8; p += 8, left -= 8)
        absorb(v, word_of(p, 8));
    absorb(v, (uint64_t)size << 56 | word_of(p, left));
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* What differs between processes and calls: times and addresses. */
static void guess(void *bytes, size_t size)
{
    struct timespec now = {0}, up = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_MONOTONIC, &up);
    const uint64_t facts[] = {(uint64_t)now.tv_sec, (uint64_t)now.tv_nsec, (uint64_t)up.tv_nsec,
                              (uint64_t)getpid(),   (uintptr_t)bytes,      (uintptr_t)&now,
                              (uintptr_t)guess};
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = tn__siphash((tn__hash_key){{i, 0}}, facts, sizeof facts);
        memcpy((char *)bytes + i, &word, size - i < 8 ? size - i : 8);
    }
}

void tn__random_bytes(void *bytes, size_t size)
{
    if (getentropy(bytes, size) != 0)
        guess(bytes, size);
}
