/* text.h - text that is written piece by piece. */
#ifndef TN_BASE_TEXT_H
#define TN_BASE_TEXT_H

#include <tn/context.h>

/* Text that is written piece by piece, as by snprintf: cut to `size`, `length` goes on. */
typedef struct tn__text {
    char *buffer;
    size_t size;
    int64_t length;
} tn__text;

void tn__append(tn__text *text, const char *format, ...) TN_PRINTF(2, 3);

#endif
