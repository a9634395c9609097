/* options.h - what an option of a struct stands for: its default where it is 0, and zero where it
 * is TN_ZERO. */
#ifndef TN_BASE_OPTIONS_H
#define TN_BASE_OPTIONS_H

#include <tn/context.h>

static inline double tn__real_option(double value, double otherwise)
{
    return value == 0 ? otherwise : value == (double)TN_ZERO ? 0 : value;
}

static inline int64_t tn__int_option(int64_t value, int64_t otherwise)
{
    return value == 0 ? otherwise : value == TN_ZERO ? 0 : value;
}

#endif
