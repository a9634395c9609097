/* decimal.c - the decimal digits of a number, by the C library's printf and strtod. */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tensor/decimal.h"

enum { WORD_SIZE = 48 };

/* Takes the text of "%e" apart; the decimal point may be any that the locale has. */
static tn__decimal parse(const char *text)
{
    tn__decimal d = {.negative = *text == '-'};
    for (; *text != 'e'; text++)
        if (*text >= '0' && *text <= '9')
            d.digits[d.count++] = *text;
    d.exponent = (int)strtol(text + 1, NULL, 10);
    while (d.count > 1 && d.digits[d.count - 1] == '0')
        d.count--;
    return d;
}

tn__decimal tn__rounded(double x, int digits)
{
    char text[WORD_SIZE];
    snprintf(text, sizeof(text), "%.*e", digits - 1, x);
    return parse(text);
}

static bool reads_as(tn_dtype dtype, const char *text, double x)
{
    return dtype == TN_F32 ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x;
}

/* Above a power of two numbers are wider apart than below, so that the next decimal up may read
 * back as the power where the nearest one does not. */
tn__decimal tn__shortest(tn_dtype dtype, double x, int limit)
{
    char text[WORD_SIZE] = "0e0"; /* no digit at all */
    for (int digits = 1; digits <= limit; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, x);
        if (reads_as(dtype, text, x))
            break;
        char *last = text + strcspn(text, "e") - 1;
        if (*last == '9')
            continue;
        ++*last;
        if (reads_as(dtype, text, x))
            break;
        --*last;
    }
    return parse(text);
}

tn__decimal tn__shortest_positional(tn_dtype dtype, double x, int places)
{
    int before = tn__rounded(x, DBL_DECIMAL_DIG).exponent + 1;
    tn__decimal d = tn__shortest(dtype, x, before + places);
    return d.count < before ? tn__rounded(x, before) : d;
}

char tn__digit_at(const tn__decimal *d, int power)
{
    int i = d->exponent - power;
    return i >= 0 && i < d->count ? d->digits[i] : '0';
}
