/* sha256.h - the hash by which a file is known, by OpenSSL's libcrypto. */
#ifndef EXAMPLES_SHA256_H
#define EXAMPLES_SHA256_H

#include <stdbool.h>
#include <stddef.h>

/* 64 hexadecimal digits, lower case; "" where memory was short, which no hash is equal to. */
typedef struct sha256 {
    char hex[65];
} sha256;

/* Of bytes in memory. Several threads may call it at a time. */
sha256 sha256_of(const void *bytes, size_t size);

/* Of a file of any size, which is read in parts. False with errno. */
bool sha256_of_file(const char *name, sha256 *hash);

#endif
