/* utf8.c - code points as bytes (RFC 3629). */
#include <string.h>
#include "base/utf8.h"

/* The bytes must be the shortest form of the code point, which must be no surrogate of UTF-16. */
static bool is_code_point(int32_t code, int n)
{
    static const int32_t first[] = {[1] = 0, [2] = 0x80, [3] = 0x800, [4] = 0x10000};
    return code >= first[n] && code < 0x110000 && (code < 0xd800 || code > 0xdfff);
}

int tn__decode_utf8(const unsigned char *p, int64_t left, int32_t *code)
{
    if (left < 1 || (*p >= 0x80 && *p < 0xc0) || *p >= 0xf8)
        return 0;
    int n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    if (n > left)
        return 0;
    *code = n == 1 ? *p : *p & (0xff >> (n + 1));
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    return is_code_point(*code, n) ? n : 0;
}

int64_t tn__utf8_length(const char *text, int64_t size)
{
    int64_t at = 0;
    int32_t code;
    for (int n; at < size; at += n)
        if ((n = tn__decode_utf8((const unsigned char *)text + at, size - at, &code)) == 0)
            break;
    return at;
}

bool tn__is_utf8(const char *text)
{
    int64_t size = (int64_t)strlen(text);
    return tn__utf8_length(text, size) == size;
}

int tn__encode_utf8(int32_t code, unsigned char *out)
{
    static const unsigned char lead[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (unsigned char)(0x80 | (code & 0x3f));
    *out = (unsigned char)(lead[n] | code);
    return n;
}
