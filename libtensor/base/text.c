/* text.c - text written piece by piece into memory of the caller's, and shapes as text. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tn/tensor.h>
#include "base/text.h"

void tn__append(tn__text *text, const char *format, ...)
{
    size_t used = (size_t)text->length < text->size ? (size_t)text->length : text->size;
    va_list args;
    va_start(args, format);
    int n =
        vsnprintf(used < text->size ? text->buffer + used : NULL, text->size - used, format, args);
    va_end(args);
    text->length += n > 0 ? n : 0;
}

tn_text tn_shape_text(int ndim, const int64_t *shape)
{
    tn_text text = {"["};
    size_t length = 1;
    for (int i = 0; shape && i < ndim && i < TN_MAX_DIMS; i++) {
        int n = snprintf(text.s + length, sizeof text.s - length, i ? ",%lld" : "%lld",
                         (long long)shape[i]);
        length += (size_t)n;
    }
    memcpy(text.s + length, "]", 2);
    return text;
}
