/* utf8.h - text in UTF-8. */
#ifndef TN_BASE_UTF8_H
#define TN_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* Writes the code point at p to *code. Returns how many of the `left` bytes it takes in UTF-8, or 0
 * if they do not begin with one. */
int tn__decode_utf8(const unsigned char *p, int64_t left, int32_t *code);

/* How many of the `size` bytes are UTF-8, from the first on: all of them, if all are. */
int64_t tn__utf8_length(const char *text, int64_t size);

/* Whether a string is UTF-8 from end to end. */
bool tn__is_utf8(const char *text);

/* Writes up to four bytes; returns how many. */
int tn__encode_utf8(int32_t code, unsigned char *out);

#endif
