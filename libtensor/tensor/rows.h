/* rows.h - rows of few bytes, for which a call each would take longer than what it does. */
#ifndef TN_TENSOR_ROWS_H
#define TN_TENSOR_ROWS_H

#include "tensor/tensor.h"

/* Row i begins `step` bytes times i behind the first; with a step of 0 all are the same. Where
 * there are indices it begins as many times index[i index_step]. */
typedef struct tn__row_list {
    char *first;
    int64_t step;
    const int64_t *index;
    int64_t index_step;
} tn__row_list;

/* Copies so many rows of so many bytes each to rows side by side or with gaps between them. */
void tn__copy_rows(int64_t rows, int64_t bytes, tn__row_list from, tn__row_list to);

/* Rows side by side, of n numbers of `size` bytes, all of a row being the one that it begins with
 * in `from`. */
void tn__repeat_rows(tn_ctx *ctx, int64_t rows, int64_t n, int64_t size, tn__row_list from,
                     char *to);

#endif
