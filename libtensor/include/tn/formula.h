/* formula.h - the macros that make an operator of an expression and its derivative. C alone.
 *
 *     // swish(x): y = x s(x), s(x) = 1 / (1 + e^-x);   dx = dy (s + y (1 - s))
 *     TN_UNARY(swish, TN_SAVE_X,
 *              x / (1 + exp(-x)),
 *              dy * (1 + x * (1 - 1 / (1 + exp(-x)))) / (1 + exp(-x)));
 *
 *     tn_tensor *swish(tn_ctx *ctx, const tn_tensor *x)
 *     {
 *         return tn_unary(ctx, &swish_op, x, NULL);
 *     }
 *
 * The macros write a loop for float and one for double, for each instruction set of context.h. In
 * the expressions `real` is the scalar type, the functions come from <tgmath.h>, and c[0],
 * c[1]... are the constants given with the call: these and the operands are the names that they
 * find besides the file's own. Write real constants as (real)0.5, so that float stays float.
 *
 * exp, expm1, log, log1p, tanh, erf, erfc, sin, cos and pow come from <tn/vector_math.h>: compilers
 * vectorise them, as they do +, *, ?:, fabs and sqrt; TN_SIGMOID(x) is 1 / (1 + exp(-x)) in one. A
 * formula with another function calls it for one element after the other.
 *
 * This header brings <tgmath.h>, whose macros change what sqrt(x), exp(x) and I mean in the rest of
 * the file, so <tn/tn.h> leaves it out: include it where operators are declared. C++ has no
 * <tgmath.h> of this kind, and there the header is op.h; declare the operator in a C file, and call
 * its function from C++. docs/adding-an-op.md has the rules. */
#ifndef TN_FORMULA_H
#define TN_FORMULA_H

#include <tn/op.h>

#ifndef __cplusplus

#include <tgmath.h>
#include <tn/vector_math.h>

/* exp(x) and others are the vector form for float and double, and for whole numbers, which count as
 * double; for long double and complex numbers they stay what they are. With -ffast-math all of them
 * do: a compiler that reorders arithmetic takes the vector forms apart. */

#if !defined(__FAST_MATH__)
#undef exp
#undef expm1
#undef log
#undef log1p
#undef tanh
#undef erf
#undef erfc
#undef pow
#undef sin
#undef cos
#define exp(x) TN_COMPLEX_TOO_(exp, x)
#define expm1(x) TN_REAL_ONLY_(expm1, x)
#define log(x) TN_COMPLEX_TOO_(log, x)
#define log1p(x) TN_REAL_ONLY_(log1p, x)
#define tanh(x) TN_COMPLEX_TOO_(tanh, x)
#define erf(x) TN_REAL_ONLY_(erf, x)
#define erfc(x) TN_REAL_ONLY_(erfc, x)
#define sin(x) TN_COMPLEX_TOO_(sin, x)
#define cos(x) TN_COMPLEX_TOO_(cos, x)
#define pow(x, y) _Generic((x) + (y), TN_REALS_(pow), TN_COMPLEXES_(pow))(x, y)
#define TN_REAL_ONLY_(name, x) _Generic((x), TN_REALS_(name))(x)
#define TN_COMPLEX_TOO_(name, x) _Generic((x), TN_REALS_(name), TN_COMPLEXES_(name))(x)
#define TN_REALS_(name) float : tn_##name##_f32, long double : name##l, default : tn_##name##_f64
#define TN_COMPLEXES_(name) \
    float _Complex : c##name##f, double _Complex : c##name, long double _Complex : c##name##l
#endif

/* Defines the tn_formula `name`, an expression in one, two or three operands:
 *
 *     TN_FORMULA2(hypotenuse, x, y, sqrt(x * x + y * y)); */
#define TN_FORMULA1(name, a, ...)                  \
    TN_LOOPS_(TN_LOOP1_, name, a, , , __VA_ARGS__) \
    static const tn_formula name = TN_TABLE_(name, 1, #__VA_ARGS__)
#define TN_FORMULA2(name, a, b, ...)                \
    TN_LOOPS_(TN_LOOP2_, name, a, b, , __VA_ARGS__) \
    static const tn_formula name = TN_TABLE_(name, 2, #__VA_ARGS__)
#define TN_FORMULA3(name, a, b, d, ...)              \
    TN_LOOPS_(TN_LOOP3_, name, a, b, d, __VA_ARGS__) \
    static const tn_formula name = TN_TABLE_(name, 3, #__VA_ARGS__)

/* Defines the tn_unary_op id_op: what it keeps for its backward (a tn_keep), y as an expression in
 * x, and dx as one in x, y and dy. TN_UNARY_AS is for one of several that users know by one name,
 * `shown`, a string that errors and profiles have. */
#define TN_UNARY(id, saved, forward, backward_x) \
    TN_UNARY_(#id, id, saved, forward, backward_x, #forward, #backward_x)
#define TN_UNARY_AS(shown, id, saved, forward, backward_x) \
    TN_UNARY_(shown, id, saved, forward, backward_x, #forward, #backward_x)
#define TN_UNARY_(shown, id, saved, forward, backward_x, text, text_x)                        \
    TN_LOOPS_(TN_LOOP1_, id##_y, x, , , forward)                                              \
    TN_LOOPS_(TN_LOOP3_, id##_dx, x, y, dy, backward_x)                                       \
    static const tn_unary_op id##_op = {.op = {.name = shown, .backward = tn_unary_backward}, \
                                        .save = (saved),                                      \
                                        .y = TN_TABLE_(id##_y, 1, text),                      \
                                        .dx = TN_TABLE_(id##_dx, 3, text_x)}

/* Defines the tn_binary_op id_op: what it keeps, y as an expression in a and b, and da and db as
 * expressions in a, b and dy. */
#define TN_BINARY(id, saved, forward, backward_a, backward_b)                                 \
    TN_LOOPS_(TN_LOOP2_, id##_y, a, b, , forward)                                             \
    TN_LOOPS_(TN_LOOP3_, id##_da, a, b, dy, backward_a)                                       \
    TN_LOOPS_(TN_LOOP3_, id##_db, a, b, dy, backward_b)                                       \
    static const tn_binary_op id##_op = {.op = {.name = #id, .backward = tn_binary_backward}, \
                                         .save = (saved),                                     \
                                         .y = TN_TABLE_(id##_y, 2, #forward),                 \
                                         .da = TN_TABLE_(id##_da, 3, #backward_a),            \
                                         .db = TN_TABLE_(id##_db, 3, #backward_b)}

#define TN_TABLE_(formula, count, words)                                 \
    {                                                                    \
        .name = #formula, .operands = (count), .text = words, .loops = { \
            {formula##_f32, formula##_f32_v3, formula##_f32_v4},         \
            {formula##_f64, formula##_f64_v3, formula##_f64_v4}          \
        }                                                                \
    }

/* How the loops are written. The body is inlined into a function per instruction set. */
#if defined(__x86_64__) && defined(__GNUC__)
#define TN_TARGET_V3_ __attribute__((target("avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe")))
#define TN_TARGET_V4_                                                                         \
    __attribute__((target("avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,avx512f,avx512bw,avx512cd," \
                          "avx512dq,avx512vl")))
#else
#define TN_TARGET_V3_
#define TN_TARGET_V4_
#endif

#define TN_LOOPS_(LOOP, name, a, b, d, ...)        \
    LOOP(name##_f32, float, a, b, d, __VA_ARGS__)  \
    LOOP(name##_f64, double, a, b, d, __VA_ARGS__) \
    TN_LOOP_FOR_(name##_f32, , )                   \
    TN_LOOP_FOR_(name##_f32, _v3, TN_TARGET_V3_)   \
    TN_LOOP_FOR_(name##_f32, _v4, TN_TARGET_V4_)   \
    TN_LOOP_FOR_(name##_f64, , )                   \
    TN_LOOP_FOR_(name##_f64, _v3, TN_TARGET_V3_)   \
    TN_LOOP_FOR_(name##_f64, _v4, TN_TARGET_V4_)

#define TN_LOOP_FOR_(name, isa, target)                                         \
    target static void name##isa(int64_t n_, void *const *p_, const double *c_) \
    {                                                                           \
        name##_n(n_, p_[0], p_, c_);                                            \
    }

#define TN_CONSTANTS_(type)                                                                \
    const type c[TN_MAX_CONSTANTS] = {(type)k_[0], (type)k_[1], (type)k_[2], (type)k_[3]}; \
    typedef type real;                                                                     \
    (void)c;                                                                               \
    (void)sizeof(real)

#define TN_LOOP1_(name, type, a, unused_b, unused_d, ...)                                        \
    TN_INLINE_ void name##_n(int64_t n_, type *restrict out_, void *const *p_, const double *k_) \
    {                                                                                            \
        TN_CONSTANTS_(type);                                                                     \
        const type *pa_ = p_[1];                                                                 \
        for (int64_t i_ = 0; i_ < n_; i_++) {                                                    \
            const type a = pa_[i_];                                                              \
            (void)a;                                                                             \
            out_[i_] = (type)(__VA_ARGS__);                                                      \
        }                                                                                        \
    }

#define TN_LOOP2_(name, type, a, b, unused_d, ...)                                               \
    TN_INLINE_ void name##_n(int64_t n_, type *restrict out_, void *const *p_, const double *k_) \
    {                                                                                            \
        TN_CONSTANTS_(type);                                                                     \
        const type *pa_ = p_[1], *pb_ = p_[2];                                                   \
        for (int64_t i_ = 0; i_ < n_; i_++) {                                                    \
            const type a = pa_[i_], b = pb_[i_];                                                 \
            (void)a, (void)b;                                                                    \
            out_[i_] = (type)(__VA_ARGS__);                                                      \
        }                                                                                        \
    }

#define TN_LOOP3_(name, type, a, b, d, ...)                                                      \
    TN_INLINE_ void name##_n(int64_t n_, type *restrict out_, void *const *p_, const double *k_) \
    {                                                                                            \
        TN_CONSTANTS_(type);                                                                     \
        const type *pa_ = p_[1], *pb_ = p_[2], *pd_ = p_[3];                                     \
        for (int64_t i_ = 0; i_ < n_; i_++) {                                                    \
            const type a = pa_[i_], b = pb_[i_], d = pd_[i_];                                    \
            (void)a, (void)b, (void)d;                                                           \
            out_[i_] = (type)(__VA_ARGS__);                                                      \
        }                                                                                        \
    }

#endif

#endif
