/* pairs.h - long sums. Terms are added in blocks, and the sums of blocks pairwise in double, so
 * that the rounding error does not grow with n but, in float64, with log n (Higham, "The accuracy
 * of floating point summation", 1993). */
#ifndef TN_PAIRS_H
#define TN_PAIRS_H

#include "kernels/real.h"

#define BLOCK 256 /* terms */
#define SIDES 16  /* sums side by side, so that they fill vectors */

/* Sums of 1, 2, 4... blocks: those that the binary digits of the count name. */
typedef struct pairs {
    int64_t count;
    double sums[64];
} pairs;

static inline void pairs_add(pairs *p, double sum)
{
    int i = 0;
    for (; p->count >> i & 1; i++)
        sum += p->sums[i];
    p->sums[i] = sum;
    p->count++;
}

static inline double pairs_total(const pairs *p)
{
    double total = 0;
    for (int i = 0; p->count >> i; i++)
        total += p->count >> i & 1 ? p->sums[i] : 0;
    return total;
}

/* Four numbers, which become doubles as a vector, and sums of these side by side. */
typedef real four __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
typedef double quad __attribute__((vector_size(32)));
#define AS_QUAD(x) __builtin_convertvector(*(const four *)(x), quad)
#define QUADS 4

static inline double quads_total(const quad *quads)
{
    quad all = (quads[0] + quads[1]) + (quads[2] + quads[3]);
    return (all[0] + all[2]) + (all[1] + all[3]);
}

/* The sum of sums side by side: halves of them are added until one is left. */
static inline real sides_total(real *sides)
{
    for (int j = 0; j < 8; j++)
        sides[j] += sides[j + 8];
    for (int j = 0; j < 4; j++)
        sides[j] += sides[j + 4];
    return (sides[0] + sides[2]) + (sides[1] + sides[3]);
}

/* The sum of a block. */
static inline real block_sum(int64_t n, const real *x)
{
    real sides[SIDES] = {0}, total = 0;
    int64_t i = 0;
    for (; i + SIDES <= n; i += SIDES)
        for (int j = 0; j < SIDES; j++)
            sides[j] += x[i + j];
    if (i > 0)
        total = sides_total(sides);
    for (; i < n; i++)
        total += x[i];
    return total;
}

#endif
