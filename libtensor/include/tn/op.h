/* op.h - declaring an operator, in the library or in a program that uses it, on equal terms.
 *
 * An operator is a function that computes a tensor and records how to differentiate it:
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
 * docs/adding-an-op.md shows this form and the general one, tn_record with a backward function. */
#ifndef TN_OP_H
#define TN_OP_H

#include <tn/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the tape -------------------------------------------------------------------------------- */

#define TN_MAX_INPUTS 8
#define TN_MAX_SAVED 6

typedef struct tn_node tn_node;

/* What the tape knows of an operator. `backward` gets the gradient of the output and adds those of
 * the inputs with tn_add_grad; recording is disabled while it runs, and whatever tensors it makes
 * are freed after it. Errors go through the context. Declare it static const. */
typedef struct tn_op {
    const char *name;
    void (*backward)(tn_ctx *ctx, tn_node *node, const tn_tensor *dy);
} tn_op;

typedef struct tn_record_args {
    const tn_tensor *inputs[TN_MAX_INPUTS]; /* in argument order; NULL: an argument left out */
    const tn_tensor *saved[TN_MAX_SAVED];   /* for backward; changing one in place is noticed */
    const void *data;                       /* `size` bytes that are copied into the node */
    size_t size;
} tn_record_args;

/* Records that `op` made y from the inputs, if gradients are enabled and an input requires one.
 * Returns y, or NULL if y is NULL or memory is short. */
TN_API tn_tensor *tn_record(tn_ctx *ctx, const tn_op *op, tn_tensor *y, tn_record_args args);

/* True if a call of tn_record with these inputs would record: whether saving is worth the work. */
TN_API bool tn_will_record(const tn_ctx *ctx, int count, const tn_tensor *const *inputs);

/* In backward: is the gradient of input i wanted? Tensor i of `saved`; the copied data; the shape
 * of input i. */
TN_API bool tn_wants_grad(const tn_node *node, int i);
TN_API const tn_tensor *tn_saved(const tn_node *node, int i);
TN_API const void *tn_node_data(const tn_node *node);
TN_API int tn_input_ndim(const tn_node *node, int i);
TN_API const int64_t *tn_input_shape(const tn_node *node, int i);

/* In backward: adds dx to the gradient of input i. Where the input was broadcast, dx is summed to
 * its shape. Does nothing if the gradient is not wanted or dx is NULL. */
TN_API void tn_add_grad(tn_ctx *ctx, tn_node *node, int i, const tn_tensor *dx);

/* ---- formulas --------------------------------------------------------------------------------
 *
 * A formula is one C expression, computed for every element of broadcast, strided operands. The
 * macros below write its loop for float and double and for each instruction set of context.h; in
 * the expression `real` is the scalar type, the functions are those of <tgmath.h>, and c[0],
 * c[1]... are the constants given with the call. Write real constants as (real)0.5, so that float
 * stays float. */

#define TN_ISAS 3
#define TN_MAX_OPERANDS 4

/* y[i] from the operands p[1], p[2]...; p[0] is y; s: strides in elements; c: constants. */
typedef void (*tn_loop)(int64_t n, void *const *p, const int64_t *s, const double *c);

typedef struct tn_formula {
    const char *name;
    int operands;
    tn_loop loops[2][TN_ISAS]; /* [TN_F32 or TN_F64][instruction set] */
} tn_formula;

/* A new tensor of the broadcast shape, each element the formula of the operands'. `what` names the
 * operator in messages. Gradients do not flow. */
TN_API tn_tensor *tn_map(tn_ctx *ctx, const char *what, const tn_formula *formula, const double *c,
                         const tn_tensor *const *operands);

/* What an operator keeps for its backward. The derivatives may use only that; in place of what was
 * not kept they find dy. */
typedef enum tn_keep {
    TN_SAVE_NOTHING = 0,
    TN_SAVE_X = 1,
    TN_SAVE_Y = 2,
    TN_SAVE_XY = 3,
    TN_SAVE_A = 1, /* of a binary operator */
    TN_SAVE_B = 2,
    TN_SAVE_AB = 3
} tn_keep;

typedef struct tn_unary_op {
    tn_op op;
    tn_keep save;
    tn_formula y;  /* of x */
    tn_formula dx; /* of x, y, dy */
} tn_unary_op;

typedef struct tn_binary_op {
    tn_op op;
    tn_keep save;
    tn_formula y;  /* of a, b */
    tn_formula da; /* of a, b, dy */
    tn_formula db; /* of a, b, dy */
} tn_binary_op;

#define TN_MAX_CONSTANTS 4

/* y = f(x) or f(a, b), recorded. `c`: TN_MAX_CONSTANTS constants, or NULL. */
TN_API tn_tensor *tn_unary(tn_ctx *ctx, const tn_unary_op *op, const tn_tensor *x, const double *c);
TN_API tn_tensor *tn_binary(tn_ctx *ctx, const tn_binary_op *op, const tn_tensor *a,
                            const tn_tensor *b);
TN_API void tn_unary_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy);
TN_API void tn_binary_backward(tn_ctx *ctx, tn_node *node, const tn_tensor *dy);

#ifdef __cplusplus
}
#else

#include <tgmath.h>

/* TN_FORMULA1(name, x, expression in x); defines the tn_formula `name`; the others have two and
 * three operands. */
#define TN_FORMULA1(name, a, ...)                  \
    TN_LOOPS_(TN_LOOP1_, name, a, , , __VA_ARGS__) \
    static const tn_formula name = TN_TABLE_(name, 1)
#define TN_FORMULA2(name, a, b, ...)                \
    TN_LOOPS_(TN_LOOP2_, name, a, b, , __VA_ARGS__) \
    static const tn_formula name = TN_TABLE_(name, 2)
#define TN_FORMULA3(name, a, b, d, ...)              \
    TN_LOOPS_(TN_LOOP3_, name, a, b, d, __VA_ARGS__) \
    static const tn_formula name = TN_TABLE_(name, 3)

/* TN_UNARY(name, save, y of x, dx of x, y, dy); and TN_BINARY(name, save, y of a, b, da of a, b,
 * dy, db of a, b, dy); define name_op. */
#define TN_UNARY(id, saved, forward, backward_x)                                            \
    TN_LOOPS_(TN_LOOP1_, id##_y, x, , , forward)                                            \
    TN_LOOPS_(TN_LOOP3_, id##_dx, x, y, dy, backward_x)                                     \
    static const tn_unary_op id##_op = {.op = {.name = #id, .backward = tn_unary_backward}, \
                                        .save = (saved),                                    \
                                        .y = TN_TABLE_(id##_y, 1),                          \
                                        .dx = TN_TABLE_(id##_dx, 3)}

#define TN_BINARY(id, saved, forward, backward_a, backward_b)                                 \
    TN_LOOPS_(TN_LOOP2_, id##_y, a, b, , forward)                                             \
    TN_LOOPS_(TN_LOOP3_, id##_da, a, b, dy, backward_a)                                       \
    TN_LOOPS_(TN_LOOP3_, id##_db, a, b, dy, backward_b)                                       \
    static const tn_binary_op id##_op = {.op = {.name = #id, .backward = tn_binary_backward}, \
                                         .save = (saved),                                     \
                                         .y = TN_TABLE_(id##_y, 2),                           \
                                         .da = TN_TABLE_(id##_da, 3),                         \
                                         .db = TN_TABLE_(id##_db, 3)}

#define TN_TABLE_(formula, count)                                \
    {                                                            \
        .name = #formula, .operands = (count), .loops = {        \
            {formula##_f32, formula##_f32_v3, formula##_f32_v4}, \
            {formula##_f64, formula##_f64_v3, formula##_f64_v4}  \
        }                                                        \
    }

/* How the loops are written. The body is inlined into a function per instruction set, and there
 * with the strides that matter as constants, so that the compiler can vectorise it. */

#if defined(__x86_64__) && defined(__GNUC__)
#define TN_TARGET_V3_ __attribute__((target("avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe")))
#define TN_TARGET_V4_                                                                         \
    __attribute__((target("avx,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe,avx512f,avx512bw,avx512cd," \
                          "avx512dq,avx512vl")))
#else
#define TN_TARGET_V3_
#define TN_TARGET_V4_
#endif

#if defined(__GNUC__)
#define TN_INLINE_ static inline __attribute__((always_inline, unused))
#else
#define TN_INLINE_ static inline
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

#define TN_LOOP_FOR_(name, isa, target)                                                        \
    target static void name##isa(int64_t n, void *const *p, const int64_t *s, const double *c) \
    {                                                                                          \
        name##_all(n, p, s, c);                                                                \
    }

#define TN_CONSTANTS_(type)                                                            \
    const type c[TN_MAX_CONSTANTS] = {(type)k[0], (type)k[1], (type)k[2], (type)k[3]}; \
    typedef type real;                                                                 \
    (void)c;                                                                           \
    (void)sizeof(real)

#define TN_LOOP1_(name, type, a, unused_b, unused_d, ...)                                        \
    TN_INLINE_ void name##_n(int64_t n, type *restrict out, int64_t so, const type *restrict pa, \
                             int64_t sa, const double *k)                                        \
    {                                                                                            \
        TN_CONSTANTS_(type);                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                        \
            const type a = pa[i * sa];                                                           \
            out[i * so] = (type)(__VA_ARGS__);                                                   \
        }                                                                                        \
    }                                                                                            \
    TN_INLINE_ void name##_all(int64_t n, void *const *p, const int64_t *s, const double *k)     \
    {                                                                                            \
        if (s[0] == 1 && s[1] == 1)                                                              \
            name##_n(n, p[0], 1, p[1], 1, k);                                                    \
        else                                                                                     \
            name##_n(n, p[0], s[0], p[1], s[1], k);                                              \
    }

#define TN_LOOP2_(name, type, a, b, unused_d, ...)                                           \
    TN_INLINE_ void name##_n(int64_t n, type *restrict out, int64_t so, const type *pa,      \
                             int64_t sa, const type *pb, int64_t sb, const double *k)        \
    {                                                                                        \
        TN_CONSTANTS_(type);                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                    \
            const type a = pa[i * sa], b = pb[i * sb];                                       \
            (void)a, (void)b;                                                                \
            out[i * so] = (type)(__VA_ARGS__);                                               \
        }                                                                                    \
    }                                                                                        \
    TN_INLINE_ void name##_all(int64_t n, void *const *p, const int64_t *s, const double *k) \
    {                                                                                        \
        if (s[0] == 1 && s[1] == 1 && s[2] == 1)                                             \
            name##_n(n, p[0], 1, p[1], 1, p[2], 1, k);                                       \
        else if (s[0] == 1 && s[1] == 1 && s[2] == 0)                                        \
            name##_n(n, p[0], 1, p[1], 1, p[2], 0, k);                                       \
        else if (s[0] == 1 && s[1] == 0 && s[2] == 1)                                        \
            name##_n(n, p[0], 1, p[1], 0, p[2], 1, k);                                       \
        else                                                                                 \
            name##_n(n, p[0], s[0], p[1], s[1], p[2], s[2], k);                              \
    }

#define TN_LOOP3_(name, type, a, b, d, ...)                                                      \
    TN_INLINE_ void name##_n(int64_t n, type *restrict out, int64_t so, const type *pa,          \
                             int64_t sa, const type *pb, int64_t sb, const type *pd, int64_t sd, \
                             const double *k)                                                    \
    {                                                                                            \
        TN_CONSTANTS_(type);                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                        \
            const type a = pa[i * sa], b = pb[i * sb], d = pd[i * sd];                           \
            (void)a, (void)b, (void)d;                                                           \
            out[i * so] = (type)(__VA_ARGS__);                                                   \
        }                                                                                        \
    }                                                                                            \
    TN_INLINE_ void name##_all(int64_t n, void *const *p, const int64_t *s, const double *k)     \
    {                                                                                            \
        if (s[0] == 1 && s[1] == 1 && s[2] == 1 && s[3] == 1)                                    \
            name##_n(n, p[0], 1, p[1], 1, p[2], 1, p[3], 1, k);                                  \
        else if (s[0] == 1 && s[1] == 1 && s[2] == 0 && s[3] == 0)                               \
            name##_n(n, p[0], 1, p[1], 1, p[2], 0, p[3], 0, k);                                  \
        else                                                                                     \
            name##_n(n, p[0], s[0], p[1], s[1], p[2], s[2], p[3], s[3], k);                      \
    }

#endif

#endif
