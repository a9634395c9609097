/* long_sum.h - matrices that are sums of many matrices. */
#ifndef TN_TENSOR_LONG_SUM_H
#define TN_TENSOR_LONG_SUM_H

#include <tn/tensor.h>
#include "kernels/kernels.h"

/* `to` [rows, cols], with rows `ld` apart, is the sum; each addition adds what stands in `part`.
 * `lost` holds what rounding took from the sum, zeros at first. Both are [rows, cols]. */
typedef struct tn__long_sum {
    const tn__kernels *k;
    tn_dtype dtype;
    int64_t rows, cols, ld;
    char *to, *part, *lost;
} tn__long_sum;

/* Memory for part and lost; false with an error, to be freed all the same. */
bool tn__long_sum_alloc(tn_ctx *ctx, tn__long_sum *s);
void tn__long_sum_free(tn_ctx *ctx, tn__long_sum *s);

/* Adds columns begin .. end of part. What the last addition loses stays lost: it is less than half
 * a unit in the last place. */
void tn__long_sum_add(const tn__long_sum *s, int64_t begin, int64_t end);

#endif
