/* text.h - names of files and people: whether they are plain, how wide they are, and how they are
 * shown. */
#ifndef EXAMPLES_TEXT_H
#define EXAMPLES_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a text is UTF-8 without control characters, so that it stays one line wherever it is
 * printed. */
bool text_plain(const char *text);

/* The bytes of the character that a text begins with; 0 if it is none of a plain text. */
int text_character(const char *text);

/* Characters of a plain text. */
int text_width(const char *text);

/* Writes the text with all that is not plain as C writes it, "a\nb\xff", as far as it fits. */
void text_show(const char *text, char *shown, size_t size);

/* Prints a plain text with blanks behind it up to a width. */
void text_print(const char *text, int width);

#endif
