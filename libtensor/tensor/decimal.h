/* decimal.h - the decimal digits of a number. */
#ifndef TN_TENSOR_DECIMAL_H
#define TN_TENSOR_DECIMAL_H

#include <tn/tensor.h>

/* digits[0].digits[1]... * 10^exponent, without zeros at the end. */
typedef struct tn__decimal {
    bool negative;
    int count;
    int exponent;
    char digits[24];
} tn__decimal;

/* x, which is finite, rounded to so many digits, 1 to 24. */
tn__decimal tn__rounded(double x, int digits);

/* The fewest digits that the type reads back as x, rounded to `limit` of them if there are more.
 * One zero if the limit is below 1. */
tn__decimal tn__shortest(tn_dtype dtype, double x, int limit);

/* The same with `places` digits after the point at most, and all that stand before it. */
tn__decimal tn__shortest_positional(tn_dtype dtype, double x, int places);

/* The digit of 10^power. */
char tn__digit_at(const tn__decimal *d, int power);

#endif
