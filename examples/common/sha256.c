/* sha256.c - computes the SHA-256 of bytes and of files, in hexadecimal digits. */
#include "common/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

enum { DIGEST = 32, PART = 1 << 15 };

static sha256 written_out(const unsigned char *digest)
{
    sha256 hash;
    for (int i = 0; i < DIGEST; i++)
        snprintf(hash.hex + 2 * i, 3, "%02x", digest[i]);
    return hash;
}

sha256 sha256_of(const void *bytes, size_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL))
        return (sha256){""};
    return written_out(digest);
}

/* Whether all of the file was read and hashed. */
static bool digest_file(FILE *file, EVP_MD_CTX *state, unsigned char *digest)
{
    unsigned char part[PART];
    size_t size;
    bool good = EVP_DigestInit_ex(state, EVP_sha256(), NULL);
    while (good && (size = fread(part, 1, sizeof(part), file)) > 0)
        good = EVP_DigestUpdate(state, part, size);
    return good && !ferror(file) && EVP_DigestFinal_ex(state, digest, NULL);
}

bool sha256_of_file(const char *name, sha256 *hash)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    FILE *file = fopen(name, "rb");
    if (!file)
        return false;
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    errno = ENOMEM;
    bool good = state && digest_file(file, state, digest);
    int reason = errno;
    EVP_MD_CTX_free(state);
    fclose(file);
    if (good)
        *hash = written_out(digest);
    errno = reason;
    return good;
}
