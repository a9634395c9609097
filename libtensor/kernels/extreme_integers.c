/* extreme_integers.c - the largest and the smallest of integers, as wide as the numbers or bytes,
 * and where the first of these is.
 *
 * A row is looked through for the best, and then for its place. Rows of columns are compared with
 * the best so far, one after the other. Each loop is one expression without a branch, which
 * compilers turn into vectors. */
#include "kernels/real.h"

#define INLINE __attribute__((always_inline)) static inline

enum {
    LOOKED_AT = 64, /* numbers among which a place is looked for at once */
    FEW_COLUMNS = 8 /* fewer are gone down one by one */
};

/* `smallest`, and whether `at` is NULL, are constants wherever these are inlined. */
#define BEFORE(a, b) (smallest ? (a) < (b) : (a) > (b))

#define EXTREMES(type, name)                                                                       \
    INLINE int64_t name##_place(int64_t n, const type *x, type best)                               \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        for (int found = 0; i + LOOKED_AT <= n; i += LOOKED_AT) {                                  \
            for (int64_t j = 0; j < LOOKED_AT; j++)                                                \
                found |= x[i + j] == best;                                                         \
            if (found)                                                                             \
                break;                                                                             \
        }                                                                                          \
        while (x[i] != best)                                                                       \
            i++;                                                                                   \
        return i;                                                                                  \
    }                                                                                              \
                                                                                                   \
    INLINE void name##_row(int64_t n, const type *x, bool smallest, type *y, int64_t *at)          \
    {                                                                                              \
        type best = x[0];                                                                          \
        for (int64_t i = 1; i < n; i++)                                                            \
            best = BEFORE(x[i], best) ? x[i] : best;                                               \
        *y = best;                                                                                 \
        if (at)                                                                                    \
            *at = name##_place(n, x, best);                                                        \
    }                                                                                              \
                                                                                                   \
    INLINE void name##_columns(int64_t n, int64_t cols, const type *x, int64_t ldx, bool smallest, \
                               type *restrict y, int64_t *restrict at)                             \
    {                                                                                              \
        for (int64_t j = 0; j < cols; j++) {                                                       \
            y[j] = x[j];                                                                           \
            if (at)                                                                                \
                at[j] = 0;                                                                         \
        }                                                                                          \
        for (int64_t i = 1; i < n; i++)                                                            \
            for (int64_t j = 0; j < cols; j++) {                                                   \
                type value = x[i * ldx + j];                                                       \
                if (at)                                                                            \
                    at[j] = BEFORE(value, y[j]) ? i : at[j];                                       \
                y[j] = BEFORE(value, y[j]) ? value : y[j];                                         \
            }                                                                                      \
    }                                                                                              \
                                                                                                   \
    INLINE void name##_extremes(int64_t n, int64_t cols, const type *x, int64_t ldx,               \
                                bool smallest, type *y, int64_t *at)                               \
    {                                                                                              \
        if (cols == 1 && ldx == 1)                                                                 \
            name##_row(n, x, smallest, y, at);                                                     \
        else if (cols >= FEW_COLUMNS)                                                              \
            name##_columns(n, cols, x, ldx, smallest, y, at);                                      \
        else                                                                                       \
            for (int64_t j = 0; j < cols; j++)                                                     \
                name##_columns(n, 1, x + j, ldx, smallest, y + j, at ? at + j : NULL);             \
    }                                                                                              \
                                                                                                   \
    static void name(int64_t n, int64_t cols, const type *x, int64_t ldx, bool smallest, type *y,  \
                     int64_t *at)                                                                  \
    {                                                                                              \
        if (at && smallest)                                                                        \
            name##_extremes(n, cols, x, ldx, true, y, at);                                         \
        else if (at)                                                                               \
            name##_extremes(n, cols, x, ldx, false, y, at);                                        \
        else if (smallest)                                                                         \
            name##_extremes(n, cols, x, ldx, true, y, NULL);                                       \
        else                                                                                       \
            name##_extremes(n, cols, x, ldx, false, y, NULL);                                      \
    }

EXTREMES(lane_int, of_integers)
EXTREMES(uint8_t, of_bytes)

void KERNEL(extreme_integers)(int64_t n, int64_t cols, const void *x, int64_t ldx, bool are_bytes,
                              bool smallest, void *y, int64_t *at)
{
    if (are_bytes)
        of_bytes(n, cols, x, ldx, smallest, y, at);
    else
        of_integers(n, cols, x, ldx, smallest, y, at);
}
