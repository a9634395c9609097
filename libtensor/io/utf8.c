/* utf8.c - code points as bytes (RFC 3629). */
#include "io/io.h"

int tn__decode_utf8(const unsigned char *p, int64_t left, int32_t *code)
{
    int n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 : 4;
    if (n > left || *p > 0xf4 || (*p >= 0x80 && *p < 0xc2))
        return 0;
    *code = n == 1 ? *p : *p & (0xff >> (n + 1));
    for (int i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    return n;
}

int tn__encode_utf8(int32_t code, unsigned char *out)
{
    static const unsigned char lead[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (n == 1) {
        *out = (unsigned char)code;
        return 1;
    }
    for (int i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (unsigned char)(0x80 | (code & 0x3f));
    *out = (unsigned char)(lead[n] | code);
    return n;
}
