/* extreme_integers.c - the largest and the smallest of integers, as wide as the numbers or bytes,
 * and where the first of these is.
 *
 * A row is looked through for the best, and then for its place. Rows of columns are compared with
 * the best so far, one after the other. The inner loops have no branches, so that compilers turn
 * them into vectors. */
#include "kernels/real.h"

#define INLINE __attribute__((always_inline)) static inline

enum {
    LOOKED_AT = 64, /* numbers among which a place is looked for at once */
    FEW_COLUMNS = 8 /* fewer are gone down one by one */
};

/* `smallest`, and whether `at` is NULL, are constants wherever these are inlined. */
#define IS_BEFORE(a, b) (smallest ? (a) < (b) : (a) > (b))

#define FIND_PLACE                               \
    for (; i + LOOKED_AT <= n; i += LOOKED_AT) { \
        for (int64_t j = 0; j < LOOKED_AT; j++)  \
            found |= x[i + j] == best;           \
        if (found)                               \
            break;                               \
    }                                            \
    while (x[i] != best)                         \
        i++;

#define LOOK_THROUGH_ROW(type)                          \
    {                                                   \
        const type *x = px;                             \
        type best = x[0];                               \
        int64_t i = 0;                                  \
        int found = 0;                                  \
        for (int64_t j = 1; j < n; j++)                 \
            best = IS_BEFORE(x[j], best) ? x[j] : best; \
        *(type *)py = best;                             \
        if (at) {                                       \
            FIND_PLACE                                  \
            *at = i;                                    \
        }                                               \
    }

/* Columns j .. j + width. */
#define LOOK_DOWN_COLUMNS(type, j, width)                       \
    {                                                           \
        const type *x = (const type *)px + (j);                 \
        type *restrict y = (type *)py + (j);                    \
        int64_t *restrict to = at ? at + (j) : NULL;            \
        for (int64_t c = 0; c < (width); c++) {                 \
            y[c] = x[c];                                        \
            if (at)                                             \
                to[c] = 0;                                      \
        }                                                       \
        for (int64_t i = 1; i < n; i++)                         \
            for (int64_t c = 0; c < (width); c++) {             \
                type value = x[i * ldx + c];                    \
                if (at)                                         \
                    to[c] = IS_BEFORE(value, y[c]) ? i : to[c]; \
                y[c] = IS_BEFORE(value, y[c]) ? value : y[c];   \
            }                                                   \
    }

#define LOOK(type)                                            \
    {                                                         \
        if (cols == 1 && ldx == 1)                            \
            LOOK_THROUGH_ROW(type)                            \
        else if (cols >= FEW_COLUMNS)                         \
            LOOK_DOWN_COLUMNS(type, 0, cols)                  \
        else                                                  \
            for (int64_t column = 0; column < cols; column++) \
                LOOK_DOWN_COLUMNS(type, column, 1)            \
    }

INLINE void look(int64_t n, int64_t cols, const void *px, int64_t ldx, bool are_bytes,
                 bool smallest, void *py, int64_t *at)
{
    if (are_bytes)
        LOOK(uint8_t)
    else
        LOOK(lane_int)
}

void KERNEL(extreme_integers)(int64_t n, int64_t cols, const void *x, int64_t ldx, bool are_bytes,
                              bool smallest, void *y, int64_t *at)
{
    if (at && smallest)
        look(n, cols, x, ldx, are_bytes, true, y, at);
    else if (at)
        look(n, cols, x, ldx, are_bytes, false, y, at);
    else if (smallest)
        look(n, cols, x, ldx, are_bytes, true, y, NULL);
    else
        look(n, cols, x, ldx, are_bytes, false, y, NULL);
}
