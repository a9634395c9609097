/* integers.h - arithmetic of sizes and counts that C has no operator for. */
#ifndef TN_BASE_INTEGERS_H
#define TN_BASE_INTEGERS_H

#include <stddef.h>
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

/* So many bytes, for who allocates them: where addresses have 32 bits, what does not fit stays too
 * much for any memory. */
static inline size_t tn__bytes(int64_t n)
{
#if SIZE_MAX < INT64_MAX
    return (uint64_t)n < SIZE_MAX ? (size_t)n : SIZE_MAX;
#else
    return (size_t)n;
#endif
}

/* a / b, rounded up: how many pieces of size b cover a, the last one perhaps smaller. Both are
 * positive, or a is 0, and a + b fits. */
static inline int64_t tn__divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

#endif
