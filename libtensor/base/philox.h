/* philox.h - the random bits of a stream at a position. */
#ifndef TN_BASE_PHILOX_H
#define TN_BASE_PHILOX_H

#include <tn/context.h>

/* The bijection of Philox 4x32-10. */
void tn__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Block i of the stream from the position of `rng` on. */
void tn__random_block(tn_rng_state rng, uint64_t i, uint32_t out[4]);

#endif
