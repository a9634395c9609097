/* random.h - random integers of a context's stream. */
#ifndef TN_TENSOR_RANDOM_H
#define TN_TENSOR_RANDOM_H

#include "base/context.h"

/* An integer below `bound` (> 0), every one equally likely, from one block of the stream or
 * more. */
uint64_t tn__random_below(tn_ctx *ctx, uint64_t bound);

/* Fills with a random order of 0 .. n-1. */
void tn__random_permutation(tn_ctx *ctx, int64_t n, int64_t *out);

#endif
