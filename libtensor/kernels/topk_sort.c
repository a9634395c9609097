/* topk_sort.c - the k largest or smallest of numbers, where they are no small part of all: these
 * are put in order as integers, keys, which are the smaller the earlier a number comes.
 *
 * The place of each of a few keys is the count of those that come before it. More of them are
 * sorted by their digits, the last one first, which leaves equal ones in order (radix sort; Knuth,
 * "The Art of Computer Programming", volume 3, 5.2.5). Of many, only those are sorted whose first
 * bits say that they may be among the k; if these say it of too many, a heap has the best. */
#include <string.h>
#include "kernels/real.h"

#define INLINE __attribute__((always_inline)) static inline

#if defined(TN_REAL_f32)
typedef uint32_t digits;
#define GREATEST INT32_MAX
#else
typedef uint64_t digits;
#define GREATEST INT64_MAX
#endif

/* -0 is 0, and NaN is larger than all others. The bits of a negative number grow as it falls. */
INLINE lane_int key_of(real x, bool largest)
{
    real v = x + 0;
    lane_int bits;
    memcpy(&bits, &v, sizeof bits);
    bits ^= bits < 0 ? GREATEST : 0;
    lane_int key = x == x ? bits : GREATEST;
    return largest ? ~key : key;
}

/* ---- few numbers ----------------------------------------------------------------------------- */

enum { GROUP = 16 }; /* keys that fill whole vectors */

static void by_counts(int64_t n, int64_t k, const real *x, int64_t stride, bool largest,
                      int64_t *best)
{
    lane_int keys[TN__FEW_SORTED] = {0}, before[TN__FEW_SORTED] = {0};
    for (int64_t i = 0; i < n; i++)
        keys[i] = key_of(x[i * stride], largest);
    const lane_int end = (lane_int)(n + GROUP - 1) / GROUP * GROUP;
    for (lane_int j = 0; j < n; j++)
        for (lane_int i = 0, key = keys[j]; i < end; i++)
            before[i] += (key < keys[i]) | ((key == keys[i]) & (j < i));
    for (int64_t i = 0; i < n; i++)
        if (before[i] < k)
            best[before[i]] = i;
}

/* ---- many ------------------------------------------------------------------------------------ */

enum {
    MANY = 32768, /* numbers that are chosen by their first 16 bits, fewer by 12 */
    WORTH = 16    /* numbers that are sorted in the time in which a heap finds the place of one */
};

enum { BITS = 8, VALUES = 1 << BITS, DIGITS = 8 * sizeof(digits) / BITS };

typedef struct pair {
    digits key, place;
} pair;

INLINE digits digit_of(const pair *p, int d)
{
    return p->key >> d * BITS & (VALUES - 1);
}

/* Where in the order the keys of each value of a digit begin, and all end, for all digits. */
static void count_digits(int64_t n, const pair *pairs, digits begins[DIGITS][VALUES + 1])
{
    for (int64_t i = 0; i < n; i++)
        for (int d = 0; d < DIGITS; d++)
            begins[d][digit_of(&pairs[i], d)]++;
    for (int d = 0; d < DIGITS; d++) {
        digits total = 0;
        for (int v = 0; v <= VALUES; v++) {
            digits count = begins[d][v];
            begins[d][v] = total;
            total += count;
        }
    }
}

/* A digit that all have in common takes no pass. Returns the pairs in order, one of the two. */
static const pair *sort(int64_t n, pair *from, pair *to)
{
    digits begins[DIGITS][VALUES + 1] = {{0}};
    count_digits(n, from, begins);
    for (int d = 0; d < DIGITS; d++) {
        digits *begin = begins[d], value = digit_of(&from[0], d);
        if (begin[value + 1] - begin[value] == (digits)n)
            continue;
        for (int64_t i = 0; i < n; i++)
            to[begin[digit_of(&from[i], d)]++] = from[i];
        pair *sorted = to;
        to = from;
        from = sorted;
    }
    return from;
}

_Static_assert((sizeof(uint32_t) << 12) <= TN__CHOSEN_FROM * sizeof(pair) &&
                   (sizeof(uint32_t) << 16) <= MANY * sizeof(pair),
               "there is space for the counts");

/* ---- choosing those to sort ------------------------------------------------------------------ */

INLINE digits unsigned_key(real x, bool largest)
{
    return (digits)key_of(x, largest) ^ ~(digits)GREATEST;
}

/* The pairs of all numbers. */
static int64_t take_all(int64_t n, const real *x, int64_t stride, bool largest, pair *pairs)
{
    for (int64_t i = 0; i < n; i++)
        pairs[i] = (pair){unsigned_key(x[i * stride], largest), (digits)i};
    return n;
}

/* The pairs of those whose first bits are not above the bits of the last one that is wanted, and
 * their count. How many numbers begin with each of these bits is counted behind the n pairs. */
static int64_t take_first(int64_t n, int64_t k, const real *x, int64_t stride, bool largest,
                          pair *pairs)
{
    const int bits = n < MANY ? 12 : 16, rest = 8 * (int)sizeof(digits) - bits;
    uint32_t *counts = (uint32_t *)(void *)(pairs + n), last = 0;
    memset(counts, 0, sizeof *counts << bits);
    for (int64_t i = 0; i < n; i++)
        counts[unsigned_key(x[i * stride], largest) >> rest]++;
    for (int64_t seen = counts[0]; seen < k; seen += counts[last])
        last++;
    int64_t taken = 0;
    for (int64_t i = 0; i < n; i++) {
        digits key = unsigned_key(x[i * stride], largest);
        pairs[taken] = (pair){key, (digits)i};
        taken += (key >> rest) <= last;
    }
    return taken;
}

void KERNEL(topk_sort)(int64_t n, int64_t k, const void *px, int64_t stride, bool largest,
                       void *space, int64_t *best)
{
    const real *x = px;
    if (n <= TN__FEW_SORTED) {
        by_counts(n, k, x, stride, largest, best);
        return;
    }
    pair *pairs = space;
    int64_t taken = n < TN__CHOSEN_FROM ? take_all(n, x, stride, largest, pairs)
                                        : take_first(n, k, x, stride, largest, pairs);
    if (taken / WORTH > k) {
        KERNEL(topk)(n, k, x, stride, largest, best);
        return;
    }
    const pair *sorted = sort(taken, pairs, pairs + n);
    for (int64_t i = 0; i < k; i++)
        best[i] = (int64_t)sorted[i].place;
}
