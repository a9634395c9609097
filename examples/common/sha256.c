#include "common/sha256.h"

#include <stdio.h>
#include <string.h>

/* The first 32 bits behind the point of the cube roots of the first 64 primes. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotated(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* The 16 words of the block, and 48 made from them (FIPS 180-4, 6.2.2, step 1). */
static void expand(const uint8_t *block, uint32_t *w)
{
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t b = rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
}

static void add_block(uint32_t *h, const uint8_t *block)
{
    uint32_t w[64], v[8];
    expand(block, w);
    memcpy(v, h, sizeof(v));
    for (int i = 0; i < 64; i++) {
        uint32_t a = v[0], e = v[4];
        uint32_t one = v[7] + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +
                       ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
        uint32_t two = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) +
                       ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof(*v));
        v[4] += one;
        v[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        h[i] += v[i];
}

/* The same of the square roots of the first 8 primes. */
void sha256_begin(sha256_state *s)
{
    *s = (sha256_state){.h = {
                            0x6a09e667,
                            0xbb67ae85,
                            0x3c6ef372,
                            0xa54ff53a,
                            0x510e527f,
                            0x9b05688c,
                            0x1f83d9ab,
                            0x5be0cd19,
                        }};
}

void sha256_add(sha256_state *s, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t held = s->length % 64, part = size < 64 - held ? size : 64 - held;
        memcpy(s->block + held, from, part);
        s->length += part;
        from += part;
        size -= part;
        if (held + part == 64)
            add_block(s->h, s->block);
    }
}

/* A bit 1, zeros, and the length in bits as the last 8 bytes of a block. */
sha256 sha256_end(sha256_state *s)
{
    uint64_t bits = 8 * s->length;
    uint8_t end[72] = {0x80};
    size_t zeros = (119 - s->length % 64) % 64;
    for (size_t i = 0; i < 8; i++)
        end[1 + zeros + i] = (uint8_t)(bits >> (56 - 8 * i));
    sha256_add(s, end, zeros + 9);
    sha256 hash;
    for (int i = 0; i < 64; i++)
        hash.hex[i] = "0123456789abcdef"[s->h[i / 8] >> (28 - i % 8 * 4) & 15];
    hash.hex[64] = '\0';
    return hash;
}

sha256 sha256_of(const void *bytes, size_t size)
{
    sha256_state s;
    sha256_begin(&s);
    sha256_add(&s, bytes, size);
    return sha256_end(&s);
}

bool sha256_of_file(const char *name, sha256 *hash)
{
    unsigned char bytes[1 << 15];
    FILE *file = fopen(name, "rb");
    sha256_state s;
    size_t size;
    if (!file)
        return false;
    sha256_begin(&s);
    while ((size = fread(bytes, 1, sizeof(bytes), file)) > 0)
        sha256_add(&s, bytes, size);
    bool read = !ferror(file);
    fclose(file);
    *hash = sha256_end(&s);
    return read;
}
