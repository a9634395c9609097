/* iter.h - walking broadcast, strided operands together. */
#ifndef TN_TENSOR_ITER_H
#define TN_TENSOR_ITER_H

#include "tensor/tensor.h"

#define TN__MAX_OPERANDS 5

/* Walks operands over one shape: dimensions of size 1 are dropped and neighbours that are laid out
 * alike are joined, so that the innermost loop is as long as it can be. */
typedef struct tn__iter {
    int n; /* operands */
    int ndim;
    int64_t shape[TN_MAX_DIMS];
    int64_t strides[TN__MAX_OPERANDS][TN_MAX_DIMS]; /* in elements; 0 where it is broadcast */
    char *data[TN__MAX_OPERANDS];
    size_t size[TN__MAX_OPERANDS]; /* of an element */
    int64_t work;                  /* numbers that a step of the innermost loop passes over */
} tn__iter;

/* Without the innermost dimension: a row is then one of rows, whose strides lead from one to the
 * next. There must be two dimensions. */
tn__iter tn__iter_of_rows(const tn__iter *it);

/* Operands broadcast to `shape`; each one's shape must allow it. */
tn__iter tn__iter_new(int ndim, const int64_t *shape, int n, const tn_tensor *const *operands);

/* The same for loops that may go through the elements in any order: dimensions come in that of the
 * strides of operand 0, the largest first, as it lies in memory. */
tn__iter tn__iter_as_it_lies(int ndim, const int64_t *shape, int n,
                             const tn_tensor *const *operands);

/* Calls `loop` for each innermost row, on several threads if there is enough to do. */
typedef void (*tn__row_fn)(int64_t n, void *const *p, const int64_t *strides, void *payload);
void tn__iter_run(tn_ctx *ctx, const tn__iter *it, tn__row_fn fn, void *payload);

/* The same on this thread alone, for functions that use threads themselves. */
void tn__iter_run_serial(const tn__iter *it, tn__row_fn fn, void *payload);

/* For a loop that writes operand 0, which is contiguous, and only reads the others: short rows
 * reach it several at a time, all operands side by side. */
void tn__iter_run_joined(tn_ctx *ctx, const tn__iter *it, tn__row_fn fn, void *payload);

#endif
