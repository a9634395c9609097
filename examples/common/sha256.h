/* sha256.h - the hash by which a file is known. */
#ifndef EXAMPLES_SHA256_H
#define EXAMPLES_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64 hexadecimal digits, lower case. */
typedef struct sha256 {
    char hex[65];
} sha256;

typedef struct sha256_state {
    uint32_t h[8];
    uint8_t block[64];
    uint64_t length; /* bytes so far */
} sha256_state;

/* In parts: begin, add any number of times, end (FIPS 180-4). */
void sha256_begin(sha256_state *s);
void sha256_add(sha256_state *s, const void *bytes, size_t size);
sha256 sha256_end(sha256_state *s);

/* At once. */
sha256 sha256_of(const void *bytes, size_t size);

/* Of a file. False with errno. */
bool sha256_of_file(const char *name, sha256 *hash);

#endif
