/* integers.h - arithmetic of sizes and counts that C has no operator for. */
#ifndef TN_BASE_INTEGERS_H
#define TN_BASE_INTEGERS_H

#include <stdint.h>

static inline int64_t tn__min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t tn__max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int tn__min_int(int a, int b)
{
    return a < b ? a : b;
}

static inline int tn__max_int(int a, int b)
{
    return a > b ? a : b;
}

/* a / b, rounded up: how many pieces of size b cover a, the last one perhaps smaller. Both are
 * positive, or a is 0, and a + b fits. */
static inline int64_t tn__divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

#endif
