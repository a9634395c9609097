/* cast.c - numbers as those of another type. Integers go to the nearest that the type has, what has
 * a fraction loses it, NaN is 0, and what is not 0 is true. Bounds are powers of two, which a float
 * holds, and each loop is one expression without a branch, which compilers turn into vectors. */
#include "kernels/real.h"

#if defined(TN_REAL_f32)
typedef double other;
#else
typedef float other;
#endif

/* ---- from real ------------------------------------------------------------------------------- */

static inline int64_t i64_of(real v)
{
    return v >= (real)0x1p63 ? INT64_MAX : v > (real)-0x1p63 ? (int64_t)v : v == v ? INT64_MIN : 0;
}

static inline int32_t i32_of(real v)
{
    return v >= (real)0x1p31 ? INT32_MAX : v > (real)-0x1p31 ? (int32_t)v : v == v ? INT32_MIN : 0;
}

static inline uint8_t u8_of(real v)
{
    real low = v > 0 ? v : 0;
    return (uint8_t)(int32_t)(low < UINT8_MAX ? low : UINT8_MAX);
}

/* ---- among integers, through int64_t --------------------------------------------------------- */

static inline int64_t within(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static inline int32_t i32_of_i64(int64_t v)
{
    return (int32_t)within(v, INT32_MIN, INT32_MAX);
}

static inline uint8_t u8_of_i64(int64_t v)
{
    return (uint8_t)within(v, 0, UINT8_MAX);
}

/* ---- loops ----------------------------------------------------------------------------------- */

#define IS_TRUE(v) ((v) != 0)

#define CAST(from, to, value)           \
    {                                   \
        const from *restrict x = px;    \
        to *restrict y = py;            \
        for (int64_t i = 0; i < n; i++) \
            y[i] = (to)value(x[i]);     \
        return;                         \
    }

void KERNEL(cast_to)(int64_t n, const void *px, tn__type to, void *py)
{
    switch (to) {
    case TN__I64:
        CAST(real, int64_t, i64_of)
    case TN__I32:
        CAST(real, int32_t, i32_of)
    case TN__U8:
        CAST(real, uint8_t, u8_of)
    case TN__BOOL:
        CAST(real, uint8_t, IS_TRUE)
    default:
        CAST(real, other, )
    }
}

void KERNEL(cast_from)(int64_t n, tn__type from, const void *px, void *py)
{
    switch (from) {
    case TN__I64:
        CAST(int64_t, real, )
    case TN__I32:
        CAST(int32_t, real, )
    default:
        CAST(uint8_t, real, )
    }
}

static void widen(int64_t n, tn__type from, const void *px, int64_t *py)
{
    switch (from) {
    case TN__I64:
        CAST(int64_t, int64_t, )
    case TN__I32:
        CAST(int32_t, int64_t, )
    default:
        CAST(uint8_t, int64_t, )
    }
}

static void narrow(int64_t n, const int64_t *px, tn__type to, void *py)
{
    switch (to) {
    case TN__I64:
        CAST(int64_t, int64_t, )
    case TN__I32:
        CAST(int64_t, int32_t, i32_of_i64)
    case TN__U8:
        CAST(int64_t, uint8_t, u8_of_i64)
    default:
        CAST(int64_t, uint8_t, IS_TRUE)
    }
}

/* Bytes are numbers or truths. */
static void cast_bytes(int64_t n, const void *px, tn__type to, void *py)
{
    if (to == TN__BOOL)
        CAST(uint8_t, uint8_t, IS_TRUE)
    CAST(uint8_t, uint8_t, )
}

static int64_t size_of(tn__type type)
{
    return type == TN__I64 ? 8 : type == TN__I32 ? 4 : 1;
}

void KERNEL(cast_integers)(int64_t n, tn__type from, const void *px, tn__type to, void *py)
{
    enum { BLOCK = 256 };
    int64_t block[BLOCK];
    if (to == TN__I64)
        widen(n, from, px, py);
    else if (from == TN__I64)
        narrow(n, px, to, py);
    else if (size_of(from) == 1 && size_of(to) == 1)
        cast_bytes(n, px, to, py);
    else
        for (int64_t i = 0; i < n; i += BLOCK) {
            int64_t length = n - i < BLOCK ? n - i : BLOCK;
            widen(length, from, (const char *)px + i * size_of(from), block);
            narrow(length, block, to, (char *)py + i * size_of(to));
        }
}
