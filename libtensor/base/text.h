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

/* A string of JSON, in its quotes: UTF-8 goes as it is, control characters as \u001f. */
void tn__append_json(tn__text *text, const char *string);

bool tn__ends_in(const char *name, const char *ending);

#endif
