/* text.c - tells plain texts from others, and shows both. */
#include "common/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The bytes and the bits of the character that begins with a byte; 0 if none does. */
static int length_of(unsigned char first, uint32_t *code)
{
    static const struct {
        unsigned char mask, lead;
        int length;
    } KINDS[] = {{0x80, 0x00, 1}, {0xe0, 0xc0, 2}, {0xf0, 0xe0, 3}, {0xf8, 0xf0, 4}};
    for (int i = 0; i < 4; i++) {
        if ((first & KINDS[i].mask) == KINDS[i].lead) {
            *code = first & (unsigned char)~KINDS[i].mask;
            return KINDS[i].length;
        }
    }
    return 0;
}

/* The shortest way to write it is the only one; 0xd800 .. 0xdfff are halves of UTF-16. */
int text_character(const char *text)
{
    static const uint32_t LEAST[] = {0, 0x20, 0xa0, 0x800, 0x10000};
    uint32_t code = 0;
    int length = length_of((unsigned char)text[0], &code);
    for (int i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    }
    bool control = code < LEAST[length] || code == 0x7f;
    bool outside = code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
    return control || outside ? 0 : length;
}

bool text_plain(const char *text)
{
    int length = 1;
    for (; *text && length > 0; text += length)
        length = text_character(text);
    return length > 0;
}

int text_width(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* The names of control characters in C. */
static const char *name_of(char c)
{
    return c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;
}

void text_show(const char *text, char *shown, size_t size)
{
    size_t used = 0;
    while (*text) {
        char part[8];
        int length = text_character(text);
        if (length > 0)
            snprintf(part, sizeof(part), "%.*s", length, text);
        else if (name_of(*text))
            snprintf(part, sizeof(part), "%s", name_of(*text));
        else
            snprintf(part, sizeof(part), "\\x%02x", (unsigned)(unsigned char)*text);
        if (used + strlen(part) >= size)
            break;
        memcpy(shown + used, part, strlen(part));
        used += strlen(part);
        text += length > 0 ? length : 1;
    }
    shown[used] = '\0';
}

void text_print(const char *text, int width)
{
    printf("%s%*s", text, width > text_width(text) ? width - text_width(text) : 0, "");
}
