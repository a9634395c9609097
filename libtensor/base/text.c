/* text.c - text written piece by piece into the caller's memory. */
#include <stdarg.h>
#include <stdio.h>
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
