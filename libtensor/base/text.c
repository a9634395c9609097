/* text.c - text written piece by piece into the caller's memory. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
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

/* What needs no escape is appended at once. */
void tn__append_json(tn__text *text, const char *string)
{
    tn__append(text, "\"");
    for (const char *start = string; *start; string = start) {
        while ((unsigned char)*start >= 0x20 && *start != '"' && *start != '\\')
            start++;
        tn__append(text, "%.*s", (int)(start - string), string);
        if (!*start)
            break;
        tn__append(text, (unsigned char)*start < 0x20 ? "\\u%04x" : "\\%c", (unsigned char)*start);
        start++;
    }
    tn__append(text, "\"");
}

bool tn__ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), n = strlen(ending);
    return length >= n && strcmp(name + length - n, ending) == 0;
}
