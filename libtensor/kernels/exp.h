/* exp.h - e^x for x <= 0, without branches or calls, so that loops over it are vectorised.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2, e^x = 2^n e^r, and e^r by its series. Adding 1.5 * 2^p, p
 * the bits of the mantissa, rounds x / ln 2 to the integer n and leaves n in the low bits. */
#ifndef TN_EXP_H
#define TN_EXP_H

#include <string.h>
#include "kernels/real.h"

#if defined(TN_REAL_f32)
typedef int32_t bits;
#define EXP_MANTISSA 23
#define EXP_ROUND 0x1.8p23f
#define EXP_LOWEST (-87.0f)
#define EXP_LN2_HIGH 0x1.62e4p-1f
#define EXP_LN2_LOW 0x1.7f7d1cp-20f
#define EXP_TERMS 8
#else
typedef int64_t bits;
#define EXP_MANTISSA 52
#define EXP_ROUND 0x1.8p52
#define EXP_LOWEST (-708.0)
#define EXP_LN2_HIGH 0x1.62e42fefa38p-1
#define EXP_LN2_LOW 0x1.ef35793c7673p-45
#define EXP_TERMS 14
#endif

/* e^x for x <= 0, 0 where that is below the smallest normal number; NaN for NaN. */
static inline real exp_nonpositive(real x)
{
    static const real inverse[] = {(real)1 / 2,  (real)1 / 3,  (real)1 / 4,  (real)1 / 5,
                                   (real)1 / 6,  (real)1 / 7,  (real)1 / 8,  (real)1 / 9,
                                   (real)1 / 10, (real)1 / 11, (real)1 / 12, (real)1 / 13,
                                   (real)1 / 14, (real)1 / 15};
    real safe = x > EXP_LOWEST ? x : EXP_LOWEST;
    real shifted = safe * (real)1.4426950408889634 + EXP_ROUND;
    real n = shifted - EXP_ROUND;
    real r = (safe - n * EXP_LN2_HIGH) - n * EXP_LN2_LOW;
    real sum = 1;
    for (int i = EXP_TERMS - 2; i >= 0; i--)
        sum = 1 + r * inverse[i] * sum;
    sum = 1 + r * sum;
    bits exponent, value;
    memcpy(&exponent, &shifted, sizeof exponent);
    memcpy(&value, &sum, sizeof value);
    value = (bits)((uint64_t)value + ((uint64_t)exponent << EXP_MANTISSA));
    memcpy(&sum, &value, sizeof sum);
    sum = x < EXP_LOWEST ? 0 : sum;
    return x == x ? sum : x;
}

#endif
