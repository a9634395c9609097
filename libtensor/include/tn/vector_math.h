/* vector_math.h - exp, log, tanh and others without calls or branches, so that compilers vectorise
 * the loops they stand in. C alone.
 *
 *     for (int64_t i = 0; i < n; i++)
 *         y[i] = TN_TANH(x[i]);
 *
 * A macro is the function for float or for double, as its argument is: TN_EXP(x) of a float is
 * tn_exp_f32(x), and of anything else tn_exp_f64(x). <tn/formula.h> makes exp, log... in formulas
 * mean these. Nothing sets errno.
 *
 * Results are at most 2 units in the last place from the true value, over all arguments, float and
 * double, with and without fused multiply-add: numbers below the normal ones, zeros with their
 * signs, infinities and NaN are what C's Annex F says of the functions of these names. erfc alone
 * may be 8 units away. All of this holds if floating-point numbers are rounded to nearest and the
 * compiler keeps the order of operations: not with -ffast-math or -fassociative-math.
 *
 * GCC vectorises them with -O3 -fno-trapping-math, clang with -O2; with GCC, sqrt and fabs beside
 * them want -fno-math-errno. */
#ifndef TN_VECTOR_MATH_H
#define TN_VECTOR_MATH_H

#ifndef __cplusplus

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Of one number. */
#define TN_EXP(x) TN_GENERIC_(exp, x)     /* e^x */
#define TN_EXPM1(x) TN_GENERIC_(expm1, x) /* e^x - 1 */
#define TN_LOG(x) TN_GENERIC_(log, x)     /* natural */
#define TN_LOG1P(x) TN_GENERIC_(log1p, x) /* ln(1 + x) */
#define TN_TANH(x) TN_GENERIC_(tanh, x)
#define TN_SIGMOID(x) TN_GENERIC_(sigmoid, x) /* 1 / (1 + e^-x) */
#define TN_SIN(x) TN_GENERIC_(sin, x)
#define TN_COS(x) TN_GENERIC_(cos, x)
#define TN_ERF(x) TN_GENERIC_(erf, x)
#define TN_ERFC(x) TN_GENERIC_(erfc, x)         /* 1 - erf x */
#define TN_GAUSSIAN(x) TN_GENERIC_(gaussian, x) /* e^(-x^2) */

#define TN_GENERIC_(name, x) _Generic((x), float : tn_##name##_f32, default : tn_##name##_f64)(x)

/* x^y, for float if x + y is one: where y is a whole number, too. */
#define TN_POW(x, y) _Generic((x) + (y), float : tn_pow_f32, default : tn_pow_f64)((x), (y))

#if defined(__GNUC__)
#define TN_INLINE_ static inline __attribute__((always_inline, unused))
#else
#define TN_INLINE_ static inline
#endif

/* a + b x + ..., by Horner's rule. */
#define TN_POLY2_(x, a, b) ((a) + (x) * (b))
#define TN_POLY3_(x, a, ...) ((a) + (x)*TN_POLY2_(x, __VA_ARGS__))
#define TN_POLY4_(x, a, ...) ((a) + (x)*TN_POLY3_(x, __VA_ARGS__))
#define TN_POLY5_(x, a, ...) ((a) + (x)*TN_POLY4_(x, __VA_ARGS__))
#define TN_POLY6_(x, a, ...) ((a) + (x)*TN_POLY5_(x, __VA_ARGS__))
#define TN_POLY7_(x, a, ...) ((a) + (x)*TN_POLY6_(x, __VA_ARGS__))
#define TN_POLY8_(x, a, ...) ((a) + (x)*TN_POLY7_(x, __VA_ARGS__))
#define TN_POLY9_(x, a, ...) ((a) + (x)*TN_POLY8_(x, __VA_ARGS__))
#define TN_POLY10_(x, a, ...) ((a) + (x)*TN_POLY9_(x, __VA_ARGS__))
#define TN_POLY11_(x, a, ...) ((a) + (x)*TN_POLY10_(x, __VA_ARGS__))
#define TN_POLY12_(x, a, ...) ((a) + (x)*TN_POLY11_(x, __VA_ARGS__))
#define TN_POLY13_(x, a, ...) ((a) + (x)*TN_POLY12_(x, __VA_ARGS__))
#define TN_POLY14_(x, a, ...) ((a) + (x)*TN_POLY13_(x, __VA_ARGS__))
#define TN_POLY15_(x, a, ...) ((a) + (x)*TN_POLY14_(x, __VA_ARGS__))
#define TN_POLY16_(x, a, ...) ((a) + (x)*TN_POLY15_(x, __VA_ARGS__))
#define TN_POLY17_(x, a, ...) ((a) + (x)*TN_POLY16_(x, __VA_ARGS__))
#define TN_POLY18_(x, a, ...) ((a) + (x)*TN_POLY17_(x, __VA_ARGS__))
#define TN_POLY19_(x, a, ...) ((a) + (x)*TN_POLY18_(x, __VA_ARGS__))
#define TN_POLY20_(x, a, ...) ((a) + (x)*TN_POLY19_(x, __VA_ARGS__))
#define TN_POLY21_(x, a, ...) ((a) + (x)*TN_POLY20_(x, __VA_ARGS__))
#define TN_POLY22_(x, a, ...) ((a) + (x)*TN_POLY21_(x, __VA_ARGS__))

#define TN_REAL_ float
#define TN_BITS_ uint32_t
#define TN_NAME_(name) name##_f32
#define TN_OF_(f32, f64) (f32)
#define TN_MANTISSA_ 23
#define TN_BIAS_ 127
#define TN_SIGN_ 0x80000000u
#define TN_UPPER_HALF_ 0xFFFFF000u
#include <tn/vector_math_real.h>

#define TN_REAL_ double
#define TN_BITS_ uint64_t
#define TN_NAME_(name) name##_f64
#define TN_OF_(f32, f64) (f64)
#define TN_MANTISSA_ 52
#define TN_BIAS_ 1023
#define TN_SIGN_ 0x8000000000000000u
#define TN_UPPER_HALF_ 0xFFFFFFFFF8000000u
#include <tn/vector_math_real.h>

#include <tn/vector_math_wide.h>

#endif

#endif
