/* real.h - the scalar type and the instruction set that a kernel is being compiled for.
 *
 * Kernels are plain loops on raw pointers: no tensors, no allocation, no errors. Each file of this
 * room is compiled once per {float, double} x {baseline, v3, v4}; KERNEL(name) gives a function its
 * own name in each, and table.c collects them. */
#ifndef TN_REAL_H
#define TN_REAL_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernels/kernels.h"

/* Sums that carry their rounding errors and polynomials in place of functions need numbers that are
 * rounded where the program says so. */
#if defined(__FAST_MATH__)
#error "libtensor is wrong with -ffast-math: compile it without; programs may have it"
#endif
#if FLT_EVAL_METHOD != 0
#error \
    "float is not rounded to float: compile libtensor with -msse2 -mfpmath=sse or -fexcess-precision=fast"
#endif

/* And an integer as wide, for the places of numbers in vectors. */
#if defined(TN_REAL_f32)
typedef float real;
typedef int32_t lane_int;
#define TN_TYPE_ f32
#else
typedef double real;
typedef int64_t lane_int;
#define TN_TYPE_ f64
#endif

#if defined(TN_ISA_v4)
#define TN_NAME_ v4
#define TN_VECTOR_BYTES 32 /* wider ones are no faster on processors that split them */
#elif defined(TN_ISA_v3)
#define TN_NAME_ v3
#define TN_VECTOR_BYTES 32
#else
#define TN_NAME_ baseline
#define TN_VECTOR_BYTES 16
#endif

#define TN_PASTE_(name, type, isa) tn__##name##_##type##_##isa
#define TN_PASTE(name, type, isa) TN_PASTE_(name, type, isa)
#define KERNEL(name) TN_PASTE(name, TN_TYPE_, TN_NAME_)

/* Every kernel of the list, declared under this build's names. */
#define TN_DECLARE_(result, name, parameters) result KERNEL(name) parameters;
TN__KERNELS(TN_DECLARE_)

/* A vector of this build, and the numbers in it. */
typedef real vec __attribute__((vector_size(TN_VECTOR_BYTES)));
typedef real vec_unaligned
    __attribute__((vector_size(TN_VECTOR_BYTES), aligned(sizeof(real)), may_alias));
#define LANES ((int64_t)(TN_VECTOR_BYTES / sizeof(real)))

static inline vec load(const real *p)
{
    return *(const vec_unaligned *)p;
}

static inline void store(real *p, vec v)
{
    *(vec_unaligned *)p = v;
}

static inline int64_t at_most(int64_t n, int64_t limit)
{
    return n < limit ? n : limit;
}

/* Numbers of two vectors by their places, a vector of the type `places`: those of b count on from
 * those of a. */
#if defined(__clang__)
#define SHUFFLE(places, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(places, a, b, ...) __builtin_shuffle(a, b, (places){__VA_ARGS__})
#endif

/* Stands before a loop of so few rounds that all of them are written out. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif

/* Around functions whose products and sums are rounded each, and never one instruction, so that
 * every build gives the same bits. clang listens where no -ffp-contract=fast is given. */
#if defined(__clang__)
#define UNFUSED_BEGIN _Pragma("clang fp contract(off)")
#define UNFUSED_END _Pragma("clang fp contract(fast)")
#else
#define UNFUSED_BEGIN _Pragma("GCC push_options") _Pragma("GCC optimize(\"fp-contract=off\")")
#define UNFUSED_END _Pragma("GCC pop_options")
#endif

/* Halves are added to halves. */
static inline real add_lanes(vec v)
{
    real lanes[LANES];
    store(lanes, v);
    for (int64_t width = LANES / 2; width > 0; width /= 2)
        for (int64_t i = 0; i < width; i++)
            lanes[i] += lanes[i + width];
    return lanes[0];
}

/* Compensated summation: adds b = x + *lost to y, returns the rounded sum s = fl(y + b), and sets
 * *lost to the rounding error: y + b = s + *lost exactly, whichever of y and b is larger (Kahan's
 * summation with Knuth's two-sum). An infinity makes *lost NaN, which counts as 0 next time. */
static inline real add_exactly(real y, real x, real *lost)
{
    real b = x + (*lost == *lost ? *lost : 0), s = y + b, b1 = s - y;
    *lost = (y - (s - b1)) + (b - b1);
    return s;
}

#endif
