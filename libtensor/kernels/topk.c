/* topk.c - the k largest or smallest of numbers. A heap holds the places of the best k so far, with
 * the last of them on top; most of the numbers after these do not come before it, which vectors see
 * for many at once. */
#include "kernels/pairs.h"

#define GROUP 32 /* numbers that are compared with the top at once */
#define INLINE __attribute__((always_inline)) static inline

typedef struct heap {
    const real *x;
    int64_t stride;
    bool largest;
    int64_t *best; /* none of the children of i, which are 2i + 1 and 2i + 2, is after i */
} heap;

/* NaN is larger than all others. */
static inline bool is_more(real a, real b, bool largest)
{
    return largest ? !(a <= b) && b == b : !(a >= b) && a == a;
}

/* Does number i come before number j? Equal ones stay in order. */
static inline bool is_before(const heap *h, int64_t i, int64_t j)
{
    real a = h->x[i * h->stride], b = h->x[j * h->stride];
    return is_more(a, b, h->largest) || (!is_more(b, a, h->largest) && i < j);
}

/* Puts `index` in the heap of n places, at place `i` or below. */
static void sink(const heap *h, int64_t n, int64_t i, int64_t index)
{
    for (int64_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && is_before(h, h->best[child], h->best[child + 1]))
            child++;
        if (is_before(h, h->best[child], index))
            break;
        h->best[i] = h->best[child];
        i = child;
    }
    h->best[i] = index;
}

/* May one of the numbers side by side come before `top`? */
INLINE bool any_more(const real *x, real top, bool largest)
{
    int any = 0;
    for (int64_t j = 0; j < GROUP; j++)
        any |= largest ? !(x[j] <= top) : !(x[j] >= top);
    return any;
}

/* The first number from i on that may come before the top; the others before it do not. */
static int64_t skip(const heap *h, int64_t n, int64_t i)
{
    real top = h->x[h->best[0] * h->stride];
    if (h->stride != 1)
        return i;
    if (h->largest)
        while (i + GROUP <= n && !any_more(h->x + i, top, true))
            i += GROUP;
    else
        while (i + GROUP <= n && !any_more(h->x + i, top, false))
            i += GROUP;
    return i;
}

void KERNEL(topk)(int64_t n, int64_t k, const void *x, int64_t stride, bool largest, int64_t *best)
{
    const heap h = {.x = x, .stride = stride, .largest = largest, .best = best};
    for (int64_t i = 0; i < k; i++)
        best[i] = i;
    for (int64_t i = k / 2 - 1; i >= 0; i--)
        sink(&h, k, i, best[i]);
    for (int64_t i = k; i < n;) {
        i = skip(&h, n, i);
        for (int64_t end = at_most(n, i + GROUP); i < end; i++)
            if (is_before(&h, i, best[0]))
                sink(&h, k, 0, i);
    }
    for (int64_t i = k - 1; i > 0; i--) {
        int64_t last = best[0];
        sink(&h, i, 0, best[i]);
        best[i] = last;
    }
}
