/* siphash.h - hashes of names, and bytes that nobody can foresee. */
#ifndef TN_BASE_SIPHASH_H
#define TN_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Without the key nobody can choose names whose hashes are alike. */
typedef struct tn__hash_key {
    uint64_t k[2];
} tn__hash_key;

uint64_t tn__siphash(tn__hash_key key, const void *bytes, size_t size);

/* Up to 256 bytes that nobody can foresee; if the system gives none, bytes that differ from call to
 * call. */
void tn__random_bytes(void *bytes, size_t size);

#endif
