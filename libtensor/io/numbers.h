/* numbers.h - numbers as files store them. */
#ifndef TN_IO_NUMBERS_H
#define TN_IO_NUMBERS_H

#include <tn/tensor.h>
#include "io/file.h"
#include "io/output.h"
#include "io/stream.h"

/* TN__BFLOAT is the upper half of a float. */
typedef enum tn__kind { TN__UNSIGNED, TN__SIGNED, TN__FLOAT, TN__LOGICAL, TN__BFLOAT } tn__kind;

/* How a file stores a number. */
typedef struct tn__number {
    tn__kind kind;
    int size; /* bytes: 1, 2, 4 or 8 */
    bool big_endian;
} tn__number;

const char *tn__number_name(tn__number number); /* "u16" */

/* The smallest dtype that holds every such number (64 unsigned bits: TN_I64). */
tn_dtype tn__number_dtype(tn__number number);

/* An unsigned integer of 1 to 8 bytes. */
uint64_t tn__load_bytes(const void *bytes, int size, bool big_endian);

/* Where the next number of a file goes in a contiguous tensor. */
typedef struct tn__filler {
    tn_tensor *t;
    tn__number number;
    bool same; /* as the tensor's own numbers, but for the byte order */
    bool swap;
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    int64_t strides[TN_MAX_DIMS];
    int64_t index[TN_MAX_DIMS];
    int64_t at; /* in elements */
} tn__filler;

/* `fortran`: the first index changes fastest in the file. */
tn__filler tn__filler_new(tn_tensor *t, tn__number number, bool fortran);

/* Converts the next `count` numbers; false if one does not fit the tensor's dtype. */
bool tn__filler_put(const tn__file *file, tn__filler *f, const void *bytes, int64_t count);

/* Fills t from the stream. Returns the bytes used, fewer than t needs only at the end; -1 on
 * error. */
int64_t tn__read_numbers(tn__stream *s, tn_tensor *t, tn__number number, bool fortran);

/* Reads an array, which must be exactly the rest of the stream. */
tn_tensor *tn__read_array(tn__stream *s, tn__number number, int ndim, const int64_t *shape,
                          bool fortran);

/* Least significant byte first. */
void tn__store_bytes(void *bytes, int size, uint64_t value);

/* t's elements in row-major order, least significant byte first. */
bool tn__write_numbers(tn__output *out, const tn_tensor *t);

#endif
