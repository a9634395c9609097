/* arrays.h - the first part of the machine room's list: copies, sums and searches of arrays. */
#ifndef TN_KERNELS_ARRAYS_H
#define TN_KERNELS_ARRAYS_H

#include <stdbool.h>
#include <stdint.h>
#include "kernels/args.h"

#define TN__ARRAY_KERNELS(K)                                                                      \
    /* y += x */                                                                                  \
    K(void, add_to, (int64_t n, const void *x, void *y))                                          \
    /* x = max(x, 0);  dy = dx of y, the x that came of it */                                     \
    K(void, relu, (int64_t n, void *x))                                                           \
    K(void, relu_backward, (int64_t n, const void *y, void *dy))                                  \
    /* y += x + lost, and lost = what rounding takes from that */                                 \
    K(void, add_part, (int64_t n, const void *x, void *y, void *lost))                            \
    /* the same where y is always the whole sum, which its owner may change */                    \
    K(void, add_to_changed, (int64_t n, const void *x, void *lost, void *y))                      \
    /* y = value[0] */                                                                            \
    K(void, fill, (int64_t n, const void *value, void *y))                                        \
    /* y = the n numbers from a block on;  the first 64 bits of n blocks from a position on */    \
    K(void, random, (const tn__draw *d, int64_t block, int64_t n, void *y))                       \
    K(void, random_bits, (uint64_t seed, uint64_t position, int64_t n, uint64_t * y))             \
    /* y[i][0 .. n) = x[i step], rows one behind the other */                                     \
    K(void, fill_rows, (int64_t rows, int64_t n, const void *x, int64_t step, void *y))           \
    /* y [rows, cols] = x^T, rows ldy and ldx apart, of numbers or of bytes */                    \
    K(void, transpose,                                                                            \
      (int64_t rows, int64_t cols, const void *x, int64_t ldx, void *y, int64_t ldy))             \
    K(void, transpose_bytes,                                                                      \
      (int64_t rows, int64_t cols, const void *x, int64_t ldx, void *y, int64_t ldy))             \
    /* y = scale x, from bytes */                                                                 \
    K(void, scale_u8, (int64_t n, const uint8_t *x, double scale, void *y))                       \
    /* y = x: real as another type, an integer type as real, an integer type as another */        \
    K(void, cast_to, (int64_t n, const void *x, tn__type to, void *y))                            \
    K(void, cast_from, (int64_t n, tn__type from, const void *x, void *y))                        \
    K(void, cast_integers, (int64_t n, tn__type from, const void *x, tn__type to, void *y))       \
    /* y[0] = sum_i x[i], and that of `count` lines, which are ldx apart; pairwise */             \
    K(void, sum, (int64_t n, const void *x, void *y))                                             \
    K(void, sum_lines, (int64_t count, int64_t n, const void *x, int64_t ldx, void *y))           \
    /* y[j] = sum_i x[i][j], x [n, cols] with rows ldx apart; pairwise */                         \
    K(void, sum_rows, (int64_t n, int64_t cols, const void *x, int64_t ldx, void *y))             \
    /* mean and biased variance of scale x, x as for sum_rows */                                  \
    K(void, moments,                                                                              \
      (int64_t n, int64_t cols, const void *x, int64_t ldx, double scale, double *mean,           \
       double *var))                                                                              \
    /* mean = high + low;  dx[i] = scale (x - high - low) dy, as far apart as the steps say */    \
    K(void, split, (int64_t n, const double *mean, void *high, void *low))                        \
    K(void, var_backward,                                                                         \
      (int64_t n, const void *x, int64_t step_x, const void *high, const void *low,               \
       int64_t step_mean, const void *dy, int64_t step_dy, double scale, void *dx))               \
    /* y[0] = the largest or smallest x[i], y[j] that of x[i][j], x as for sum_rows; where the */ \
    /* first of these is, if `at` is not NULL; NaN comes before all others */                     \
    K(void, extreme, (int64_t n, const void *x, bool smallest, void *y, int64_t *at))             \
    /* those of `count` lines of at least TN__LINE numbers, ldx apart */                          \
    K(void, extreme_lines,                                                                        \
      (int64_t count, int64_t n, const void *x, int64_t ldx, bool smallest, void *y))             \
    K(void, extreme_rows,                                                                         \
      (int64_t n, int64_t cols, const void *x, int64_t ldx, bool smallest, void *y, int64_t *at)) \
    /* the same of integers as wide as the numbers, or of bytes; a column with ldx = 1, too */    \
    K(void, extreme_integers,                                                                     \
      (int64_t n, int64_t cols, const void *x, int64_t ldx, bool are_bytes, bool smallest,        \
       void *y, int64_t *at))                                                                     \
    /* where the k largest or smallest of x[i * stride] are, the first one first; k > 0 */        \
    K(void, topk,                                                                                 \
      (int64_t n, int64_t k, const void *x, int64_t stride, bool largest, int64_t *best))         \
    /* the same by sorting, in space for 4 n numbers if n is above TN__FEW_SORTED */              \
    K(void, topk_sort,                                                                            \
      (int64_t n, int64_t k, const void *x, int64_t stride, bool largest, void *space,            \
       int64_t *best))

#endif
