/* mutate.h - changes of inputs that get behind lengths, checksums and compression. */
#ifndef TEST_FUZZ_MUTATE_H
#define TEST_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Changes the input of that target, in place. Returns its new size, which is at most `max_size`. */
size_t mutate(const char *target, uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif
