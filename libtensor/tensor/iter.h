/* iter.h - walking broadcast, strided operands together. */
#ifndef TN_TENSOR_ITER_H
#define TN_TENSOR_ITER_H

#include "tensor/tensor.h"

#define TN__MAX_OPERANDS 4

/* Walks operands over one shape: dimensions of size 1 are dropped and neighbours that are laid out
 * alike are joined, so that the innermost loop is as long as it can be. */
typedef struct tn__iter {
    int n; /* operands */
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    int64_t strides[TN__MAX_OPERANDS][TN_MAX_DIMS]; /* in elements; 0 where it is broadcast */
    char *data[TN__MAX_OPERANDS];
    size_t size[TN__MAX_OPERANDS]; /* of an element */
} tn__iter;

/* Operands broadcast to `shape`; each one's shape must allow it. */
tn__iter tn__iter_new(int ndim, const int64_t *shape, int n, const tn_tensor *const *operands);

/* Calls `loop` for each innermost row, on several threads if there is enough to do. */
typedef void (*tn__row_fn)(int64_t n, void *const *p, const int64_t *strides, void *payload);
void tn__iter_run(tn_ctx *ctx, const tn__iter *it, tn__row_fn fn, void *payload);

/* The same on this thread alone, for functions that use threads themselves. */
void tn__iter_run_serial(const tn__iter *it, tn__row_fn fn, void *payload);

#endif
