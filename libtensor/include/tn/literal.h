/* literal.h - how a call lists a shape, several tensors or the options that it sets, in C and C++.
 *
 * In C these are compound literals, and live until the end of the block. C++ has none: there they
 * are temporaries of up to 64 elements, which live until the end of the full expression, so they
 * belong in the call itself. Elements are evaluated once, in C++ from left to right, in C in the
 * order that the compiler chooses, which is the same with gcc and clang.
 *
 * The other headers include this one. */
#ifndef TN_LITERAL_H
#define TN_LITERAL_H

#include <stddef.h>
#include <stdint.h>

/* A number of elements and an array of them, two arguments of a function. */
#define TN_LIST_(type, ...) TN_COUNT_(type, __VA_ARGS__), TN_ARRAY_(type, __VA_ARGS__)

/* A struct of options: those that are listed, 1 to 16, and the default of all others.
 *
 *     tn_sgd(ctx, net, TN_OPTS(tn_sgd_opts, .lr = 0.1, .momentum = 0.9))
 *
 * is C, the same as (tn_sgd_opts){.lr = 0.1, .momentum = 0.9}, and C++ from C++11 on, inside of
 * functions. Where nothing is listed, C has (tn_sgd_opts){0} and C++ {}.
 *
 * C++ assigns no arrays, so an array among the options is set element by element, in both languages
 * alike: TN_OPTS(tn_checkpoint, .schedules[0] = warm_up, .schedules[1] = decay).
 *
 * C++20 takes {.lr = 0.1, .momentum = 0.9} as well. There g++ -Wextra warns of each member that is
 * left out (-Wmissing-field-initializers), since no default is written in the struct, which C could
 * not read. TN_OPTS does not warn. */
#ifndef __cplusplus
#define TN_OPTS(type, ...) ((type){__VA_ARGS__})

/* What the macros of the other headers are made of: an array, its length, a struct, and a size. */
#define TN_ARRAY_(type, ...) ((type const[]){__VA_ARGS__})
#define TN_COUNT_(type, ...) ((int)(sizeof((type[]){__VA_ARGS__}) / sizeof(type)))
#define TN_STRUCT_(type) (type)
#define TN_INT64_(size) ((int64_t)(size))

#else

/* Each has a variable of its own, so that one within another hides nothing (-Wshadow). */
#define TN_OPTS(type, ...) TN_SET_(type, TN_PASTE_(type##_set, __COUNTER__), __VA_ARGS__)
#define TN_SET_(type, variable, ...)                                                \
    ([&]() -> type {                                                                \
        type variable = type();                                                     \
        TN_PASTE_(TN_SETTER_, TN_COUNT_(type, __VA_ARGS__))(variable, __VA_ARGS__); \
        return variable;                                                            \
    }())

#define TN_ARRAY_(type, ...) \
    (tn_literal::make_array<type, TN_COUNT_(type, __VA_ARGS__)>({__VA_ARGS__}).data())
#define TN_STRUCT_(type) type
#define TN_INT64_(size) (static_cast<int64_t>(size))

/* Counted by the preprocessor: a lambda, which TN_OPTS is, may be no operand of sizeof. */
#define TN_COUNT_(type, ...)                                                                       \
    TN_NUMBER_(__VA_ARGS__, 64, 63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48,    \
               47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, \
               26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5,  \
               4, 3, 2, 1, 0)
#define TN_NUMBER_(e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16, e17,     \
                   e18, e19, e20, e21, e22, e23, e24, e25, e26, e27, e28, e29, e30, e31, e32, e33, \
                   e34, e35, e36, e37, e38, e39, e40, e41, e42, e43, e44, e45, e46, e47, e48, e49, \
                   e50, e51, e52, e53, e54, e55, e56, e57, e58, e59, e60, e61, e62, e63, e64, n,   \
                   ...)                                                                            \
    n

/* As many assignments as there are options, each of them, ".lr = 0.1", behind the struct. */
#define TN_PASTE_(a, b) TN_PASTED_(a, b)
#define TN_PASTED_(a, b) a##b
#define TN_SETTER_1(s, o) s o
#define TN_SETTER_2(s, o, ...) s o, TN_SETTER_1(s, __VA_ARGS__)
#define TN_SETTER_3(s, o, ...) s o, TN_SETTER_2(s, __VA_ARGS__)
#define TN_SETTER_4(s, o, ...) s o, TN_SETTER_3(s, __VA_ARGS__)
#define TN_SETTER_5(s, o, ...) s o, TN_SETTER_4(s, __VA_ARGS__)
#define TN_SETTER_6(s, o, ...) s o, TN_SETTER_5(s, __VA_ARGS__)
#define TN_SETTER_7(s, o, ...) s o, TN_SETTER_6(s, __VA_ARGS__)
#define TN_SETTER_8(s, o, ...) s o, TN_SETTER_7(s, __VA_ARGS__)
#define TN_SETTER_9(s, o, ...) s o, TN_SETTER_8(s, __VA_ARGS__)
#define TN_SETTER_10(s, o, ...) s o, TN_SETTER_9(s, __VA_ARGS__)
#define TN_SETTER_11(s, o, ...) s o, TN_SETTER_10(s, __VA_ARGS__)
#define TN_SETTER_12(s, o, ...) s o, TN_SETTER_11(s, __VA_ARGS__)
#define TN_SETTER_13(s, o, ...) s o, TN_SETTER_12(s, __VA_ARGS__)
#define TN_SETTER_14(s, o, ...) s o, TN_SETTER_13(s, __VA_ARGS__)
#define TN_SETTER_15(s, o, ...) s o, TN_SETTER_14(s, __VA_ARGS__)
#define TN_SETTER_16(s, o, ...) s o, TN_SETTER_15(s, __VA_ARGS__)

extern "C++" {

namespace tn_literal
{

/* What an element of an array of T may be given as: a T, and where T is an integer type any
 * integer, as in C, but nothing with a fraction. */
template <class T> struct element {
    T value;
    element(T from) : value(from)
    {
    }
};

template <class T> struct integer {
    T value;
    integer(int from) : value(static_cast<T>(from))
    {
    }
    integer(unsigned from) : value(static_cast<T>(from))
    {
    }
    integer(long from) : value(static_cast<T>(from))
    {
    }
    integer(unsigned long from) : value(static_cast<T>(from))
    {
    }
    integer(long long from) : value(static_cast<T>(from))
    {
    }
    integer(unsigned long long from) : value(static_cast<T>(from))
    {
    }
};

template <> struct element<int> : integer<int> {
    using integer<int>::integer;
};
template <> struct element<int64_t> : integer<int64_t> {
    using integer<int64_t>::integer;
};

template <class T, size_t n> class array
{
    T elements[n];

  public:
    explicit array(const element<T> (&from)[n])
    {
        for (size_t i = 0; i < n; i++)
            elements[i] = from[i].value;
    }
    const T *data() const
    {
        return elements;
    }
};

template <class T, size_t count, size_t n> array<T, n> make_array(const element<T> (&from)[n])
{
    static_assert(count == n, "libtensor: a list of at most 64 elements");
    return array<T, n>(from);
}

} // namespace tn_literal

} // extern "C++"

#endif

#endif
